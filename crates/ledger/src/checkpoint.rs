//! Checkpoints: a ledger's word on how many leaves it has and what their root is, and witnesses' words below it.
//!
//! A checkpoint is a signed note of a fixed form. [`Checkpoint`] is what it says; [`SignedCheckpoint`] is the note it came
//! as, so that nothing is written anew on the way from one member to the next.
//!
//! Invariant: nothing here signs a checkpoint; that is for [`crate::head::HeadKeeper`] alone.

use std::fmt;
use std::str::FromStr;

use base::quoted;
use base::signing::KeyId;

use crate::hash::TreeHash;
use crate::note::{KeyKind, KeyName, Note, NoteError, NoteKey, NoteSignature, check_line};
use crate::proof::TreeHead;

/// Names that begin what is signed for another purpose; no ledger may be called so.
const RESERVED: [&str; 2] = ["cosignature/v1", "DSSEv1"];
/// What the name of a member's ledger begins with.
const PREFIX: &str = "cresset/";
/// Bytes of the time in a cosignature.
const TIME_BYTES: usize = 8;

/// Why something is no checkpoint, or none that can be trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Not a note, or not signed by the ledger's key.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Not the name of a ledger.
    #[error("{0} is not the name of a ledger")]
    Origin(String),
    /// The text does not have the form.
    #[error("the {0} line of the checkpoint is not as it must be")]
    Line(&'static str),
    /// It is of another ledger than the one asked for.
    #[error("the checkpoint is of the ledger {found}, not {expected}")]
    OtherOrigin {
        /// The ledger asked for.
        expected: Origin,
        /// The ledger it is of.
        found: Origin,
    },
}

/// The name of a ledger, which is also the name of the key that signs its checkpoints.
///
/// # Shape
/// Any name a key can have, but for names that stand for other kinds of signed text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(KeyName);

impl Origin {
    /// The name of a member's ledger: `cresset/` and the member's id.
    #[must_use]
    pub fn of_member(member: &KeyId) -> Self {
        let name = format!("{PREFIX}{member}");
        Self(name.parse().expect("invariant: hexadecimal digits are a name"))
    }

    /// The member whose ledger this is, where it is a member's.
    #[must_use]
    pub fn member(&self) -> Option<KeyId> {
        self.0.as_str().strip_prefix(PREFIX)?.parse().ok()
    }

    /// The name as that of a key.
    #[must_use]
    pub const fn key_name(&self) -> &KeyName {
        &self.0
    }
}

impl FromStr for Origin {
    type Err = CheckpointError;

    fn from_str(text: &str) -> Result<Self, CheckpointError> {
        let name = text.parse::<KeyName>().ok().filter(|name| !RESERVED.contains(&name.as_str()));
        name.map(Self).ok_or_else(|| CheckpointError::Origin(quoted(text).to_string()))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a checkpoint says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which ledger.
    pub origin: Origin,
    /// Its leaves and their root.
    pub head: TreeHead,
    /// Lines after the third; nobody vouches for their meaning.
    pub extensions: Vec<String>,
}

impl Checkpoint {
    /// Reads the text of a checkpoint, the last newline included.
    ///
    /// # Errors
    /// `Origin` and `Line`.
    ///
    /// # Source
    /// C2SP tlog-checkpoint, "Note text".
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let mut lines = text.strip_suffix('\n').ok_or(CheckpointError::Line("last"))?.split('\n');
        let origin = lines.next().unwrap_or_default().parse()?;
        let size = lines.next().and_then(decimal).ok_or(CheckpointError::Line("second"))?;
        let root = lines.next().and_then(|line| line.parse().ok()).ok_or(CheckpointError::Line("third"))?;
        if size == 0 && root != TreeHash::empty() {
            return Err(CheckpointError::Line("third"));
        }
        let extensions: Vec<String> = lines.map(str::to_owned).collect();
        if extensions.iter().any(String::is_empty) {
            return Err(CheckpointError::Line("extension"));
        }
        Ok(Self { origin, head: TreeHead { size, root }, extensions })
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.head.size, self.head.root)?;
        self.extensions.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// A number in decimal digits without leading zeros.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let canonical = text == "0" || !text.starts_with(['0', '+']);
    text.parse().ok().filter(|_| canonical)
}

