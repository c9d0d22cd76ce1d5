//! Node certificates: a member's word on which machine speaks for it, for a limited time.
//!
//! Says which request-signing key and which TLS certificate a node of the member uses, signed with the member's long-term key. It is
//! kept in the registry for members that write one, and no node asks for it: whose a connection is, nodes show each other by a
//! certificate of another kind (`node/src/road/`).

use base::Micros;
use base::limit::{CERTIFICATE_SECONDS_MAX, NAME_CHARS_MAX};
use base::signed::Signed;
use base::signing::{PublicKey, Signer};
use serde::{Deserialize, Serialize};

use crate::statement::{micros, payload, sign, signed_by_alone};
use crate::words::is_line;
use crate::{EntryHash, MemberId, Rule};

/// The type of a signed node certificate.
pub const CERTIFICATE_TYPE: &str = "application/vnd.cresset.node-certificate+json";

/// A member's word on one of its nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeCertificate {
    /// Whose node it is.
    pub member: MemberId,
    /// What the node is called.
    pub node: String,
    /// The key that signs the node's requests.
    pub key: PublicKey,
    /// SHA-256 of the node's TLS certificate (DER), 64 lower-case hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_sha256: Option<EntryHash>,
    /// From when it holds.
    #[serde(rename = "from_us", with = "micros")]
    pub from: Micros,
    /// Until when; at most 400 days later.
    #[serde(rename = "until_us", with = "micros")]
    pub until: Micros,
}

impl NodeCertificate {
    /// Signs the certificate with the member's key.
    ///
    /// # Errors
    /// `CertificateUnfit` when its dates or its name are not within bounds.
    pub fn sign(&self, signer: &dyn Signer) -> Result<Signed, Rule> {
        self.check()?;
        sign(CERTIFICATE_TYPE, self, signer)
    }

    /// Reads a certificate of `member` and verifies it with its key.
    ///
    /// # Errors
    /// `PayloadType`, `PayloadForm`, `CertificateUnfit`, and what is wrong with the signature.
    pub fn open(signed: &Signed, member: MemberId, key: &PublicKey) -> Result<Self, Rule> {
        let certificate: Self = payload(signed, CERTIFICATE_TYPE)?;
        certificate.check()?;
        if certificate.member != member {
            return Err(Rule::CertificateUnfit);
        }
        signed_by_alone(signed, CERTIFICATE_TYPE, key)?;
        Ok(certificate)
    }

    fn check(&self) -> Result<(), Rule> {
        let latest = self.from.plus(CERTIFICATE_SECONDS_MAX.saturating_mul(Micros::SECOND));
        let fit = is_line(&self.node, NAME_CHARS_MAX) && self.from < self.until && self.until <= latest;
        if fit { Ok(()) } else { Err(Rule::CertificateUnfit) }
    }
}
