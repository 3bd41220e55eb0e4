//! Containers, their images, volumes and networks.

use super::identifiers::{ContainerId, Credential, Labels, Parameter, Parameters, Secret};

messages! {
    Image {
        1 required enumeration(ImageType) r#type;
        2 optional message(ImageAppc) appc;
        3 optional message(ImageDocker) docker;
        4 optional bool cached;
    }
    ImageAppc {
        1 required string name;
        2 optional string id;
        3 optional message(Labels) labels;
    }
    ImageDocker {
        1 required string name;
        2 optional message(Credential) credential;
        3 optional message(Secret) config;
    }
    MountPropagation {
        1 optional enumeration(MountPropagationMode) mode;
    }
    Volume {
        3 required enumeration(VolumeMode) mode;
        1 required string container_path;
        2 optional string host_path;
        4 optional message(Image) image;
        5 optional message(VolumeSource) source;
    }
    VolumeSource {
        1 optional enumeration(VolumeSourceType) r#type;
        2 optional message(VolumeSourceDockerVolume) docker_volume;
        5 optional message(VolumeSourceHostPath) host_path;
        3 optional message(VolumeSourceSandboxPath) sandbox_path;
        4 optional message(Secret) secret;
    }
    VolumeSourceDockerVolume {
        1 optional string driver;
        2 required string name;
        3 optional message(Parameters) driver_options;
    }
    VolumeSourceHostPath {
        1 required string path;
        2 optional message(MountPropagation) mount_propagation;
    }
    VolumeSourceSandboxPath {
        1 optional enumeration(VolumeSourceSandboxPathType) r#type;
        2 required string path;
    }
    NetworkInfo {
        5 repeated message(NetworkInfoIpAddress) ip_addresses;
        6 optional string name;
        3 repeated string groups;
        4 optional message(Labels) labels;
        7 repeated message(NetworkInfoPortMapping) port_mappings;
    }
    NetworkInfoIpAddress {
        1 optional enumeration(NetworkInfoProtocol) protocol;
        2 optional string ip_address;
    }
    NetworkInfoPortMapping {
        1 required uint32 host_port;
        2 required uint32 container_port;
        3 optional string protocol;
    }
    CapabilityInfo {
        1 repeated enumeration(CapabilityInfoCapability) capabilities;
    }
    SeccompInfo {
        1 optional string profile_name;
        2 optional bool unconfined;
    }
    LinuxInfo {
        1 optional message(CapabilityInfo) capability_info;
        2 optional message(CapabilityInfo) bounding_capabilities;
        3 optional message(CapabilityInfo) effective_capabilities;
        4 optional bool share_pid_namespace;
        5 optional message(SeccompInfo) seccomp;
        6 optional enumeration(LinuxInfoIpcMode) ipc_mode;
        7 optional uint32 shm_size;
        8 optional bool share_cgroups;
    }
    RLimitInfo {
        1 repeated message(RLimitInfoRLimit) rlimits;
    }
    RLimitInfoRLimit {
        1 optional enumeration(RLimitInfoRLimitType) r#type;
        2 optional uint64 hard;
        3 optional uint64 soft;
    }
    TtyInfo {
        1 optional message(TtyInfoWindowSize) window_size;
    }
    TtyInfoWindowSize {
        1 required uint32 rows;
        2 required uint32 columns;
    }
    ContainerInfo {
        1 required enumeration(ContainerInfoType) r#type;
        2 repeated message(Volume) volumes;
        4 optional string hostname;
        3 optional message(ContainerInfoDockerInfo) docker;
        5 optional message(ContainerInfoMesosInfo) mesos;
        7 repeated message(NetworkInfo) network_infos;
        8 optional message(LinuxInfo) linux_info;
        9 optional message(RLimitInfo) rlimit_info;
        10 optional message(TtyInfo) tty_info;
    }
    ContainerInfoDockerInfo {
        1 required string image;
        2 optional enumeration(ContainerInfoDockerInfoNetwork) network;
        3 repeated message(ContainerInfoDockerInfoPortMapping) port_mappings;
        4 optional bool privileged;
        5 repeated message(Parameter) parameters;
        6 optional bool force_pull_image;
        7 optional string volume_driver;
    }
    ContainerInfoDockerInfoPortMapping {
        1 required uint32 host_port;
        2 required uint32 container_port;
        3 optional string protocol;
    }
    ContainerInfoMesosInfo {
        1 optional message(Image) image;
    }
    ContainerStatus {
        4 optional message(ContainerId) container_id;
        1 repeated message(NetworkInfo) network_infos;
        3 optional uint32 executor_pid;
    }
}

