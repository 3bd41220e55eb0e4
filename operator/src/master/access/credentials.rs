//! The file of credentials.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ring::hmac::{HMAC_SHA256, Key, Tag, sign, verify};
use ring::rand::SystemRandom;
use serde::Deserialize;

use super::rights::{Kind, Rights};

/// The file, in the form of Mesos's `--credentials` with more about each principal.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    credentials: Vec<Entry>,
}

/// A principal as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    principal: String,
    secret: String,
    /// The roles that its frameworks may use, with those below them. Without it every role, and the
    /// operator API.
    roles: Option<Vec<String>>,
    /// What it sees beside its own.
    view: Option<View>,
    /// How many calls it may make in a second; any number if nothing is said.
    qps: Option<f64>,
    /// The namespace of its frameworks and their tasks, in a cluster.
    namespace: Option<String>,
}

/// What is seen beside one's own.
#[derive(Deserialize)]
#[serde(untagged)]
enum View {
    All(All),
    Of(BTreeSet<Kind>),
}

#[derive(Deserialize)]
enum All {
    #[serde(rename = "all")]
    All,
}

/// Those who are known.
#[derive(Debug)]
pub(super) struct Credentials {
    /// What secrets are compared with, which differs at every start: the time that it takes says nothing
    /// of them.
    key: Key,
    by_name: BTreeMap<Arc<str>, Principal>,
}

/// Somebody who is known.
#[derive(Debug)]
pub(super) struct Principal {
    secret: Tag,
    pub(super) roles: Option<Vec<String>>,
    pub(super) rights: Arc<Rights>,
    pub(super) qps: Option<f64>,
    pub(super) namespace: Option<String>,
}

/// A key that nobody knows.
pub(super) fn new_key() -> Result<Key, String> {
    Key::generate(HMAC_SHA256, &SystemRandom::new())
        .map_err(|_| "this machine has no random numbers".to_owned())
}

impl Credentials {
    /// Those whom a text names; the error is what is wrong with it.
    pub(super) fn parse(text: &str, key: Key) -> Result<Self, String> {
        let File { credentials } = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let mut by_name = BTreeMap::new();
        for entry in credentials {
            let name: Arc<str> = entry.principal.as_str().into();
            if name.is_empty() || name.contains(':') || entry.secret.is_empty() {
                return Err(format!(
                    "\"{name}\" is not a principal with a secret: neither is empty, and the name \
                     has no colon"
                ));
            }
            if entry.qps.is_some_and(|qps| qps.is_nan() || qps <= 0.0) {
                return Err(format!("the qps of \"{name}\" is not above 0"));
            }
            if by_name.insert(name.clone(), Principal::of(entry, &key)).is_some() {
                return Err(format!("\"{name}\" is there twice"));
            }
        }
        if by_name.is_empty() {
            return Err("it names nobody".to_owned());
        }
        Ok(Self { key, by_name })
    }

    /// A principal, with the name that all share.
    pub(super) fn get(&self, name: &str) -> Option<(&Arc<str>, &Principal)> {
        self.by_name.get_key_value(name)
    }

    /// Whether a secret is that of a principal.
    pub(super) fn is_secret(&self, name: &str, shown: &str) -> bool {
        // Of a name that nobody has it takes as long.
        let nobody = sign(&self.key, b"");
        let known = self.by_name.get(name);
        let expected = known.map_or(&nobody, |principal| &principal.secret);
        let is_same = verify(&self.key, shown.as_bytes(), expected.as_ref()).is_ok();
        is_same && known.is_some()
    }

    /// Whether somebody is there with the same secret and the same roles as before.
    pub(super) fn has_kept(&self, name: &str, former: &Self) -> bool {
        let both = self.by_name.get(name).zip(former.by_name.get(name));
        both.is_some_and(|(new, old)| {
            new.secret.as_ref() == old.secret.as_ref() && new.roles == old.roles
        })
    }

    /// The key, for those who come after them.
    pub(super) fn key(&self) -> Key {
        self.key.clone()
    }
}

impl Principal {
    fn of(entry: Entry, key: &Key) -> Self {
        let Entry { principal, secret, roles, view, qps, namespace } = entry;
        let beside = match view {
            None => BTreeSet::new(),
            Some(View::All(All::All)) => Kind::ALL.into(),
            Some(View::Of(kinds)) => kinds,
        };
        let rights = Rights::of(&principal, roles.as_deref(), beside).into();
        Self { secret: sign(key, secret.as_bytes()), roles, rights, qps, namespace }
    }
}
