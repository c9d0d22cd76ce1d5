//! Signed statements: what DSSE publishes, what holds, and everything that must be refused.

use super::*;
use crate::SeededRng;
use crate::signing::SigningKey;

const TYPE: &str = "application/vnd.example+json";

fn key(seed: u64) -> SigningKey {
    SigningKey::generate(&SeededRng::new(seed))
}

fn sample() -> (SigningKey, Signed) {
    let key = key(1);
    let signed = Signed::sign(TYPE, br#"{"b": 1,"a":2, "unknown" : [] }"#.to_vec(), &key).unwrap();
    (key, signed)
}

#[test]
fn the_published_encoding() {
    // protocol.md, "Test Vectors".
    let message = pre_authentication("http://example.com/HelloWorld", b"hello world");
    assert_eq!(message, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    assert_eq!(pre_authentication("", b""), b"DSSEv1 0  0 ");
}

#[test]
fn the_payload_comes_back_byte_for_byte() {
    let (key, signed) = sample();
    let text = signed.to_json();
    let back = Signed::parse(text.as_bytes()).unwrap();
    assert_eq!(back, signed);
    let payload = back.verify_with(TYPE, &key.public_key()).unwrap();
    assert_eq!(payload, br#"{"b": 1,"a":2, "unknown" : [] }"#);
    let form: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(form["payloadType"], TYPE);
    assert_eq!(form["signatures"][0]["keyid"], format!("ed25519:{}", key.public_key().id()));
    assert_eq!(serde_json::from_str::<Signed>(&text).unwrap(), signed);
}

#[test]
fn both_alphabets_and_no_padding_are_read() {
    let key = key(2);
    let signed = Signed::sign(TYPE, vec![0xfb, 0xff, 0xfe, 0x3e], &key).unwrap();
    let text = signed.to_json();
    assert!(text.contains("+//+Pg=="), "{text}");
    for spelled in ["-__-Pg==", "-__-Pg", "+//+Pg"] {
        let other = text.replace("+//+Pg==", spelled);
        assert_eq!(Signed::parse(other.as_bytes()).unwrap(), signed, "{spelled}");
    }
    let mixed = text.replace("+//+Pg==", "+_/+Pg==");
    assert_eq!(Signed::parse(mixed.as_bytes()), Err(EnvelopeError::Base64("the payload")));
}

#[test]
fn members_not_known_are_passed_over() {
    let (key, signed) = sample();
    let text = signed.to_json().replacen('{', r#"{"later":{"x":[1]},"#, 1);
    assert!(Signed::parse(text.as_bytes()).unwrap().verify_with(TYPE, &key.public_key()).is_ok());
}

#[test]
fn depth_costs_no_stack() {
    let (_, signed) = sample();
    let deep = format!(r#"{{"x":{}{},"#, "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(Signed::parse(signed.to_json().replacen('{', &deep, 1).as_bytes()), Ok(signed));
}

#[test]
fn another_type_payload_or_key_does_not_verify() {
    let (by, signed) = sample();
    let public = by.public_key();
    assert!(matches!(signed.verify_with("other", &public), Err(VerifyError::OtherType { .. })));
    let stranger = key(9).public_key();
    assert_eq!(signed.verify_with(TYPE, &stranger), Err(VerifyError::NotSigned(stranger.id())));

    let mut relabelled = signed.clone();
    relabelled.payload_type = "other".into();
    assert!(matches!(relabelled.verify_with("other", &public), Err(VerifyError::Bad(_))));
    let mut changed = signed.clone();
    changed.payload[0] ^= 1;
    assert!(matches!(changed.verify_with(TYPE, &public), Err(VerifyError::Bad(_))));
    let mut claimed = signed;
    claimed.signatures[0].0 = stranger.id();
    assert!(matches!(claimed.verify_with(TYPE, &stranger), Err(VerifyError::Bad(_))));
    assert_eq!(claimed.verify_with(TYPE, &public), Err(VerifyError::NotSigned(public.id())));
}

#[test]
fn a_false_signature_in_a_name_does_not_hide_a_true_one() {
    let (by, signed) = sample();
    let id = by.public_key().id();
    let mut both = Signed::unsigned(TYPE, signed.payload.clone()).unwrap();
    both.attach(id, key(2).sign(b"something else")).unwrap();
    both.attach(id, signed.signatures[0].1).unwrap();
    assert!(both.verify_with(TYPE, &by.public_key()).is_ok());
}

#[test]
fn each_signer_counts_once() {
    let (first, second, third) = (key(1), key(2), key(3));
    let mut signed = Signed::sign(TYPE, b"x".to_vec(), &first).unwrap();
    signed.add(&first).unwrap();
    assert_eq!(signed.signatures().len(), 1);
    signed.add(&second).unwrap();
    signed.attach(third.public_key().id(), second.sign(&signed.message())).unwrap();
    let keys = [first.public_key(), first.public_key(), second.public_key(), third.public_key()];
    let expected = BTreeSet::from([first.public_key().id(), second.public_key().id()]);
    assert_eq!(signed.signers(TYPE, &keys).unwrap(), expected);
    assert!(matches!(signed.signers("other", &keys), Err(VerifyError::OtherType { .. })));
}

#[test]
fn limits_hold_at_the_limit_and_one_beyond() {
    assert!(Signed::unsigned(TYPE, vec![0; SIGNED_PAYLOAD_BYTES_MAX]).is_ok());
    let beyond = SIGNED_PAYLOAD_BYTES_MAX + 1;
    assert_eq!(Signed::unsigned(TYPE, vec![0; beyond]), Err(EnvelopeError::PayloadTooLarge(beyond)));
    assert!(Signed::unsigned(&"t".repeat(PAYLOAD_TYPE_BYTES_MAX), Vec::new()).is_ok());
    for unfit in ["", "a b", "a\n", "é", &"t".repeat(PAYLOAD_TYPE_BYTES_MAX + 1)] {
        assert!(matches!(Signed::unsigned(unfit, Vec::new()), Err(EnvelopeError::TypeUnfit(_))), "{unfit}");
    }

    let (_, signed) = sample();
    let mut many = signed.clone();
    many.signatures = vec![signed.signatures[0]; SIGNATURES_MAX];
    assert!(Signed::parse(many.to_json().as_bytes()).is_ok());
    assert!(many.add(&key(77)).is_err());
    many.signatures.push(signed.signatures[0]);
    let error = Signed::parse(many.to_json().as_bytes());
    assert_eq!(error, Err(EnvelopeError::TooManySignatures(SIGNATURES_MAX + 1)));

    let mut text = signed.to_json().into_bytes();
    text.resize(SIGNED_TEXT_BYTES_MAX, b' ');
    assert!(Signed::parse(&text).is_ok());
    text.push(b' ');
    assert_eq!(Signed::parse(&text), Err(EnvelopeError::TooLarge(SIGNED_TEXT_BYTES_MAX + 1)));
}

#[test]
fn what_is_no_envelope_is_refused() {
    let (_, signed) = sample();
    let good = signed.to_json();
    for bad in ["", "[]", "{", "null", &format!("{good}x"), r#"{"payload":1}"#] {
        assert!(matches!(Signed::parse(bad.as_bytes()), Err(EnvelopeError::Form { .. })), "{bad}");
    }
    assert!(matches!(Signed::parse(b"{}"), Err(EnvelopeError::TypeUnfit(_))));
    let twice = good.replacen('{', r#"{"payload":"AA==","#, 1);
    assert!(matches!(Signed::parse(twice.as_bytes()), Err(EnvelopeError::Form { .. })));
    let later = good.replace("\"ed25519:", "\"slh-dsa:");
    let unknown = KeyTextError::UnknownSuite("\"slh-dsa\"".into());
    assert_eq!(Signed::parse(later.as_bytes()), Err(EnvelopeError::Signature(unknown)));
    let bare = good.replace("\"ed25519:", "\"");
    assert_eq!(Signed::parse(bare.as_bytes()), Err(EnvelopeError::Signature(KeyTextError::NoSuite)));
}

#[test]
fn its_json_is_what_serde_writes() {
    for (payload_type, length, signers) in [(TYPE, 0, 0), (r#"a"\b/'"#, 1, 1), ("~", 2, 2), (TYPE, 300, 3)] {
        let payload = (0..=u8::MAX).cycle().take(length).collect();
        let mut signed = Signed::unsigned(payload_type, payload).unwrap();
        (0..signers).for_each(|seed| signed.add(&key(seed)).unwrap());
        assert_eq!(signed.to_json(), serde_json::to_string(&signed).unwrap());
        assert_eq!(Signed::parse(signed.to_json().as_bytes()), Ok(signed));
    }
}
