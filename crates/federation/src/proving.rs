//! What proves to a stranger an act that is known here: this member's own, or another's that came with its ledger.
//!
//! A file of proof shows the payload where it holds no object: a receipt says which acts it is about and what was done with them,
//! and nothing of what is in them. Who may have a file is asked outside.

use base::signed::Signed;
use base::signing::KeyId;
use ledger::act::{Act, ActKind};
use ledger::proof_file::ProofFile;

use crate::Exchange;
use crate::content::{Content, Receipt, RegistryState, read_document};
use crate::port::{Read, Rows, StoreFailed};

impl Exchange<'_> {
    /// The file that proves an act; `None` where the act is not known here, no head covers it yet, or none of its author's keys
    /// signed it.
    ///
    /// # Errors
    /// The store did not answer.
    pub fn proof_file(&self, rows: &dyn Rows, author: &KeyId, sequence: u64) -> Read<Option<ProofFile>> {
        let Some(row) = rows.act(author, sequence)? else { return Ok(None) };
        let act = Signed::parse(row.signed.as_bytes());
        let act = act.map_err(|_| StoreFailed("a stored act cannot be read".to_owned()))?;
        let keys = self.directory.keys(author);
        let Some(key) = keys.into_iter().find(|key| Act::open(&act, key).is_ok()) else { return Ok(None) };
        let Some(proof) = self.proof_of(rows, author, sequence)? else { return Ok(None) };
        let shows = matches!(row.kind, ActKind::Received | ActKind::RegistryChanged);
        let payload = rows.payload(author, sequence)?.filter(|_| shows);
        let is_bare = |bytes: &[u8]| Content::parse(bytes).is_ok_and(|content| content.object.is_empty());
        Ok(Some(ProofFile {
            act,
            key,
            payload: payload.filter(|row| is_bare(&row.bytes)).map(|row| (row.salt, row.bytes)),
            index: sequence,
            hashes: proof.hashes,
            checkpoint: proof.checkpoint,
        }))
    }
}

/// The receipt that a payload holds; `None` where it holds something else.
#[must_use]
pub fn receipt_in(payload: &[u8]) -> Option<Receipt> {
    let content = Content::parse(payload).ok()?;
    read_document(content.document).ok().filter(|_| content.object.is_empty())
}

/// The state of the registry that the payload of a `registry-changed` tells; `None` where it holds something else.
#[must_use]
pub fn registry_in(payload: &[u8]) -> Option<RegistryState> {
    let content = Content::parse(payload).ok()?;
    read_document(content.document).ok().filter(|_| content.object.is_empty())
}
