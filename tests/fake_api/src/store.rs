//! Objects, their versions, and what happened to them.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::request::{Request, Verb};

/// Where an object is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The path of its kind, such as `api/v1/pods`.
    pub kind: String,
    /// Its namespace; empty if it has none.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Key {
    /// The place of an object.
    pub fn new(kind: &str, namespace: &str, name: &str) -> Self {
        Self { kind: kind.to_owned(), namespace: namespace.to_owned(), name: name.to_owned() }
    }
}

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The HTTP code.
    pub code: u16,
    /// One word.
    pub reason: &'static str,
    /// A sentence.
    pub message: String,
}

impl Failure {
    fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into() }
    }

    pub(crate) fn injected(code: u16) -> Self {
        let reason = match code {
            404 => "NotFound",
            409 => "Conflict",
            410 => "Expired",
            422 => "Invalid",
            429 => "TooManyRequests",
            403 => "Forbidden",
            _ => "InternalError",
        };
        Self::new(code, reason, "injected by the test")
    }

    /// As the API server says it.
    pub fn status(&self) -> Value {
        json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason, "code": self.code,
        })
    }
}

/// Something that happened.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) revision: u64,
    pub(crate) at: Instant,
    /// `ADDED`, `MODIFIED` or `DELETED`.
    pub(crate) kind: &'static str,
    pub(crate) key: Key,
    pub(crate) object: Value,
}

pub(crate) struct Store {
    revision: u64,
    compacted: u64,
    objects: BTreeMap<Key, Value>,
    history: Vec<Change>,
    names: u64,
    /// When this clock's time was that one, so that time in tests that is paused is so here, too.
    clock: (Timestamp, Instant),
}

impl Store {
    pub(crate) fn new() -> Self {
        Self {
            revision: 1,
            compacted: 0,
            objects: BTreeMap::new(),
            history: Vec::new(),
            names: 0,
            clock: (Timestamp::now(), Instant::now()),
        }
    }

    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    pub(crate) fn compacted(&self) -> u64 {
        self.compacted
    }

    pub(crate) fn compact(&mut self) {
        self.compacted = self.revision;
    }

    pub(crate) fn get(&self, key: &Key) -> Option<&Value> {
        self.objects.get(key)
    }

    pub(crate) fn all(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.objects.iter().filter(move |(key, _)| key.kind == kind).map(|(_, object)| object)
    }

    /// What happened after a revision and concerns a request.
    pub(crate) fn since(&self, revision: u64, request: &Request) -> Option<&Change> {
        let start = self.history.partition_point(|change| change.revision <= revision);
        self.history[start..].iter().find(|it| is_asked_for(request, &it.key, &it.object))
    }

    pub(crate) fn answer(&mut self, request: &Request) -> Result<Value, Failure> {
        let key = Key::new(&request.kind, &request.namespace, &request.name);
        match request.verb {
            Verb::Get => self.find(&key).cloned(),
            Verb::List | Verb::Watch => Ok(self.list(request)),
            Verb::Create => self.create(&request.kind, &request.namespace, request.body.clone()),
            Verb::Replace => {
                let found = self.find(&key)?.clone();
                let is_custom = !request.kind.starts_with("api/");
                if is_custom && text(&request.body, "resourceVersion").is_empty() {
                    let field = "metadata.resourceVersion: must be specified for an update";
                    return Err(Failure::new(422, "Invalid", field));
                }
                self.change(&key, &request.subresource, &found, request.body.clone())
            }
            Verb::MergePatch => {
                let found = self.find(&key)?.clone();
                let mut object = found.clone();
                json_patch::merge(&mut object, &request.body);
                self.change(&key, &request.subresource, &found, object)
            }
            Verb::JsonPatch => {
                let found = self.find(&key)?.clone();
                let patch: json_patch::Patch = serde_json::from_value(request.body.clone())
                    .map_err(|error| Failure::new(400, "BadRequest", error.to_string()))?;
                let mut object = found.clone();
                json_patch::patch(&mut object, &patch)
                    .map_err(|error| Failure::new(422, "Invalid", error.to_string()))?;
                self.change(&key, &request.subresource, &found, object)
            }
            Verb::Apply => match self.find(&key).cloned() {
                Ok(found) => {
                    let mut object = found.clone();
                    json_patch::merge(&mut object, &request.body);
                    self.change(&key, &request.subresource, &found, object)
                }
                Err(_) => self.create(&request.kind, &request.namespace, request.body.clone()),
            },
            Verb::Delete => self.delete(&key, &request.body),
        }
    }

