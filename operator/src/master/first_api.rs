//! The endpoints of Mesos's first operator API that change something, as the calls of `/api/v1` that they
//! are: whatever is asked for is done by the same code, or refused.

use std::collections::BTreeMap;

use axum::http::Method;
use serde_json::{Map, Value, json};

/// The endpoints that can only be read.
pub(super) const READ: [&str; 16] = [
    "containers",
    "monitor/statistics",
    "version",
    "health",
    "flags",
    "state",
    "state-summary",
    "frameworks",
    "slaves",
    "roles",
    "tasks",
    "metrics/snapshot",
    "maintenance/status",
    "files/browse",
    "files/read",
    "files/download",
];

/// What is said to who asks an agent for something that its `/api/v1` does not do here.
pub(super) fn refused_by_agents(kind: &str) -> String {
    let instead = match kind {
        "LIST_FILES" => "GET /files/browse?path=PATH lists files",
        "READ_FILE" => "GET /files/read?path=PATH&offset=0 reads a file",
        "SET_LOGGING_LEVEL" => "the log is that of the whole program, which RUST_LOG sets",
        kind if kind.contains("CONTAINER") => {
            "containers are those of tasks, which frameworks launch and end by ACCEPT and KILL"
        }
        kind if kind.contains("OPERATION") || kind.contains("RESOURCE_PROVIDER") => {
            "reservations are set in a ResourcePool, and there are no persistent volumes"
        }
        _ => "agents answer GET_STATE and other calls that ask; the master's /api/v1 does more",
    };
    format!("{kind} is not done by agents here: {instead}")
}

/// What a request to an endpoint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Intent {
    /// Somebody wants to know something, or there is no such endpoint.
    Read,
    /// Something is to change.
    Change(Change),
    /// The endpoint takes only requests of these methods.
    WrongMethod(&'static str),
}

/// What is to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Weights,
    SetQuota,
    RemoveQuota,
    Schedule,
    MachineDown,
    MachineUp,
    Teardown,
    Reserve,
    Unreserve,
    CreateVolumes,
    DestroyVolumes,
}

/// What a request of this method to an endpoint is.
pub(super) fn intent(endpoint: &str, method: &Method) -> Intent {
    let is_read = method == Method::GET || method == Method::HEAD;
    let posted = |change| if method == Method::POST { Some(change) } else { None };
    let (allowed, change) = match endpoint {
        "weights" => ("GET, PUT", (method == Method::PUT).then_some(Change::Weights)),
        "quota" => ("GET, POST", posted(Change::SetQuota)),
        "maintenance/schedule" => ("GET, POST", posted(Change::Schedule)),
        "machine/down" => ("POST", posted(Change::MachineDown)),
        "machine/up" => ("POST", posted(Change::MachineUp)),
        "teardown" => ("POST", posted(Change::Teardown)),
        "reserve" => ("POST", posted(Change::Reserve)),
        "unreserve" => ("POST", posted(Change::Unreserve)),
        "create-volumes" => ("POST", posted(Change::CreateVolumes)),
        "destroy-volumes" => ("POST", posted(Change::DestroyVolumes)),
        _ if endpoint.starts_with("quota/") => {
            ("DELETE", (method == Method::DELETE).then_some(Change::RemoveQuota))
        }
        _ if READ.contains(&endpoint) || endpoint.starts_with("slaves/") => ("GET", None),
        _ => return Intent::Read,
    };
    match change {
        Some(change) => Intent::Change(change),
        None if is_read && allowed.starts_with("GET") => Intent::Read,
        None => Intent::WrongMethod(allowed),
    }
}

impl Change {
    /// The call of `/api/v1` that does the same; the error says what is wrong with the request.
    pub(super) fn call(self, endpoint: &str, body: &[u8]) -> Result<Value, String> {
        Ok(match self {
            Self::Weights => {
                let infos = json(body, "an array of {\"role\", \"weight\"}", Value::is_array)?;
                call("UPDATE_WEIGHTS", json!({ "weight_infos": infos }))
            }
            Self::SetQuota => {
                let request =
                    json(body, "an object with 'role' and 'guarantee'", Value::is_object)?;
                call("SET_QUOTA", json!({ "quota_request": request }))
            }
            Self::RemoveQuota => {
                let role = decoded(endpoint.strip_prefix("quota/").unwrap_or_default());
                call("REMOVE_QUOTA", json!({ "role": role }))
            }
            Self::Schedule => {
                let schedule = json(body, "an object with 'windows'", |schedule| {
                    schedule.get("windows").is_none_or(Value::is_array) && schedule.is_object()
                })?;
                call("UPDATE_MAINTENANCE_SCHEDULE", json!({ "schedule": schedule }))
            }
            Self::MachineDown => call("START_MAINTENANCE", json!({ "machines": machines(body)? })),
            Self::MachineUp => call("STOP_MAINTENANCE", json!({ "machines": machines(body)? })),
            Self::Teardown => {
                let form = form(body);
                let Some(id) = form.get("frameworkId") else {
                    let message = "Missing 'frameworkId' query parameter in the request body";
                    return Err(message.to_owned());
                };
                call("TEARDOWN", json!({ "framework_id": { "value": id } }))
            }
            // What exactly is asked for does not matter: these are refused.
            Self::Reserve => call("RESERVE_RESOURCES", json!({})),
            Self::Unreserve => call("UNRESERVE_RESOURCES", json!({})),
            Self::CreateVolumes => call("CREATE_VOLUMES", json!({})),
            Self::DestroyVolumes => call("DESTROY_VOLUMES", json!({})),
        })
    }
}

fn call(kind: &str, body: Value) -> Value {
    let named = Map::from_iter([("type".to_owned(), json!(kind)), (kind.to_lowercase(), body)]);
    Value::Object(named)
}

fn json(body: &[u8], expected: &str, is_expected: fn(&Value) -> bool) -> Result<Value, String> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| format!("Failed to parse the body as JSON: {error}"))?;
    if is_expected(&value) { Ok(value) } else { Err(format!("Expecting {expected} as the body")) }
}

fn machines(body: &[u8]) -> Result<Value, String> {
    json(body, "an array of {\"hostname\", \"ip\"}", Value::is_array)
}

/// A part of a path as it was meant: a slash of a role may have been written as `%2F`.
fn decoded(part: &str) -> String {
    // A plus is itself in a path, other than in a form.
    let form = format!("part={}", part.replace('+', "%2B").replace('&', "%26"));
    self::form(form.as_bytes()).remove("part").unwrap_or_default()
}

fn form(body: &[u8]) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(body).into_owned().collect()
}

#[cfg(test)]
mod tests;
