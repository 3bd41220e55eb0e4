//! The native methods of `org.apache.mesos.MesosSchedulerDriver`.

use std::sync::Arc;

use jni::errors::Error;
use jni::objects::{JByteArray, JObject};
use jni::sys::jboolean;
use jni::{Env, EnvUnowned, jni_sig, jni_str};
use proffer_mesos::scheduler::{
    CallAccept, CallAcknowledge, CallDecline, CallKill, CallMessage, CallReconcile,
    CallReconcileTask, CallRequest, CallType, OfferConstraints,
};
use proffer_mesos::types::{
    FrameworkInfo, OfferId, OfferOperation, OfferOperationLaunch, OfferOperationType, TaskInfo,
    TaskStatus,
};

use super::{Table, Throw, address, masters};
use crate::driver::Driver;
use crate::java::{self, JavaListener, Problem};
use crate::life::Status;
use crate::session::Session;
use crate::spark::{Executors, bind_to_own_address};

static DRIVERS: Table<Driver> = Table::new(jni_str!("__driver"));

type Answer = Result<Status, Problem>;

fn driver(env: &mut Env<'_>, this: &JObject<'_>) -> Result<Arc<Driver>, Problem> {
    DRIVERS.get(env, this)
}

fn initialize(env: &mut Env<'_>, this: &JObject<'_>) -> Result<(), Problem> {
    let signature = jni_sig!("Lorg/apache/mesos/Protos$FrameworkInfo;");
    let framework = env.get_field(this, jni_str!("framework"), signature)?.l()?;
    let mut framework: FrameworkInfo = java::message(env, &framework, "Protos$FrameworkInfo")?;
    let acknowledges =
        env.get_field(this, jni_str!("implicitAcknowledgements"), jni_sig!("Z"))?.z()?;
    let signature = jni_sig!("Lorg/apache/mesos/Protos$Credential;");
    let credential = env.get_field(this, jni_str!("credential"), signature)?.l()?;
    let credential = java::optional(env, &credential, "Protos$Credential")?;
    let suppressed = suppressed_roles(env, this)?;
    let address = address(env, this, credential)?;
    if let (None, Some(credentials)) = (&framework.principal, &address.credentials) {
        framework.principal = Some(credentials.principal.clone());
    }
    Executors::of_this_process().describe(&mut framework);
    let session = Session::new(framework, suppressed, acknowledges);
    DRIVERS.put(env, this, Driver::new(masters(&address), session))?;
    Ok(())
}

/// The roles in which nothing is to be offered, which the driver's class knows since 1.8.
fn suppressed_roles(env: &mut Env<'_>, this: &JObject<'_>) -> Result<Vec<String>, Problem> {
    let name = jni_str!("suppressedRoles");
    let roles = match env.get_field(this, name, jni_sig!("Ljava/util/Collection;")) {
        Ok(roles) => roles.l()?,
        Err(Error::FieldNotFound { .. }) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    if roles.is_null() { Ok(Vec::new()) } else { java::strings(env, &roles) }
}

fn finalize(env: &mut Env<'_>, this: &JObject<'_>) -> Result<(), Problem> {
    DRIVERS.remove(env, this).map(drop)
}

fn start(env: &mut Env<'_>, this: &JObject<'_>) -> Answer {
    let driver = driver(env, this)?;
    let signature = jni_sig!("Lorg/apache/mesos/Scheduler;");
    let scheduler = env.get_field(this, jni_str!("scheduler"), signature)?.l()?;
    let scheduler = JavaListener::new(env, this, &scheduler)?;
    Ok(driver.start(move |work| scheduler.work(work)))
}

#[allow(clippy::trivially_copy_pass_by_ref)] // As all natives are given their arguments.
fn stop(env: &mut Env<'_>, this: &JObject<'_>, failover: &jboolean) -> Answer {
    Ok(driver(env, this)?.stop(*failover))
}

fn abort(env: &mut Env<'_>, this: &JObject<'_>) -> Answer {
    Ok(driver(env, this)?.abort())
}

fn join(env: &mut Env<'_>, this: &JObject<'_>) -> Answer {
    Ok(driver(env, this)?.join())
}

fn launch_tasks_of_offer<'a>(
    env: &mut Env<'a>,
    this: &JObject<'a>,
    offer: &JObject<'a>,
    tasks: &JObject<'a>,
    filters: &JObject<'a>,
) -> Answer {
    let offer = java::message(env, offer, "Protos$OfferID")?;
    launch(env, this, vec![offer], tasks, filters)
}

