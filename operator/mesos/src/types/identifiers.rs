//! Identifiers, times and places.

use super::resource::Resource;
use super::task::DiscoveryInfoVisibility;

messages! {
    FrameworkId {
        1 required string value;
    }
    OfferId {
        1 required string value;
    }
    AgentId {
        1 required string value;
    }
    TaskId {
        1 required string value;
    }
    ExecutorId {
        1 required string value;
    }
    ContainerId {
        1 required string value;
        2 optional boxed(ContainerId) parent;
    }
    ResourceProviderId {
        1 required string value;
    }
    OperationId {
        1 required string value;
    }
    TimeInfo {
        1 required int64 nanoseconds;
    }
    DurationInfo {
        1 required int64 nanoseconds;
    }
    Address {
        1 optional string hostname;
        2 optional string ip;
        3 required int32 port;
    }
    Url {
        1 required string scheme;
        2 required message(Address) address;
        3 optional string path;
        4 repeated message(Parameter) query;
        5 optional string fragment;
    }
    Unavailability {
        1 required message(TimeInfo) start;
        2 optional message(DurationInfo) duration;
    }
    MachineId {
        1 optional string hostname;
        2 optional string ip;
    }
    DomainInfo {
        1 optional message(DomainInfoFaultDomain) fault_domain;
    }
    DomainInfoFaultDomain {
        1 required message(DomainInfoFaultDomainRegionInfo) region;
        2 required message(DomainInfoFaultDomainZoneInfo) zone;
    }
    DomainInfoFaultDomainRegionInfo {
        1 required string name;
    }
    DomainInfoFaultDomainZoneInfo {
        1 required string name;
    }
    Uuid {
        1 required bytes value;
    }
    Parameter {
        1 required string key;
        2 required string value;
    }
    Parameters {
        1 repeated message(Parameter) parameter;
    }
    Credential {
        1 required string principal;
        2 optional string secret;
    }
    Secret {
        1 optional enumeration(SecretType) r#type;
        2 optional message(SecretReference) reference;
        3 optional message(SecretValue) value;
    }
    SecretReference {
        1 required string name;
        2 optional string key;
    }
    SecretValue {
        1 required bytes data;
    }
    Labels {
        1 repeated message(Label) labels;
    }
    Label {
        1 required string key;
        2 optional string value;
    }
    Port {
        1 required uint32 number;
        2 optional string name;
        3 optional string protocol;
        4 optional enumeration(DiscoveryInfoVisibility) visibility;
        5 optional message(Labels) labels;
    }
    Ports {
        1 repeated message(Port) ports;
    }
    WeightInfo {
        1 required double weight;
        2 optional string role;
    }
    VersionInfo {
        1 required string version;
        2 optional string build_date;
        3 optional double build_time;
        4 optional string build_user;
        5 optional string git_sha;
        6 optional string git_branch;
        7 optional string git_tag;
    }
    Role {
        1 required string name;
        2 required double weight;
        3 repeated message(FrameworkId) frameworks;
        4 repeated message(Resource) resources;
    }
}

enumerations! {
    SecretType {
        Unknown "UNKNOWN" = 0, Reference "REFERENCE" = 1, Value "VALUE" = 2,
    }
}
