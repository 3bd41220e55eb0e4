//! Requests, read from their paths.

use kube::client::Body;
use serde_json::Value;
use tower::BoxError;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// One object.
    Get,
    /// All objects.
    List,
    /// What happens to objects.
    Watch,
    /// A new object.
    Create,
    /// Another version of an object.
    Replace,
    /// A patch by RFC 7386.
    MergePatch,
    /// A patch by RFC 6902.
    JsonPatch,
    /// Server-side apply; here a merge that makes what is missing.
    Apply,
    /// The end of an object.
    Delete,
}

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    /// What is asked.
    pub verb: Verb,
    /// The path of the kind, such as `apis/batch/v1/jobs`.
    pub kind: String,
    /// The namespace; empty for all of them, and for objects that have none.
    pub namespace: String,
    /// The object's name; empty for many.
    pub name: String,
    /// Such as `status`; empty for the object itself.
    pub subresource: String,
    /// The parameters.
    pub query: Vec<(String, String)>,
    /// The body.
    pub body: Value,
}

impl Request {
    /// A request without a body.
    pub fn new(verb: Verb, kind: &str, namespace: &str, name: &str) -> Self {
        Self {
            verb,
            kind: kind.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            subresource: String::new(),
            query: Vec::new(),
            body: Value::Null,
        }
    }

    /// The same with a body.
    #[must_use]
    pub fn with(self, body: Value) -> Self {
        Self { body, ..self }
    }

    /// The same of a subresource.
    #[must_use]
    pub fn of(self, subresource: &str) -> Self {
        Self { subresource: subresource.to_owned(), ..self }
    }

    /// Whether it changes something.
    pub fn is_write(&self) -> bool {
        !matches!(self.verb, Verb::Get | Verb::List | Verb::Watch)
    }

    /// The last word of the kind, such as `pods`.
    pub fn resource(&self) -> &str {
        self.kind.rsplit('/').next().unwrap_or_default()
    }

    /// A parameter; empty if it is not there.
    pub fn parameter(&self, name: &str) -> &str {
        let found = self.query.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    pub(crate) async fn read(request: http::Request<Body>) -> Result<Self, BoxError> {
        let (head, body) = request.into_parts();
        let body = body.collect_bytes().await?;
        let query: Vec<(String, String)> =
            url::form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes())
                .into_owned()
                .collect();
        let words: Vec<&str> = head.uri.path().split('/').filter(|word| !word.is_empty()).collect();
        let version = if words.first() == Some(&"api") { 2 } else { 3 };
        let (prefix, rest) = words.split_at(version.min(words.len()));
        let (namespace, rest) = match rest {
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (*namespace, rest),
            rest => ("", rest),
        };
        let word = |index: usize| rest.get(index).copied().unwrap_or_default().to_owned();
        let watches = query.iter().any(|(key, value)| key == "watch" && value != "false");
        let content = head.headers.get(http::header::CONTENT_TYPE);
        let content = content.and_then(|value| value.to_str().ok()).unwrap_or_default();
        let verb = match head.method.as_str() {
            "GET" if watches => Verb::Watch,
            "GET" if word(1).is_empty() => Verb::List,
            "GET" => Verb::Get,
            "POST" => Verb::Create,
            "PUT" => Verb::Replace,
            "PATCH" if content.contains("json-patch") => Verb::JsonPatch,
            "PATCH" if content.contains("apply-patch") => Verb::Apply,
            "PATCH" => Verb::MergePatch,
            "DELETE" => Verb::Delete,
            other => return Err(format!("nobody answers {other}").into()),
        };
        Ok(Self {
            verb,
            kind: format!("{}/{}", prefix.join("/"), word(0)),
            namespace: namespace.to_owned(),
            name: word(1),
            subresource: word(2),
            query,
            body: if body.is_empty() { Value::Null } else { serde_json::from_slice(&body)? },
        })
    }
}
