//! Tests of sealing: the published vector, and that nothing but the right key opens.

use base::SeededRng;

use super::*;

/// Gives these bytes, once.
struct Fixed([u8; 32]);

impl Rng for Fixed {
    fn fill(&self, out: &mut [u8]) {
        out.copy_from_slice(&self.0);
    }
}

fn unhex(text: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).unwrap();
    bytes
}

#[test]
fn the_published_vector() {
    // RFC 9180, appendix A.2.1 and A.2.1.1: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305, base mode, sequence number 0.
    let (info, aad, plain) = (b"Ode on a Grecian Urn", b"Count-0", b"Beauty is truth, truth beauty");
    let entropy = Fixed(unhex("909a9b35d3dc4713a5e72a4da274b55d3d3821a37e5d099e74a647db583a904b"));
    let recipient = unhex("4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a");
    let (fresh, ciphertext) = seal_with(&entropy, &recipient, (info, aad), plain).unwrap();
    assert_eq!(hex::encode(fresh), "1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a");
    assert_eq!(
        hex::encode(&ciphertext),
        "1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28"
    );
    let secret =
        SealingSecret::from_bytes(&unhex("8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb"));
    assert_eq!(secret.public(), recipient);
    assert_eq!(open_with(&secret.opening, info, aad, (&fresh, &ciphertext)).unwrap(), plain);
    assert_eq!(open_with(&secret.opening, INFO, aad, (&fresh, &ciphertext)), Err(SealError::Closed));
}

#[test]
fn a_seed_repeats_what_was_sealed() {
    let key = SealingSecret::generate(&SeededRng::new(7)).public();
    let seal = |seed| Sealed::seal(&SeededRng::new(seed), &key, Route([0; ROUTE_BYTES]), b"x").unwrap();
    assert_eq!(seal(1), seal(1));
    assert_ne!(seal(1), seal(2));
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
