//! Who may say something: principals with a secret, the roles that they may use, and how often they
//! may call.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::digest::{SHA256, digest};
use serde::Deserialize;

/// The file of credentials, in the form of Mesos's `--credentials` with more about each.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    credentials: Vec<Credential>,
}

/// A principal.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Credential {
    principal: String,
    secret: String,
    /// The roles that its frameworks may use, with those below them. Without it every role, and the
    /// operator API.
    roles: Option<Vec<String>>,
    /// How many calls it may make in a second; any number if nothing is said.
    qps: Option<f64>,
    /// The namespace of its frameworks and their tasks, in a cluster.
    namespace: Option<String>,
}

/// Who may say something. By default everybody, without a name.
#[derive(Debug, Default)]
pub(crate) struct Access {
    rule: Rule,
    buckets: Mutex<BTreeMap<String, Bucket>>,
}

/// Who is served.
#[derive(Debug, Default)]
enum Rule {
    /// Whoever can reach the master.
    #[default]
    Anybody,
    /// The user who runs the master, by connections of this machine or by a token.
    SameUser { token: Option<String> },
    /// Those who are named here, by their secrets.
    Named(BTreeMap<String, Credential>),
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
    /// Nobody of this name and secret is known.
    Unauthenticated,
    /// It is not known to be the user who runs the master.
    OtherUser,
    /// It shows no token of an executor.
    NoExecutor,
    /// It calls too often.
    TooOften,
}

impl Access {
    /// Those whom a file names; the error is a sentence.
    pub(crate) fn load(file: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(file)
            .map_err(|error| format!("cannot read the credentials {}: {error}", file.display()))?;
        Self::parse(&text)
            .map_err(|problem| format!("the credentials {}: {problem}", file.display()))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let File { credentials } = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let mut by_principal = BTreeMap::new();
        for credential in credentials {
            let name = credential.principal.clone();
            if name.is_empty() || name.contains(':') || credential.secret.is_empty() {
                return Err(format!(
                    "\"{name}\" is not a principal with a secret: neither is empty, and the name \
                     has no colon"
                ));
            }
            if credential.qps.is_some_and(|qps| qps.is_nan() || qps <= 0.0) {
                return Err(format!("the qps of \"{name}\" is not above 0"));
            }
            if by_principal.insert(name.clone(), credential).is_some() {
                return Err(format!("\"{name}\" is there twice"));
            }
        }
        if by_principal.is_empty() {
            return Err("it names nobody".to_owned());
        }
        Ok(Self { rule: Rule::Named(by_principal), buckets: Mutex::default() })
    }

    /// The user who runs the master: by connections of this machine, or by a token if there is one.
    pub(crate) fn of_same_user(token: Option<String>) -> Self {
        Self { rule: Rule::SameUser { token }, buckets: Mutex::default() }
    }

    fn credentials(&self) -> Option<&BTreeMap<String, Credential>> {
        match &self.rule {
            Rule::Anybody | Rule::SameUser { .. } => None,
            Rule::Named(credentials) => Some(credentials),
        }
    }

    /// Whether anybody has to say who it is.
    pub(crate) fn is_required(&self) -> bool {
        self.credentials().is_some()
    }

    /// Whether it matters if a connection comes from the user who runs the master.
    pub(super) fn is_for_same_user(&self) -> bool {
        matches!(self.rule, Rule::SameUser { .. })
    }

    /// Whether anybody is served who can reach the master.
    pub(super) fn is_for_anybody(&self) -> bool {
        matches!(self.rule, Rule::Anybody)
    }

    /// The principal of a request, by its `Authorization` and whether its connection comes from the user
    /// who runs the master.
    pub(crate) fn principal(
        &self,
        header: Option<&str>,
        is_same_user: bool,
        now: Instant,
    ) -> Result<Option<String>, Denied> {
        let credentials = match &self.rule {
            Rule::Anybody => return Ok(None),
            Rule::SameUser { token } => {
                let shown = header.and_then(bearer);
                let is_shown = token.as_deref().zip(shown).is_some_and(|(own, it)| equal(own, it));
                return if is_same_user || is_shown { Ok(None) } else { Err(Denied::OtherUser) };
            }
            Rule::Named(credentials) => credentials,
        };
        let (name, secret) = header.and_then(basic).ok_or(Denied::Unauthenticated)?;
        let known = credentials.get(&name).ok_or(Denied::Unauthenticated)?;
        if !equal(&known.secret, &secret) {
            return Err(Denied::Unauthenticated);
        }
        match known.qps {
            Some(qps) if !self.take(&name, qps, now) => Err(Denied::TooOften),
            _ => Ok(Some(name)),
        }
    }

    /// Takes one call from what is left of a principal's; a second's worth can be saved up.
    fn take(&self, name: &str, qps: f64, now: Instant) -> bool {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let most = qps.max(1.0);
        let bucket =
            buckets.entry(name.to_owned()).or_insert_with(|| Bucket { left: most, at: now });
        let passed = now.saturating_duration_since(bucket.at).as_secs_f64();
        (bucket.left, bucket.at) = ((bucket.left + passed * qps).min(most), now);
        let has_one = bucket.left >= 1.0;
        if has_one {
            bucket.left -= 1.0;
        }
        has_one
    }

