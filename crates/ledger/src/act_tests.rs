//! Acts: their form, what survives, and what is refused.

use base::SeededRng;
use base::signing::SigningKey;

use super::*;

fn key(seed: u64) -> SigningKey {
    SigningKey::generate(&SeededRng::new(seed))
}

fn header(signer: &SigningKey) -> Header {
    Header {
        suite: Suite::Ed25519,
        kind: ActKind::Released,
        author: signer.public_key().id(),
        sequence: 41,
        at: Micros(1_700_000_000_000_001),
        community: "lab".into(),
        object: Some(ActObject {
            id: "indicator--6b616fc1-1505-48e3-8b2c-0d19337bff38".into(),
            version: Some("2024-01-01T00:00:00.000Z".into()),
            digest: Commitment([1; 32]),
        }),
        handling: Some(Commitment([2; 32])),
        payload: Some(Commitment([3; 32])),
        addressees: None,
    }
}

#[test]
fn a_header_has_one_form() {
    let signer = key(1);
    let act = header(&signer).seal().unwrap();
    let expected = format!(
        "{{\"suite\":\"ed25519\",\"kind\":\"released\",\"author\":\"{}\",\"sequence\":41,\
         \"at\":\"2023-11-14T22:13:20.000001Z\",\"community\":\"lab\",\
         \"object\":{{\"id\":\"indicator--6b616fc1-1505-48e3-8b2c-0d19337bff38\",\
         \"version\":\"2024-01-01T00:00:00.000Z\",\"digest\":\"{}\"}},\
         \"handling\":\"{}\",\"payload\":\"{}\"}}",
        signer.public_key().id(),
        "01".repeat(32),
        "02".repeat(32),
        "03".repeat(32)
    );
    assert_eq!(std::str::from_utf8(act.bytes()).unwrap(), expected);
    let back = Act::parse(act.bytes()).unwrap();
    assert_eq!(back, act);
    assert_eq!(back.leaf(), TreeHash::leaf(expected.as_bytes()));
}

#[test]
fn unknown_fields_and_kinds_survive_in_the_leaf() {
    let act = header(&key(1)).seal().unwrap();
    let text = std::str::from_utf8(act.bytes()).unwrap();
    let later = text.replace("\"released\"", "\"lent-2\"").replacen('{', "{ \"later\" : [1.50],", 1);
    let read = Act::parse(later.as_bytes()).unwrap();
    assert_eq!(read.header().kind, ActKind::Other("lent-2".into()));
    assert_eq!(read.bytes(), later.as_bytes());
    assert_eq!(read.leaf(), TreeHash::leaf(later.as_bytes()));
    for (name, kind) in KINDS {
        assert_eq!(name.parse(), Ok(kind.clone()));
        assert_eq!(kind.name(), name);
        assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{name}\""));
    }
}

#[test]
fn an_act_is_its_authors() {
    let (signer, other) = (key(1), key(2));
    let act = header(&signer).seal().unwrap();
    let signed = act.sign(&signer).unwrap();
    assert_eq!(Act::open(&signed, &signer.public_key()), Ok(act.clone()));
    assert_eq!(Act::peek(&signed), Ok(act.clone()));
    assert!(matches!(
        Act::open(&signed, &other.public_key()),
        Err(ActError::Verify(VerifyError::NotSigned(_)))
    ));
    // The same bytes signed as another kind of statement are no act.
    let relabelled = Signed::sign("application/json", act.bytes().to_vec(), &signer).unwrap();
    let refused = Act::open(&relabelled, &signer.public_key());
    assert!(matches!(refused, Err(ActError::Verify(VerifyError::OtherType { .. }))));
    // Signed now or later: the same signature.
    assert_eq!(act.sign(&signer).unwrap(), signed);
}

#[test]
fn what_is_no_header_is_refused() {
    let good = String::from_utf8(header(&key(1)).seal().unwrap().bytes().to_vec()).unwrap();
    let cases = [
        String::new(),
        "{}".into(),
        good.replace("released", "Released"),
        good.replace("released", ""),
        good.replace("released", &"x".repeat(65)),
        good.replace(":41", ":-1"),
        good.replace(":41", ":41.5"),
        good.replace(":41", ":18446744073709551616"),
        good.replace("2023-11-14T22:13:20.000001Z", "2023-11-14"),
        good.replace("2023-11-14T22:13:20.000001Z", "now"),
        good.replace(&"01".repeat(32), "01"),
        good.replacen("\"sequence\"", "\"kind\":\"released\",\"sequence\"", 1),
        // What a sender writes elsewhere is not taken for a word about the suite.
        good.replace(&"01".repeat(32), "the suite x is not known"),
    ];
    for bad in cases {
        assert!(matches!(Act::parse(bad.as_bytes()), Err(ActError::Form(_))), "{bad}");
    }
    let later = good.replace("ed25519", "ml-dsa");
    assert_eq!(Act::parse(later.as_bytes()), Err(ActError::UnknownSuite("\"ml-dsa\"".into())));
    let otherwise_too = later.replace(":41", ":\"forty-one\"");
    assert_eq!(Act::parse(otherwise_too.as_bytes()), Err(ActError::UnknownSuite("\"ml-dsa\"".into())));
    let nameless = good.replace("indicator--6b616fc1-1505-48e3-8b2c-0d19337bff38", "");
    assert_eq!(Act::parse(nameless.as_bytes()), Err(ActError::Field("object")));
    let long = good.replace("\"lab\"", &format!("\"{}\"", "x".repeat(NAME_BYTES_MAX + 1)));
    assert_eq!(Act::parse(long.as_bytes()), Err(ActError::Field("community")));
    let longest = good.replace("\"lab\"", &format!("\"{}\"", "x".repeat(NAME_BYTES_MAX)));
    assert!(Act::parse(longest.as_bytes()).is_ok());
    let padded = |bytes: usize| format!("{good}{}", " ".repeat(bytes - good.len()));
    assert!(Act::parse(padded(ACT_BYTES_MAX).as_bytes()).is_ok());
    assert_eq!(Act::parse(padded(ACT_BYTES_MAX + 1).as_bytes()), Err(ActError::TooLarge(ACT_BYTES_MAX + 1)));
}

#[test]
fn a_header_that_could_not_be_read_back_is_not_sealed() {
    let signer = key(1);
    let unfit = Header { community: "x".repeat(NAME_BYTES_MAX + 1), ..header(&signer) };
    assert_eq!(unfit.seal(), Err(ActError::Field("community")));
    let distant = Header { at: Micros(i64::MAX), ..header(&signer) };
    assert_eq!(distant.seal(), Err(ActError::Field("at")));
}