fn launch_tasks<'a>(
    env: &mut Env<'a>,
    this: &JObject<'a>,
    offers: &JObject<'a>,
    tasks: &JObject<'a>,
    filters: &JObject<'a>,
) -> Answer {
    let offers = java::messages(env, offers, "Protos$OfferID")?;
    launch(env, this, offers, tasks, filters)
}

fn launch(
    env: &mut Env<'_>,
    this: &JObject<'_>,
    offer_ids: Vec<OfferId>,
    tasks: &JObject<'_>,
    filters: &JObject<'_>,
) -> Answer {
    let mut task_infos: Vec<TaskInfo> = java::messages(env, tasks, "Protos$TaskInfo")?;
    task_infos.iter_mut().for_each(bind_to_own_address);
    let mut operation =
        OfferOperation { launch: Some(OfferOperationLaunch { task_infos }), ..Default::default() };
    operation.set_type(OfferOperationType::Launch);
    accept(env, this, offer_ids, vec![operation], filters)
}

fn accept_offers<'a>(
    env: &mut Env<'a>,
    this: &JObject<'a>,
    offers: &JObject<'a>,
    operations: &JObject<'a>,
    filters: &JObject<'a>,
) -> Answer {
    let offers = java::messages(env, offers, "Protos$OfferID")?;
    let operations: Vec<OfferOperation> =
        java::messages(env, operations, "Protos$Offer$Operation")?;
    if operations.iter().any(|operation| operation.id.is_some()) {
        return Err(Problem::Argument(
            "An offer operation's 'id' field was set, which is disallowed because the \
             SchedulerDriver cannot handle offer operation status updates"
                .to_owned(),
        ));
    }
    accept(env, this, offers, operations, filters)
}

fn accept(
    env: &mut Env<'_>,
    this: &JObject<'_>,
    offer_ids: Vec<OfferId>,
    operations: Vec<OfferOperation>,
    filters: &JObject<'_>,
) -> Answer {
    let filters = java::optional(env, filters, "Protos$Filters")?;
    Ok(driver(env, this)?.call(|session| {
        let mut call = session.call(CallType::Accept);
        call.accept = Some(CallAccept { offer_ids, operations, filters });
        call
    }))
}

fn decline_offer<'a>(
    env: &mut Env<'a>,
    this: &JObject<'a>,
    offer: &JObject<'a>,
    filters: &JObject<'a>,
) -> Answer {
    let offer_ids = vec![java::message(env, offer, "Protos$OfferID")?];
    let filters = java::optional(env, filters, "Protos$Filters")?;
    Ok(driver(env, this)?.call(|session| {
        let mut call = session.call(CallType::Decline);
        call.decline = Some(CallDecline { offer_ids, filters });
        call
    }))
}

fn kill_task<'a>(env: &mut Env<'a>, this: &JObject<'a>, task: &JObject<'a>) -> Answer {
    let task_id = java::message(env, task, "Protos$TaskID")?;
    Ok(driver(env, this)?.call(|session| {
        let mut call = session.call(CallType::Kill);
        call.kill = Some(CallKill { task_id, ..CallKill::default() });
        call
    }))
}

fn revive_all(env: &mut Env<'_>, this: &JObject<'_>) -> Answer {
    Ok(driver(env, this)?.call_now_or_later(|session| session.revive(Vec::new())))
}