    fn find(&self, key: &Key) -> Result<&Value, Failure> {
        self.objects.get(key).ok_or_else(|| {
            Failure::new(
                404,
                "NotFound",
                format!("{} \"{}\" not found", resource(&key.kind), key.name),
            )
        })
    }

    fn list(&self, request: &Request) -> Value {
        let asked = |(key, object): &(&Key, &Value)| is_asked_for(request, key, object);
        let items: Vec<&Value> =
            self.objects.iter().filter(asked).map(|(_, object)| object).collect();
        json!({
            "kind": "List", "apiVersion": "v1",
            "metadata": {"resourceVersion": self.revision.to_string()},
            "items": items,
        })
    }

    fn create(&mut self, kind: &str, namespace: &str, mut object: Value) -> Result<Value, Failure> {
        let mut name = text(&object, "name").to_owned();
        if name.is_empty() {
            self.names += 1;
            name = format!("{}{:05x}", text(&object, "generateName"), self.names);
        }
        let key = Key::new(kind, namespace, &name);
        if self.objects.contains_key(&key) {
            let message = format!("{} \"{name}\" already exists", resource(kind));
            return Err(Failure::new(409, "AlreadyExists", message));
        }
        self.names += 1;
        let (uid, created) = (format!("00000000-0000-0000-0000-{:012x}", self.names), self.now(0));
        // Nobody but who may write the status says what it is, except for a node's.
        match resource(kind) {
            "nodes" => {}
            "pods" => object["status"] = json!({"phase": "Pending"}),
            _ => {
                object.as_object_mut().unwrap().remove("status");
            }
        }
        let metadata = metadata(&mut object);
        metadata.insert("name".to_owned(), json!(name));
        if !namespace.is_empty() {
            metadata.insert("namespace".to_owned(), json!(namespace));
        }
        metadata.insert("uid".to_owned(), json!(uid));
        metadata.insert("creationTimestamp".to_owned(), json!(created));
        metadata.insert("generation".to_owned(), json!(1));
        Ok(self.put("ADDED", key, object))
    }

    /// Puts one version in another's place, as far as that is meant.
    fn change(
        &mut self,
        key: &Key,
        subresource: &str,
        found: &Value,
        wanted: Value,
    ) -> Result<Value, Failure> {
        let version = text(&wanted, "resourceVersion");
        if !version.is_empty() && version != text(found, "resourceVersion") {
            let message = format!(
                "Operation cannot be fulfilled on {} \"{}\": the object has been modified; please \
                 apply your changes to the latest version and try again",
                resource(&key.kind),
                key.name
            );
            return Err(Failure::new(409, "Conflict", message));
        }
        let uid = text(&wanted, "uid");
        if !uid.is_empty() && uid != text(found, "uid") {
            let message = format!("Precondition failed: UID in precondition: {uid}");
            return Err(Failure::new(409, "Conflict", message));
        }
        let mut object = if subresource == "status" {
            let mut object = found.clone();
            object["status"] = wanted["status"].clone();
            object
        } else {
            let mut object = wanted;
            object["status"] = found["status"].clone();
            for field in ["uid", "creationTimestamp", "generation", "deletionTimestamp"] {
                let value = found["metadata"][field].clone();
                metadata(&mut object).insert(field.to_owned(), value);
            }
            object
        };
        drop_nulls(&mut object);
        metadata(&mut object)
            .insert("resourceVersion".to_owned(), found["metadata"]["resourceVersion"].clone());
        if object == *found {
            return Ok(object);
        }
        if object["spec"] != found["spec"] {
            let generation = found["metadata"]["generation"].as_i64().unwrap_or(0) + 1;
            metadata(&mut object).insert("generation".to_owned(), json!(generation));
        }
        if object["metadata"]["deletionTimestamp"].is_string()
            && !is_kept(&object)
            && resource(&key.kind) != "pods"
        {
            return Ok(self.put("DELETED", key.clone(), object));
        }
        Ok(self.put("MODIFIED", key.clone(), object))
    }

