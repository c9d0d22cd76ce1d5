//! Versions of an object: which is current, and what an arrival is to the one that is held.
//!
//! Pure functions; the store keeps the versions. Source: STIX 2.1, section 3.6.

use crate::canonical;
use crate::json::Json;
use crate::timestamp;

/// What the rules need to know of one version of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionFacts<'a> {
    /// [`crate::Timestamp::sort_key`] of `modified`, or of `created` where there is no `modified`; empty without either.
    pub modified: &'a str,
    /// [`crate::Timestamp::sort_key`] of `created`; empty without it.
    pub created: &'a str,
    /// `created_by_ref`.
    pub created_by_ref: Option<&'a str>,
    /// Whether it says that the object is revoked.
    pub revoked: bool,
    /// [`canonical::content_digest`].
    pub content: [u8; 32],
}

impl<'a> VersionFacts<'a> {
    /// The facts of an object; times that are none count as absent.
    #[must_use]
    pub fn of(object: &'a Json<'_>) -> Self {
        let time = |name: &str| {
            let text = object.get(name).and_then(Json::as_str).unwrap_or_default();
            timestamp::check(text).map_or("", |()| timestamp::key_of(text))
        };
        let created = time("created");
        let modified = Some(time("modified")).filter(|key| !key.is_empty()).unwrap_or(created);
        Self {
            modified,
            created,
            created_by_ref: object.get("created_by_ref").and_then(Json::as_str),
            revoked: object.get("revoked").and_then(Json::as_bool) == Some(true),
            content: canonical::content_digest(object),
        }
    }
}

/// What an arriving version is to what is already held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Nothing of this object is held.
    New,
    /// It becomes the current version.
    Newer,
    /// It is an earlier version than the current one; kept, not current unless [`takes_over`] says so.
    Older,
    /// The same version with the same content.
    Same,
    /// The same version with other content: flagged, the held one stays.
    Conflict,
    /// A version after a revocation, which must not exist: the revocation stays current.
    AfterRevocation,
    /// Another creator than the held version's: the held one stays.
    CreatorChanged,
    /// Another creation time than the held version's: the held one stays.
    CreatedChanged,
}

impl Verdict {
    /// The word that machines read.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Newer => "newer",
            Self::Older => "older",
            Self::Same => "same",
            Self::Conflict => "conflict",
            Self::AfterRevocation => "after-revoke",
            Self::CreatorChanged => "creator-changed",
            Self::CreatedChanged => "created-changed",
        }
    }

    /// Whether the version is one that the object's creator may have made, so that it is kept among the versions.
    #[must_use]
    pub const fn is_lawful(self) -> bool {
        matches!(self, Self::New | Self::Newer | Self::Older | Self::Same)
    }
}

/// What `incoming` is to `current`, the current version of the same object.
///
/// A caller that holds a version with the same `modified` as the incoming one compares with that one first, so that a
/// repeated old version is [`Verdict::Same`] and not [`Verdict::Older`].
#[must_use]
pub fn compare(current: &VersionFacts<'_>, incoming: &VersionFacts<'_>) -> Verdict {
    if incoming.modified == current.modified {
        return if incoming.content == current.content { Verdict::Same } else { Verdict::Conflict };
    }
    if incoming.created != current.created {
        return Verdict::CreatedChanged;
    }
    if incoming.created_by_ref != current.created_by_ref {
        return Verdict::CreatorChanged;
    }
    match (incoming.modified > current.modified, current.revoked) {
        (true, true) => Verdict::AfterRevocation,
        (true, false) => Verdict::Newer,
        (false, _) => Verdict::Older,
    }
}

/// Whether `incoming` becomes current: it is newer, or it is a revocation that arrives after versions which it forbids.
///
/// Through the second case the end is the same in whatever order the versions arrive.
#[must_use]
pub fn takes_over(current: &VersionFacts<'_>, incoming: &VersionFacts<'_>) -> bool {
    match compare(current, incoming) {
        Verdict::Newer => true,
        Verdict::Older => incoming.revoked,
        _ => false,
    }
}

