//! The native methods of `org.apache.mesos.MesosExecutorDriver`.

use std::sync::Arc;

use jni::objects::{JByteArray, JObject};
use jni::{Env, EnvUnowned, jni_sig, jni_str};
use proffer_mesos::types::{TaskState, TaskStatus};

use super::{Table, Throw};
use crate::executor::{Environment, ExecutorDriver};
use crate::java::{self, JavaListener, Problem};
use crate::life::Status;

static DRIVERS: Table<ExecutorDriver> = Table::new(jni_str!("__driver"));

type Answer = Result<Status, Problem>;

fn driver(env: &mut Env<'_>, this: &JObject<'_>) -> Result<Arc<ExecutorDriver>, Problem> {
    DRIVERS.get(env, this)
}

fn initialize(env: &mut Env<'_>, this: &JObject<'_>) -> Result<(), Problem> {
    DRIVERS.put(env, this, ExecutorDriver::new()).map(drop)
}

fn finalize(env: &mut Env<'_>, this: &JObject<'_>) -> Result<(), Problem> {
    DRIVERS.remove(env, this).map(drop)
}

fn start(env: &mut Env<'_>, this: &JObject<'_>) -> Answer {
    let driver = driver(env, this)?;
    let signature = jni_sig!("Lorg/apache/mesos/Executor;");
    let executor = env.get_field(this, jni_str!("executor"), signature)?.l()?;
    let executor = JavaListener::new(env, this, &executor)?;
    let environment = Environment::read(|name| std::env::var(name).ok()).map_err(Problem::State)?;
    Ok(driver.start(environment, move |work| executor.work(work)))
}

fn stop(env: &mut Env<'_>, this: &JObject<'_>) -> Answer {
    Ok(driver(env, this)?.stop())
}

fn abort(env: &mut Env<'_>, this: &JObject<'_>) -> Answer {
    Ok(driver(env, this)?.abort())
}

fn join(env: &mut Env<'_>, this: &JObject<'_>) -> Answer {
    Ok(driver(env, this)?.join())
}

fn send_status_update<'a>(env: &mut Env<'a>, this: &JObject<'a>, update: &JObject<'a>) -> Answer {
    let status: TaskStatus = java::message(env, update, "Protos$TaskStatus")?;
    if status.state() == TaskState::Staging {
        return Err(Problem::Argument(
            "An executor is not allowed to send TASK_STAGING status updates: the state of a task \
             is TASK_STARTING or a later one once an executor has it"
                .to_owned(),
        ));
    }
    Ok(driver(env, this)?.send_status_update(status))
}

fn send_framework_message<'a>(
    env: &mut Env<'a>,
    this: &JObject<'a>,
    data: &JByteArray<'a>,
) -> Answer {
    let data = java::bytes(env, data)?;
    Ok(driver(env, this)?.send_framework_message(data))
}

natives! {
    Java_org_apache_mesos_MesosExecutorDriver_initialize() = initialize;
    Java_org_apache_mesos_MesosExecutorDriver_finalize() = finalize;
}

status_natives! {
    Java_org_apache_mesos_MesosExecutorDriver_start() = start;
    Java_org_apache_mesos_MesosExecutorDriver_stop() = stop;
    Java_org_apache_mesos_MesosExecutorDriver_abort() = abort;
    Java_org_apache_mesos_MesosExecutorDriver_join() = join;
    Java_org_apache_mesos_MesosExecutorDriver_sendStatusUpdate(update: JObject<'a>) =
        send_status_update;
    Java_org_apache_mesos_MesosExecutorDriver_sendFrameworkMessage(data: JByteArray<'a>) =
        send_framework_message;
}
