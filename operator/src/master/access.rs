//! Who may say something: principals with a secret, the roles that they may use, what they see, and how
//! often they may call.

mod credentials;
mod rights;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::hmac::{Tag, sign, verify};

use credentials::Credentials;
pub(crate) use rights::{Kind, Owner, Rights};

/// Who may say something. By default everybody, without a name.
#[derive(Debug, Default)]
pub(crate) struct Access {
    rule: Rule,
    buckets: Mutex<BTreeMap<Arc<str>, Bucket>>,
}

/// Who is served.
#[derive(Debug, Default)]
enum Rule {
    /// Whoever can reach the master.
    #[default]
    Anybody,
    /// The user who runs the master, by connections of this machine or by a token.
    SameUser { token: Option<(ring::hmac::Key, Tag)> },
    /// Those who are named in a file, by their secrets.
    Named { file: PathBuf, current: RwLock<Arc<Credentials>> },
}

/// What is left of a principal's calls.
#[derive(Debug)]
struct Bucket {
    left: f64,
    at: Instant,
}

/// Why somebody may not say something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// It does not say who it is.
    Unauthenticated,
    /// Nobody of this name and secret is known.
    WrongSecret,
    /// It is not known to be the user who runs the master.
    OtherUser,
    /// It shows a token that is none.
    WrongToken,
    /// It shows no token of an executor.
    NoExecutor,
    /// It calls too often.
    TooOften,
}

/// What somebody shows to say who they are.
#[derive(Debug)]
pub(super) enum Shown {
    /// Nothing that is understood.
    Nothing,
    /// A token.
    Token(String),
    /// A name and a secret.
    Secret(String, String),
}

impl Shown {
    /// What is in a header `Authorization`.
    pub(super) fn of(header: Option<&str>) -> Self {
        let Some(header) = header else { return Self::Nothing };
        match (bearer(header), basic(header)) {
            (Some(token), _) => Self::Token(token.to_owned()),
            (_, Some((name, secret))) => Self::Secret(name, secret),
            (None, None) => Self::Nothing,
        }
    }
}

impl Access {
    /// Those whom a file names; the error is a sentence.
    pub(crate) fn load(file: &Path) -> Result<Self, String> {
        let current = read(file, None)?;
        let rule = Rule::Named { file: file.to_owned(), current: RwLock::new(current.into()) };
        Ok(Self { rule, buckets: Mutex::default() })
    }

    /// The user who runs the master: by connections of this machine, or by a token if there is one.
    pub(crate) fn of_same_user(token: Option<String>) -> Self {
        let signed = token.and_then(|token| {
            // Without a key no token is right.
            let key = credentials::new_key().ok()?;
            let tag = sign(&key, token.as_bytes());
            Some((key, tag))
        });
        Self { rule: Rule::SameUser { token: signed }, buckets: Mutex::default() }
    }

    /// Those who are known now, if they have names.
    fn credentials(&self) -> Option<Arc<Credentials>> {
        match &self.rule {
            Rule::Anybody | Rule::SameUser { .. } => None,
            Rule::Named { current, .. } => {
                Some(Arc::clone(&current.read().unwrap_or_else(PoisonError::into_inner)))
            }
        }
    }

    /// The file of principals, if there is one.
    pub(super) fn file(&self) -> Option<&Path> {
        match &self.rule {
            Rule::Anybody | Rule::SameUser { .. } => None,
            Rule::Named { file, .. } => Some(file),
        }
    }

