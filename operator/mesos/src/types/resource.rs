//! Resources and attributes.

use super::container::Volume;
use super::identifiers::{AgentId, Labels, ResourceProviderId};

messages! {
    Value {
        1 required enumeration(ValueType) r#type;
        2 optional message(ValueScalar) scalar;
        3 optional message(ValueRanges) ranges;
        4 optional message(ValueSet) set;
        5 optional message(ValueText) text;
    }
    ValueInMap {
        1 present double value;
    }
    ValueScalar {
        1 required double value;
    }
    ValueRange {
        1 required uint64 begin;
        2 required uint64 end;
    }
    ValueRanges {
        1 repeated message(ValueRange) range;
    }
    ValueSet {
        1 repeated string item;
    }
    ValueText {
        1 required string value;
    }
    Attribute {
        1 required string name;
        2 required enumeration(ValueType) r#type;
        3 optional message(ValueScalar) scalar;
        4 optional message(ValueRanges) ranges;
        6 optional message(ValueSet) set;
        5 optional message(ValueText) text;
    }
    Resource {
        12 optional message(ResourceProviderId) provider_id;
        1 required string name;
        2 required enumeration(ValueType) r#type;
        3 optional message(ValueScalar) scalar;
        4 optional message(ValueRanges) ranges;
        5 optional message(ValueSet) set;
        6 optional string role;
        11 optional message(ResourceAllocationInfo) allocation_info;
        8 optional message(ResourceReservationInfo) reservation;
        13 repeated message(ResourceReservationInfo) reservations;
        7 optional message(ResourceDiskInfo) disk;
        9 optional message(ResourceRevocableInfo) revocable;
        10 optional message(ResourceSharedInfo) shared;
    }
    ResourceAllocationInfo {
        1 optional string role;
    }
    ResourceReservationInfo {
        4 optional enumeration(ResourceReservationInfoType) r#type;
        3 optional string role;
        1 optional string principal;
        2 optional message(Labels) labels;
    }
    ResourceDiskInfo {
        1 optional message(ResourceDiskInfoPersistence) persistence;
        2 optional message(Volume) volume;
        3 optional message(ResourceDiskInfoSource) source;
    }
    ResourceDiskInfoPersistence {
        1 required string id;
        2 optional string principal;
    }
    ResourceDiskInfoSource {
        1 required enumeration(ResourceDiskInfoSourceType) r#type;
        2 optional message(ResourceDiskInfoSourcePath) path;
        3 optional message(ResourceDiskInfoSourceMount) mount;
        7 optional string vendor;
        4 optional string id;
        5 optional message(Labels) metadata;
        6 optional string profile;
    }
    ResourceDiskInfoSourcePath {
        1 optional string root;
    }
    ResourceDiskInfoSourceMount {
        1 optional string root;
    }
    ResourceRevocableInfo {}
    ResourceSharedInfo {}
    Request {
        1 optional message(AgentId) agent_id;
        2 repeated message(Resource) resources;
    }
    TaskResourceLimitation {
        1 repeated message(Resource) resources;
    }
}

enumerations! {
    ValueType {
        Scalar "SCALAR" = 0, Ranges "RANGES" = 1, Set "SET" = 2, Text "TEXT" = 3,
    }
    ResourceReservationInfoType {
        Unknown "UNKNOWN" = 0, Static "STATIC" = 1, Dynamic "DYNAMIC" = 2,
    }
    ResourceDiskInfoSourceType {
        Unknown "UNKNOWN" = 0, Path "PATH" = 1, Mount "MOUNT" = 2, Block "BLOCK" = 3,
        Raw "RAW" = 4,
    }
}

impl ValueInMap {
    /// The value, which messages that were let in have.
    pub fn amount(&self) -> f64 {
        self.value.unwrap_or_default()
    }
}
