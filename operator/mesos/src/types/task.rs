//! Tasks and what they run.

use super::check::{CheckInfo, CheckStatusInfo, HealthCheck};
use super::container::{ContainerInfo, ContainerStatus};
use super::identifiers::{
    AgentId, DurationInfo, ExecutorId, FrameworkId, Labels, Ports, Secret, TaskId, TimeInfo,
};
use super::resource::{Resource, TaskResourceLimitation, ValueInMap};

messages! {
    KillPolicy {
        1 optional message(DurationInfo) grace_period;
    }
    CommandInfo {
        1 repeated message(CommandInfoUri) uris;
        2 optional message(Environment) environment;
        6 optional bool shell;
        3 optional string value;
        7 repeated string arguments;
        5 optional string user;
    }
    CommandInfoUri {
        1 required string value;
        2 optional bool executable;
        3 optional bool extract;
        4 optional bool cache;
        5 optional string output_file;
    }
    ExecutorInfo {
        15 optional enumeration(ExecutorInfoType) r#type;
        1 required message(ExecutorId) executor_id;
        8 optional message(FrameworkId) framework_id;
        7 optional message(CommandInfo) command;
        11 optional message(ContainerInfo) container;
        5 repeated message(Resource) resources;
        9 optional string name;
        10 optional string source;
        4 optional bytes data;
        12 optional message(DiscoveryInfo) discovery;
        13 optional message(DurationInfo) shutdown_grace_period;
        14 optional message(Labels) labels;
    }
    TaskInfo {
        1 required string name;
        2 required message(TaskId) task_id;
        3 required message(AgentId) agent_id;
        4 repeated message(Resource) resources;
        5 optional message(ExecutorInfo) executor;
        7 optional message(CommandInfo) command;
        9 optional message(ContainerInfo) container;
        8 optional message(HealthCheck) health_check;
        13 optional message(CheckInfo) check;
        12 optional message(KillPolicy) kill_policy;
        6 optional bytes data;
        10 optional message(Labels) labels;
        11 optional message(DiscoveryInfo) discovery;
        14 optional message(DurationInfo) max_completion_time;
        15 map message(ValueInMap) limits;
    }
    TaskGroupInfo {
        1 repeated message(TaskInfo) tasks;
    }
    Task {
        1 required string name;
        2 required message(TaskId) task_id;
        3 required message(FrameworkId) framework_id;
        4 optional message(ExecutorId) executor_id;
        5 required message(AgentId) agent_id;
        6 required enumeration(TaskState) state;
        7 repeated message(Resource) resources;
        8 repeated message(TaskStatus) statuses;
        9 optional enumeration(TaskState) status_update_state;
        10 optional bytes status_update_uuid;
        11 optional message(Labels) labels;
        12 optional message(DiscoveryInfo) discovery;
        13 optional message(ContainerInfo) container;
        15 optional message(HealthCheck) health_check;
        16 optional message(KillPolicy) kill_policy;
        14 optional string user;
        17 map message(ValueInMap) limits;
    }
    TaskStatus {
        1 required message(TaskId) task_id;
        2 required enumeration(TaskState) state;
        4 optional string message;
        9 optional enumeration(TaskStatusSource) source;
        10 optional enumeration(TaskStatusReason) reason;
        3 optional bytes data;
        5 optional message(AgentId) agent_id;
        7 optional message(ExecutorId) executor_id;
        6 optional double timestamp;
        11 optional bytes uuid;
        8 optional bool healthy;
        15 optional message(CheckStatusInfo) check_status;
        12 optional message(Labels) labels;
        13 optional message(ContainerStatus) container_status;
        14 optional message(TimeInfo) unreachable_time;
        16 optional message(TaskResourceLimitation) limitation;
    }
    Environment {
        1 repeated message(EnvironmentVariable) variables;
    }
    EnvironmentVariable {
        1 required string name;
        3 optional enumeration(EnvironmentVariableType) r#type;
        2 optional string value;
        4 optional message(Secret) secret;
    }
    DiscoveryInfo {
        1 required enumeration(DiscoveryInfoVisibility) visibility;
        2 optional string name;
        3 optional string environment;
        4 optional string location;
        5 optional string version;
        6 optional message(Ports) ports;
        7 optional message(Labels) labels;
    }
}

