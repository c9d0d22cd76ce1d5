//! A witness's decision on a checkpoint it is asked to cosign, and the messages around it.
//!
//! Pure: [`Witness::decide`] is given the request, what is known of the ledger and the time, and answers with the reply and
//! with what must be stored before the reply is sent. Reading what is known and storing must be one transaction, or two
//! requests at once could cosign two branches; that is the caller's part.
//!
//! Invariant: a checkpoint is cosigned only if it continues the last one that was cosigned for the same ledger.
//!
//! Source: C2SP tlog-witness and tlog-cosignature.

use std::fmt::Write as _;

use base::signing::Signer;

use crate::checkpoint::{CheckpointError, Origin, SignedCheckpoint, cosigned_message, decimal};
use crate::hash::TreeHash;
use crate::note::{KeyKind, KeyName, NoteKey, NoteSignature};
use crate::proof::{TreeHead, verify_consistency};

/// Hashes of the longest proof a request may have.
const PROOF_LINES_MAX: usize = 63;

/// A request to cosign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// Leaves of the checkpoint that the asker believes was cosigned last.
    pub old: u64,
    /// That the checkpoint continues it.
    pub proof: Vec<TreeHash>,
    /// What is to be cosigned.
    pub checkpoint: SignedCheckpoint,
}

/// Why a text is no request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Not UTF-8, or no empty line before the checkpoint.
    #[error("the request has no empty line before a checkpoint")]
    Form,
    /// The first line is not as it must be.
    #[error("the request does not begin with \"old\" and a size")]
    Old,
    /// A line of the proof is no hash.
    #[error("line {0} of the proof is not a hash")]
    Hash(usize),
    /// Too many hashes.
    #[error("the proof has more than {PROOF_LINES_MAX} hashes")]
    TooMany,
    /// The rest is no checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

impl AddCheckpoint {
    /// Reads the body of a request. Nothing of it is verified.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        let at = body.windows(2).position(|pair| pair == b"\n\n").ok_or(RequestError::Form)?;
        let (head, rest) = body.split_at_checked(at).ok_or(RequestError::Form)?;
        let note = rest.strip_prefix(b"\n\n").ok_or(RequestError::Form)?;
        let mut lines = std::str::from_utf8(head).map_err(|_| RequestError::Form)?.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old ")).and_then(decimal);
        let old = old.ok_or(RequestError::Old)?;
        let mut proof = Vec::new();
        for (at, line) in lines.enumerate() {
            if proof.len() >= PROOF_LINES_MAX {
                return Err(RequestError::TooMany);
            }
            proof.push(line.parse().map_err(|_| RequestError::Hash(at.saturating_add(1)))?);
        }
        Ok(Self { old, proof, checkpoint: SignedCheckpoint::parse(note)? })
    }

    /// The body of the request.
    #[must_use]
    pub fn to_body(&self) -> String {
        let mut body = format!("old {}\n", self.old);
        for hash in &self.proof {
            writeln!(body, "{hash}").expect("invariant: a string takes all");
        }
        write!(body, "\n{}", self.checkpoint).expect("invariant: a string takes all");
        body
    }
}

/// What a witness knows of a ledger.
#[derive(Clone, Debug)]
pub struct Witnessed {
    /// The keys that may sign its checkpoints.
    pub keys: Vec<NoteKey>,
    /// The checkpoint cosigned last; `None` = none yet.
    pub last: Option<SignedCheckpoint>,
}

/// What a witness answers. The status is that of HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// 200: cosigned. The checkpoint must be stored as the last one before the line is sent.
    Cosigned {
        /// To be stored: the checkpoint, the witness's own line added.
        checkpoint: Box<SignedCheckpoint>,
        /// The reply: the line.
        line: NoteSignature,
    },
    /// 400: not a request, or an old size beyond the checkpoint's own.
    Malformed(String),
    /// 404: the ledger is not known here.
    UnknownLedger,
    /// 403: not signed by the ledger's key.
    NotSigned(String),
    /// 409: another size was cosigned last, or the same size with another root.
    Conflict {
        /// Leaves of the checkpoint cosigned last.
        size: u64,
        /// Both checkpoints are signed, have the same size and other roots: the ledger has forked, and this proves it.
        forked: bool,
    },
    /// 422: the proof does not hold.
    NoContinuation(String),
}