    fn delete(&mut self, key: &Key, options: &Value) -> Result<Value, Failure> {
        let mut object = self.find(key)?.clone();
        for (wanted, field) in [("uid", "uid"), ("resourceVersion", "resourceVersion")] {
            let value = &options["preconditions"][wanted];
            if let Some(value) = value.as_str()
                && value != text(&object, field)
            {
                let message = format!(
                    "Operation cannot be fulfilled on {} \"{}\": Precondition failed: {wanted}",
                    resource(&key.kind),
                    key.name
                );
                return Err(Failure::new(409, "Conflict", message));
            }
        }
        let grace = options["gracePeriodSeconds"].as_u64();
        let own = object["spec"]["terminationGracePeriodSeconds"].as_u64();
        let grace = grace.or(own).unwrap_or(30);
        // A kubelet has to confirm that what it runs has ended.
        let runs =
            resource(&key.kind) == "pods" && object["spec"]["nodeName"].is_string() && grace > 0;
        if runs || is_kept(&object) {
            if object["metadata"]["deletionTimestamp"].is_null() {
                let at = self.now(if runs { grace } else { 0 });
                metadata(&mut object).insert("deletionTimestamp".to_owned(), json!(at));
                object = self.put("MODIFIED", key.clone(), object);
            }
            return Ok(object);
        }
        Ok(self.put("DELETED", key.clone(), object))
    }

    fn put(&mut self, kind: &'static str, key: Key, mut object: Value) -> Value {
        self.revision += 1;
        let version = json!(self.revision.to_string());
        metadata(&mut object).insert("resourceVersion".to_owned(), version);
        drop_nulls(&mut object);
        if kind == "DELETED" {
            self.objects.remove(&key);
        } else {
            self.objects.insert(key.clone(), object.clone());
        }
        let (revision, at) = (self.revision, Instant::now());
        self.history.push(Change { revision, at, kind, key, object: object.clone() });
        object
    }

    /// The time in so many seconds.
    fn now(&self, seconds: u64) -> String {
        let (then, instant) = self.clock;
        let at = then + (instant.elapsed() + Duration::from_secs(seconds));
        Timestamp::from_second(at.as_second()).unwrap().to_string()
    }
}

fn resource(kind: &str) -> &str {
    kind.rsplit('/').next().unwrap_or_default()
}

fn metadata(object: &mut Value) -> &mut Map<String, Value> {
    let object = object.as_object_mut().unwrap();
    object.entry("metadata").or_insert_with(|| json!({})).as_object_mut().unwrap()
}

fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object["metadata"][field].as_str().unwrap_or_default()
}

fn is_kept(object: &Value) -> bool {
    object["metadata"]["finalizers"].as_array().is_some_and(|all| !all.is_empty())
}

/// Fields without a value at the top and in the metadata are none.
fn drop_nulls(object: &mut Value) {
    object.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    metadata(object).retain(|_, value| !value.is_null());
}

/// Whether a list or watch is about an object.
pub(crate) fn is_asked_for(request: &Request, key: &Key, object: &Value) -> bool {
    let in_place = key.kind == request.kind
        && (request.namespace.is_empty() || request.namespace == key.namespace)
        && (request.name.is_empty() || request.name == key.name);
    let name = request.parameter("fieldSelector").strip_prefix("metadata.name=");
    let labels = request.parameter("labelSelector").split(',').filter(|part| !part.is_empty());
    in_place
        && name.is_none_or(|name| name == key.name)
        && labels.into_iter().all(|part| {
            let (label, value) = part.split_once('=').unwrap_or((part, ""));
            object["metadata"]["labels"][label].as_str() == Some(value)
        })
}
