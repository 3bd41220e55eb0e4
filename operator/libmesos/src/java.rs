//! How messages and callbacks cross between Rust and the JVM.
//!
//! Messages cross as bytes: `toByteArray` on one side, `parseFrom` on the other. Classes are looked up
//! with the loader of the driver's class, for threads of ours have none that knows them.

use std::ptr::null_mut;

use jni::objects::{JByteArray, JClass, JObject, JObjectArray};
use jni::refs::Global;
use jni::signature::{MethodSignature, RuntimeMethodSignature};
use jni::strings::JNIStr;
use jni::{Env, JValue, JValueOwned, JavaVM, jni_sig, jni_str};
use prost::Message;

use crate::driver::{Framework, Status};
use crate::session::Callback;

/// Why something did not cross.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error("{0}")]
    Jni(#[from] jni::errors::Error),
    #[error("a {name} cannot be read: {error}")]
    Message { name: &'static str, error: prost::DecodeError },
    #[error("{0}")]
    Other(&'static str),
}

/// A reference to an object that outlives a call.
pub(crate) type Kept = Global<JObject<'static>>;

/// A scheduler in Java, with its driver.
pub(crate) struct JavaFramework {
    pub(crate) scheduler: Kept,
    pub(crate) driver: Kept,
    pub(crate) loader: Kept,
}

/// The current thread as a daemon of the JVM: one that does not keep it from exiting.
pub(crate) struct Daemon(JavaVM);

impl Daemon {
    /// Attaches the current thread.
    #[allow(unsafe_code)]
    pub(crate) fn attach() -> Result<Self, Problem> {
        let vm = JavaVM::singleton()?;
        let raw = vm.get_raw();
        let mut env = null_mut();
        // SAFETY: the pointer is that of the one JVM, which exists as it called us; the function
        // fills in `env` and takes null for "no name and no group". jni offers no attachment of
        // this kind, for such a thread must not use the JVM after it is destroyed: HotSpot blocks
        // it for ever then, and the process ends.
        let result =
            unsafe { ((**raw).v1_4.AttachCurrentThreadAsDaemon)(raw, &raw mut env, null_mut()) };
        if result == jni::sys::JNI_OK {
            Ok(Self(vm))
        } else {
            Err(Problem::Other("the JVM takes no more threads"))
        }
    }
}

impl Drop for Daemon {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        let raw = self.0.get_raw();
        // SAFETY: this thread was attached by `attach`, and no Java frame is below us.
        unsafe { ((**raw).v1_4.DetachCurrentThread)(raw) };
    }
}

/// The loader of an object's class.
pub(crate) fn loader<'a>(env: &mut Env<'a>, object: &JObject<'_>) -> Result<JObject<'a>, Problem> {
    let class = env.get_object_class(object)?;
    let signature = jni_sig!("()Ljava/lang/ClassLoader;");
    Ok(env.call_method(&class, jni_str!("getClassLoader"), signature, &[])?.l()?)
}

/// A class of `org.apache.mesos`, such as `Protos$Offer`.
pub(crate) fn class<'a>(
    env: &mut Env<'a>,
    loader: &JObject<'_>,
    name: &str,
) -> Result<JClass<'a>, Problem> {
    let name = env.new_string(format!("org.apache.mesos.{name}"))?;
    let signature = jni_sig!("(Ljava/lang/String;)Ljava/lang/Class;");
    let found = env.call_method(loader, jni_str!("loadClass"), signature, &[JValue::Object(&name)]);
    Ok(env.cast_local::<JClass<'_>>(found?.l()?)?)
}

/// A message that Java gave us.
pub(crate) fn message<M: Message + Default>(
    env: &mut Env<'_>,
    object: &JObject<'_>,
    name: &'static str,
) -> Result<M, Problem> {
    let bytes = env.call_method(object, jni_str!("toByteArray"), jni_sig!("()[B"), &[])?.l()?;
    let bytes = env.cast_local::<JByteArray<'_>>(bytes)?;
    let bytes = env.convert_byte_array(&bytes)?;
    M::decode(&*bytes).map_err(|error| Problem::Message { name, error })
}