/// What became of versions that arrived one after another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// Index of the version that is current at the end.
    pub latest: usize,
    /// One verdict an arrival.
    pub verdicts: Vec<Verdict>,
}

/// Plays the arrival of versions of one object; `None` where there is none.
///
/// # Limits
/// Time grows with the square of the number of versions.
#[must_use]
pub fn replay(objects: &[Json<'_>]) -> Option<History> {
    let facts: Vec<VersionFacts<'_>> = objects.iter().map(VersionFacts::of).collect();
    let mut verdicts: Vec<Verdict> = Vec::with_capacity(facts.len());
    let mut latest: Option<(usize, &VersionFacts<'_>)> = None;
    for (at, incoming) in facts.iter().enumerate() {
        let Some((_, current)) = latest else {
            latest = Some((at, incoming));
            verdicts.push(Verdict::New);
            continue;
        };
        let held = facts
            .iter()
            .zip(&verdicts)
            .find(|(held, verdict)| verdict.is_lawful() && held.modified == incoming.modified);
        let held = held.map(|(held, _)| held);
        verdicts.push(compare(held.unwrap_or(current), incoming));
        if held.is_none() && takes_over(current, incoming) {
            latest = Some((at, incoming));
        }
    }
    latest.map(|(latest, _)| History { latest, verdicts })
}

/// Index of the version that is current when these have arrived in this order; zero where there is none.
#[must_use]
pub fn latest(objects: &[Json<'_>]) -> usize {
    replay(objects).map_or(0, |history| history.latest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(modified: &str, more: &str) -> String {
        format!(
            r#"{{"type":"tool","id":"x","created":"2023-01-01T00:00:00.000Z","modified":"{modified}"{more}}}"#
        )
    }

    fn play(texts: &[String]) -> (usize, Vec<&'static str>) {
        let objects: Vec<Json<'_>> = texts.iter().map(|text| Json::parse(text.as_bytes()).unwrap()).collect();
        let history = replay(&objects).unwrap();
        (history.latest, history.verdicts.into_iter().map(Verdict::as_str).collect())
    }

    const ONE: &str = "2023-01-01T00:00:00.000Z";
    const TWO: &str = "2023-01-02T00:00:00.000Z";
    const THREE: &str = "2023-01-03T00:00:00.000Z";

    #[test]
    fn order_of_arrival_does_not_matter() {
        let revoked = r#","revoked":true"#;
        let versions = [version(ONE, ""), version(TWO, revoked), version(THREE, r#","name":"c""#)];
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let texts: Vec<String> = order.iter().map(|at| versions[*at].clone()).collect();
            let (latest, _) = play(&texts);
            assert_eq!(order[latest], 1, "{order:?}");
        }
    }

    #[test]
    fn verdicts() {
        assert_eq!(play(&[version(TWO, ""), version(ONE, "")]), (0, vec!["new", "older"]));
        assert_eq!(play(&[version(ONE, ""), version("2023-01-01T00:00:00Z", "")]), (0, vec!["new", "same"]));
        assert_eq!(play(&[version(ONE, ""), version(ONE, r#","name":"b""#)]), (0, vec!["new", "conflict"]));
        assert_eq!(
            play(&[version(ONE, ""), version(TWO, ""), version(ONE, "")]),
            (1, vec!["new", "newer", "same"])
        );
        assert_eq!(
            play(&[version(ONE, ""), version(TWO, r#","created_by_ref":"i""#)]),
            (0, vec!["new", "creator-changed"])
        );
        let moved = version(TWO, "").replace(r#""created":"2023-01-01"#, r#""created":"2023-01-02"#);
        assert_eq!(play(&[version(ONE, ""), moved]), (0, vec!["new", "created-changed"]));
        assert_eq!(latest(&[]), 0);
    }
}