impl Verdict {
    /// The status of HTTP.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Cosigned { .. } => 200,
            Self::Malformed(_) => 400,
            Self::NotSigned(_) => 403,
            Self::UnknownLedger => 404,
            Self::Conflict { .. } => 409,
            Self::NoContinuation(_) => 422,
        }
    }

    /// The media type of the body.
    #[must_use]
    pub const fn content_type(&self) -> &'static str {
        match self {
            Self::Conflict { .. } => "text/x.tlog.size",
            _ => "text/plain; charset=utf-8",
        }
    }

    /// The body of the reply.
    #[must_use]
    pub fn body(&self) -> String {
        match self {
            Self::Cosigned { line, .. } => format!("{line}\n"),
            Self::Conflict { size, .. } => format!("{size}\n"),
            Self::UnknownLedger => "the ledger is not known to this witness\n".to_owned(),
            Self::Malformed(why) | Self::NotSigned(why) | Self::NoContinuation(why) => format!("{why}\n"),
        }
    }
}

/// A witness: a name and a key.
pub struct Witness<'a> {
    key: NoteKey,
    signer: &'a dyn Signer,
}

impl<'a> Witness<'a> {
    /// A witness called `name`.
    #[must_use]
    pub fn new(name: KeyName, signer: &'a dyn Signer) -> Self {
        Self { key: NoteKey::new(name, KeyKind::Cosignature, signer.public_key()), signer }
    }

    /// The key that its cosignatures are checked with.
    #[must_use]
    pub const fn key(&self) -> &NoteKey {
        &self.key
    }

    /// Decides on a request at `now_seconds` since 1970; `known` says what is known of a ledger, `None` when nothing is.
    pub fn decide(
        &self,
        body: &[u8],
        known: impl FnOnce(&Origin) -> Option<Witnessed>,
        now_seconds: u64,
    ) -> Verdict {
        let request = match AddCheckpoint::parse(body) {
            Ok(request) => request,
            Err(error) => return Verdict::Malformed(error.to_string()),
        };
        let origin = &request.checkpoint.checkpoint().origin;
        let Some(known) = known(origin) else { return Verdict::UnknownLedger };
        let head = match request.checkpoint.verify(origin, &known.keys) {
            Ok(head) => head,
            Err(error) => return Verdict::NotSigned(error.to_string()),
        };
        let last = known.last.as_ref().map(SignedCheckpoint::head);
        match judge(last, request.old, head, &request.proof) {
            Ok(()) => self.cosign(request.checkpoint, now_seconds),
            Err(verdict) => verdict,
        }
    }

    fn cosign(&self, mut checkpoint: SignedCheckpoint, now_seconds: u64) -> Verdict {
        let at = now_seconds & (u64::MAX >> 1);
        let signature = self.signer.sign(&cosigned_message(checkpoint.note().text(), at));
        let mut bytes = at.to_be_bytes().to_vec();
        bytes.extend_from_slice(signature.as_bytes());
        let line = NoteSignature::new(&self.key, bytes);
        match checkpoint.attach(&self.key, line.clone()) {
            Ok(()) => Verdict::Cosigned { checkpoint: Box::new(checkpoint), line },
            Err(error) => Verdict::Malformed(error.to_string()),
        }
    }
}

/// The order of the checks is that of the specification.
fn judge(last: Option<TreeHead>, old: u64, head: TreeHead, proof: &[TreeHash]) -> Result<(), Verdict> {
    if old > head.size {
        return Err(Verdict::Malformed(format!("old {old} is beyond the checkpoint's {}", head.size)));
    }
    let last = last.unwrap_or(TreeHead { size: 0, root: TreeHash::empty() });
    if old != last.size {
        return Err(Verdict::Conflict {
            size: last.size,
            forked: last.size == head.size && last.root != head.root,
        });
    }
    if last.size == head.size && last.root != head.root {
        return Err(Verdict::Conflict { size: last.size, forked: true });
    }
    verify_consistency(last, head, proof).map_err(|error| Verdict::NoContinuation(error.to_string()))
}

#[cfg(test)]
#[path = "witness_tests.rs"]
mod tests;
