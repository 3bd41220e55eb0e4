//! The native methods that are refused: Mesos's replicated log and what stores a framework's state.
//!
//! They need what Proffer does not have, `ZooKeeper` or peers of Mesos's log. Who makes such an object is told
//! what to use instead. `org.apache.mesos.state.InMemoryState` is written in Java, and works.

use jni::EnvUnowned;
use jni::objects::JObject;
use jni::sys::{jboolean, jint, jlong};

use super::Throw;
use crate::java::Problem;

const LOG: &str = "Log is not there: Proffer's libmesos has no replicated log. Write to a database or to \
    storage that outlives this machine instead, such as a PersistentVolume";

const LOG_STATE: &str = "LogState is not there: Proffer's libmesos has no replicated log. Keep the \
    framework's state in a database, in etcd or on a PersistentVolume instead; \
    org.apache.mesos.state.InMemoryState works where it may end with the process";

const ZOOKEEPER: &str = "ZooKeeperState is not there: Proffer's libmesos has no client of ZooKeeper. Use \
    one of Java's own, such as Apache Curator, or keep the framework's state in a database or on a \
    PersistentVolume instead; org.apache.mesos.state.InMemoryState works where it may end with the process";

const LEVELDB: &str = "LevelDBState is not there: Proffer's libmesos has no LevelDB. Use one of Java's own, \
    or keep the framework's state in a database or in files instead; \
    org.apache.mesos.state.InMemoryState works where it may end with the process";

const STATE: &str = "Proffer's libmesos stores no state. Keep the framework's state in a \
    database, in etcd or on a PersistentVolume instead; org.apache.mesos.state.InMemoryState works where it \
    may end with the process";

/// Defines native methods that throw.
macro_rules! refused {
    ($why:expr; $($name:ident($($type:ty),*) $(-> $result:ty)?;)*) => { $(
        // SAFETY: the JVM calls it with the arguments that the Java method of this name declares.
        #[allow(unsafe_code)]
        #[unsafe(no_mangle)]
        extern "system" fn $name<'a>(
            mut env: EnvUnowned<'a>,
            _this: JObject<'a>,
            $(_: $type),*
        ) $(-> $result)? {
            env.with_env(|_| Err(Problem::Unsupported($why.to_owned()))).resolve::<Throw>()
        }
    )* };
}

/// Defines native methods that do nothing: there is nothing to take away from who was never made.
macro_rules! nothing {
    ($($name:ident($($type:ty),*);)*) => { $(
        // SAFETY: the JVM calls it with the arguments that the Java method of this name declares.
        #[allow(unsafe_code)]
        #[unsafe(no_mangle)]
        extern "system" fn $name<'a>(_env: EnvUnowned<'a>, _this: JObject<'a>, $(_: $type),*) {}
    )* };
}

