//! Where a push stands: what it has sent, what the server has not decided on, and what of it has to be sent again some day.
//!
//! It is written down by the node after each page and stays small, whatever a server does ([`Standing::gives_up`]).

use base::limit::JOB_STATE_BYTES_MAX;
use serde::{Deserialize, Serialize};

use crate::out::{counted, shown};

/// Envelopes that may wait for a server's decision before a push stops.
pub(super) const UNDECIDED_MAX: usize = 64;
/// How large it may be when it is written down, in bytes of JSON: what is given up meanwhile is noted in the rest.
const BYTES_MAX: usize = JOB_STATE_BYTES_MAX - 512;
/// Refusals that are listed; further ones are counted.
const REFUSALS_MAX: usize = 20;
/// Characters of a reason that are kept.
const REASON_CHARS_MAX: usize = 80;
/// Characters of an id that are kept: it is the server that names it.
const ID_CHARS_MAX: usize = 100;

/// Where a push stands.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Standing {
    /// Only what was added here after this moment.
    pub(super) added_after: Option<String>,
    /// Envelopes on which the server has not decided.
    #[serde(default)]
    pub(super) undecided: Vec<Undecided>,
    /// How many objects the server has refused since the beginning: they are not sent again by themselves.
    #[serde(default)]
    refused: u64,
    /// The first of them: id and reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    refusals: Vec<(String, String)>,
    /// Behind which moment the first object stands that was refused, or of which the server does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    doubtful: Option<From>,
}

/// A place among what was added here: behind a moment, or the beginning.
#[derive(Debug, Serialize, Deserialize)]
struct From {
    after: Option<String>,
}

/// An envelope of which the server has yet to say what becomes of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Undecided {
    /// The address where to ask.
    pub(super) status: String,
    /// How many objects it holds.
    pub(super) objects: u64,
    /// Behind which moment they stand; of an earlier program's nothing is known, and they are looked for from the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) from: Option<String>,
    /// The server was asked, and did not say.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) silent: bool,
}

impl Undecided {
    const fn is_silent(&self) -> bool {
        self.silent
    }

    /// `3 objects (https://taxii.example/api1/status/x/)`
    pub(super) fn words(&self) -> String {
        format!("{} ({})", counted(self.objects, "object"), shown(&self.status))
    }
}

/// What pushes before were refused.
pub(super) struct Refusals {
    /// How many objects.
    pub(super) count: u64,
    /// The first of them: id and reason.
    pub(super) told: Vec<(String, String)>,
}

impl Standing {
    /// Goes back to what has to be sent again.
    pub(super) fn goes_back(&mut self) {
        if self.is_doubtful() {
            self.added_after = self.doubtful.take().and_then(|from| from.after);
            (self.refused, self.refusals) = (0, Vec::new());
        }
    }

    /// Whether something was refused, or is not known to be taken.
    pub(super) const fn is_doubtful(&self) -> bool {
        self.refused > 0 || self.doubtful.is_some()
    }

    /// Notes that something behind a moment has to be sent again some day.
    pub(super) fn is_doubtful_from(&mut self, after: &Option<String>) {
        // Of what an earlier program counted it is not known where it stood.
        let first = if self.refused > 0 { None } else { after.clone() };
        let first = self.doubtful.take().map_or(first, |from| from.after.min(after.clone()));
        self.doubtful = Some(From { after: first });
    }

    /// Notes that so many objects behind a moment were refused.
    pub(super) fn is_refused(&mut self, objects: u64, after: &Option<String>) {
        self.is_doubtful_from(after);
        self.refused += objects;
    }

    /// Puts a refusal into the list, while there is room.
    pub(super) fn lists(&mut self, id: &str, reason: &str) {
        if self.refusals.len() < REFUSALS_MAX {
            let cut = |text: &str, most: usize| text.chars().take(most).collect();
            self.refusals.push((cut(id, ID_CHARS_MAX), cut(reason, REASON_CHARS_MAX)));
        }
    }

