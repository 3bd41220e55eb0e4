//! The functions that Java calls: every native method of `org.apache.mesos`, of versions 1.5 to 1.11.
//!
//! Their names are those that the JVM looks for, first without and then with the types of the arguments.
//! Of a method that is overloaded in some version there is only the long name, or else all of its
//! overloads would lead to one function.
//!
//! A panic becomes a Java exception (`EnvUnowned::with_env` catches it), so that nothing unwinds into
//! the JVM. Drivers are known to Java by a number in a field: a wrong one is no driver, where a pointer
//! would be a crash.

// The names are those that the JVM looks for.
#![allow(non_snake_case)]

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jni::errors::{ErrorPolicy, ThrowRuntimeExAndDefault};
use jni::objects::{JClass, JObject};
use jni::strings::{JNIStr, JNIString};
use jni::{Env, EnvUnowned, JValue, jni_sig, jni_str};
use proffer_mesos::types::Credential;

use crate::address::{Address, Credentials};
use crate::connection::Connection;
use crate::java::{self, Problem};

/// The version of Mesos whose drivers these behave like.
const VERSION: (i64, i64, i64) = (1, 11, 0);

/// Throws a problem as the exception of its class. What Java has thrown already goes on.
struct Throw;

impl<T: Default> ErrorPolicy<T, Problem> for Throw {
    type Captures<'local: 'method, 'method> = ();

    fn on_error<'local: 'method, 'method>(
        env: &mut Env<'local>,
        _captures: &mut (),
        problem: Problem,
    ) -> jni::errors::Result<T> {
        if !env.exception_check() {
            // It says that there is an exception now.
            let _ = env.throw_new(problem.class(), JNIString::new(problem.to_string()));
        }
        Ok(T::default())
    }

    fn on_panic<'local: 'method, 'method>(
        env: &mut Env<'local>,
        captures: &mut (),
        payload: Box<dyn Any + Send + 'static>,
    ) -> jni::errors::Result<T> {
        <ThrowRuntimeExAndDefault as ErrorPolicy<T, Problem>>::on_panic(env, captures, payload)
    }
}

/// Defines native methods by functions of the same arguments.
macro_rules! natives {
    ($($name:ident($($argument:ident: $type:ty),*) $(-> $result:ty)? = $function:path;)*) => { $(
        // SAFETY: the JVM calls it with the arguments that the Java method of this name declares.
        #[allow(unsafe_code)]
        #[unsafe(no_mangle)]
        extern "system" fn $name<'a>(
            mut env: EnvUnowned<'a>,
            this: JObject<'a>,
            $($argument: $type),*
        ) $(-> $result)? {
            env.with_env(|env| $function(env, &this, $(&$argument),*)).resolve::<Throw>()
        }
    )* };
}

/// Defines native methods that return the driver's status.
macro_rules! status_natives {
    ($($name:ident($($argument:ident: $type:ty),*) = $function:path;)*) => { $(
        // SAFETY: the JVM calls it with the arguments that the Java method of this name declares.
        #[allow(unsafe_code)]
        #[unsafe(no_mangle)]
        extern "system" fn $name<'a>(
            mut env: EnvUnowned<'a>,
            this: JObject<'a>,
            $($argument: $type),*
        ) -> JObject<'a> {
            env.with_env(|env| -> Result<_, Problem> {
                let status: Status = $function(env, &this, $(&$argument),*)?;
                java::status(env, &this, status)
            })
            .resolve::<Throw>()
        }
    )* };
}

mod executor;
mod refused;
mod scheduler;
mod v1;

static NEXT_NUMBER: AtomicI64 = AtomicI64::new(1);

/// What is behind Java's objects of a class, by the number in a field of theirs.
struct Table<T> {
    field: &'static JNIStr,
    all: Mutex<BTreeMap<i64, Arc<T>>>,
}

impl<T> Table<T> {
    const fn new(field: &'static JNIStr) -> Self {
        Self { field, all: Mutex::new(BTreeMap::new()) }
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<i64, Arc<T>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn number(&self, env: &mut Env<'_>, object: &JObject<'_>) -> Result<i64, Problem> {
        Ok(env.get_field(object, self.field, jni_sig!("J"))?.j()?)
    }

    /// What is behind an object.
    fn get(&self, env: &mut Env<'_>, object: &JObject<'_>) -> Result<Arc<T>, Problem> {
        let number = self.number(env, object)?;
        let found = self.all().get(&number).cloned();
        found.ok_or_else(|| Problem::State("the object was never initialized".to_owned()))
    }

    /// Puts something behind an object.
    fn put(&self, env: &mut Env<'_>, object: &JObject<'_>, it: T) -> Result<Arc<T>, Problem> {
        let number = NEXT_NUMBER.fetch_add(1, Ordering::Relaxed);
        env.set_field(object, self.field, jni_sig!("J"), JValue::Long(number))?;
        let it = Arc::new(it);
        self.all().insert(number, Arc::clone(&it));
        Ok(it)
    }

    /// Takes away what is behind an object that Java does not need any more.
    fn remove(&self, env: &mut Env<'_>, object: &JObject<'_>) -> Result<Option<Arc<T>>, Problem> {
        let number = self.number(env, object)?;
        Ok(self.all().remove(&number))
    }
}

/// Where the master is and who asks: the fields `master` and `credential` of an object.
fn address(
    env: &mut Env<'_>,
    this: &JObject<'_>,
    credential: Option<Credential>,
) -> Result<Address, Problem> {
    let master = env.get_field(this, jni_str!("master"), jni_sig!("Ljava/lang/String;"))?.l()?;
    let master = java::string(env, &master)?;
    let mut address =
        Address::parse(&master).map_err(|problem| Problem::Argument(problem.to_string()))?;
    if let Some(Credential { principal, secret }) = credential
        && address.credentials.is_none()
    {
        address.credentials = Some(Credentials { principal, secret: secret.unwrap_or_default() });
    }
    Ok(address)
}

fn masters(address: &Address) -> Connection {
    let secure = std::env::var("LIBPROCESS_SSL_ENABLED").is_ok_and(|it| it == "1" || it == "true");
    Connection::to_masters(address, secure)
}

fn version<'a>(env: &mut Env<'a>) -> Result<JObject<'a>, Problem> {
    let (major, minor, patch) = VERSION;
    let numbers = [JValue::Long(major), JValue::Long(minor), JValue::Long(patch)];
    let class = jni_str!("org/apache/mesos/MesosNativeLibrary$Version");
    Ok(env.new_object(class, jni_sig!("(JJJ)V"), &numbers)?)
}

// SAFETY: the JVM calls it as `static Version _version()` of the library's class.
#[allow(unsafe_code)]
#[unsafe(no_mangle)]
extern "system" fn Java_org_apache_mesos_MesosNativeLibrary__1version<'a>(
    mut env: EnvUnowned<'a>,
    _class: JClass<'a>,
) -> JObject<'a> {
    env.with_env(version).resolve::<Throw>()
}
