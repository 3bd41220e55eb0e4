//! How messages and callbacks cross between Rust and the JVM.
//!
//! Messages cross as bytes: `toByteArray` on one side, `parseFrom` on the other. Classes are looked up
//! with the loader of the driver's class, for threads of ours have none that knows them.

mod callbacks;

use std::ptr::null_mut;

use jni::objects::{JByteArray, JClass, JObject, JObjectArray, JString, JThrowable};
use jni::refs::Global;
use jni::signature::RuntimeMethodSignature;
use jni::strings::{JNIStr, JNIString};
use jni::{Env, JValue, JValueOwned, JavaVM, jni_sig, jni_str};
use prost::Message;

use crate::executor::Executor;
use crate::life::{Listener, Status};
use crate::log;
use crate::v1::Refusal;

/// Why something did not cross.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error("{0}")]
    Jni(#[from] jni::errors::Error),
    #[error("{} cannot be read: {error}", written(name))]
    Message { name: &'static str, error: prost::DecodeError },
    /// Java gave null where that is nothing.
    #[error("null was given instead of {}", written(.0))]
    Null(&'static str),
    /// Java gave an object of another class.
    #[error("{given} was given instead of {}", written(wanted))]
    Class { wanted: &'static str, given: String },
    #[error("{0}")]
    Argument(String),
    /// It cannot be done now.
    #[error("{0}")]
    State(String),
    /// It cannot be done at all.
    #[error("{0}")]
    Unsupported(String),
    #[error("{0}")]
    Other(String),
}

/// The name of a class as people write it.
fn written(name: &str) -> String {
    name.replace(['/', '$'], ".")
}

impl Problem {
    /// The class of the exception that says so to Java.
    pub(crate) fn class(&self) -> &'static JNIStr {
        match self {
            Self::Null(_) => jni_str!("java/lang/NullPointerException"),
            Self::Message { .. } | Self::Class { .. } | Self::Argument(_) => {
                jni_str!("java/lang/IllegalArgumentException")
            }
            Self::State(_) => jni_str!("java/lang/IllegalStateException"),
            Self::Unsupported(_) => jni_str!("java/lang/UnsupportedOperationException"),
            Self::Jni(_) | Self::Other(_) => jni_str!("java/lang/RuntimeException"),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Call(why) => Self::Argument(why),
            Refusal::Over(why) => Self::State(why),
        }
    }
}

/// A reference to an object that outlives a call.
pub(crate) type Kept = Global<JObject<'static>>;

/// A scheduler or an executor in Java, with its driver.
pub(crate) struct JavaListener {
    listener: Kept,
    driver: Kept,
    loader: Kept,
}

/// An argument of one of its methods.
pub(crate) enum Argument {
    /// The driver, as an interface that it has.
    Driver(&'static str),
    /// An encoded message of a class such as `Protos$Offer`.
    Message(&'static str, Vec<u8>),
    /// A list of such messages.
    Messages(&'static str, Vec<Vec<u8>>),
    Bytes(Vec<u8>),
    Text(String),
    Number(i32),
}

/// What a callback is in Java: a method and its arguments.
pub(crate) trait Callback {
    fn java(self) -> (&'static str, Vec<Argument>);
}

/// The current thread as a daemon of the JVM: one that does not keep it from exiting.
struct Daemon(JavaVM);

impl Daemon {
    /// Attaches the current thread.
    #[allow(unsafe_code)]
    fn attach() -> Result<Self, Problem> {
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
            Err(Problem::Other("the JVM takes no more threads".to_owned()))
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
fn class<'a>(env: &mut Env<'a>, loader: &JObject<'_>, name: &str) -> Result<JClass<'a>, Problem> {
    let name = env.new_string(format!("org.apache.mesos.{}", name.replace('/', ".")))?;
    let signature = jni_sig!("(Ljava/lang/String;)Ljava/lang/Class;");
    let found = env.call_method(loader, jni_str!("loadClass"), signature, &[JValue::Object(&name)]);
    Ok(env.cast_local::<JClass<'_>>(found?.l()?)?)
}

/// The name of an object's class.
fn class_name(env: &mut Env<'_>, object: &JObject<'_>) -> Result<String, Problem> {
    let class = env.get_object_class(object)?;
    let name = env.call_method(&class, jni_str!("getName"), jni_sig!("()Ljava/lang/String;"), &[]);
    Ok(env.cast_local::<JString<'_>>(name?.l()?)?.to_string())
}

/// A message that Java gave us, as bytes. Its class is one such as `Protos$Offer`.
pub(crate) fn encoded(
    env: &mut Env<'_>,
    object: &JObject<'_>,
    name: &'static str,
) -> Result<Vec<u8>, Problem> {
    if object.is_null() {
        return Err(Problem::Null(name));
    }
    // Java's generic types do not keep anybody from putting something else into a collection.
    let given = class_name(env, object)?;
    let is_wanted = given.strip_prefix("org.apache.mesos.").is_some_and(|given| {
        given.chars().map(|letter| if letter == '.' { '/' } else { letter }).eq(name.chars())
    });
    if !is_wanted {
        return Err(Problem::Class { wanted: name, given });
    }
    let bytes = env.call_method(object, jni_str!("toByteArray"), jni_sig!("()[B"), &[])?.l()?;
    let bytes = env.cast_local::<JByteArray<'_>>(bytes)?;
    Ok(env.convert_byte_array(&bytes)?)
}

/// A message that Java gave us.
pub(crate) fn message<M: Message + Default>(
    env: &mut Env<'_>,
    object: &JObject<'_>,
    name: &'static str,
) -> Result<M, Problem> {
    let bytes = encoded(env, object, name)?;
    M::decode(&*bytes).map_err(|error| Problem::Message { name, error })
}

/// A message that may be null.
pub(crate) fn optional<M: Message + Default>(
    env: &mut Env<'_>,
    object: &JObject<'_>,
    name: &'static str,
) -> Result<Option<M>, Problem> {
    (!object.is_null()).then(|| message(env, object, name)).transpose()
}

/// All elements of a `java.util.Collection`.
fn elements<T>(
    env: &mut Env<'_>,
    collection: &JObject<'_>,
    read: impl Fn(&mut Env<'_>, &JObject<'_>) -> Result<T, Problem>,
) -> Result<Vec<T>, Problem> {
    if collection.is_null() {
        return Err(Problem::Null("a collection"));
    }
    let signature = jni_sig!("()[Ljava/lang/Object;");
    let array = env.call_method(collection, jni_str!("toArray"), signature, &[])?.l()?;
    let array = env.cast_local::<JObjectArray<'_>>(array)?;
    let mut all = Vec::new();
    for index in 0..array.len(env)? {
        let element = env.with_local_frame(16, |env| -> Result<T, Problem> {
            let element = array.get_element(env, index)?;
            read(env, &element)
        });
        all.push(element?);
    }
    Ok(all)
}

/// All messages of a `java.util.Collection`.
pub(crate) fn messages<M: Message + Default>(
    env: &mut Env<'_>,
    collection: &JObject<'_>,
    name: &'static str,
) -> Result<Vec<M>, Problem> {
    elements(env, collection, |env, element| message(env, element, name))
}

/// All strings of a `java.util.Collection`.
pub(crate) fn strings(env: &mut Env<'_>, collection: &JObject<'_>) -> Result<Vec<String>, Problem> {
    elements(env, collection, string)
}

/// A string that Java gave us.
pub(crate) fn string(env: &mut Env<'_>, object: &JObject<'_>) -> Result<String, Problem> {
    if object.is_null() {
        return Err(Problem::Null("a string"));
    }
    let given = class_name(env, object)?;
    if given != "java.lang.String" {
        return Err(Problem::Class { wanted: "a string", given });
    }
    let object = env.new_local_ref(object)?;
    Ok(env.cast_local::<JString<'_>>(object)?.to_string())
}

/// Bytes that Java gave us.
pub(crate) fn bytes(env: &mut Env<'_>, array: &JByteArray<'_>) -> Result<Vec<u8>, Problem> {
    if array.is_null() {
        return Err(Problem::Null("bytes"));
    }
    Ok(env.convert_byte_array(array)?)
}

/// A message for Java, of a class such as `Protos$Offer`.
fn object<'a>(
    env: &mut Env<'a>,
    loader: &JObject<'_>,
    name: &str,
    message: &[u8],
) -> Result<JObject<'a>, Problem> {
    let class = class(env, loader, name)?;
    let bytes = env.byte_array_from_slice(message)?;
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

impl JavaListener {
    /// The listener of a driver.
    pub(crate) fn new(
        env: &mut Env<'_>,
        driver: &JObject<'_>,
        listener: &JObject<'_>,
    ) -> Result<Self, Problem> {
        if listener.is_null() {
            return Err(Problem::Null("somebody to tell"));
        }
        let loader = loader(env, driver)?;
        Ok(Self {
            listener: env.new_global_ref(listener)?,
            driver: env.new_global_ref(driver)?,
            loader: env.new_global_ref(&loader)?,
        })
    }

    /// Has the current thread work for the listener, as a thread of the JVM.
    pub(crate) fn work(mut self, work: &dyn Fn(&mut Self)) {
        match Daemon::attach() {
            // The references go before the thread is detached.
            Ok(_daemon) => {
                work(&mut self);
                drop(self);
            }
            Err(problem) => log::warn(&problem.to_string()),
        }
    }

    fn invoke(
        &self,
        env: &mut Env<'_>,
        method: &str,
        arguments: Vec<Argument>,
    ) -> Result<(), Problem> {
        let mut signature = String::new();
        let mut objects = Vec::new();
        for argument in arguments {
            let (kind, object) = self.argument(env, argument)?;
            signature += &kind;
            objects.push(object);
        }
        let signature = RuntimeMethodSignature::from_str(format!("({signature})V"))?;
        let values: Vec<JValue<'_>> = objects.iter().map(Given::value).collect();
        let signature = signature.method_signature();
        env.call_method(self.listener.as_obj(), JNIString::new(method), signature, &values)?;
        Ok(())
    }

    /// An argument for Java, and how its type is written in a signature.
    fn argument<'a>(
        &self,
        env: &mut Env<'a>,
        argument: Argument,
    ) -> Result<(String, Given<'a>), Problem> {
        let loader = self.loader.as_obj();
        Ok(match argument {
            Argument::Driver(interface) => {
                let driver = env.new_local_ref(self.driver.as_obj())?;
                (format!("Lorg/apache/mesos/{interface};"), Given::Object(driver))
            }
            Argument::Message(name, message) => {
                let message = object(env, loader, name, &message)?;
                (format!("Lorg/apache/mesos/{name};"), Given::Object(message))
            }
            Argument::Messages(name, messages) => {
                let list = env.new_object(jni_str!("java/util/ArrayList"), jni_sig!("()V"), &[])?;
                for message in &messages {
                    // Thousands of offers would leave thousands of references.
                    env.with_local_frame(16, |env| -> Result<(), Problem> {
                        let message = object(env, loader, name, message)?;
                        let signature = jni_sig!("(Ljava/lang/Object;)Z");
                        let arguments = [JValue::Object(&message)];
                        env.call_method(&list, jni_str!("add"), signature, &arguments)?;
                        Ok(())
                    })?;
                }
                ("Ljava/util/List;".to_owned(), Given::Object(list))
            }
            Argument::Bytes(bytes) => {
                let bytes = env.byte_array_from_slice(&bytes)?;
                ("[B".to_owned(), Given::Object(bytes.into()))
            }
            Argument::Text(text) => {
                let text = env.new_string(text)?;
                ("Ljava/lang/String;".to_owned(), Given::Object(text.into()))
            }
            Argument::Number(number) => ("I".to_owned(), Given::Number(number)),
        })
    }
}

/// Does something as the current thread, which is one of the JVM. The error is what was thrown.
fn attached(work: impl FnOnce(&mut Env<'_>) -> Result<(), Problem>) -> Result<(), String> {
    let attached = JavaVM::singleton().map_err(Problem::from).and_then(|vm| {
        vm.attach_current_thread(|env| {
            let done = work(env);
            match env.exception_occurred() {
                Some(thrown) => Err(Problem::Other(describe(env, &thrown))),
                None => done,
            }
        })
    });
    attached.map_err(|problem| problem.to_string())
}

/// Writes the trace of an exception to where Java's errors go, and says what it is.
fn describe(env: &mut Env<'_>, thrown: &JThrowable<'_>) -> String {
    env.exception_describe();
    env.exception_clear();
    let text = env.call_method(thrown, jni_str!("toString"), jni_sig!("()Ljava/lang/String;"), &[]);
    let text = text.and_then(JValueOwned::l).and_then(|text| env.cast_local::<JString<'_>>(text));
    // It may throw again, or return null.
    env.exception_clear();
    match text {
        Ok(text) if !text.is_null() => text.to_string(),
        _ => "an exception that says nothing".to_owned(),
    }
}

/// An argument as Java takes it.
enum Given<'a> {
    Object(JObject<'a>),
    Number(i32),
}

impl Given<'_> {
    fn value(&self) -> JValue<'_> {
        match self {
            Self::Object(object) => JValue::Object(object),
            Self::Number(number) => JValue::Int(*number),
        }
    }
}

impl<C: Callback> Listener<C> for JavaListener {
    fn tell(&mut self, callback: C) -> Result<(), String> {
        let (method, arguments) = callback.java();
        attached(|env| self.invoke(env, method, arguments))
    }
}

impl Executor for JavaListener {
    fn halt(&mut self) {
        let halted = attached(|env| {
            let class = env.find_class(jni_str!("java/lang/Runtime"))?;
            let signature = jni_sig!("()Ljava/lang/Runtime;");
            let runtime = env.call_static_method(&class, jni_str!("getRuntime"), signature, &[]);
            let status = [JValue::Int(1)];
            env.call_method(&runtime?.l()?, jni_str!("halt"), jni_sig!("(I)V"), &status)?;
            Ok(())
        });
        if let Err(why) = halted {
            log::warn(&format!("the process cannot be ended: {why}"));
        }
    }
}