enumerations! {
    ExecutorInfoType {
        Unknown "UNKNOWN" = 0, Default "DEFAULT" = 1, Custom "CUSTOM" = 2,
    }
    TaskState {
        Staging "TASK_STAGING" = 6, Starting "TASK_STARTING" = 0, Running "TASK_RUNNING" = 1,
        Killing "TASK_KILLING" = 8, Finished "TASK_FINISHED" = 2, Failed "TASK_FAILED" = 3,
        Killed "TASK_KILLED" = 4, Error "TASK_ERROR" = 7, Lost "TASK_LOST" = 5,
        Dropped "TASK_DROPPED" = 9, Unreachable "TASK_UNREACHABLE" = 10, Gone "TASK_GONE" = 11,
        GoneByOperator "TASK_GONE_BY_OPERATOR" = 12, Unknown "TASK_UNKNOWN" = 13,
    }
    TaskStatusSource {
        Master "SOURCE_MASTER" = 0, Agent "SOURCE_AGENT" = 1, Executor "SOURCE_EXECUTOR" = 2,
    }
    TaskStatusReason {
        CommandExecutorFailed "REASON_COMMAND_EXECUTOR_FAILED" = 0,
        ContainerLaunchFailed "REASON_CONTAINER_LAUNCH_FAILED" = 21,
        ContainerLimitation "REASON_CONTAINER_LIMITATION" = 19,
        ContainerLimitationDisk "REASON_CONTAINER_LIMITATION_DISK" = 20,
        ContainerLimitationMemory "REASON_CONTAINER_LIMITATION_MEMORY" = 8,
        ContainerPreempted "REASON_CONTAINER_PREEMPTED" = 17,
        ContainerUpdateFailed "REASON_CONTAINER_UPDATE_FAILED" = 22,
        MaxCompletionTimeReached "REASON_MAX_COMPLETION_TIME_REACHED" = 33,
        ExecutorRegistrationTimeout "REASON_EXECUTOR_REGISTRATION_TIMEOUT" = 23,
        ExecutorReregistrationTimeout "REASON_EXECUTOR_REREGISTRATION_TIMEOUT" = 24,
        ExecutorTerminated "REASON_EXECUTOR_TERMINATED" = 1,
        ExecutorUnregistered "REASON_EXECUTOR_UNREGISTERED" = 2,
        FrameworkRemoved "REASON_FRAMEWORK_REMOVED" = 3, GcError "REASON_GC_ERROR" = 4,
        InvalidFrameworkid "REASON_INVALID_FRAMEWORKID" = 5,
        InvalidOffers "REASON_INVALID_OFFERS" = 6,
        IoSwitchboardExited "REASON_IO_SWITCHBOARD_EXITED" = 27,
        MasterDisconnected "REASON_MASTER_DISCONNECTED" = 7,
        Reconciliation "REASON_RECONCILIATION" = 9,
        ResourcesUnknown "REASON_RESOURCES_UNKNOWN" = 18,
        AgentDisconnected "REASON_AGENT_DISCONNECTED" = 10,
        AgentDraining "REASON_AGENT_DRAINING" = 34, AgentRemoved "REASON_AGENT_REMOVED" = 11,
        AgentRemovedByOperator "REASON_AGENT_REMOVED_BY_OPERATOR" = 31,
        AgentReregistered "REASON_AGENT_REREGISTERED" = 32,
        AgentRestarted "REASON_AGENT_RESTARTED" = 12, AgentUnknown "REASON_AGENT_UNKNOWN" = 13,
        TaskKilledDuringLaunch "REASON_TASK_KILLED_DURING_LAUNCH" = 30,
        TaskCheckStatusUpdated "REASON_TASK_CHECK_STATUS_UPDATED" = 28,
        TaskHealthCheckStatusUpdated "REASON_TASK_HEALTH_CHECK_STATUS_UPDATED" = 29,
        TaskGroupInvalid "REASON_TASK_GROUP_INVALID" = 25,
        TaskGroupUnauthorized "REASON_TASK_GROUP_UNAUTHORIZED" = 26,
        TaskInvalid "REASON_TASK_INVALID" = 14, TaskUnauthorized "REASON_TASK_UNAUTHORIZED" = 15,
        TaskUnknown "REASON_TASK_UNKNOWN" = 16,
    }
    EnvironmentVariableType {
        Unknown "UNKNOWN" = 0, Value "VALUE" = 1, Secret "SECRET" = 2,
    }
    DiscoveryInfoVisibility {
        Framework "FRAMEWORK" = 0, Cluster "CLUSTER" = 1, External "EXTERNAL" = 2,
    }
}