/// All messages of a `java.util.Collection`.
pub(crate) fn messages<M: Message + Default>(
    env: &mut Env<'_>,
    collection: &JObject<'_>,
    name: &'static str,
) -> Result<Vec<M>, Problem> {
    let signature = jni_sig!("()[Ljava/lang/Object;");
    let array = env.call_method(collection, jni_str!("toArray"), signature, &[])?.l()?;
    let array = env.cast_local::<JObjectArray<'_>>(array)?;
    let mut messages = Vec::new();
    for index in 0..array.len(env)? {
        let element = array.get_element(env, index)?;
        messages.push(message(env, &element, name)?);
        env.delete_local_ref(element);
    }
    Ok(messages)
}

/// A message for Java, of a class such as `Protos$Offer`.
fn object<'a>(
    env: &mut Env<'a>,
    loader: &JObject<'_>,
    name: &str,
    message: &impl Message,
) -> Result<JObject<'a>, Problem> {
    let class = class(env, loader, name)?;
    let bytes = env.byte_array_from_slice(&message.encode_to_vec())?;
    let signature = RuntimeMethodSignature::from_str(format!("([B)Lorg/apache/mesos/{name};"))?;
    let signature = signature.method_signature();
    let arguments = [JValue::Object(&bytes)];
    Ok(env.call_static_method(&class, jni_str!("parseFrom"), signature, &arguments)?.l()?)
}

/// A `java.util.List` of messages.
fn list<'a>(
    env: &mut Env<'a>,
    loader: &JObject<'_>,
    name: &str,
    messages: &[impl Message],
) -> Result<JObject<'a>, Problem> {
    let list = env.new_object(jni_str!("java/util/ArrayList"), jni_sig!("()V"), &[])?;
    for message in messages {
        let message = object(env, loader, name, message)?;
        let signature = jni_sig!("(Ljava/lang/Object;)Z");
        env.call_method(&list, jni_str!("add"), signature, &[JValue::Object(&message)])?;
        env.delete_local_ref(message);
    }
    Ok(list)
}

/// A driver's status for Java.
pub(crate) fn status<'a>(
    env: &mut Env<'a>,
    driver: &JObject<'_>,
    status: Status,
) -> Result<JObject<'a>, Problem> {
    let loader = loader(env, driver)?;
    let class = class(env, &loader, "Protos$Status")?;
    let signature = jni_sig!("(I)Lorg/apache/mesos/Protos$Status;");
    let number = [JValue::Int(status as i32)];
    Ok(env.call_static_method(&class, jni_str!("valueOf"), signature, &number)?.l()?)
}

impl Framework for JavaFramework {
    fn tell(&mut self, callback: Callback) -> Result<(), String> {
        let vm = JavaVM::singleton().map_err(|error| error.to_string())?;
        vm.attach_current_thread(|env| {
            let told = self.call(env, callback);
            if env.exception_check() {
                // Its trace goes where Java's errors go.
                env.exception_describe();
                env.exception_clear();
            }
            told
        })
        .map_err(|problem: Problem| problem.to_string())
    }
}

/// A method of a scheduler in Java, and what it is called with after the driver.
struct Method<'a> {
    name: &'static JNIStr,
    signature: MethodSignature<'static, 'static>,
    arguments: Vec<JValueOwned<'a>>,
}

impl JavaFramework {
    fn call(&self, env: &mut Env<'_>, callback: Callback) -> Result<(), Problem> {
        let Method { name, signature, arguments: others } = self.method(env, callback)?;
        let mut arguments = vec![JValue::Object(self.driver.as_obj())];
        arguments.extend(others.iter().map(JValueOwned::borrow));
        env.call_method(self.scheduler.as_obj(), name, signature, &arguments)?;
        Ok(())
    }