enumerations! {
    ImageType {
        Appc "APPC" = 1, Docker "DOCKER" = 2,
    }
    MountPropagationMode {
        Unknown "UNKNOWN" = 0, HostToContainer "HOST_TO_CONTAINER" = 1,
        Bidirectional "BIDIRECTIONAL" = 2,
    }
    VolumeMode {
        Rw "RW" = 1, Ro "RO" = 2,
    }
    VolumeSourceType {
        Unknown "UNKNOWN" = 0, DockerVolume "DOCKER_VOLUME" = 1, HostPath "HOST_PATH" = 4,
        SandboxPath "SANDBOX_PATH" = 2, Secret "SECRET" = 3, CsiVolume "CSI_VOLUME" = 5,
    }
    VolumeSourceSandboxPathType {
        Unknown "UNKNOWN" = 0, Own "SELF" = 1, Parent "PARENT" = 2,
    }
    NetworkInfoProtocol {
        Ipv4 "IPv4" = 1, Ipv6 "IPv6" = 2,
    }
    CapabilityInfoCapability {
        Unknown "UNKNOWN" = 0, Chown "CHOWN" = 1000, DacOverride "DAC_OVERRIDE" = 1001,
        DacReadSearch "DAC_READ_SEARCH" = 1002, Fowner "FOWNER" = 1003, Fsetid "FSETID" = 1004,
        Kill "KILL" = 1005, Setgid "SETGID" = 1006, Setuid "SETUID" = 1007,
        Setpcap "SETPCAP" = 1008, LinuxImmutable "LINUX_IMMUTABLE" = 1009,
        NetBindService "NET_BIND_SERVICE" = 1010, NetBroadcast "NET_BROADCAST" = 1011,
        NetAdmin "NET_ADMIN" = 1012, NetRaw "NET_RAW" = 1013, IpcLock "IPC_LOCK" = 1014,
        IpcOwner "IPC_OWNER" = 1015, SysModule "SYS_MODULE" = 1016, SysRawio "SYS_RAWIO" = 1017,
        SysChroot "SYS_CHROOT" = 1018, SysPtrace "SYS_PTRACE" = 1019, SysPacct "SYS_PACCT" = 1020,
        SysAdmin "SYS_ADMIN" = 1021, SysBoot "SYS_BOOT" = 1022, SysNice "SYS_NICE" = 1023,
        SysResource "SYS_RESOURCE" = 1024, SysTime "SYS_TIME" = 1025,
        SysTtyConfig "SYS_TTY_CONFIG" = 1026, Mknod "MKNOD" = 1027, Lease "LEASE" = 1028,
        AuditWrite "AUDIT_WRITE" = 1029, AuditControl "AUDIT_CONTROL" = 1030,
        Setfcap "SETFCAP" = 1031, MacOverride "MAC_OVERRIDE" = 1032, MacAdmin "MAC_ADMIN" = 1033,
        Syslog "SYSLOG" = 1034, WakeAlarm "WAKE_ALARM" = 1035,
        BlockSuspend "BLOCK_SUSPEND" = 1036, AuditRead "AUDIT_READ" = 1037,
    }
    LinuxInfoIpcMode {
        Unknown "UNKNOWN" = 0, Private "PRIVATE" = 1, ShareParent "SHARE_PARENT" = 2,
    }
    RLimitInfoRLimitType {
        Unknown "UNKNOWN" = 0, RlmtAs "RLMT_AS" = 1, RlmtCore "RLMT_CORE" = 2,
        RlmtCpu "RLMT_CPU" = 3, RlmtData "RLMT_DATA" = 4, RlmtFsize "RLMT_FSIZE" = 5,
        RlmtLocks "RLMT_LOCKS" = 6, RlmtMemlock "RLMT_MEMLOCK" = 7,
        RlmtMsgqueue "RLMT_MSGQUEUE" = 8, RlmtNice "RLMT_NICE" = 9, RlmtNofile "RLMT_NOFILE" = 10,
        RlmtNproc "RLMT_NPROC" = 11, RlmtRss "RLMT_RSS" = 12, RlmtRtprio "RLMT_RTPRIO" = 13,
        RlmtRttime "RLMT_RTTIME" = 14, RlmtSigpending "RLMT_SIGPENDING" = 15,
        RlmtStack "RLMT_STACK" = 16,
    }
    ContainerInfoType {
        Docker "DOCKER" = 1, Mesos "MESOS" = 2,
    }
    ContainerInfoDockerInfoNetwork {
        Host "HOST" = 1, Bridge "BRIDGE" = 2, None "NONE" = 3, User "USER" = 4,
    }
}