    /// Gives up asking about what there is no room for: one page can become many envelopes, and a server's addresses can be long. The list of
    /// refusals goes first, for their number stays; then the oldest envelopes about which the server did not answer, then the oldest of all.
    /// They have to be sent again some day.
    pub(super) fn gives_up(&mut self) -> Vec<Undecided> {
        let mut given_up = Vec::new();
        loop {
            let too_many = self.undecided.len() > UNDECIDED_MAX;
            if !too_many && self.bytes() <= BYTES_MAX {
                return given_up;
            }
            if !too_many && self.refusals.pop().is_some() {
                continue;
            }
            let Some(one) = self.oldest(Some(Undecided::is_silent)).or_else(|| self.oldest(None)) else {
                return given_up;
            };
            self.is_doubtful_from(&one.from);
            given_up.push(one);
        }
    }

    /// Gives up asking about the oldest envelope about which the server did not answer.
    pub(super) fn gives_up_silent(&mut self) -> Option<Undecided> {
        let one = self.oldest(Some(Undecided::is_silent))?;
        self.is_doubtful_from(&one.from);
        Some(one)
    }

    /// Takes the oldest envelope out, of those that `are` so.
    fn oldest(&mut self, are: Option<fn(&Undecided) -> bool>) -> Option<Undecided> {
        let at = self.undecided.iter().position(are.unwrap_or(|_| true))?;
        Some(self.undecided.remove(at))
    }

    /// As large as it is when it is written down; as good as endless where it cannot be.
    fn bytes(&self) -> usize {
        serde_json::to_vec(self).map_or(usize::MAX, |json| json.len())
    }

    /// What has been refused so far.
    pub(super) fn refusals(&self) -> Refusals {
        Refusals { count: self.refused, told: self.refusals.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_a_push_stays_small() {
        let mut standing =
            Standing { added_after: Some("2026-01-01T00:00:00.000000Z".into()), ..Standing::default() };
        for _ in 0..1_000 {
            standing.lists(&"i".repeat(1_000), &"r".repeat(1_000));
        }
        standing.is_refused(1_000, &standing.added_after.clone());
        let one = Undecided {
            status: format!("https://taxii.example/api1/status/{}/", "a".repeat(36)),
            objects: 1_000,
            from: standing.added_after.clone(),
            silent: true,
        };
        standing.undecided = vec![one.clone(); UNDECIDED_MAX];
        assert!(standing.gives_up().is_empty() && standing.bytes() < JOB_STATE_BYTES_MAX);
        assert_eq!((standing.refusals().count, standing.refusals().told.len()), (1_000, REFUSALS_MAX));

        // One page can become many envelopes, and a server can choose what it calls things.
        let silent = |from: &str, silent| Undecided { from: Some(from.into()), silent, ..one.clone() };
        standing.undecided.extend([silent("7", false), silent("6", true), silent("5", false)]);
        let given_up = standing.gives_up();
        assert_eq!(given_up.len(), 3);
        assert!(
            given_up.iter().all(|one| one.silent),
            "what is not decided is asked about before what is never told"
        );
        let long = |at: u32| Undecided { status: "\u{1}".repeat(3_000), ..silent(&at.to_string(), false) };
        standing.undecided = (0..9).map(long).collect();
        (standing.refused, standing.refusals) = (0, Vec::new());
        for _ in 0..REFUSALS_MAX {
            standing.lists(&"\u{1}".repeat(1_000), &"\u{1}".repeat(1_000));
        }
        standing.doubtful = None;
        let given_up = standing.gives_up();
        assert!(standing.bytes() < JOB_STATE_BYTES_MAX, "{}", standing.bytes());
        assert_eq!(given_up.len() + standing.undecided.len(), 9);
        standing.goes_back();
        assert_eq!(standing.added_after.as_deref(), Some("0"), "nothing of it is lost");
    }

    #[test]
    fn what_has_to_be_sent_again_is_gone_back_to() {
        let mut standing = Standing { added_after: Some("5".into()), ..Standing::default() };
        standing.goes_back();
        assert_eq!(standing.added_after.as_deref(), Some("5"), "nothing was refused");
        standing.is_refused(2, &Some("3".into()));
        standing.is_doubtful_from(&Some("2".into()));
        standing.is_refused(1, &Some("4".into()));
        standing.goes_back();
        assert_eq!((standing.added_after.as_deref(), standing.is_doubtful()), (Some("2"), false));
        // An earlier program counted only.
        let mut old: Standing =
            serde_json::from_str(r#"{"added_after":"5","undecided":[],"refused":3}"#).unwrap();
        old.is_refused(1, &Some("4".into()));
        old.goes_back();
        assert_eq!(old.added_after, None);
    }
}
