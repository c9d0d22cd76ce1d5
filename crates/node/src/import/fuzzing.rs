//! What the fuzz targets reach of the readers of lists and texts; built for them only (`--cfg fuzzing`).
//!
//! Invariant that they ask for: whatever becomes an object is one by the specification's text, and its pattern can be read.

use base::Micros;
use bytes::Bytes;
use stix::{Profile, Timestamp};

use crate::initialise::Member;
use crate::produce::{Author, Draft, Moments};

use super::{csv, values};

/// The objects that a list becomes, and how many of its lines were refused.
#[must_use]
pub fn of_list(text: &str) -> (Vec<Bytes>, usize) {
    let (drafts, unfit): (Vec<_>, Vec<_>) = csv::drafts(text, handling::Pap::Clear).partition(Result::is_ok);
    for unfit in unfit.iter().filter_map(|unfit| unfit.as_ref().err()) {
        assert!(!unfit.message.is_empty() && unfit.path.starts_with("line "), "{unfit:?}");
    }
    (drafts.into_iter().flatten().map(|draft| object(&draft)).collect(), unfit.len())
}

/// The objects that the values in a text become.
#[must_use]
pub fn of_text(text: &str) -> Vec<Bytes> {
    values::in_text(text).map(|draft| object(&draft)).collect()
}

fn object(draft: &Draft) -> Bytes {
    let member =
        Member { id: "identity--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f".to_owned(), name: "A".to_owned() };
    let author = Author { member, since: Micros(0) };
    let now = Timestamp::text_of(Micros(0));
    // A line may end before anything that is made now begins: the beginning of its own is what it is compared with.
    let begins = draft.valid_until.map_or_else(|| now.clone(), |until| Timestamp::text_of(until.plus(-1)));
    let moments = Moments { created: now.clone(), valid_from: Some(begins), modified: now };
    let bytes = draft.object(&author, &moments);
    let valid = stix::examine(&bytes, Profile::Specification).expect("what is made is an object");
    assert!(valid.findings().iter().all(|finding| finding.severity < stix::Severity::Error));
    bytes
}
