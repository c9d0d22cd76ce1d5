//! Short forms come back byte for byte, and what would not has none.

use base::SeededRng;
use base::signing::{Signer, SigningKey};
use proptest::prelude::*;

use super::*;

fn digests() -> impl Strategy<Value = Option<Commitment>> {
    proptest::option::of(any::<[u8; 32]>().prop_map(Commitment))
}

fn kinds() -> impl Strategy<Value = ActKind> {
    prop_oneof![
        (0..KINDS.len()).prop_map(|at| KINDS[at].1.clone()),
        "[a-z0-9-]{1,64}".prop_map(|name| name.parse().unwrap()),
    ]
}

fn ids() -> impl Strategy<Value = String> {
    prop_oneof![
        "(indicator|x-a--b|[a-z-]{1,20})--[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}",
        // Not as a UUID is written: capitals, hyphens elsewhere, too short, other signs.
        "[a-z]{1,5}--[0-9A-F]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        "[a-z]{1,5}--[0-9a-f-]{30,40}",
        "\\PC{1,60}",
    ]
}

fn objects() -> impl Strategy<Value = ActObject> {
    let version =
        proptest::option::of(prop_oneof!["2[0-9]{3}-0[1-9]-1[0-9]T00:00:00\\.[0-9]{3,6}Z", "\\PC{0,30}"]);
    (ids(), version, any::<[u8; 32]>()).prop_map(|(id, version, digest)| ActObject {
        id,
        version,
        digest: Commitment(digest),
    })
}

fn headers() -> impl Strategy<Value = Header> {
    let author = SigningKey::generate(&SeededRng::new(5)).public_key();
    let moments = -62_135_596_800_000_000_i64..253_402_207_200_000_000;
    let parts = (kinds(), 0..=u64::MAX >> 1, moments, "\\PC{0,40}", proptest::option::of(objects()));
    (parts, digests(), digests(), digests(), any::<bool>()).prop_map(
        move |((kind, sequence, at, community, object), handling, payload, addressees, same)| {
            let of_object = object.as_ref().filter(|_| same).map(|object| object.digest);
            let payload = of_object.or(payload);
            let (suite, author) = (author.suite(), author.id());
            let at = Micros(at);
            Header { suite, kind, author, sequence, at, community, object, handling, payload, addressees }
        },
    )
}

proptest! {
    /// Every header that can be sealed comes back byte for byte, and its common part from its text.
    #[test]
    fn what_is_short_comes_back(header in headers()) {
        let common = Common::of(&header);
        prop_assert_eq!(Common::parse(&common.to_string()), Ok(common.clone()));
        let Ok(act) = header.clone().seal() else { return Ok(()) };
        let short = shorten(&act).expect("a sealed header has a short form");
        prop_assert_eq!(shorten_own(&header), Some(short.clone()));
        prop_assert_eq!(restore(&short, &common, header.sequence), Ok(act));
    }

    /// Bytes that are no short form are told to be none, and never panic.
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200), header in headers()) {
        let _ = restore(&bytes, &Common::of(&header), 7);
        let first = [vec![SHORT], bytes].concat();
        let _ = restore(&first, &Common::of(&header), 7);
        let Ok(act) = header.clone().seal() else { return Ok(()) };
        let short = shorten(&act).unwrap();
        for cut in 0..short.len() {
            prop_assert_eq!(restore(&short[..cut], &Common::of(&header), header.sequence), Err(NotShort));
        }
        let longer = [short, vec![0]].concat();
        prop_assert_eq!(restore(&longer, &Common::of(&header), header.sequence), Err(NotShort));
    }
}

fn usual() -> Header {
    let author = SigningKey::generate(&SeededRng::new(5)).public_key();
    let digest = Commitment([7; 32]);
    let id = "indicator--00000000-0000-4000-8000-00000000000a".to_owned();
    Header {
        suite: author.suite(),
        kind: ActKind::Received,
        author: author.id(),
        sequence: 3,
        at: Micros(1_700_000_000_000_000),
        community: "c".repeat(64),
        object: Some(ActObject { id, version: Some("2026-01-01T00:00:00.000Z".into()), digest }),
        handling: None,
        payload: Some(digest),
        addressees: None,
    }
}

#[test]
fn it_is_short() {
    let act = usual().seal().unwrap();
    let short = shorten(&act).unwrap();
    assert!(act.bytes().len() > 450 && short.len() < 105, "{} and {}", act.bytes().len(), short.len());
}

/// A field that this version does not know is not in the short form: such a header stays as it is.
#[test]
fn what_would_not_come_back_has_no_short_form() {
    let act = usual().seal().unwrap();
    let text = String::from_utf8(act.bytes().to_vec()).unwrap();
    let unknown = text.replacen('{', "{\"new\":1,", 1);
    assert_eq!(shorten(&Act::parse(unknown.as_bytes()).unwrap()), None);
    let spaced = text.replacen(':', ": ", 1);
    assert_eq!(shorten(&Act::parse(spaced.as_bytes()).unwrap()), None);
}
