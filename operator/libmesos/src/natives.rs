//! The functions that Java calls: the native methods of `org.apache.mesos.MesosSchedulerDriver` and
//! `MesosNativeLibrary`.
//!
//! A panic becomes a Java exception (`EnvUnowned::with_env` catches it), so that nothing unwinds into
//! the JVM. Drivers are known to Java by a number in the field `__driver`: a wrong one is no driver,
//! where a pointer would be a crash.

// The names are those that the JVM looks for.
#![allow(non_snake_case)]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jni::errors::ThrowRuntimeExAndDefault;
use jni::objects::{JByteArray, JClass, JObject, JString};
use jni::sys::jboolean;
use jni::{Env, EnvUnowned, JValue, jni_sig, jni_str};
use proffer_mesos::scheduler::{
    Call, CallAccept, CallAcknowledge, CallDecline, CallKill, CallMessage, CallReconcile,
    CallReconcileTask, CallRequest, CallRevive, CallSuppress, CallType,
};
use proffer_mesos::types::{
    Credential, Filters, FrameworkInfo, OfferId, OfferOperation, OfferOperationLaunch,
    OfferOperationType, TaskInfo, TaskStatus,
};

use crate::address::{Address, Credentials};
use crate::driver::{Driver, Status};
use crate::java::{self, Daemon, JavaFramework, Problem};
use crate::log;
use crate::spark::{Executors, bind_to_own_address};

/// The version of Mesos whose driver this behaves like.
const VERSION: (i64, i64, i64) = (1, 11, 0);

static DRIVERS: Mutex<BTreeMap<i64, Arc<Driver>>> = Mutex::new(BTreeMap::new());
static NEXT_DRIVER: AtomicI64 = AtomicI64::new(1);

fn drivers() -> MutexGuard<'static, BTreeMap<i64, Arc<Driver>>> {
    DRIVERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The driver behind a Java object.
fn driver(env: &mut Env<'_>, this: &JObject<'_>) -> Result<Arc<Driver>, Problem> {
    let number = env.get_field(this, jni_str!("__driver"), jni_sig!("J"))?.j()?;
    drivers().get(&number).cloned().ok_or(Problem::Other("the driver was never initialized"))
}

fn initialize(env: &mut Env<'_>, this: &JObject<'_>) -> Result<(), Problem> {
    let master = env.get_field(this, jni_str!("master"), jni_sig!("Ljava/lang/String;"))?.l()?;
    let master = env.cast_local::<JString<'_>>(master)?.to_string();
    let signature = jni_sig!("Lorg/apache/mesos/Protos$FrameworkInfo;");
    let framework = env.get_field(this, jni_str!("framework"), signature)?.l()?;
    let mut framework: FrameworkInfo = java::message(env, &framework, "FrameworkInfo")?;
    let acknowledges =
        env.get_field(this, jni_str!("implicitAcknowledgements"), jni_sig!("Z"))?.z()?;
    let signature = jni_sig!("Lorg/apache/mesos/Protos$Credential;");
    let credential = env.get_field(this, jni_str!("credential"), signature)?.l()?;
    let mut address = match Address::parse(&master) {
        Ok(address) => address,
        Err(problem) => {
            let class = jni_str!("java/lang/IllegalArgumentException");
            env.throw_new(class, jni::strings::JNIString::new(problem.to_string()))?;
            return Ok(());
        }
    };
    if !credential.is_null() && address.credentials.is_none() {
        let Credential { principal, secret } = java::message(env, &credential, "Credential")?;
        address.credentials = Some(Credentials { principal, secret: secret.unwrap_or_default() });
    }
    if let (None, Some(credentials)) = (&framework.principal, &address.credentials) {
        framework.principal = Some(credentials.principal.clone());
    }
    Executors::of_this_process().describe(&mut framework);
    let secure = std::env::var("LIBPROCESS_SSL_ENABLED").is_ok_and(|it| it == "1" || it == "true");
    let driver = Driver::new(&address, secure, framework, acknowledges);
    let number = NEXT_DRIVER.fetch_add(1, Ordering::Relaxed);
    drivers().insert(number, Arc::new(driver));
    env.set_field(this, jni_str!("__driver"), jni_sig!("J"), JValue::Long(number))?;
    Ok(())
}

fn start(env: &mut Env<'_>, this: &JObject<'_>) -> Result<Status, Problem> {
    let driver = driver(env, this)?;
    let scheduler = env
        .get_field(this, jni_str!("scheduler"), jni_sig!("Lorg/apache/mesos/Scheduler;"))?
        .l()?;
    let loader = java::loader(env, this)?;
    let mut framework = JavaFramework {
        scheduler: env.new_global_ref(&scheduler)?,
        driver: env.new_global_ref(this)?,
        loader: env.new_global_ref(&loader)?,
    };
    Ok(driver.start(move |work| match Daemon::attach() {
        // The references go before the thread is detached.
        Ok(_daemon) => {
            work(&mut framework);
            drop(framework);
        }
        Err(problem) => log::warn(&problem.to_string()),
    }))
}

