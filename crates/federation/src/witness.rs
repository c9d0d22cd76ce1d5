//! Cosigning for whoever asks, leaves or not: a head by itself and a proof that it continues the one cosigned last.
//!
//! In a meeting a head comes with its leaves, and is taken and cosigned in one (`heads`). Asked over the witness protocol there
//! are none, so the head cosigned last may be ahead of what is mirrored. Both ways go by one state, [`Exchange::cosigned_last`]:
//! the larger of the head that was mirrored and the one that was witnessed; whichever way comes next has to continue it.
//!
//! Source: C2SP tlog-witness.

use base::Micros;
use base::signing::KeyId;
use ledger::checkpoint::{Origin, SignedCheckpoint};
use ledger::evidence::Evidence;
use ledger::witness::{AddCheckpoint, Verdict, Witness, Witnessed};

use crate::outbox::stored_note;
use crate::port::{Read, Rows};
use crate::rows::{Effect, WitnessedRow};
use crate::{Exchange, Standing};

impl Exchange<'_> {
    /// Decides on a request to cosign, and what is to be applied before the answer is given. Ledgers are those of the other
    /// members that take part.
    ///
    /// # Errors
    /// The store did not answer.
    ///
    /// # Limits
    /// Reads two rows, writes one where a ledger has grown, whatever the request holds.
    pub fn witness(&self, rows: &dyn Rows, body: &[u8]) -> Read<(Verdict, Vec<Effect>)> {
        let Ok(request) = AddCheckpoint::parse(body) else {
            return Ok((self.decide(body, None), Vec::new()));
        };
        let member = request.checkpoint.checkpoint().origin.member();
        let known =
            |member: &KeyId| *member != self.me.member && self.directory.standing(member) == Standing::Active;
        let Some(member) = member.filter(known) else {
            return Ok((Verdict::UnknownLedger, Vec::new()));
        };
        let last = self.cosigned_last(rows, &member)?;
        let verdict =
            self.decide(body, Some(Witnessed { keys: self.ledger_keys(&member), last: last.clone() }));
        let effects = match &verdict {
            Verdict::Cosigned { checkpoint, .. } => {
                let known = last.map_or(0, |last| last.head().size);
                let grown = checkpoint.head().size > known;
                let row = WitnessedRow { member, note: checkpoint.to_string() };
                if grown { vec![Effect::Witnessed(row)] } else { Vec::new() }
            }
            Verdict::Conflict { forked: true, .. } => {
                let other = last.and_then(|last| {
                    let mut keys = self.ledger_keys(&member).into_iter();
                    keys.find_map(|key| {
                        Evidence::new(key, last.clone(), request.checkpoint.clone(), Vec::new()).ok()
                    })
                });
                other
                    .into_iter()
                    .map(|proof| Effect::Evidence { origin: member, text: proof.to_json() })
                    .collect()
            }
            _ => Vec::new(),
        };
        Ok((verdict, effects))
    }

    /// A witness's decision by this member's key, for a ledger of which so much is known.
    pub(crate) fn decide(&self, body: &[u8], known: Option<Witnessed>) -> Verdict {
        let name = Origin::of_member(&self.me.member).key_name().clone();
        let witness = Witness::new(name, self.me.signer.as_ref());
        let seconds = self.now.0.checked_div(Micros::SECOND).and_then(|seconds| u64::try_from(seconds).ok());
        witness.decide(body, |_| known, seconds.unwrap_or(0))
    }

    /// The head of a member's ledger that this member cosigned last, whoever asked it to.
    pub(crate) fn cosigned_last(&self, rows: &dyn Rows, member: &KeyId) -> Read<Option<SignedCheckpoint>> {
        let mirrored = rows.mirror(member)?.map(|row| stored_note(&row.note)).transpose()?;
        let witnessed = rows.witnessed(member)?.map(|row| stored_note(&row.note)).transpose()?;
        Ok(match (mirrored, witnessed) {
            (Some(mirrored), Some(witnessed)) if mirrored.head().size >= witnessed.head().size => {
                Some(mirrored)
            }
            (mirrored, witnessed) => witnessed.or(mirrored),
        })
    }
}

#[cfg(test)]
#[path = "witness_tests.rs"]
mod tests;
