//! Keys and signatures against the published vectors, and everything that must be refused.

use super::*;
use crate::SeededRng;

/// Seed, public key, message and signature of RFC 8032, section 7.1, TEST 1 to 3.
const VECTORS: [[&str; 4]; 3] = [
    [
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b\
         d25bf5f0595bbe24655141438e7a100b",
    ],
    [
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c\
         387b2eaeb4302aeeb00d291612bb0c00",
    ],
    [
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659\
         4a7c15e9716ed28dc027beceea1ec40a",
    ],
];

fn key(seed: u64) -> SigningKey {
    SigningKey::generate(&SeededRng::new(seed))
}

#[test]
fn published_vectors() {
    for [seed, public, message, signature] in VECTORS {
        let seed: [u8; 32] = hex::decode(seed).unwrap().try_into().unwrap();
        let message = hex::decode(message).unwrap();
        let key = SigningKey::from_seed(&seed);
        assert_eq!(hex::encode(key.public_key().as_bytes()), public);
        let made = key.sign(&message);
        assert_eq!(hex::encode(made.as_bytes()), signature);
        let public = PublicKey::from_bytes(Suite::Ed25519, &hex::decode(public).unwrap()).unwrap();
        public.verify(&message, &made).unwrap();
        assert_eq!(**key.seed().expose(), seed);
    }
}

#[test]
fn a_signature_holds_for_its_message_and_key_only() {
    let (alice, bob) = (key(1), key(2));
    let made = alice.sign(b"message");
    assert_eq!(alice.public_key().verify(b"message", &made), Ok(()));
    let alice_id = alice.public_key().id();
    assert_eq!(alice.public_key().verify(b"massage", &made), Err(BadSignature { key: alice_id }));
    let bob_id = bob.public_key().id();
    assert_eq!(bob.public_key().verify(b"message", &made), Err(BadSignature { key: bob_id }));
    for at in 0..64 {
        for bit in 0..8 {
            let mut bytes = *made.as_bytes();
            bytes[at] ^= 1 << bit;
            let forged = Signature::from_bytes(Suite::Ed25519, &bytes).unwrap();
            assert!(alice.public_key().verify(b"message", &forged).is_err(), "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn a_signature_in_its_second_form_is_refused() {
    // s + L, with L the order of the base point: the same number to a sloppy verifier.
    let order = hex::decode("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010").unwrap();
    let made = key(3).sign(b"m");
    let mut bytes = *made.as_bytes();
    let mut carry = 0u16;
    for (byte, add) in bytes[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = (sum & 0xff) as u8;
        carry = sum >> 8;
    }
    let second = Signature::from_bytes(Suite::Ed25519, &bytes).unwrap();
    assert_ne!(second, made);
    assert!(key(3).public_key().verify(b"m", &second).is_err());
}

#[test]
fn texts_are_read_back() {
    let key = key(4);
    let public = key.public_key();
    let signature = key.sign(b"x");
    assert_eq!(public.to_string().parse(), Ok(public));
    assert!(public.to_string().starts_with("ed25519:"));
    assert_eq!(signature.to_string().parse(), Ok(signature));
    assert_eq!(public.id().to_string().parse(), Ok(public.id()));
    assert_eq!(public.id().to_string().len(), 64);
    let json = serde_json::to_string(&(public, public.id(), signature)).unwrap();
    let back: (PublicKey, KeyId, Signature) = serde_json::from_str(&json).unwrap();
    assert_eq!(back, (public, public.id(), signature));
}

#[test]
fn the_key_id_is_the_named_digest() {
    let public = key(5).public_key();
    let mut bytes = b"cresset key\0ed25519\0".to_vec();
    bytes.extend_from_slice(public.as_bytes());
    assert_eq!(public.id().as_bytes().as_slice(), Sha256::digest(&bytes).as_slice());
    assert_ne!(public.id(), key(6).public_key().id());
}

#[test]
fn what_is_no_key_is_refused() {
    let good = key(7).public_key().to_string();
    let body = good.strip_prefix("ed25519:").unwrap();
    let unknown = format!("ml-dsa-65\u{202e}:{body}");
    assert_eq!(
        unknown.parse::<PublicKey>(),
        Err(KeyTextError::UnknownSuite("\"ml-dsa-65\\u{202e}\"".into()))
    );
    assert_eq!(body.parse::<PublicKey>(), Err(KeyTextError::NoSuite));
    assert_eq!("".parse::<PublicKey>(), Err(KeyTextError::NoSuite));
    assert_eq!(
        format!("Ed25519:{body}").parse::<PublicKey>().unwrap_err().to_string(),
        "the suite \"Ed25519\" is not known to this version"
    );
    assert_eq!(format!("ed25519:{body}=").parse::<PublicKey>(), Err(KeyTextError::Encoding));
    assert_eq!(format!("ed25519: {body}").parse::<PublicKey>(), Err(KeyTextError::Encoding));
    assert_eq!(format!("ed25519:{}", "A".repeat(300)).parse::<PublicKey>(), Err(KeyTextError::Encoding));
    let short = format!("ed25519:{}", &body[..40]);
    assert!(matches!(short.parse::<PublicKey>(), Err(KeyTextError::Length { found: 30, expected: 32, .. })));
    assert!(matches!(good.parse::<Signature>(), Err(KeyTextError::Length { found: 32, expected: 64, .. })));
    for bad in ["", "00", &"A".repeat(64), &"g".repeat(64), &"0".repeat(63), &"0".repeat(65)] {
        assert_eq!(bad.parse::<KeyId>(), Err(KeyTextError::NotAKeyId), "{bad}");
    }
}

#[test]
fn small_and_second_points_are_no_keys() {
    let mut one = [0; 32];
    one[0] = 1;
    // Neutral element, zero (order 4), y = 2 (not on the curve), and the neutral element written as p + 1.
    let mut two = [0; 32];
    two[0] = 2;
    let mut beyond = [0xff; 32];
    beyond[0] = 0xee;
    beyond[31] = 0x7f;
    for bytes in [one, [0; 32], two, beyond] {
        assert_eq!(PublicKey::from_bytes(Suite::Ed25519, &bytes), Err(KeyTextError::Unsound), "{bytes:02x?}");
    }
}

#[test]
fn a_secret_key_does_not_print() {
    let key = key(8);
    let seed = hex::encode(**key.seed().expose());
    let shown = format!("{key:?} {:?}", key.seed());
    assert!(!shown.contains(&seed) && shown.contains("[redacted]"), "{shown}");
}
