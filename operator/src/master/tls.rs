//! What connections are encrypted with.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// A certificate and its key, from files in PEM.
pub(crate) struct Tls {
    certificate: String,
    key: String,
    current: RwLock<TlsAcceptor>,
}

impl Tls {
    /// Those of two files; the error is a sentence.
    pub(crate) fn load(certificate: &str, key: &str) -> Result<Self, String> {
        let current = RwLock::new(read(certificate, key)?);
        Ok(Self { certificate: certificate.to_owned(), key: key.to_owned(), current })
    }

    /// What new connections are encrypted with.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the files anew; the error is a sentence, and nothing has changed.
    pub(super) fn reload(&self) -> Result<(), String> {
        let new = read(&self.certificate, &self.key)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    /// The files.
    pub(super) fn files(&self) -> [&Path; 2] {
        [&self.certificate, &self.key].map(|file| Path::new(file.as_str()))
    }
}

fn read(certificate: &str, key: &str) -> Result<TlsAcceptor, String> {
    let failed = |file: &str, error: &dyn std::fmt::Display| format!("cannot read {file}: {error}");
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| failed(certificate, &error))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| failed(key, &error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let configuration = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| format!("{certificate} does not serve: {error}"))?;
    Ok(TlsAcceptor::from(Arc::new(configuration)))
}
