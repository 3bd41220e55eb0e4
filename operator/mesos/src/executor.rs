//! What executors say and are told: `mesos.v1.executor`.

use crate::types::{
    AgentInfo, ContainerId, ExecutorId, ExecutorInfo, FrameworkId, FrameworkInfo, KillPolicy,
    TaskGroupInfo, TaskId, TaskInfo, TaskStatus,
};

messages! {
    Event {
        1 optional enumeration(EventType) r#type;
        2 optional message(EventSubscribed) subscribed;
        3 optional message(EventAcknowledged) acknowledged;
        4 optional message(EventLaunch) launch;
        8 optional message(EventLaunchGroup) launch_group;
        5 optional message(EventKill) kill;
        6 optional message(EventMessage) message;
        7 optional message(EventError) error;
    }
    EventSubscribed {
        1 required message(ExecutorInfo) executor_info;
        2 required message(FrameworkInfo) framework_info;
        3 required message(AgentInfo) agent_info;
        4 optional message(ContainerId) container_id;
    }
    EventLaunch {
        1 required message(TaskInfo) task;
    }
    EventLaunchGroup {
        1 required message(TaskGroupInfo) task_group;
    }
    EventKill {
        1 required message(TaskId) task_id;
        2 optional message(KillPolicy) kill_policy;
    }
    EventAcknowledged {
        1 required message(TaskId) task_id;
        2 required bytes uuid;
    }
    EventMessage {
        1 required bytes data;
    }
    EventError {
        1 required string message;
    }
    Call {
        1 required message(ExecutorId) executor_id;
        2 required message(FrameworkId) framework_id;
        3 optional enumeration(CallType) r#type;
        4 optional message(CallSubscribe) subscribe;
        5 optional message(CallUpdate) update;
        6 optional message(CallMessage) message;
    }
    CallSubscribe {
        1 repeated message(TaskInfo) unacknowledged_tasks;
        2 repeated message(CallUpdate) unacknowledged_updates;
    }
    CallUpdate {
        1 required message(TaskStatus) status;
    }
    CallMessage {
        2 required bytes data;
    }
}

enumerations! {
    EventType {
        Unknown "UNKNOWN" = 0, Subscribed "SUBSCRIBED" = 1, Launch "LAUNCH" = 2,
        LaunchGroup "LAUNCH_GROUP" = 8, Kill "KILL" = 3, Acknowledged "ACKNOWLEDGED" = 4,
        Message "MESSAGE" = 5, Error "ERROR" = 6, Shutdown "SHUTDOWN" = 7,
        Heartbeat "HEARTBEAT" = 9,
    }
    CallType {
        Unknown "UNKNOWN" = 0, Subscribe "SUBSCRIBE" = 1, Update "UPDATE" = 2,
        Message "MESSAGE" = 3, Heartbeat "HEARTBEAT" = 4,
    }
}
