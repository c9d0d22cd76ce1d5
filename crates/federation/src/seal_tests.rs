//! Tests of sealing: the published vector, and that nothing but the right key opens.

use base::SeededRng;

use super::*;

fn unhex<const N: usize>(text: &str) -> [u8; N] {
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).unwrap();
    bytes
}

#[test]
fn the_published_vector() {
    // RFC 9180, appendix A.2.1: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305, base mode, sequence number 0.
    let fresh =
        StaticSecret::from(unhex::<32>("f4ec9b33b792c372c1d2c2063507b684ef925b8c75a42dbcbf57d63ccd381600"));
    let recipient =
        StaticSecret::from(unhex::<32>("8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb"));
    let encapsulated = PublicKey::from(&fresh).to_bytes();
    assert_eq!(hex::encode(encapsulated), "1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a");
    let public = PublicKey::from(&recipient).to_bytes();
    let exchanged = fresh.diffie_hellman(&PublicKey::from(public));
    let shared = kem_secret(exchanged.as_bytes(), &encapsulated, &public);
    assert_eq!(hex::encode(*shared), "0bbe78490412b4bbea4812666f7916932b828bba79942424abb65244930d69a7");
    let (key, nonce) = schedule(&shared, &unhex::<20>("4f6465206f6e2061204772656369616e2055726e"));
    assert_eq!(hex::encode(*key), "ad2744de8e17f4ebba575b3f5f5a8fa1f69c2a07f6e7500bc60ca6e3e3ec1c91");
    assert_eq!(hex::encode(nonce), "5c4d98150661b848853b547f");
    let sealed = cipher(&key)
        .encrypt(
            Nonce::from_slice(&nonce),
            Payload { msg: b"Beauty is truth, truth beauty", aad: b"Count-0" },
        )
        .unwrap();
    assert_eq!(
        hex::encode(sealed),
        "1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28"
    );
}

#[test]
fn only_the_recipient_opens_and_only_what_was_sealed() {
    let rng = SeededRng::new(1);
    let (mine, other) = (SealingSecret::generate(&rng), SealingSecret::generate(&rng));
    let route = Route([7; ROUTE_BYTES]);
    let sealed = Sealed::seal(&rng, &mine.public(), route, b"secret").unwrap();
    assert_eq!(sealed.route(), route);
    assert_eq!(mine.open(&sealed).unwrap(), b"secret");
    assert_eq!(other.open(&sealed), Err(SealError::Closed));
    for at in 1..sealed.as_bytes().len() {
        let mut changed = sealed.as_bytes().to_vec();
        changed[at] ^= 1;
        let changed = Sealed::parse(changed).unwrap();
        assert!(mine.open(&changed).is_err(), "byte {at}");
    }
    let mut later = sealed.as_bytes().to_vec();
    later[0] = 9;
    assert_eq!(Sealed::parse(later), Err(SealError::UnknownSuite(9)));
    assert_eq!(Sealed::parse(vec![]), Err(SealError::Form));
    assert_eq!(Sealed::parse(vec![1; 40]), Err(SealError::Form));
    assert_eq!(Sealed::parse(vec![1; ENVELOPE_BYTES_MAX + 1]), Err(SealError::Form));
    assert_eq!(Sealed::seal(&rng, &[0; 32], route, b"x"), Err(SealError::Unsound));
    assert_eq!(format!("{mine:?}"), "SealingSecret([redacted])");
    let again = Sealed::seal(&rng, &mine.public(), route, b"secret").unwrap();
    assert_ne!(again, sealed, "every message has its own key");
}

#[test]
fn both_ends_compute_one_route_and_a_third_another() {
    let rng = SeededRng::new(2);
    let keys: Vec<SealingSecret> = (0..3).map(|_| SealingSecret::generate(&rng)).collect();
    let (a, b) = (KeyId::from_bytes([1; 32]), KeyId::from_bytes([2; 32]));
    let from_a = keys[0].route(&keys[1].public(), a, b, 3).unwrap();
    let at_b = keys[1].route(&keys[0].public(), a, b, 3).unwrap();
    assert_eq!(from_a, at_b);
    let relay = keys[2].route(&keys[0].public(), a, b, 3).unwrap();
    let back = keys[1].route(&keys[0].public(), b, a, 3).unwrap();
    let later = keys[0].route(&keys[1].public(), a, b, 4).unwrap();
    assert!(![relay, back, later].contains(&from_a));
    assert_eq!(keys[0].route(&[0; 32], a, b, 3), Err(SealError::Unsound));
}