refused! {
    LOG;
    Java_org_apache_mesos_Log_initialize__ILjava_lang_String_2Ljava_util_Set_2(jint, JObject<'a>, JObject<'a>);
    Java_org_apache_mesos_Log_initialize__ILjava_lang_String_2Ljava_lang_String_2JLjava_util_concurrent_TimeUnit_2Ljava_lang_String_2(jint, JObject<'a>, JObject<'a>, jlong, JObject<'a>, JObject<'a>);
    Java_org_apache_mesos_Log_initialize__ILjava_lang_String_2Ljava_lang_String_2JLjava_util_concurrent_TimeUnit_2Ljava_lang_String_2Ljava_lang_String_2_3B(jint, JObject<'a>, JObject<'a>, jlong, JObject<'a>, JObject<'a>, JObject<'a>, JObject<'a>);
    Java_org_apache_mesos_Log_00024Reader_read(JObject<'a>, JObject<'a>, jlong, JObject<'a>) -> JObject<'a>;
    Java_org_apache_mesos_Log_00024Reader_beginning() -> JObject<'a>;
    Java_org_apache_mesos_Log_00024Reader_ending() -> JObject<'a>;
    Java_org_apache_mesos_Log_00024Reader_catchup(jlong, JObject<'a>) -> JObject<'a>;
    Java_org_apache_mesos_Log_00024Reader_initialize(JObject<'a>);
    Java_org_apache_mesos_Log_00024Writer_append(JObject<'a>, jlong, JObject<'a>) -> JObject<'a>;
    Java_org_apache_mesos_Log_00024Writer_truncate(JObject<'a>, jlong, JObject<'a>) -> JObject<'a>;
    Java_org_apache_mesos_Log_00024Writer_initialize(JObject<'a>, jlong, JObject<'a>, jint);
}

refused! {
    LOG_STATE;
    Java_org_apache_mesos_state_LogState_initialize(JObject<'a>, jlong, JObject<'a>, JObject<'a>, jlong, JObject<'a>, jint);
}

refused! {
    ZOOKEEPER;
    Java_org_apache_mesos_state_ZooKeeperState_initialize__Ljava_lang_String_2JLjava_util_concurrent_TimeUnit_2Ljava_lang_String_2(JObject<'a>, jlong, JObject<'a>, JObject<'a>);
    Java_org_apache_mesos_state_ZooKeeperState_initialize__Ljava_lang_String_2JLjava_util_concurrent_TimeUnit_2Ljava_lang_String_2Ljava_lang_String_2_3B(JObject<'a>, jlong, JObject<'a>, JObject<'a>, JObject<'a>, JObject<'a>);
}

refused! {
    LEVELDB;
    Java_org_apache_mesos_state_LevelDBState_initialize(JObject<'a>);
}

refused! {
    STATE;
    Java_org_apache_mesos_state_AbstractState__1_1fetch(JObject<'a>) -> jlong;
    Java_org_apache_mesos_state_AbstractState__1_1fetch_1cancel(jlong) -> jboolean;
    Java_org_apache_mesos_state_AbstractState__1_1fetch_1is_1cancelled(jlong) -> jboolean;
    Java_org_apache_mesos_state_AbstractState__1_1fetch_1is_1done(jlong) -> jboolean;
    Java_org_apache_mesos_state_AbstractState__1_1fetch_1get(jlong) -> JObject<'a>;
    Java_org_apache_mesos_state_AbstractState__1_1fetch_1get_1timeout(jlong, jlong, JObject<'a>) -> JObject<'a>;
    Java_org_apache_mesos_state_AbstractState__1_1store(JObject<'a>) -> jlong;
    Java_org_apache_mesos_state_AbstractState__1_1store_1cancel(jlong) -> jboolean;
    Java_org_apache_mesos_state_AbstractState__1_1store_1is_1cancelled(jlong) -> jboolean;
    Java_org_apache_mesos_state_AbstractState__1_1store_1is_1done(jlong) -> jboolean;
    Java_org_apache_mesos_state_AbstractState__1_1store_1get(jlong) -> JObject<'a>;
    Java_org_apache_mesos_state_AbstractState__1_1store_1get_1timeout(jlong, jlong, JObject<'a>) -> JObject<'a>;
    Java_org_apache_mesos_state_AbstractState__1_1expunge(JObject<'a>) -> jlong;
    Java_org_apache_mesos_state_AbstractState__1_1expunge_1cancel(jlong) -> jboolean;
    Java_org_apache_mesos_state_AbstractState__1_1expunge_1is_1cancelled(jlong) -> jboolean;
    Java_org_apache_mesos_state_AbstractState__1_1expunge_1is_1done(jlong) -> jboolean;
    Java_org_apache_mesos_state_AbstractState__1_1expunge_1get(jlong) -> JObject<'a>;
    Java_org_apache_mesos_state_AbstractState__1_1expunge_1get_1timeout(jlong, jlong, JObject<'a>) -> JObject<'a>;
    Java_org_apache_mesos_state_AbstractState__1_1names() -> jlong;
    Java_org_apache_mesos_state_AbstractState__1_1names_1cancel(jlong) -> jboolean;
    Java_org_apache_mesos_state_AbstractState__1_1names_1is_1cancelled(jlong) -> jboolean;
    Java_org_apache_mesos_state_AbstractState__1_1names_1is_1done(jlong) -> jboolean;
    Java_org_apache_mesos_state_AbstractState__1_1names_1get(jlong) -> JObject<'a>;
    Java_org_apache_mesos_state_AbstractState__1_1names_1get_1timeout(jlong, jlong, JObject<'a>) -> JObject<'a>;
    Java_org_apache_mesos_state_AbstractState_00024ExpungeFuture_cancel(jboolean) -> jboolean;
    Java_org_apache_mesos_state_AbstractState_00024ExpungeFuture_isCancelled() -> jboolean;
    Java_org_apache_mesos_state_AbstractState_00024ExpungeFuture_isDone() -> jboolean;
    Java_org_apache_mesos_state_AbstractState_00024ExpungeFuture_get__() -> JObject<'a>;
    Java_org_apache_mesos_state_AbstractState_00024ExpungeFuture_get__JLjava_util_concurrent_TimeUnit_2(jlong, JObject<'a>) -> JObject<'a>;
    Java_org_apache_mesos_state_AbstractState_00024FetchFuture_cancel(jboolean) -> jboolean;
    Java_org_apache_mesos_state_AbstractState_00024FetchFuture_isCancelled() -> jboolean;
    Java_org_apache_mesos_state_AbstractState_00024FetchFuture_isDone() -> jboolean;
    Java_org_apache_mesos_state_AbstractState_00024FetchFuture_get__() -> JObject<'a>;
    Java_org_apache_mesos_state_AbstractState_00024FetchFuture_get__JLjava_util_concurrent_TimeUnit_2(jlong, JObject<'a>) -> JObject<'a>;
    Java_org_apache_mesos_state_AbstractState_00024NamesFuture_cancel(jboolean) -> jboolean;
    Java_org_apache_mesos_state_AbstractState_00024NamesFuture_isCancelled() -> jboolean;
    Java_org_apache_mesos_state_AbstractState_00024NamesFuture_isDone() -> jboolean;
    Java_org_apache_mesos_state_AbstractState_00024NamesFuture_get__() -> JObject<'a>;
    Java_org_apache_mesos_state_AbstractState_00024NamesFuture_get__JLjava_util_concurrent_TimeUnit_2(jlong, JObject<'a>) -> JObject<'a>;
    Java_org_apache_mesos_state_AbstractState_00024StoreFuture_cancel(jboolean) -> jboolean;
    Java_org_apache_mesos_state_AbstractState_00024StoreFuture_isCancelled() -> jboolean;
    Java_org_apache_mesos_state_AbstractState_00024StoreFuture_isDone() -> jboolean;
    Java_org_apache_mesos_state_AbstractState_00024StoreFuture_get__() -> JObject<'a>;
    Java_org_apache_mesos_state_AbstractState_00024StoreFuture_get__JLjava_util_concurrent_TimeUnit_2(jlong, JObject<'a>) -> JObject<'a>;
    Java_org_apache_mesos_state_Variable_value() -> JObject<'a>;
    Java_org_apache_mesos_state_Variable_mutate(JObject<'a>) -> JObject<'a>;
}

nothing! {
    Java_org_apache_mesos_Log_finalize();
    Java_org_apache_mesos_Log_00024Reader_finalize();
    Java_org_apache_mesos_Log_00024Writer_finalize();
    Java_org_apache_mesos_state_AbstractState_finalize();
    Java_org_apache_mesos_state_AbstractState__1_1fetch_1finalize(jlong);
    Java_org_apache_mesos_state_AbstractState__1_1store_1finalize(jlong);
    Java_org_apache_mesos_state_AbstractState__1_1expunge_1finalize(jlong);
    Java_org_apache_mesos_state_AbstractState__1_1names_1finalize(jlong);
    Java_org_apache_mesos_state_AbstractState_00024ExpungeFuture_finalize();
    Java_org_apache_mesos_state_AbstractState_00024FetchFuture_finalize();
    Java_org_apache_mesos_state_AbstractState_00024NamesFuture_finalize();
    Java_org_apache_mesos_state_AbstractState_00024StoreFuture_finalize();
    Java_org_apache_mesos_state_LogState_finalize();
    Java_org_apache_mesos_state_Variable_finalize();
}
