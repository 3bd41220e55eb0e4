//! Offers and operations on them.

use super::identifiers::{
    AgentId, DomainInfo, ExecutorId, FrameworkId, OfferId, OperationId, ResourceProviderId,
    Unavailability, Url, Uuid,
};
use super::resource::{
    Attribute, Resource, ResourceAllocationInfo, ResourceDiskInfoSourceType, ValueScalar,
};
use super::task::{ExecutorInfo, TaskGroupInfo, TaskInfo};

messages! {
    Offer {
        1 required message(OfferId) id;
        2 required message(FrameworkId) framework_id;
        3 required message(AgentId) agent_id;
        4 required string hostname;
        8 optional message(Url) url;
        11 optional message(DomainInfo) domain;
        5 repeated message(Resource) resources;
        7 repeated message(Attribute) attributes;
        6 repeated message(ExecutorId) executor_ids;
        9 optional message(Unavailability) unavailability;
        10 optional message(ResourceAllocationInfo) allocation_info;
    }
    OfferOperation {
        1 optional enumeration(OfferOperationType) r#type;
        12 optional message(OperationId) id;
        2 optional message(OfferOperationLaunch) launch;
        7 optional message(OfferOperationLaunchGroup) launch_group;
        3 optional message(OfferOperationReserve) reserve;
        4 optional message(OfferOperationUnreserve) unreserve;
        5 optional message(OfferOperationCreate) create;
        6 optional message(OfferOperationDestroy) destroy;
        13 optional message(OfferOperationGrowVolume) grow_volume;
        14 optional message(OfferOperationShrinkVolume) shrink_volume;
        15 optional message(OfferOperationCreateDisk) create_disk;
        16 optional message(OfferOperationDestroyDisk) destroy_disk;
    }
    OfferOperationLaunch {
        1 repeated message(TaskInfo) task_infos;
    }
    OfferOperationLaunchGroup {
        1 required message(ExecutorInfo) executor;
        2 required message(TaskGroupInfo) task_group;
    }
    OfferOperationReserve {
        2 repeated message(Resource) source;
        1 repeated message(Resource) resources;
    }
    OfferOperationUnreserve {
        1 repeated message(Resource) resources;
    }
    OfferOperationCreate {
        1 repeated message(Resource) volumes;
    }
    OfferOperationDestroy {
        1 repeated message(Resource) volumes;
    }
    OfferOperationGrowVolume {
        1 required message(Resource) volume;
        2 required message(Resource) addition;
    }
    OfferOperationShrinkVolume {
        1 required message(Resource) volume;
        2 required message(ValueScalar) subtract;
    }
    OfferOperationCreateDisk {
        1 required message(Resource) source;
        2 required enumeration(ResourceDiskInfoSourceType) target_type;
        3 optional string target_profile;
    }
    OfferOperationDestroyDisk {
        1 required message(Resource) source;
    }
    InverseOffer {
        1 required message(OfferId) id;
        2 optional message(Url) url;
        3 required message(FrameworkId) framework_id;
        4 optional message(AgentId) agent_id;
        5 required message(Unavailability) unavailability;
        6 repeated message(Resource) resources;
    }
    Operation {
        1 optional message(FrameworkId) framework_id;
        2 optional message(AgentId) agent_id;
        3 required message(OfferOperation) info;
        4 required message(OperationStatus) latest_status;
        5 repeated message(OperationStatus) statuses;
        6 required message(Uuid) uuid;
    }
    OperationStatus {
        1 optional message(OperationId) operation_id;
        2 required enumeration(OperationState) state;
        3 optional string message;
        4 repeated message(Resource) converted_resources;
        5 optional message(Uuid) uuid;
        6 optional message(AgentId) agent_id;
        7 optional message(ResourceProviderId) resource_provider_id;
    }
    Filters {
        1 optional double refuse_seconds;
    }
}

enumerations! {
    OfferOperationType {
        Unknown "UNKNOWN" = 0, Launch "LAUNCH" = 1, LaunchGroup "LAUNCH_GROUP" = 6,
        Reserve "RESERVE" = 2, Unreserve "UNRESERVE" = 3, Create "CREATE" = 4,
        Destroy "DESTROY" = 5, GrowVolume "GROW_VOLUME" = 11, ShrinkVolume "SHRINK_VOLUME" = 12,
        CreateDisk "CREATE_DISK" = 13, DestroyDisk "DESTROY_DISK" = 14,
    }
    OperationState {
        Unsupported "OPERATION_UNSUPPORTED" = 0, Pending "OPERATION_PENDING" = 1,
        Finished "OPERATION_FINISHED" = 2, Failed "OPERATION_FAILED" = 3,
        Error "OPERATION_ERROR" = 4, Dropped "OPERATION_DROPPED" = 5,
        Unreachable "OPERATION_UNREACHABLE" = 6, GoneByOperator "OPERATION_GONE_BY_OPERATOR" = 7,
        Recovering "OPERATION_RECOVERING" = 8, Unknown "OPERATION_UNKNOWN" = 9,
    }
}
