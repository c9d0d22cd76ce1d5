//! Asking to be let in: what members' nodes answer to that, and that a corrected request is not kept waiting.
//!
//! Kept in memory: who asks does so again and again, and is answered each time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use community::MemberId;
use serde::Deserialize;

use crate::Node;

/// How it stands with this member's request.
#[derive(Debug, Default)]
pub(crate) struct Asking {
    /// The codes with which members' nodes refused it last.
    refused: Mutex<BTreeMap<MemberId, &'static str>>,
    /// It has asked anew since that was last looked at.
    anew: AtomicBool,
}

impl Asking {
    /// It asks anew: nobody has answered that, and it is said at once.
    pub(super) fn begins(&self) {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.anew.store(true, Ordering::Release);
    }

    /// A member's node has taken the question.
    pub(super) fn taken_by(&self, member: &MemberId) {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).remove(member);
    }

    /// The code with which it was refused.
    pub(super) fn refused(&self) -> Option<&'static str> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).values().next().copied()
    }
}

/// What of a refused question's answer is read.
#[derive(Deserialize)]
struct Problem {
    code: String,
}

impl Node {
    /// Notes that a member's node did not take this node's question about papers: who waits to be let in is shown why. A code that is not
    /// known here is not kept, since whoever answers chose it.
    pub fn papers_refused(&self, member: MemberId, answer: &[u8]) {
        let Ok(Problem { code }) = serde_json::from_slice(answer) else { return };
        let known = crate::all_codes().into_iter().map(|(known, _)| known).find(|known| *known == code);
        if let Some(code) = known {
            let asking = &self.chamber().asking;
            asking.refused.lock().unwrap_or_else(PoisonError::into_inner).insert(member, code);
        }
    }

    /// Whether this member has asked to be let in anew since that was last looked at.
    #[must_use]
    pub fn asks_anew(&self) -> bool {
        self.chamber().asking.anew.swap(false, Ordering::AcqRel)
    }
}