    fn method<'a>(&self, env: &mut Env<'a>, callback: Callback) -> Result<Method<'a>, Problem> {
        let loader = self.loader.as_obj();
        Ok(match callback {
            Callback::Registered { framework, master } => Method {
                name: jni_str!("registered"),
                signature: jni_sig!(
                    "(Lorg/apache/mesos/SchedulerDriver;Lorg/apache/mesos/Protos$FrameworkID;Lorg/apache/mesos/Protos$MasterInfo;)V"
                ),
                arguments: vec![
                    object(env, loader, "Protos$FrameworkID", &framework)?.into(),
                    object(env, loader, "Protos$MasterInfo", &*master)?.into(),
                ],
            },
            Callback::Reregistered { master } => Method {
                name: jni_str!("reregistered"),
                signature: jni_sig!(
                    "(Lorg/apache/mesos/SchedulerDriver;Lorg/apache/mesos/Protos$MasterInfo;)V"
                ),
                arguments: vec![object(env, loader, "Protos$MasterInfo", &*master)?.into()],
            },
            Callback::Disconnected => Method {
                name: jni_str!("disconnected"),
                signature: jni_sig!("(Lorg/apache/mesos/SchedulerDriver;)V"),
                arguments: Vec::new(),
            },
            Callback::ResourceOffers(offers) => Method {
                name: jni_str!("resourceOffers"),
                signature: jni_sig!("(Lorg/apache/mesos/SchedulerDriver;Ljava/util/List;)V"),
                arguments: vec![list(env, loader, "Protos$Offer", &offers)?.into()],
            },
            Callback::OfferRescinded(offer) => Method {
                name: jni_str!("offerRescinded"),
                signature: jni_sig!(
                    "(Lorg/apache/mesos/SchedulerDriver;Lorg/apache/mesos/Protos$OfferID;)V"
                ),
                arguments: vec![object(env, loader, "Protos$OfferID", &offer)?.into()],
            },
            Callback::StatusUpdate(status) => Method {
                name: jni_str!("statusUpdate"),
                signature: jni_sig!(
                    "(Lorg/apache/mesos/SchedulerDriver;Lorg/apache/mesos/Protos$TaskStatus;)V"
                ),
                arguments: vec![object(env, loader, "Protos$TaskStatus", &*status)?.into()],
            },
            Callback::FrameworkMessage { executor, agent, data } => Method {
                name: jni_str!("frameworkMessage"),
                signature: jni_sig!(
                    "(Lorg/apache/mesos/SchedulerDriver;Lorg/apache/mesos/Protos$ExecutorID;Lorg/apache/mesos/Protos$SlaveID;[B)V"
                ),
                arguments: vec![
                    object(env, loader, "Protos$ExecutorID", &executor)?.into(),
                    object(env, loader, "Protos$SlaveID", &agent)?.into(),
                    env.byte_array_from_slice(&data)?.into(),
                ],
            },
            Callback::AgentLost(agent) => Method {
                name: jni_str!("slaveLost"),
                signature: jni_sig!(
                    "(Lorg/apache/mesos/SchedulerDriver;Lorg/apache/mesos/Protos$SlaveID;)V"
                ),
                arguments: vec![object(env, loader, "Protos$SlaveID", &agent)?.into()],
            },
            Callback::ExecutorLost { executor, agent, status } => Method {
                name: jni_str!("executorLost"),
                signature: jni_sig!(
                    "(Lorg/apache/mesos/SchedulerDriver;Lorg/apache/mesos/Protos$ExecutorID;Lorg/apache/mesos/Protos$SlaveID;I)V"
                ),
                arguments: vec![
                    object(env, loader, "Protos$ExecutorID", &executor)?.into(),
                    object(env, loader, "Protos$SlaveID", &agent)?.into(),
                    JValueOwned::Int(status),
                ],
            },
            Callback::Error(message) => Method {
                name: jni_str!("error"),
                signature: jni_sig!("(Lorg/apache/mesos/SchedulerDriver;Ljava/lang/String;)V"),
                arguments: vec![env.new_string(message)?.into()],
            },
        })
    }
}