    /// The namespace of a principal's frameworks, if it has one of its own.
    pub(crate) fn namespace(&self, principal: &str) -> Option<&str> {
        self.credentials()?.get(principal)?.namespace.as_deref()
    }

    /// Whether a principal's frameworks may use a role.
    pub(crate) fn may_use(&self, principal: Option<&str>, role: &str) -> bool {
        let Some(credentials) = self.credentials() else { return true };
        let known = principal.and_then(|principal| credentials.get(principal));
        known.is_some_and(|known| match &known.roles {
            None => true,
            Some(roles) => roles.iter().any(|own| {
                own == role || role.strip_prefix(own.as_str()).is_some_and(|r| r.starts_with('/'))
            }),
        })
    }

    /// Whether a principal may use the operator API.
    pub(crate) fn may_operate(&self, principal: Option<&str>) -> bool {
        let Some(credentials) = self.credentials() else { return true };
        let known = principal.and_then(|principal| credentials.get(principal));
        known.is_some_and(|known| known.roles.is_none())
    }
}

/// Whether two secrets are the same. How long it takes to compare digests says nothing of them.
fn equal(one: &str, other: &str) -> bool {
    let of = |text: &str| digest(&SHA256, text.as_bytes());
    of(one).as_ref() == of(other).as_ref()
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
mod tests {
    use std::time::Duration;

    use super::*;

    const TWO: &str = r#"{"credentials": [
        {"principal": "spark", "secret": "s", "roles": ["team"], "qps": 2},
        {"principal": "operator", "secret": "t"}
    ]}"#;

    fn header(text: &str) -> String {
        format!("Basic {}", BASE64_STANDARD.encode(text))
    }

    #[test]
    fn a_principal_is_known_by_its_secret() {
        let (access, now) = (Access::parse(TWO).unwrap(), Instant::now());
        let known = access.principal(Some(&header("operator:t")), false, now);
        assert_eq!(known, Ok(Some("operator".to_owned())));
        let wrong = [None, Some(header("operator:s")), Some(header("nobody:t")), Some("t".into())];
        for text in wrong {
            assert_eq!(access.principal(text.as_deref(), true, now), Err(Denied::Unauthenticated));
        }
        assert_eq!(Access::default().principal(None, false, now), Ok(None));
    }

    #[test]
    fn without_names_only_the_same_user_is_served() {
        let now = Instant::now();
        let access = Access::of_same_user(Some("token".to_owned()));
        assert_eq!(access.principal(None, true, now), Ok(None));
        assert_eq!(access.principal(Some(&header("a:b")), true, now), Ok(None));
        assert_eq!(access.principal(Some("bearer token"), false, now), Ok(None));
        for wrong in
            [None, Some("Bearer tokens"), Some("Bearer "), Some("token"), Some("Basic token")]
        {
            assert_eq!(access.principal(wrong, false, now), Err(Denied::OtherUser), "{wrong:?}");
        }
        let access = Access::of_same_user(None);
        assert_eq!(access.principal(Some("Bearer "), false, now), Err(Denied::OtherUser));
        assert!(access.may_use(None, "team") && access.may_operate(None));
    }

    #[test]
    fn roles_are_for_whom_they_are_given_with_those_below() {
        let access = Access::parse(TWO).unwrap();
        for (role, may) in [("team", true), ("team/a", true), ("teams", false), ("*", false)] {
            assert_eq!(access.may_use(Some("spark"), role), may, "{role}");
            assert!(access.may_use(Some("operator"), role));
        }
        assert!(!access.may_operate(Some("spark")) && access.may_operate(Some("operator")));
        assert!(!access.may_operate(None) && Access::default().may_operate(None));
    }

    #[test]
    fn who_calls_too_often_has_to_wait() {
        let (access, now) = (Access::parse(TWO).unwrap(), Instant::now());
        let header = header("spark:s");
        let at = |milliseconds| {
            access
                .principal(Some(&header), false, now + Duration::from_millis(milliseconds))
                .is_ok()
        };
        assert_eq!(
            [at(0), at(0), at(0), at(400), at(600), at(600)],
            [true, true, false, false, true, false]
        );
    }

    #[test]
    fn files_that_make_no_sense_are_refused() {
        for text in [
            "",
            "{}",
            r#"{"credentials": []}"#,
            r#"{"credentials": [{"principal": "", "secret": "s"}]}"#,
            r#"{"credentials": [{"principal": "a:b", "secret": "s"}]}"#,
            r#"{"credentials": [{"principal": "a", "secret": "s", "qps": 0}]}"#,
            r#"{"credentials": [{"principal": "a", "secret": "s", "role": "x"}]}"#,
            r#"{"credentials": [{"principal": "a", "secret": "s"}, {"principal": "a", "secret": "t"}]}"#,
        ] {
            assert!(Access::parse(text).is_err(), "{text}");
        }
    }
}
