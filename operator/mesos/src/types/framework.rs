//! Frameworks, the master and agents.

use super::identifiers::{Address, AgentId, DomainInfo, DurationInfo, FrameworkId, Labels};
use super::resource::{Attribute, Resource, ValueInMap};

messages! {
    FrameworkInfo {
        1 required string user;
        2 required string name;
        3 optional message(FrameworkId) id;
        4 optional double failover_timeout;
        5 optional bool checkpoint;
        6 optional string role;
        12 repeated string roles;
        7 optional string hostname;
        8 optional string principal;
        9 optional string webui_url;
        10 repeated message(FrameworkInfoCapability) capabilities;
        11 optional message(Labels) labels;
        13 map message(OfferFilters) offer_filters;
    }
    FrameworkInfoCapability {
        1 optional enumeration(FrameworkInfoCapabilityType) r#type;
    }
    MasterInfo {
        1 required string id;
        2 required uint32 ip;
        3 required uint32 port;
        4 optional string pid;
        5 optional string hostname;
        6 optional string version;
        7 optional message(Address) address;
        8 optional message(DomainInfo) domain;
        9 repeated message(MasterInfoCapability) capabilities;
    }
    MasterInfoCapability {
        1 optional enumeration(MasterInfoCapabilityType) r#type;
    }
    AgentInfo {
        1 required string hostname;
        8 optional int32 port;
        3 repeated message(Resource) resources;
        5 repeated message(Attribute) attributes;
        6 optional message(AgentId) id;
        10 optional message(DomainInfo) domain;
    }
    AgentInfoCapability {
        1 optional enumeration(AgentInfoCapabilityType) r#type;
    }
    OfferFilters {
        1 optional message(OfferFiltersMinAllocatableResources) min_allocatable_resources;
    }
    OfferFiltersResourceQuantities {
        1 map message(ValueInMap) quantities;
    }
    OfferFiltersMinAllocatableResources {
        1 repeated message(OfferFiltersResourceQuantities) quantities;
    }
    DrainConfig {
        1 optional message(DurationInfo) max_grace_period;
        2 optional bool mark_gone;
    }
    DrainInfo {
        1 required enumeration(DrainState) state;
        2 required message(DrainConfig) config;
    }
}

enumerations! {
    FrameworkInfoCapabilityType {
        Unknown "UNKNOWN" = 0, RevocableResources "REVOCABLE_RESOURCES" = 1,
        TaskKillingState "TASK_KILLING_STATE" = 2, GpuResources "GPU_RESOURCES" = 3,
        SharedResources "SHARED_RESOURCES" = 4, PartitionAware "PARTITION_AWARE" = 5,
        MultiRole "MULTI_ROLE" = 6, ReservationRefinement "RESERVATION_REFINEMENT" = 7,
        RegionAware "REGION_AWARE" = 8,
    }
    MasterInfoCapabilityType {
        Unknown "UNKNOWN" = 0, AgentUpdate "AGENT_UPDATE" = 1, AgentDraining "AGENT_DRAINING" = 2,
        QuotaV2 "QUOTA_V2" = 3,
    }
    AgentInfoCapabilityType {
        Unknown "UNKNOWN" = 0, MultiRole "MULTI_ROLE" = 1,
        HierarchicalRole "HIERARCHICAL_ROLE" = 2,
        ReservationRefinement "RESERVATION_REFINEMENT" = 3,
        ResourceProvider "RESOURCE_PROVIDER" = 4, ResizeVolume "RESIZE_VOLUME" = 5,
        AgentOperationFeedback "AGENT_OPERATION_FEEDBACK" = 6, AgentDraining "AGENT_DRAINING" = 7,
        TaskResourceLimits "TASK_RESOURCE_LIMITS" = 8,
    }
    DrainState {
        Unknown "UNKNOWN" = 0, Draining "DRAINING" = 1, Drained "DRAINED" = 2,
    }
}
