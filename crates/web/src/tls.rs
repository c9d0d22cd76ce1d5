//! TLS with the operator's own certificate: versions 1.2 and 1.3, no early data, HTTP/1.1 only.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use tokio_rustls::TlsAcceptor;

use crate::app::TlsFiles;

/// Why a certificate or key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file cannot be read.
    #[error("cannot read {path}: {reason}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// The file holds nothing of the kind.
    #[error("{path} holds no {what} in PEM form")]
    Empty {
        /// The file.
        path: String,
        /// What was looked for.
        what: &'static str,
    },
    /// Certificate and key do not go together, or are of an unknown kind.
    #[error("the certificate cannot be used with its key: {0}")]
    Unusable(#[from] rustls::Error),
}

/// What accepts TLS connections with the certificate in these files.
///
/// # Errors
/// A file cannot be read, holds nothing of its kind, or the two do not go together.
pub(crate) fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, TlsError> {
    let mut reader = open(&files.certificates)?;
    let certificates = rustls_pemfile::certs(&mut reader).collect::<Result<Vec<_>, _>>();
    let certificates = certificates.map_err(|error| unreadable(&files.certificates, &error))?;
    if certificates.is_empty() {
        return Err(TlsError::Empty { path: shown(&files.certificates), what: "certificate" });
    }
    let key = rustls_pemfile::private_key(&mut open(&files.key)?)
        .map_err(|error| unreadable(&files.key, &error))?;
    let key = key.ok_or_else(|| TlsError::Empty { path: shown(&files.key), what: "private key" })?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(certificates, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.max_early_data_size = 0;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn open(path: &Path) -> Result<BufReader<File>, TlsError> {
    File::open(path).map(BufReader::new).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &std::io::Error) -> TlsError {
    TlsError::Read { path: shown(path), reason: error.to_string() }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
