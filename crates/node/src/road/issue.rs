//! Certificates by which a node shows whose it is: X.509, issued by the member's long-term key to a key that TLS alone uses.
//!
//! Nothing of the form is ours: issuer and subject are called by their key ids, and whoever has the registry has the anchor.
//! Beside its own, a node shows how the member's key follows from the earlier ones that it still has, each of which is an
//! issuer of the new one: a member that has not heard of the new key yet knows the node by the old one.

use base::Micros;
use base::signing::{PublicKey, Signer, SigningKey};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, DnValue, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyUsagePurpose, PKCS_ED25519, PublicKeyData, SerialNumber, SignatureAlgorithm,
};
use std::time::{Duration, SystemTime};

/// What a certificate says besides whose key it is.
#[derive(Clone, Copy)]
pub(super) struct Terms {
    /// From when it holds.
    pub(super) from: Micros,
    /// Until when.
    pub(super) until: Micros,
    /// A number that no other has.
    pub(super) serial: [u8; 16],
}

/// A key as certificates are made with it.
struct Holder<'s> {
    key: PublicKey,
    signer: Option<&'s dyn Signer>,
}

impl PublicKeyData for Holder<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.key.as_bytes()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ED25519
    }
}

impl rcgen::SigningKey for Holder<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let signer = self.signer.ok_or(rcgen::Error::RemoteKeyError)?;
        Ok(signer.sign(message).as_bytes().to_vec())
    }
}

/// The certificate of a node's key by its member's key, and those of the member's key by each of `earlier`.
///
/// # Errors
/// Moments that X.509 cannot write.
pub(super) fn chain(
    node: &PublicKey,
    member: &SigningKey,
    earlier: &[SigningKey],
    terms: Terms,
) -> Result<Vec<Vec<u8>>, rcgen::Error> {
    let mut leaf = params(node, terms);
    leaf.is_ca = IsCa::ExplicitNoCa;
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    let mut shown = vec![signed(&leaf, node, member, terms)?];
    let member_key = member.public_key();
    let mut next = params(&member_key, terms);
    next.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    next.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    for key in earlier {
        shown.push(signed(&next, &member_key, key, terms)?);
    }
    Ok(shown)
}

fn params(subject: &PublicKey, terms: Terms) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = name(subject);
    (params.not_before, params.not_after) = (moment(terms.from).into(), moment(terms.until).into());
    let mut serial = terms.serial;
    // Positive and without a zero before it, as DER has whole numbers.
    serial[0] = (serial[0] & 0x3F) | 0x40;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params
}

fn signed(
    params: &CertificateParams,
    subject: &PublicKey,
    by: &SigningKey,
    terms: Terms,
) -> Result<Vec<u8>, rcgen::Error> {
    let issuer = Holder { key: by.public_key(), signer: Some(by) };
    let issuer = Issuer::new(self::params(&by.public_key(), terms), issuer);
    let made = params.signed_by(&Holder { key: *subject, signer: None }, &issuer)?;
    Ok(made.der().to_vec())
}

fn name(key: &PublicKey) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, DnValue::Utf8String(key.id().to_string()));
    name
}

fn moment(at: Micros) -> SystemTime {
    // A clock before 1970 gets certificates that nobody takes.
    SystemTime::UNIX_EPOCH + Duration::from_micros(u64::try_from(at.0).unwrap_or(0))
}
