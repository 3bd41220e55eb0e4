//! How messages and callbacks cross between Rust and the JVM.
//!
//! Messages cross as bytes: `toByteArray` on one side, `parseFrom` on the other. Classes are looked up
//! with the loader of the driver's class, for threads of ours have none that knows them.

use std::ptr::null_mut;

use jni::objects::{JByteArray, JClass, JObject, JObjectArray};
use jni::refs::Global;
use jni::signature::RuntimeMethodSignature;
use jni::{Env, JValue, JavaVM, jni_sig, jni_str};
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

impl JavaFramework {
    fn call(&self, env: &mut Env<'_>, callback: Callback) -> Result<(), Problem> {
        let loader = self.loader.as_obj();
        let driver = JValue::Object(self.driver.as_obj());
        let scheduler = self.scheduler.as_obj();
        match callback {
            Callback::Registered { framework, master } => {
                let framework = object(env, loader, "Protos$FrameworkID", &framework)?;
                let master = object(env, loader, "Protos$MasterInfo", &*master)?;
                let arguments = [driver, JValue::Object(&framework), JValue::Object(&master)];
                let signature = jni_sig!(
                    "(Lorg/apache/mesos/SchedulerDriver;Lorg/apache/mesos/Protos$FrameworkID;Lorg/apache/mesos/Protos$MasterInfo;)V"
                );
                env.call_method(scheduler, jni_str!("registered"), signature, &arguments)?;
            }
            Callback::Reregistered { master } => {
                let master = object(env, loader, "Protos$MasterInfo", &*master)?;
                let arguments = [driver, JValue::Object(&master)];
                let signature = jni_sig!(
                    "(Lorg/apache/mesos/SchedulerDriver;Lorg/apache/mesos/Protos$MasterInfo;)V"
                );
                env.call_method(scheduler, jni_str!("reregistered"), signature, &arguments)?;
            }
            Callback::Disconnected => {
                let signature = jni_sig!("(Lorg/apache/mesos/SchedulerDriver;)V");
                env.call_method(scheduler, jni_str!("disconnected"), signature, &[driver])?;
            }
            Callback::ResourceOffers(offers) => {
                let list = env.new_object(jni_str!("java/util/ArrayList"), jni_sig!("()V"), &[])?;
                for offer in &offers {
                    let offer = object(env, loader, "Protos$Offer", offer)?;
                    let signature = jni_sig!("(Ljava/lang/Object;)Z");
                    env.call_method(&list, jni_str!("add"), signature, &[JValue::Object(&offer)])?;
                    env.delete_local_ref(offer);
                }
                let signature = jni_sig!("(Lorg/apache/mesos/SchedulerDriver;Ljava/util/List;)V");
                let arguments = [driver, JValue::Object(&list)];
                env.call_method(scheduler, jni_str!("resourceOffers"), signature, &arguments)?;
            }
            Callback::OfferRescinded(offer) => {
                let offer = object(env, loader, "Protos$OfferID", &offer)?;
                let signature = jni_sig!(
                    "(Lorg/apache/mesos/SchedulerDriver;Lorg/apache/mesos/Protos$OfferID;)V"
                );
                let arguments = [driver, JValue::Object(&offer)];
                env.call_method(scheduler, jni_str!("offerRescinded"), signature, &arguments)?;
            }
            Callback::StatusUpdate(status) => {
                let status = object(env, loader, "Protos$TaskStatus", &*status)?;
                let signature = jni_sig!(
                    "(Lorg/apache/mesos/SchedulerDriver;Lorg/apache/mesos/Protos$TaskStatus;)V"
                );
                let arguments = [driver, JValue::Object(&status)];
                env.call_method(scheduler, jni_str!("statusUpdate"), signature, &arguments)?;
            }
            Callback::FrameworkMessage { executor, agent, data } => {
                let executor = object(env, loader, "Protos$ExecutorID", &executor)?;
                let agent = object(env, loader, "Protos$SlaveID", &agent)?;
                let data = env.byte_array_from_slice(&data)?;
                let arguments = [
                    driver,
                    JValue::Object(&executor),
                    JValue::Object(&agent),
                    JValue::Object(&data),
                ];
                let signature = jni_sig!(
                    "(Lorg/apache/mesos/SchedulerDriver;Lorg/apache/mesos/Protos$ExecutorID;Lorg/apache/mesos/Protos$SlaveID;[B)V"
                );
                env.call_method(scheduler, jni_str!("frameworkMessage"), signature, &arguments)?;
            }
            Callback::AgentLost(agent) => {
                let agent = object(env, loader, "Protos$SlaveID", &agent)?;
                let signature = jni_sig!(
                    "(Lorg/apache/mesos/SchedulerDriver;Lorg/apache/mesos/Protos$SlaveID;)V"
                );
                let arguments = [driver, JValue::Object(&agent)];
                env.call_method(scheduler, jni_str!("slaveLost"), signature, &arguments)?;
            }
            Callback::ExecutorLost { executor, agent, status } => {
                let executor = object(env, loader, "Protos$ExecutorID", &executor)?;
                let agent = object(env, loader, "Protos$SlaveID", &agent)?;
                let arguments = [
                    driver,
                    JValue::Object(&executor),
                    JValue::Object(&agent),
                    JValue::Int(status),
                ];
                let signature = jni_sig!(
                    "(Lorg/apache/mesos/SchedulerDriver;Lorg/apache/mesos/Protos$ExecutorID;Lorg/apache/mesos/Protos$SlaveID;I)V"
                );
                env.call_method(scheduler, jni_str!("executorLost"), signature, &arguments)?;
            }
            Callback::Error(message) => {
                let message = env.new_string(message)?;
                let signature = jni_sig!("(Lorg/apache/mesos/SchedulerDriver;Ljava/lang/String;)V");
                let arguments = [driver, JValue::Object(&message)];
                env.call_method(scheduler, jni_str!("error"), signature, &arguments)?;
            }
        }
        Ok(())
    }
}