/// Makes a call and says what has become of the driver.
fn call(
    env: &mut Env<'_>,
    this: &JObject<'_>,
    kind: CallType,
    fill: impl FnOnce(&mut Call),
) -> Result<Status, Problem> {
    Ok(driver(env, this)?.call(kind, fill))
}

/// Filters may be null.
fn filters(env: &mut Env<'_>, filters: &JObject<'_>) -> Result<Option<Filters>, Problem> {
    (!filters.is_null()).then(|| java::message(env, filters, "Filters")).transpose()
}

fn launch(
    env: &mut Env<'_>,
    this: &JObject<'_>,
    offer_ids: Vec<OfferId>,
    tasks: &JObject<'_>,
    filter: &JObject<'_>,
) -> Result<Status, Problem> {
    let mut task_infos: Vec<TaskInfo> = java::messages(env, tasks, "TaskInfo")?;
    task_infos.iter_mut().for_each(bind_to_own_address);
    let filters = filters(env, filter)?;
    let mut operation =
        OfferOperation { launch: Some(OfferOperationLaunch { task_infos }), ..Default::default() };
    operation.set_type(OfferOperationType::Launch);
    let operations = vec![operation];
    call(env, this, CallType::Accept, |call| {
        call.accept = Some(CallAccept { offer_ids, operations, filters });
    })
}

/// Defines native methods that return the driver's status.
macro_rules! natives {
    ($($name:ident($($argument:ident: $type:ty),*) = $body:expr;)*) => { $(
        // SAFETY: the JVM calls it with the arguments that the Java method of this name declares.
        #[allow(unsafe_code)]
        #[unsafe(no_mangle)]
        extern "system" fn $name<'a>(
            mut env: EnvUnowned<'a>,
            this: JObject<'a>,
            $($argument: $type),*
        ) -> JObject<'a> {
            env.with_env(|env| {
                #[allow(clippy::redundant_closure_call)]
                let status: Status = ($body)(env, &this, $(&$argument),*)?;
                java::status(env, &this, status)
            })
            .resolve::<ThrowRuntimeExAndDefault>()
        }
    )* };
}

