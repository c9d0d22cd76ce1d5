//! Signed notes: a text and signatures below it, each by a named key.
//!
//! Everything a ledger says of itself is a note. A note is trusted only through [`Note::verify`] with keys the caller
//! knows; signatures by other keys are passed over, as the specification demands, so that later kinds may stand beside.
//! What the text means is for [`crate::checkpoint`].
//!
//! Invariant: a note prints to the bytes it was read from.

use std::fmt;
use std::str::FromStr;

use base::limit::{NOTE_BYTES_MAX, NOTE_SIGNATURES_MAX};
use base::quoted;
use base::signing::{BadSignature, PublicKey, Signature, Signer, Suite};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// What a signature line begins with.
const DASH: &str = "\u{2014} ";
/// Longest name of a key, in bytes.
const KEY_NAME_BYTES_MAX: usize = 255;
/// Bytes of a key's short id.
const KEY_HASH_BYTES: usize = 4;

/// Why something is no note, or none that can be trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Larger than [`NOTE_BYTES_MAX`].
    #[error("the note has {0} bytes, more than {NOTE_BYTES_MAX}")]
    TooLarge(usize),
    /// Not UTF-8, or with control characters.
    #[error("the note is not UTF-8 text without control characters")]
    NotText,
    /// No text, or no empty line between text and signatures.
    #[error("the note has no text that ends in a newline, followed by an empty line and signatures")]
    NoSignatures,
    /// A line after the text is no signature.
    #[error("line {0} after the text of the note is not a signature")]
    Line(usize),
    /// More signatures than [`NOTE_SIGNATURES_MAX`].
    #[error("the note has more than {NOTE_SIGNATURES_MAX} signatures")]
    TooManySignatures,
    /// Not the name of a key.
    #[error(
        "{0} is not the name of a key: it is not empty and has no spaces, plus signs or control characters"
    )]
    Name(String),
    /// Not a key.
    #[error("{0} is not a verifier key: name, plus sign, 8 hexadecimal digits, plus sign, base64")]
    Key(String),
    /// No signature is by a key that is known.
    #[error("the note is not signed by a known key")]
    Unknown,
    /// One is, and does not hold.
    #[error("the note's signature by {name} does not hold: {bad}")]
    Bad {
        /// The key's name, quoted.
        name: String,
        /// Which key.
        bad: BadSignature,
    },
}

/// The name of a key in notes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(String);

impl KeyName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyName {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let fit = (1..=KEY_NAME_BYTES_MAX).contains(&text.len())
            && !text.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+');
        if fit { Ok(Self(text.to_owned())) } else { Err(NoteError::Name(quoted(text).to_string())) }
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a key in notes signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// The note's text itself: type 1.
    Ed25519,
    /// A checkpoint and the time it was seen, as a witness: type 4.
    Cosignature,
}

impl KeyKind {
    const fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 1,
            Self::Cosignature => 4,
        }
    }
}

/// A key that signs notes: who, what for, and with what.
///
/// # Shape
/// As text `<name>+<8 hexadecimal digits>+<base64 of the kind and the public key>`.
///
/// # Source
/// C2SP signed-note, "Signatures"; the text form is that of the Go module `golang.org/x/mod/sumdb/note`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NoteKey {
    name: KeyName,
    kind: KeyKind,
    key: PublicKey,
    hash: u32,
}

impl NoteKey {
    /// A key under a name, for one kind of signature.
    #[must_use]
    pub fn new(name: KeyName, kind: KeyKind, key: PublicKey) -> Self {
        let mut digest = Sha256::new();
        digest.update(name.as_str());
        digest.update([b'\n', kind.byte()]);
        digest.update(key.as_bytes());
        let digest: [u8; 32] = digest.finalize().into();
        let [a, b, c, d, ..] = digest;
        Self { name, kind, key, hash: u32::from_be_bytes([a, b, c, d]) }
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    /// What it signs.
    #[must_use]
    pub const fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The public key.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// Its short id: enough to tell keys of one name apart, not to trust one.
    #[must_use]
    pub const fn hash(&self) -> u32 {
        self.hash
    }

    /// Whether `line` claims to be by this key.
    #[must_use]
    pub fn claims(&self, line: &NoteSignature) -> bool {
        line.hash == self.hash && line.name == self.name
    }
}

impl fmt::Display for NoteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![self.kind.byte()];
        bytes.extend_from_slice(self.key.as_bytes());
        write!(f, "{}+{:08x}+{}", self.name, self.hash, STANDARD.encode(bytes))
    }
}

impl FromStr for NoteKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        read_key(text).ok_or_else(|| NoteError::Key(quoted(text).to_string()))
    }
}

fn read_key(text: &str) -> Option<NoteKey> {
    let (name, rest) = text.split_once('+')?;
    let (hash, bytes) = rest.split_once('+')?;
    if bytes.len() > 64 {
        return None;
    }
    let bytes = STANDARD.decode(bytes).ok()?;
    let (kind, key) = bytes.split_first()?;
    let kind = [KeyKind::Ed25519, KeyKind::Cosignature].into_iter().find(|known| known.byte() == *kind)?;
    let key = NoteKey::new(name.parse().ok()?, kind, PublicKey::from_bytes(Suite::Ed25519, key).ok()?);
    (format!("{:08x}", key.hash) == hash).then_some(key)
}

/// One signature line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    name: KeyName,
    hash: u32,
    bytes: Vec<u8>,
}

