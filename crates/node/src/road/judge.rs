//! Whose key issued the certificates that somebody shows. Pure: keys and moment are arguments.
//!
//! Certificates are read, and chains of them built, by the library that reads them for TLS everywhere; here stands only what is
//! an anchor: a key of a member under the name of its id.

use std::time::Duration;

use base::Micros;
use base::limit::ROAD_CHAIN_MAX;
use base::signing::PublicKey;
use rustls_pki_types::{CertificateDer, Der, TrustAnchor, UnixTime};
use webpki::aws_lc_rs::ED25519;

use webpki::{EndEntityCert, Error, KeyUsage};

use super::RoadError;

/// What an X.509 name is that has a common name of 64 characters and nothing else, up to them.
const NAME_BEFORE: [u8; 11] = [0x31, 0x49, 0x30, 0x47, 0x06, 0x03, 0x55, 0x04, 0x03, 0x0C, 0x40];
/// What a public key of Ed25519 is in X.509, up to its 32 bytes (RFC 8410, section 4).
const KEY_BEFORE: [u8; 10] = [0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00];

/// Which end of a connection shows certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Who was called.
    Server,
    /// Who calls.
    Client,
}

/// The one among `keys` that issued the first certificate of a chain, by itself or through others of the chain.
///
/// # Errors
/// `Unreadable`, `Expired`, and `Unknown` when none of the keys did.
pub(super) fn issuer(
    chain: &[&[u8]],
    keys: &[PublicKey],
    (now, end): (Micros, End),
) -> Result<PublicKey, RoadError> {
    let (first, rest) = chain.split_first().ok_or(RoadError::Missing)?;
    if rest.len() >= ROAD_CHAIN_MAX {
        return Err(RoadError::Unreadable);
    }
    let first = CertificateDer::from(*first);
    let rest: Vec<CertificateDer<'_>> = rest.iter().map(|der| CertificateDer::from(*der)).collect();
    let anchors: Vec<TrustAnchor<'_>> = keys.iter().map(anchor).collect();
    let read = EndEntityCert::try_from(&first).map_err(|_| RoadError::Unreadable)?;
    let at = UnixTime::since_unix_epoch(Duration::from_micros(u64::try_from(now.0).unwrap_or(0)));
    let usage = match end {
        End::Server => KeyUsage::server_auth(),
        End::Client => KeyUsage::client_auth(),
    };
    let path = read.verify_for_usage(&[ED25519], &anchors, &rest, at, usage, None, None);
    let path = path.map_err(|error| match error {
        Error::CertExpired { .. } | Error::CertNotValidYet { .. } => RoadError::Expired,
        Error::UnknownIssuer | Error::InvalidSignatureForPublicKey => RoadError::Unknown,
        _ => RoadError::Unreadable,
    })?;
    let found = anchors.iter().zip(keys).find(|(anchor, _)| *anchor == path.anchor());
    found.map(|(_, key)| *key).ok_or(RoadError::Unknown)
}

fn anchor(key: &PublicKey) -> TrustAnchor<'static> {
    let subject = [&NAME_BEFORE[..], key.id().to_string().as_bytes()].concat();
    let info = [&KEY_BEFORE[..], key.as_bytes()].concat();
    TrustAnchor {
        subject: Der::from(subject),
        subject_public_key_info: Der::from(info),
        name_constraints: None,
    }
}

#[cfg(test)]
mod tests {
    use base::signing::{Signer, SigningKey};

    use super::super::issue::{Terms, chain};
    use super::*;

    const NOW: Micros = Micros(1_800_000_000 * Micros::SECOND);
    const DAY: i64 = 86_400 * Micros::SECOND;

    fn key(number: u8) -> SigningKey {
        SigningKey::from_seed(&[number; 32])
    }

    fn terms() -> Terms {
        Terms { from: NOW, until: NOW.plus(DAY), serial: [0xFF; 16] }
    }

    fn shown(by: u8, earlier: &[u8]) -> Vec<Vec<u8>> {
        let earlier: Vec<SigningKey> = earlier.iter().map(|number| key(*number)).collect();
        chain(&key(99).public_key(), &key(by), &earlier, terms()).unwrap()
    }

    fn judged(chain: &[Vec<u8>], keys: &[u8], now: Micros) -> Result<u8, RoadError> {
        let chain: Vec<&[u8]> = chain.iter().map(Vec::as_slice).collect();
        let known: Vec<PublicKey> = keys.iter().map(|number| key(*number).public_key()).collect();
        let of = |found: PublicKey| {
            *keys.iter().find(|number| key(**number).public_key() == found).expect("one of them")
        };
        let server = issuer(&chain, &known, (now, End::Server));
        let client = issuer(&chain, &known, (now, End::Client));
        assert_eq!(server.ok(), client.ok(), "either end is judged alike");
        server.map(of)
    }

    #[test]
    fn the_issuing_key_is_found_and_no_other_counts() {
        let chain = shown(1, &[]);
        assert_eq!(judged(&chain, &[2, 1, 3], NOW.plus(1)), Ok(1));
        assert_eq!(judged(&chain, &[2, 3], NOW.plus(1)), Err(RoadError::Unknown));
        assert_eq!(judged(&chain, &[], NOW.plus(1)), Err(RoadError::Unknown));
        assert_eq!(judged(&[], &[1], NOW), Err(RoadError::Missing));
    }

    #[test]
    fn a_certificate_holds_in_its_time_only() {
        let chain = shown(1, &[]);
        assert_eq!(judged(&chain, &[1], NOW.plus(-2 * Micros::SECOND)), Err(RoadError::Expired));
        assert_eq!(judged(&chain, &[1], NOW.plus(DAY + 2 * Micros::SECOND)), Err(RoadError::Expired));
        assert_eq!(judged(&chain, &[1], Micros(i64::MIN)), Err(RoadError::Expired));
    }

    #[test]
    fn a_new_key_is_known_by_the_one_before_it_and_by_nobody_elses() {
        let chain = shown(2, &[1]);
        assert_eq!(judged(&chain, &[1], NOW.plus(1)), Ok(1));
        assert_eq!(judged(&chain, &[2], NOW.plus(1)), Ok(2));
        assert_eq!(judged(&chain, &[3], NOW.plus(1)), Err(RoadError::Unknown));
        // Who holds a node's certificate makes no further ones with it.
        let node = key(99);
        let mut under = super::super::issue::chain(&key(98).public_key(), &node, &[], terms()).unwrap();
        under.extend(shown(1, &[]));
        assert!(judged(&under, &[1], NOW.plus(1)).is_err());
    }

    #[test]
    fn any_changed_byte_and_any_junk_is_refused() {
        let chain = shown(1, &[]);
        for at in 0..chain[0].len() {
            let mut changed = chain.clone();
            changed[0][at] ^= 1;
            assert!(judged(&changed, &[1], NOW.plus(1)).is_err(), "{at}");
            assert!(judged(&[chain[0][..at].to_vec()], &[1], NOW.plus(1)).is_err(), "{at}");
        }
        assert_eq!(judged(&[b"junk".to_vec()], &[1], NOW), Err(RoadError::Unreadable));
        let many = vec![chain[0].clone(); ROAD_CHAIN_MAX + 1];
        assert_eq!(judged(&many, &[1], NOW.plus(1)), Err(RoadError::Unreadable));
    }
}
