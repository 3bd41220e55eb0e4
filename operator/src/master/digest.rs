//! What is kept of a secret that somebody shows: not enough to show it.

use ring::digest::{SHA256, digest};

/// The digest of a secret that nobody can guess. How long it takes to compare two says nothing of the secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Digest(String);

impl Digest {
    /// The digest of a secret.
    pub(super) fn of(secret: &str) -> Self {
        let bytes = digest(&SHA256, secret.as_bytes());
        Self(bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// As it was stored. What is none is that of no secret.
    pub(super) fn stored(text: String) -> Self {
        Self(text)
    }

    /// As it is stored.
    pub(super) fn as_text(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::Digest;

    #[test]
    fn a_digest_is_that_of_one_secret() {
        let digest = Digest::of("secret");
        assert_eq!(digest, Digest::stored(digest.as_text().to_owned()));
        assert_ne!(digest, Digest::of("another"));
        assert!(!digest.as_text().contains("secret"));
        assert_ne!(Digest::of(""), Digest::default());
    }
}