natives! {
    Java_org_apache_mesos_MesosSchedulerDriver_start() = start;
    Java_org_apache_mesos_MesosSchedulerDriver_stop(failover: jboolean) =
        |env: &mut Env<'a>, this: &_, failover: &jboolean| -> Result<_, Problem> {
            Ok(driver(env, this)?.stop(*failover))
        };
    Java_org_apache_mesos_MesosSchedulerDriver_abort() =
        |env: &mut Env<'a>, this: &_| -> Result<_, Problem> { Ok(driver(env, this)?.abort()) };
    Java_org_apache_mesos_MesosSchedulerDriver_join() =
        |env: &mut Env<'a>, this: &_| -> Result<_, Problem> { Ok(driver(env, this)?.join()) };
    Java_org_apache_mesos_MesosSchedulerDriver_launchTasks__Lorg_apache_mesos_Protos_00024OfferID_2Ljava_util_Collection_2Lorg_apache_mesos_Protos_00024Filters_2(
        offer: JObject<'a>, tasks: JObject<'a>, filters: JObject<'a>
    ) = |env: &mut Env<'a>, this: &_, offer: &_, tasks: &_, filters: &_| {
        let offer = java::message(env, offer, "OfferID")?;
        launch(env, this, vec![offer], tasks, filters)
    };
    Java_org_apache_mesos_MesosSchedulerDriver_launchTasks__Ljava_util_Collection_2Ljava_util_Collection_2Lorg_apache_mesos_Protos_00024Filters_2(
        offers: JObject<'a>, tasks: JObject<'a>, filters: JObject<'a>
    ) = |env: &mut Env<'a>, this: &_, offers: &_, tasks: &_, filters: &_| {
        let offers = java::messages(env, offers, "OfferID")?;
        launch(env, this, offers, tasks, filters)
    };
    Java_org_apache_mesos_MesosSchedulerDriver_acceptOffers(
        offers: JObject<'a>, operations: JObject<'a>, filter: JObject<'a>
    ) = |env: &mut Env<'a>, this: &_, offers: &_, operations: &_, filter: &_| {
        let offer_ids = java::messages(env, offers, "OfferID")?;
        let operations = java::messages(env, operations, "Offer.Operation")?;
        let filters = filters(env, filter)?;
        call(env, this, CallType::Accept, |call| {
            call.accept = Some(CallAccept { offer_ids, operations, filters });
        })
    };
    Java_org_apache_mesos_MesosSchedulerDriver_declineOffer(
        offer: JObject<'a>, filter: JObject<'a>
    ) = |env: &mut Env<'a>, this: &_, offer: &_, filter: &_| {
        let offer_ids = vec![java::message(env, offer, "OfferID")?];
        let filters = filters(env, filter)?;
        call(env, this, CallType::Decline, |call| {
            call.decline = Some(CallDecline { offer_ids, filters });
        })
    };
    Java_org_apache_mesos_MesosSchedulerDriver_killTask(task: JObject<'a>) =
        |env: &mut Env<'a>, this: &_, task: &_| {
            let task_id = java::message(env, task, "TaskID")?;
            call(env, this, CallType::Kill, |call| {
                call.kill = Some(CallKill { task_id, ..CallKill::default() });
            })
        };
    Java_org_apache_mesos_MesosSchedulerDriver_reviveOffers() =
        |env: &mut Env<'a>, this: &_| call(env, this, CallType::Revive, |call| {
            call.revive = Some(CallRevive::default());
        });
    Java_org_apache_mesos_MesosSchedulerDriver_suppressOffers() =
        |env: &mut Env<'a>, this: &_| call(env, this, CallType::Suppress, |call| {
            call.suppress = Some(CallSuppress::default());
        });
    Java_org_apache_mesos_MesosSchedulerDriver_acknowledgeStatusUpdate(update: JObject<'a>) =
        |env: &mut Env<'a>, this: &_, update: &_| {
            let status: TaskStatus = java::message(env, update, "TaskStatus")?;
            let (Some(agent_id), Some(uuid)) = (status.agent_id, status.uuid) else {
                // What the master said itself is not acknowledged.
                return Ok(driver(env, this)?.status());
            };
            call(env, this, CallType::Acknowledge, |call| {
                let task_id = status.task_id;
                call.acknowledge = Some(CallAcknowledge { agent_id, task_id, uuid });
            })
        };
    Java_org_apache_mesos_MesosSchedulerDriver_sendFrameworkMessage(
        executor: JObject<'a>, agent: JObject<'a>, data: JByteArray<'a>
    ) = |env: &mut Env<'a>, this: &_, executor: &_, agent: &_, data: &JByteArray<'a>| {
        let executor_id = java::message(env, executor, "ExecutorID")?;
        let agent_id = java::message(env, agent, "SlaveID")?;
        let data = env.convert_byte_array(data)?;
        call(env, this, CallType::Message, |call| {
            call.message = Some(CallMessage { agent_id, executor_id, data });
        })
    };
    Java_org_apache_mesos_MesosSchedulerDriver_reconcileTasks(statuses: JObject<'a>) =
        |env: &mut Env<'a>, this: &_, statuses: &_| {
            let statuses: Vec<TaskStatus> = java::messages(env, statuses, "TaskStatus")?;
            let task = |status: TaskStatus| CallReconcileTask {
                task_id: status.task_id,
                agent_id: status.agent_id,
            };
            call(env, this, CallType::Reconcile, |call| {
                let tasks = statuses.into_iter().map(task).collect();
                call.reconcile = Some(CallReconcile { tasks });
            })
        };
    Java_org_apache_mesos_MesosSchedulerDriver_requestResources(requests: JObject<'a>) =
        |env: &mut Env<'a>, this: &_, requests: &_| {
            let requests = java::messages(env, requests, "Request")?;
            call(env, this, CallType::Request, |call| {
                call.request = Some(CallRequest { requests });
            })
        };
}

// SAFETY: the JVM calls it as `void initialize()` of a driver.
#[allow(unsafe_code)]
#[unsafe(no_mangle)]
extern "system" fn Java_org_apache_mesos_MesosSchedulerDriver_initialize<'a>(
    mut env: EnvUnowned<'a>,
    this: JObject<'a>,
) {
    env.with_env(|env| initialize(env, &this)).resolve::<ThrowRuntimeExAndDefault>();
}

// SAFETY: the JVM calls it as `void finalize()` of a driver.
#[allow(unsafe_code)]
#[unsafe(no_mangle)]
extern "system" fn Java_org_apache_mesos_MesosSchedulerDriver_finalize<'a>(
    mut env: EnvUnowned<'a>,
    this: JObject<'a>,
) {
    env.with_env(|env| -> Result<(), Problem> {
        let number = env.get_field(&this, jni_str!("__driver"), jni_sig!("J"))?.j()?;
        drivers().remove(&number);
        Ok(())
    })
    .resolve::<ThrowRuntimeExAndDefault>();
}

// SAFETY: the JVM calls it as `static Version _version()` of the library's class.
#[allow(unsafe_code)]
#[unsafe(no_mangle)]
extern "system" fn Java_org_apache_mesos_MesosNativeLibrary__1version<'a>(
    mut env: EnvUnowned<'a>,
    _class: JClass<'a>,
) -> JObject<'a> {
    env.with_env(|env| -> Result<_, Problem> {
        let (major, minor, patch) = VERSION;
        let numbers = [JValue::Long(major), JValue::Long(minor), JValue::Long(patch)];
        let class = jni_str!("org/apache/mesos/MesosNativeLibrary$Version");
        Ok(env.new_object(class, jni_sig!("(JJJ)V"), &numbers)?)
    })
    .resolve::<ThrowRuntimeExAndDefault>()
}
