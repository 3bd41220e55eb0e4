//! The native methods of `V1Mesos` and `V0Mesos` of `org.apache.mesos.v1.scheduler`.

use jni::objects::JObject;
use jni::{Env, EnvUnowned, jni_sig, jni_str};
use proffer_mesos::types::FrameworkInfo;

use super::{Table, Throw, address, masters};
use crate::java::{self, JavaListener, Problem};
use crate::v1::Mesos;

static CONNECTIONS: Table<Mesos> = Table::new(jni_str!("__mesos"));

fn initialize_v1(env: &mut Env<'_>, this: &JObject<'_>) -> Result<(), Problem> {
    initialize(env, this, None)
}

/// `V0Mesos` is told in its constructor what the framework is.
fn initialize_v0(env: &mut Env<'_>, this: &JObject<'_>) -> Result<(), Problem> {
    let signature = jni_sig!("Lorg/apache/mesos/v1/Protos$FrameworkInfo;");
    let framework = env.get_field(this, jni_str!("framework"), signature)?.l()?;
    let framework = java::message(env, &framework, "v1/Protos$FrameworkInfo")?;
    initialize(env, this, Some(framework))
}

fn initialize(
    env: &mut Env<'_>,
    this: &JObject<'_>,
    mut framework: Option<FrameworkInfo>,
) -> Result<(), Problem> {
    let signature = jni_sig!("Lorg/apache/mesos/v1/Protos$Credential;");
    let credential = env.get_field(this, jni_str!("credential"), signature)?.l()?;
    let credential = java::optional(env, &credential, "v1/Protos$Credential")?;
    let address = address(env, this, credential)?;
    if let (Some(framework), Some(credentials)) = (&mut framework, &address.credentials) {
        framework.principal.get_or_insert_with(|| credentials.principal.clone());
    }
    let signature = jni_sig!("Lorg/apache/mesos/v1/scheduler/Scheduler;");
    let scheduler = env.get_field(this, jni_str!("scheduler"), signature)?.l()?;
    let scheduler = JavaListener::new(env, this, &scheduler)?;
    // The scheduler may call as soon as it is told something.
    let mesos = CONNECTIONS.put(env, this, Mesos::new(masters(&address), framework))?;
    mesos.start(move |work| scheduler.work(work));
    Ok(())
}

fn finalize(env: &mut Env<'_>, this: &JObject<'_>) -> Result<(), Problem> {
    if let Some(mesos) = CONNECTIONS.remove(env, this)? {
        mesos.end();
    }
    Ok(())
}

fn send<'a>(env: &mut Env<'a>, this: &JObject<'a>, call: &JObject<'a>) -> Result<(), Problem> {
    let call = java::encoded(env, call, "v1/scheduler/Protos$Call")?;
    Ok(CONNECTIONS.get(env, this)?.send(call)?)
}

fn reconnect(env: &mut Env<'_>, this: &JObject<'_>) -> Result<(), Problem> {
    Ok(CONNECTIONS.get(env, this)?.reconnect()?)
}

natives! {
    Java_org_apache_mesos_v1_scheduler_V1Mesos_initialize() = initialize_v1;
    Java_org_apache_mesos_v1_scheduler_V1Mesos_finalize() = finalize;
    Java_org_apache_mesos_v1_scheduler_V1Mesos_send(call: JObject<'a>) = send;
    Java_org_apache_mesos_v1_scheduler_V1Mesos_reconnect() = reconnect;
    Java_org_apache_mesos_v1_scheduler_V0Mesos_initialize() = initialize_v0;
    Java_org_apache_mesos_v1_scheduler_V0Mesos_finalize() = finalize;
    Java_org_apache_mesos_v1_scheduler_V0Mesos_send(call: JObject<'a>) = send;
}
