//! What holds for any input: nothing panics, what is written reads back, and objects come out as they went in.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use taxii::media::{Offer, accepts, is_taxii, speaks_taxii};
use taxii::{Endpoint, Envelope, Query, Version};

fn version() -> impl Strategy<Value = Version> {
    prop_oneof![
        Just(Version::Last),
        Just(Version::First),
        (0_i64..4_000_000_000).prop_map(|seconds| {
            Version::At(stix::Timestamp::from_micros(base::Micros(seconds * base::Micros::SECOND)))
        }),
    ]
}

fn query() -> impl Strategy<Value = Query> {
    let names = || vec("[a-z][a-z0-9-]{0,12}", 0..4);
    let number = 1..=base::limit::PAGE_MAX;
    (
        prop::option::of(0_i64..i64::from(u32::MAX)),
        prop::option::of(number),
        prop::option::of(".{1,40}"),
        names(),
        vec(version(), 0..4),
    )
        .prop_map(|(after, limit, next, mut types, mut versions)| {
            types.sort_unstable();
            types.dedup();
            let mut seen: Vec<Version> = Vec::new();
            versions.retain(|version| {
                !seen.contains(version) && {
                    seen.push(version.clone());
                    true
                }
            });
            Query {
                added_after: after.map(|micros| base::Micros(micros * 1_000_003)),
                limit,
                next,
                types,
                versions,
                ..Query::default()
            }
        })
}

proptest! {
    #[test]
    fn a_query_reads_back(query in query()) {
        let text = query.to_text();
        prop_assert_eq!(Query::parse(text.trim_start_matches('?')).unwrap(), query);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
        let _ = Query::parse(&text);
        let _ = Endpoint::parse(&text, "api1");
        let _ = Endpoint::parse(&format!("/api1/collections/{text}"), "api1");
        let _ = (accepts([text.as_str()], Offer::Taxii), is_taxii(&text), speaks_taxii([text.as_str()]));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..300)) {
        let _ = Envelope::read(&Bytes::from(bytes));
    }

    #[test]
    fn objects_come_out_as_they_went_in(texts in vec("[ -~]{0,30}", 0..10)) {
        let objects: Vec<Bytes> = texts.iter().map(|text| Bytes::from(serde_json::to_vec(text).unwrap())).collect();
        let body = Bytes::from(Envelope::write(&objects));
        prop_assert_eq!(Envelope::read(&body).unwrap().objects, objects);
    }

    #[test]
    fn a_version_that_is_not_ours_is_never_taken(major in 0_u8..9, minor in 0_u8..9) {
        let range = format!("application/taxii+json;version={major}.{minor}");
        prop_assert_eq!(accepts([range.as_str()], Offer::Taxii), (major, minor) == (2, 1));
        prop_assert_eq!(is_taxii(&range), (major, minor) == (2, 1));
    }
}
