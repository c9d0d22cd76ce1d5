//! TLS on the one port: for people and programs with the operator's certificate, for members' nodes with the node's own.
//!
//! Which of the two is told by the first message of the handshake: a member's node says that it speaks [`MEMBERS_PROTOCOL`].
//! Everybody else is never asked for a certificate. Where the operator has given none, people come by plain HTTP and members'
//! nodes by TLS all the same: no HTTP request begins with the byte that a handshake does.
//!
//! Who a member's node is, is judged for each request (`road`), not here: here it only proves that it holds the key of the
//! certificate that it shows. People get versions 1.2 and 1.3, members' nodes 1.3 alone; no early data, HTTP/1.1 only.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use node::Node;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{Acceptor, ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{
    DigitallySignedStruct, DistinguishedName, PeerIncompatible, ServerConfig, SignatureScheme, version::TLS13,
};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use crate::app::TlsFiles;
use crate::certificate::Validity;
use crate::road::Came;

/// What members' nodes say in the handshake (ALPN) that they speak: HTTP/1.1 between nodes that show whose they are.
const MEMBERS_PROTOCOL: &[u8] = b"cresset/1";
/// Longest TLS handshake.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// What a TLS handshake begins with (RFC 8446, section 5.1).
const HANDSHAKE: u8 = 0x16;

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

/// What connections are opened with.
pub(crate) struct Tls {
    people: Option<Arc<ServerConfig>>,
    members: Arc<ServerConfig>,
    validity: Option<Validity>,
}

/// A connection on which requests may come.
pub(crate) enum Opened {
    /// As it is.
    Plain(TcpStream),
    /// In TLS, by a road.
    Secured(Box<TlsStream<TcpStream>>, Came),
}

impl Tls {
    /// TLS with the operator's certificate, where there is one, and with the node's own.
    ///
    /// # Errors
    /// A file cannot be read, holds nothing of its kind, or the two do not go together.
    pub(crate) fn new(files: Option<&TlsFiles>, node: &Node) -> Result<Self, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let people = files.map(|files| for_people(files, &provider)).transpose()?;
        let (people, validity) = people.map_or((None, None), |(people, validity)| (Some(people), validity));
        Ok(Self { people, members: Arc::new(for_members(node, &provider)?), validity })
    }

    /// From when to when the operator's certificate holds, where there is one and it says so.
    pub(crate) const fn validity(&self) -> Option<Validity> {
        self.validity
    }

    /// Waits at most so long for a connection's first word and goes through its handshake, if it is one. `None` where it came
    /// to nothing.
    pub(crate) async fn open(&self, stream: TcpStream, first_word_max: Duration) -> Option<Opened> {
        if self.people.is_none() {
            let mut first = [0];
            let read = timeout(first_word_max, stream.peek(&mut first)).await.ok()?.ok()?;
            if read == 0 {
                return None;
            }
            if first != [HANDSHAKE] {
                return Some(Opened::Plain(stream));
            }
        }
        timeout(HANDSHAKE_MAX, self.handshake(stream)).await.ok()?
    }

    async fn handshake(&self, stream: TcpStream) -> Option<Opened> {
        let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await.ok()?;
        let member =
            start.client_hello().alpn().is_some_and(|mut said| said.any(|one| one == MEMBERS_PROTOCOL));
        let config = if member { Some(&self.members) } else { self.people.as_ref() };
        let stream = start.into_stream(Arc::clone(config?)).await.ok()?;
        let came = if member {
            let shown = stream.get_ref().1.peer_certificates().unwrap_or_default();
            Came::AsMember(shown.iter().map(|shown| shown.clone().into_owned()).collect())
        } else {
            Came::Open
        };
        Some(Opened::Secured(Box::new(stream), came))
    }
}

fn for_people(
    files: &TlsFiles,
    provider: &Arc<CryptoProvider>,
) -> Result<(Arc<ServerConfig>, Option<Validity>), TlsError> {
    let mut reader = open(&files.certificates)?;
    let certificates = rustls_pemfile::certs(&mut reader).collect::<Result<Vec<_>, _>>();
    let certificates = certificates.map_err(|error| unreadable(&files.certificates, &error))?;
    let Some(own) = certificates.first() else {
        return Err(TlsError::Empty { path: shown(&files.certificates), what: "certificate" });
    };
    let validity = Validity::of(own);
    let key = rustls_pemfile::private_key(&mut open(&files.key)?)
        .map_err(|error| unreadable(&files.key, &error))?;
    let key = key.ok_or_else(|| TlsError::Empty { path: shown(&files.key), what: "private key" })?;
    let mut config = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(certificates, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.max_early_data_size = 0;
    Ok((Arc::new(config), validity))
}

fn for_members(node: &Node, provider: &Arc<CryptoProvider>) -> Result<ServerConfig, TlsError> {
    let mut config = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(Arc::new(Holder(Arc::clone(provider))))
        .with_cert_resolver(Arc::new(Own { node: node.clone(), provider: Arc::clone(provider) }));
    config.alpn_protocols = vec![MEMBERS_PROTOCOL.to_vec()];
    config.max_early_data_size = 0;
    // Every connection shows its certificates anew.
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(config)
}

/// The certificate that the node holds at the moment.
#[derive(Debug)]
struct Own {
    node: Node,
    provider: Arc<CryptoProvider>,
}

impl ResolvesServerCert for Own {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let held = self.node.identity()?;
        let secret = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(held.secret.expose().to_vec()));
        let secret = self.provider.key_provider.load_private_key(secret).ok()?;
        let chain = held.chain.iter().map(|der| CertificateDer::from(der.clone())).collect();
        Some(Arc::new(CertifiedKey::new(chain, secret)))
    }
}

/// Whoever holds the key of the certificate that it shows. It may show none: it is told so in an answer that says what is
/// missing, which a handshake cannot.
#[derive(Debug)]
struct Holder(Arc<CryptoProvider>);

impl ClientCertVerifier for Holder {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
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