    /// Reads the file of principals anew. Says who is not as before; the error is a sentence, and everybody
    /// is as before.
    pub(super) fn reload(&self) -> Result<impl Fn(&str) -> bool + use<>, String> {
        let former = self.credentials();
        let Rule::Named { file, current } = &self.rule else {
            return Err("there is no file of principals".to_owned());
        };
        let new = Arc::new(read(file, former.as_ref().map(|former| former.key()))?);
        *current.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&new);
        Ok(move |name: &str| !former.as_ref().is_some_and(|former| new.has_kept(name, former)))
    }

    /// Whether anybody has to say who it is.
    pub(crate) fn is_required(&self) -> bool {
        matches!(self.rule, Rule::Named { .. })
    }

    /// Whether it matters if a connection comes from the user who runs the master.
    pub(super) fn is_for_same_user(&self) -> bool {
        matches!(self.rule, Rule::SameUser { .. })
    }

    /// Whether anybody is served who can reach the master.
    pub(super) fn is_for_anybody(&self) -> bool {
        matches!(self.rule, Rule::Anybody)
    }

    /// The principal that somebody says to be, if it is known.
    pub(super) fn claimed(&self, shown: &Shown) -> Option<Arc<str>> {
        let Shown::Secret(name, _) = shown else { return None };
        self.credentials()?.get(name).map(|(name, _)| name.clone())
    }

    /// The principal of a request, by what is shown and whether its connection comes from the user who runs
    /// the master.
    pub(super) fn principal(
        &self,
        shown: &Shown,
        is_same_user: bool,
    ) -> Result<Option<Arc<str>>, Denied> {
        match (&self.rule, shown) {
            (Rule::Anybody, _) => Ok(None),
            (Rule::SameUser { .. }, _) if is_same_user => Ok(None),
            (Rule::SameUser { token: Some((key, tag)) }, Shown::Token(shown)) => {
                let is_own = verify(key, shown.as_bytes(), tag.as_ref()).is_ok();
                if is_own { Ok(None) } else { Err(Denied::WrongToken) }
            }
            (Rule::SameUser { .. }, _) => Err(Denied::OtherUser),
            (Rule::Named { .. }, Shown::Secret(name, secret)) => {
                let credentials = self.credentials().ok_or(Denied::Unauthenticated)?;
                let is_right = credentials.is_secret(name, secret);
                let known = credentials.get(name).filter(|_| is_right);
                known.map(|(name, _)| Some(name.clone())).ok_or(Denied::WrongSecret)
            }
            (Rule::Named { .. }, _) => Err(Denied::Unauthenticated),
        }
    }

    /// Takes one call from what is left of a principal's; a second's worth can be saved up.
    pub(super) fn take_call(&self, name: &str, now: Instant) -> Result<(), Denied> {
        let Some(credentials) = self.credentials() else { return Ok(()) };
        let Some((name, qps)) = credentials.get(name).and_then(|(name, it)| Some((name, it.qps?)))
        else {
            return Ok(());
        };
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let most = qps.max(1.0);
        let bucket = buckets.entry(name.clone()).or_insert_with(|| Bucket { left: most, at: now });
        let passed = now.saturating_duration_since(bucket.at).as_secs_f64();
        (bucket.left, bucket.at) = ((bucket.left + passed * qps).min(most), now);
        if bucket.left < 1.0 {
            return Err(Denied::TooOften);
        }
        bucket.left -= 1.0;
        Ok(())
    }

    /// The namespace of a principal's frameworks, if it has one of its own.
    pub(crate) fn namespace(&self, principal: &str) -> Option<String> {
        self.credentials()?.get(principal)?.1.namespace.clone()
    }

    /// What a principal sees.
    pub(crate) fn rights(&self, principal: Option<&str>) -> Arc<Rights> {
        let Some(credentials) = self.credentials() else { return Rights::Everything.into() };
        let known = principal.and_then(|principal| credentials.get(principal));
        // Somebody who is gone meanwhile sees nothing.
        known.map_or_else(|| Rights::nothing().into(), |(_, known)| known.rights.clone())
    }

    /// Whether a principal's frameworks may use a role.
    pub(crate) fn may_use(&self, principal: Option<&str>, role: &str) -> bool {
        let Some(credentials) = self.credentials() else { return true };
        let known = principal.and_then(|principal| credentials.get(principal));
        let is_own = |roles: &Vec<String>| rights::is_in(role, roles);
        known.is_some_and(|(_, known)| known.roles.as_ref().is_none_or(is_own))
    }

    /// Whether a principal may use the operator API.
    pub(crate) fn may_operate(&self, principal: Option<&str>) -> bool {
        let Some(credentials) = self.credentials() else { return true };
        let known = principal.and_then(|principal| credentials.get(principal));
        known.is_some_and(|(_, known)| known.roles.is_none())
    }
}

/// Those whom a file names. Secrets are kept under a key, which stays the same when it is read anew.
fn read(file: &Path, key: Option<ring::hmac::Key>) -> Result<Credentials, String> {
    let key = key.map_or_else(credentials::new_key, Ok)?;
    let text = std::fs::read_to_string(file)
        .map_err(|error| format!("cannot read the credentials {}: {error}", file.display()))?;
    Credentials::parse(&text, key)
        .map_err(|problem| format!("the credentials {}: {problem}", file.display()))
}

/// The token in a header of the form `Bearer …`.
pub(super) fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The name and the secret in a header of the form `Basic …`.
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    let decoded = BASE64_STANDARD.decode(encoded.trim()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (name, secret) = text.split_once(':')?;
    scheme.eq_ignore_ascii_case("basic").then(|| (name.to_owned(), secret.to_owned()))
}

#[cfg(test)]
mod tests;
