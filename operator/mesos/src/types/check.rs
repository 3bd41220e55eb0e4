//! Checks of tasks.

use super::container::NetworkInfoProtocol;
use super::task::CommandInfo;

messages! {
    CheckInfo {
        1 optional enumeration(CheckInfoType) r#type;
        2 optional message(CheckInfoCommand) command;
        3 optional message(CheckInfoHttp) http;
        7 optional message(CheckInfoTcp) tcp;
        4 optional double delay_seconds;
        5 optional double interval_seconds;
        6 optional double timeout_seconds;
    }
    CheckInfoCommand {
        1 required message(CommandInfo) command;
    }
    CheckInfoHttp {
        1 required uint32 port;
        2 optional string path;
    }
    CheckInfoTcp {
        1 required uint32 port;
    }
    HealthCheck {
        2 optional double delay_seconds;
        3 optional double interval_seconds;
        4 optional double timeout_seconds;
        5 optional uint32 consecutive_failures;
        6 optional double grace_period_seconds;
        8 optional enumeration(HealthCheckType) r#type;
        7 optional message(CommandInfo) command;
        1 optional message(HealthCheckHttpCheckInfo) http;
        9 optional message(HealthCheckTcpCheckInfo) tcp;
    }
    HealthCheckHttpCheckInfo {
        5 optional enumeration(NetworkInfoProtocol) protocol;
        3 optional string scheme;
        1 required uint32 port;
        2 optional string path;
        4 repeated uint32 statuses;
    }
    HealthCheckTcpCheckInfo {
        2 optional enumeration(NetworkInfoProtocol) protocol;
        1 required uint32 port;
    }
    CheckStatusInfo {
        1 optional enumeration(CheckInfoType) r#type;
        2 optional message(CheckStatusInfoCommand) command;
        3 optional message(CheckStatusInfoHttp) http;
        4 optional message(CheckStatusInfoTcp) tcp;
    }
    CheckStatusInfoCommand {
        1 optional int32 exit_code;
    }
    CheckStatusInfoHttp {
        1 optional uint32 status_code;
    }
    CheckStatusInfoTcp {
        1 optional bool succeeded;
    }
}

enumerations! {
    CheckInfoType {
        Unknown "UNKNOWN" = 0, Command "COMMAND" = 1, Http "HTTP" = 2, Tcp "TCP" = 3,
    }
    HealthCheckType {
        Unknown "UNKNOWN" = 0, Command "COMMAND" = 1, Http "HTTP" = 2, Tcp "TCP" = 3,
    }
}
