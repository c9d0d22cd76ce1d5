//! Connections to members' nodes on which both ends show whose they are.
//!
//! The node that answers is judged in the handshake, before a byte of what is to be said leaves: its certificate must be that
//! of a node of the member which was meant, whatever the address is called. This node shows the certificate that it holds at
//! the moment. When it gets a new one, or the registry tells of another key of the member or that it takes part no more, connections are
//! made anew.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use base::Rng;
use community::MemberId;
use node::{JudgedBy, Node, NodeIdentity};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::version::TLS13;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, PeerIncompatible, SignatureScheme,
};

use crate::{DialError, Dialler, Egress};

/// What is said in the handshake (ALPN) to be spoken: HTTP/1.1 between nodes that show whose they are.
const MEMBERS_PROTOCOL: &[u8] = b"cresset/1";

/// Dials members' nodes, and nobody who is none.
pub struct MemberDialler {
    policy: Egress,
    rng: Arc<dyn Rng>,
    node: Node,
    provider: Arc<CryptoProvider>,
    held: Mutex<HashMap<MemberId, Held>>,
}

/// What a member's nodes are dialled with, its kept connections in it: as long as both ends are judged as when it was made.
struct Held {
    /// What this node shows there.
    shown: Arc<NodeIdentity>,
    /// By what the other is judged.
    by: JudgedBy,
    dialler: Dialler,
}

impl MemberDialler {
    /// A dialler that shows whose node `node` is, under a policy. Redirects are not followed, whatever the policy says: a
    /// member's node sends nobody elsewhere.
    #[must_use]
    pub fn new(policy: Egress, rng: Arc<dyn Rng>, node: Node) -> Self {
        let policy = Egress { redirects_max: 0, ..policy };
        let provider = Arc::new(aws_lc_rs::default_provider());
        Self { policy, rng, node, provider, held: Mutex::default() }
    }

    /// What dials nodes of `member`.
    ///
    /// # Errors
    /// `Setup` while this node holds no certificate, or when connections cannot be set up with it.
    pub fn to(&self, member: MemberId) -> Result<Dialler, DialError> {
        let identity = self.node.identity();
        let identity = identity.ok_or_else(|| DialError::Setup("this node holds no certificate".into()))?;
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        // Who is no member any more is not dialled any more either.
        held.retain(|_, held| Arc::ptr_eq(&held.shown, &identity));
        let by = self.node.judged_by(member);
        if let Some(held) = held.get(&member).filter(|held| held.by == by) {
            return Ok(held.dialler.clone());
        }
        let tls = self.config(member, &identity).map_err(|error| DialError::Setup(error.to_string()))?;
        let dialler = Dialler::with_tls(self.policy.clone(), Arc::clone(&self.rng), tls)?;
        held.insert(member, Held { shown: identity, by, dialler: dialler.clone() });
        Ok(dialler)
    }

    fn config(&self, member: MemberId, identity: &NodeIdentity) -> Result<ClientConfig, rustls::Error> {
        let secret = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(identity.secret.expose().to_vec()));
        let secret = self.provider.key_provider.load_private_key(secret)?;
        let chain = identity.chain.iter().map(|der| CertificateDer::from(der.clone())).collect();
        let meant = Meant { member, node: self.node.clone(), provider: Arc::clone(&self.provider) };
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(meant))
            .with_client_cert_resolver(Arc::new(Shown(Arc::new(CertifiedKey::new(chain, secret)))));
        config.alpn_protocols = vec![MEMBERS_PROTOCOL.to_vec()];
        // Every connection shows certificates anew.
        config.resumption = Resumption::disabled();
        Ok(config)
    }
}

/// The certificate that this node shows, whoever asks for one.
#[derive(Debug)]
struct Shown(Arc<CertifiedKey>);

impl ResolvesClientCert for Shown {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// Takes nodes of one member, and nobody else.
#[derive(Debug)]
struct Meant {
    member: MemberId,
    node: Node,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Meant {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let chain: Vec<&[u8]> = std::iter::once(end_entity).chain(intermediates).map(AsRef::as_ref).collect();
        self.node.answers_for(self.member, &chain).map_err(|error| {
            let (code, member) = (error.code(), self.member);
            tracing::warn!(code, %member, "what answers where a member should was refused, and nothing was said to it: {error}");
            rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(error))))
        })?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(PeerIncompatible::ServerDoesNotSupportTls12Or13.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