impl NoteSignature {
    /// A line with the signature `bytes` of `key`, which are not checked here.
    #[must_use]
    pub fn new(key: &NoteKey, bytes: Vec<u8>) -> Self {
        Self { name: key.name.clone(), hash: key.hash, bytes }
    }

    /// Name of the key it claims to be by.
    #[must_use]
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    /// The signature without the short id.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Reads one line, without its newline.
    ///
    /// # Errors
    /// `Line(0)` where it is none.
    pub fn parse(line: &str) -> Result<Self, NoteError> {
        read_line(line).ok_or(NoteError::Line(0))
    }
}

fn read_line(line: &str) -> Option<NoteSignature> {
    let (name, encoded) = line.strip_prefix(DASH)?.split_once(' ')?;
    let bytes = STANDARD.decode(encoded).ok()?;
    let (hash, bytes) = bytes.split_first_chunk::<KEY_HASH_BYTES>()?;
    if bytes.is_empty() {
        return None;
    }
    Some(NoteSignature { name: name.parse().ok()?, hash: u32::from_be_bytes(*hash), bytes: bytes.to_vec() })
}

impl fmt::Display for NoteSignature {
    /// The line without its newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.hash.to_be_bytes().to_vec();
        bytes.extend_from_slice(&self.bytes);
        write!(f, "{DASH}{} {}", self.name, STANDARD.encode(bytes))
    }
}

/// A text and the signatures below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl Note {
    /// A note with one signature over `text`, which ends in a newline.
    ///
    /// # Errors
    /// The text is none a note can have.
    pub fn sign(text: String, name: KeyName, signer: &dyn Signer) -> Result<Self, NoteError> {
        check_text(&text)?;
        let key = NoteKey::new(name, KeyKind::Ed25519, signer.public_key());
        let signature = signer.sign(text.as_bytes());
        let line = NoteSignature::new(&key, signature.as_bytes().to_vec());
        Ok(Self { text, signatures: vec![line] })
    }

    /// Reads a note. Nothing of it is verified.
    ///
    /// # Errors
    /// See [`NoteError`].
    ///
    /// # Limits
    /// Linear; refused unread above [`NOTE_BYTES_MAX`].
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(NoteError::TooLarge(bytes.len()));
        }
        let all = std::str::from_utf8(bytes).map_err(|_| NoteError::NotText)?;
        if all.bytes().any(|byte| byte < b' ' && byte != b'\n') {
            return Err(NoteError::NotText);
        }
        let at = all.rfind("\n\n").ok_or(NoteError::NoSignatures)?;
        let (text, rest) = all.split_at_checked(at.saturating_add(1)).ok_or(NoteError::NoSignatures)?;
        let lines = rest.strip_prefix('\n').and_then(|lines| lines.strip_suffix('\n'));
        let lines = lines.filter(|_| text.len() > 1).ok_or(NoteError::NoSignatures)?;
        let mut signatures = Vec::new();
        for (at, line) in lines.split('\n').enumerate() {
            if signatures.len() >= NOTE_SIGNATURES_MAX {
                return Err(NoteError::TooManySignatures);
            }
            signatures.push(read_line(line).ok_or(NoteError::Line(at.saturating_add(1)))?);
        }
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// The text, not verified.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signature lines, not verified.
    #[must_use]
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Adds a signature line that was made elsewhere; the same one is there only once.
    ///
    /// # Errors
    /// `TooManySignatures`.
    pub fn attach(&mut self, line: NoteSignature) -> Result<(), NoteError> {
        if self.signatures.contains(&line) {
            return Ok(());
        }
        if self.signatures.len() >= NOTE_SIGNATURES_MAX {
            return Err(NoteError::TooManySignatures);
        }
        self.signatures.push(line);
        Ok(())
    }

    /// Which of `keys` signed the text. Keys of the kind `Cosignature` are passed over: they sign more than the text.
    ///
    /// # Errors
    /// `Unknown` when none did; `Bad` when a signature claims to be by one of them and is not.
    pub fn verify<'k>(&self, keys: &'k [NoteKey]) -> Result<Vec<&'k NoteKey>, NoteError> {
        let mut signers = Vec::new();
        for key in keys.iter().filter(|key| key.kind == KeyKind::Ed25519) {
            let mut lines = self.signatures.iter().filter(|line| key.claims(line)).peekable();
            if lines.peek().is_none() {
                continue;
            }
            for line in lines {
                check_line(key, self.text.as_bytes(), &line.bytes)?;
            }
            signers.push(key);
        }
        if signers.is_empty() { Err(NoteError::Unknown) } else { Ok(signers) }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// Checks a signature of `key` over `message`.
pub(crate) fn check_line(key: &NoteKey, message: &[u8], bytes: &[u8]) -> Result<(), NoteError> {
    let bad = |bad| NoteError::Bad { name: quoted(key.name.as_str()).to_string(), bad };
    let signature =
        Signature::from_bytes(Suite::Ed25519, bytes).map_err(|_| bad(BadSignature { key: key.key.id() }))?;
    key.key.verify(message, &signature).map_err(bad)
}

fn check_text(text: &str) -> Result<(), NoteError> {
    if text.len() > NOTE_BYTES_MAX {
        return Err(NoteError::TooLarge(text.len()));
    }
    if text.bytes().any(|byte| byte < b' ' && byte != b'\n') {
        return Err(NoteError::NotText);
    }
    if text.len() < 2 || !text.ends_with('\n') {
        return Err(NoteError::NoSignatures);
    }
    Ok(())
}

#[cfg(test)]
#[path = "note_tests.rs"]
mod tests;