/// A checkpoint as the note it came as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    note: Note,
}

/// A witness's word: this checkpoint continued all it had seen of the ledger before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosignature {
    /// The witness.
    pub witness: KeyName,
    /// When, in seconds since 1970.
    pub at_seconds: u64,
}

impl SignedCheckpoint {
    /// Reads a checkpoint. Nothing of it is verified.
    ///
    /// # Errors
    /// See [`CheckpointError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, CheckpointError> {
        Self::from_note(Note::parse(bytes)?)
    }

    /// Takes a note for a checkpoint. Nothing of it is verified.
    ///
    /// # Errors
    /// See [`CheckpointError`].
    pub fn from_note(note: Note) -> Result<Self, CheckpointError> {
        Ok(Self { checkpoint: Checkpoint::parse(note.text())?, note })
    }

    /// What it says, not verified.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Its leaves and root, not verified.
    #[must_use]
    pub const fn head(&self) -> TreeHead {
        self.checkpoint.head
    }

    /// The note.
    #[must_use]
    pub const fn note(&self) -> &Note {
        &self.note
    }

    /// Checks that one of the ledger's `keys` signed it under the ledger's own name, and gives its head.
    ///
    /// # Errors
    /// `OtherOrigin` when no key has the checkpoint's origin for a name, and those of [`Note::verify`].
    pub fn verify(&self, origin: &Origin, keys: &[NoteKey]) -> Result<TreeHead, CheckpointError> {
        if self.checkpoint.origin != *origin {
            return Err(CheckpointError::OtherOrigin {
                expected: origin.clone(),
                found: self.checkpoint.origin.clone(),
            });
        }
        let own: Vec<NoteKey> = keys.iter().filter(|key| key.name() == origin.key_name()).cloned().collect();
        self.note.verify(&own)?;
        Ok(self.checkpoint.head)
    }

    /// The words of those of `witnesses` who cosigned it.
    ///
    /// # Errors
    /// `Bad` when a line claims to be by one of them and is not. None at all is no error: how many are enough is for the
    /// caller.
    pub fn cosignatures(&self, witnesses: &[NoteKey]) -> Result<Vec<Cosignature>, NoteError> {
        let mut found = Vec::new();
        for key in witnesses.iter().filter(|key| key.kind() == KeyKind::Cosignature) {
            let lines = self.note.signatures().iter().filter(|line| key.claims(line));
            let mut latest = None;
            for line in lines {
                latest = latest.max(Some(check_cosignature(key, self.note.text(), line.bytes())?));
            }
            found.extend(latest.map(|at_seconds| Cosignature { witness: key.name().clone(), at_seconds }));
        }
        Ok(found)
    }

    /// Adds a witness's line.
    ///
    /// # Errors
    /// It is not by `witness` over this checkpoint, or there are too many lines already.
    pub fn attach(&mut self, witness: &NoteKey, line: NoteSignature) -> Result<(), NoteError> {
        if !witness.claims(&line) {
            return Err(NoteError::Unknown);
        }
        check_cosignature(witness, self.note.text(), line.bytes())?;
        self.note.attach(line)
    }
}

impl fmt::Display for SignedCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.note.fmt(f)
    }
}

/// What a witness signs.
///
/// # Source
/// C2SP tlog-cosignature, "Ed25519 signed message".
pub(crate) fn cosigned_message(text: &str, at_seconds: u64) -> Vec<u8> {
    format!("cosignature/v1\ntime {at_seconds}\n{text}").into_bytes()
}

fn check_cosignature(key: &NoteKey, text: &str, bytes: &[u8]) -> Result<u64, NoteError> {
    let (time, signature) = bytes.split_first_chunk::<TIME_BYTES>().unwrap_or((&[0; TIME_BYTES], &[]));
    let at_seconds = u64::from_be_bytes(*time);
    // The specification keeps the highest bit free.
    let signature = if i64::try_from(at_seconds).is_ok() { signature } else { &[] };
    check_line(key, &cosigned_message(text, at_seconds), signature)?;
    Ok(at_seconds)
}

#[cfg(test)]
#[path = "checkpoint_tests.rs"]
mod tests;