fn revive<'a>(env: &mut Env<'a>, this: &JObject<'a>, roles: &JObject<'a>) -> Answer {
    let roles = java::strings(env, roles)?;
    Ok(driver(env, this)?.call_now_or_later(|session| session.revive(roles)))
}

fn suppress_all(env: &mut Env<'_>, this: &JObject<'_>) -> Answer {
    Ok(driver(env, this)?.call_now_or_later(|session| session.suppress(Vec::new())))
}

fn suppress<'a>(env: &mut Env<'a>, this: &JObject<'a>, roles: &JObject<'a>) -> Answer {
    let roles = java::strings(env, roles)?;
    Ok(driver(env, this)?.call_now_or_later(|session| session.suppress(roles)))
}

fn update_framework<'a>(
    env: &mut Env<'a>,
    this: &JObject<'a>,
    framework: &JObject<'a>,
    roles: &JObject<'a>,
) -> Answer {
    update(env, this, framework, roles, None)
}

fn update_framework_with_constraints<'a>(
    env: &mut Env<'a>,
    this: &JObject<'a>,
    framework: &JObject<'a>,
    roles: &JObject<'a>,
    constraints: &JObject<'a>,
) -> Answer {
    let constraints = java::message(env, constraints, "scheduler/Protos$OfferConstraints")?;
    update(env, this, framework, roles, Some(constraints))
}

fn update(
    env: &mut Env<'_>,
    this: &JObject<'_>,
    framework: &JObject<'_>,
    roles: &JObject<'_>,
    constraints: Option<OfferConstraints>,
) -> Answer {
    let mut framework = java::message(env, framework, "Protos$FrameworkInfo")?;
    Executors::of_this_process().describe(&mut framework);
    let roles = java::strings(env, roles)?;
    Ok(driver(env, this)?.update_framework(framework, roles, constraints))
}

fn acknowledge<'a>(env: &mut Env<'a>, this: &JObject<'a>, update: &JObject<'a>) -> Answer {
    let status: TaskStatus = java::message(env, update, "Protos$TaskStatus")?;
    let driver = driver(env, this)?;
    if driver.acknowledges() {
        return Err(Problem::State(
            "Cannot call acknowledgeStatusUpdate: Implicit acknowledgements are enabled; give the \
             driver's constructor implicitAcknowledgements = false"
                .to_owned(),
        ));
    }
    let (Some(agent_id), Some(uuid)) = (status.agent_id, status.uuid) else {
        // What the master said itself is not acknowledged.
        return Ok(driver.status());
    };
    let task_id = status.task_id;
    Ok(driver.call(|session| {
        let mut call = session.call(CallType::Acknowledge);
        call.acknowledge = Some(CallAcknowledge { agent_id, task_id, uuid });
        call
    }))
}

fn send_framework_message<'a>(
    env: &mut Env<'a>,
    this: &JObject<'a>,
    executor: &JObject<'a>,
    agent: &JObject<'a>,
    data: &JByteArray<'a>,
) -> Answer {
    let executor_id = java::message(env, executor, "Protos$ExecutorID")?;
    let agent_id = java::message(env, agent, "Protos$SlaveID")?;
    let data = java::bytes(env, data)?;
    Ok(driver(env, this)?.call(|session| {
        let mut call = session.call(CallType::Message);
        call.message = Some(CallMessage { agent_id, executor_id, data });
        call
    }))
}

fn reconcile_tasks<'a>(env: &mut Env<'a>, this: &JObject<'a>, statuses: &JObject<'a>) -> Answer {
    let statuses: Vec<TaskStatus> = java::messages(env, statuses, "Protos$TaskStatus")?;
    let task = |status: TaskStatus| CallReconcileTask {
        task_id: status.task_id,
        agent_id: status.agent_id,
    };
    let tasks = statuses.into_iter().map(task).collect();
    Ok(driver(env, this)?.call(|session| {
        let mut call = session.call(CallType::Reconcile);
        call.reconcile = Some(CallReconcile { tasks });
        call
    }))
}

fn request_resources<'a>(env: &mut Env<'a>, this: &JObject<'a>, requests: &JObject<'a>) -> Answer {
    let requests = java::messages(env, requests, "Protos$Request")?;
    Ok(driver(env, this)?.call(|session| {
        let mut call = session.call(CallType::Request);
        call.request = Some(CallRequest { requests });
        call
    }))
}

natives! {
    Java_org_apache_mesos_MesosSchedulerDriver_initialize() = initialize;
    Java_org_apache_mesos_MesosSchedulerDriver_finalize() = finalize;
}

status_natives! {
    Java_org_apache_mesos_MesosSchedulerDriver_start() = start;
    Java_org_apache_mesos_MesosSchedulerDriver_stop(failover: jboolean) = stop;
    Java_org_apache_mesos_MesosSchedulerDriver_abort() = abort;
    Java_org_apache_mesos_MesosSchedulerDriver_join() = join;
    Java_org_apache_mesos_MesosSchedulerDriver_launchTasks__Lorg_apache_mesos_Protos_00024OfferID_2Ljava_util_Collection_2Lorg_apache_mesos_Protos_00024Filters_2(
        offer: JObject<'a>, tasks: JObject<'a>, filters: JObject<'a>
    ) = launch_tasks_of_offer;
    Java_org_apache_mesos_MesosSchedulerDriver_launchTasks__Ljava_util_Collection_2Ljava_util_Collection_2Lorg_apache_mesos_Protos_00024Filters_2(
        offers: JObject<'a>, tasks: JObject<'a>, filters: JObject<'a>
    ) = launch_tasks;
    Java_org_apache_mesos_MesosSchedulerDriver_acceptOffers(
        offers: JObject<'a>, operations: JObject<'a>, filters: JObject<'a>
    ) = accept_offers;
    Java_org_apache_mesos_MesosSchedulerDriver_declineOffer(
        offer: JObject<'a>, filters: JObject<'a>
    ) = decline_offer;
    Java_org_apache_mesos_MesosSchedulerDriver_killTask(task: JObject<'a>) = kill_task;
    Java_org_apache_mesos_MesosSchedulerDriver_reviveOffers__() = revive_all;
    Java_org_apache_mesos_MesosSchedulerDriver_reviveOffers__Ljava_util_Collection_2(
        roles: JObject<'a>
    ) = revive;
    Java_org_apache_mesos_MesosSchedulerDriver_suppressOffers__() = suppress_all;
    Java_org_apache_mesos_MesosSchedulerDriver_suppressOffers__Ljava_util_Collection_2(
        roles: JObject<'a>
    ) = suppress;
    Java_org_apache_mesos_MesosSchedulerDriver_updateFramework(
        framework: JObject<'a>, roles: JObject<'a>
    ) = update_framework;
    Java_org_apache_mesos_MesosSchedulerDriver_updateFrameworkWithConstraints(
        framework: JObject<'a>, roles: JObject<'a>, constraints: JObject<'a>
    ) = update_framework_with_constraints;
    Java_org_apache_mesos_MesosSchedulerDriver_acknowledgeStatusUpdate(update: JObject<'a>) =
        acknowledge;
    Java_org_apache_mesos_MesosSchedulerDriver_sendFrameworkMessage(
        executor: JObject<'a>, agent: JObject<'a>, data: JByteArray<'a>
    ) = send_framework_message;
    Java_org_apache_mesos_MesosSchedulerDriver_reconcileTasks(statuses: JObject<'a>) =
        reconcile_tasks;
    Java_org_apache_mesos_MesosSchedulerDriver_requestResources(requests: JObject<'a>) =
        request_resources;
}
