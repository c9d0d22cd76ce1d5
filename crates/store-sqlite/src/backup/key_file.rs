//! The key file of a backup: everything without which the backup's payloads are noise, and the keys of the member, of which some may have
//! been made after the backup.
//!
//! # Shape
//! Eight bytes that name the form; whose node, when, and the last version number given (16, 8 and 8 bytes); then records, each
//! a byte for its kind and its fields; then a record that counts them. Numbers stand with the highest byte first, texts after
//! their length in two bytes. It is not sealed here: whoever asks for it says where it goes and how it is kept.

use std::io::{Read, Write};

use base::Redacted;
use index::FingerprintKey;
use ledger::vault::ObjectKey;
use sha2::{Digest, Sha256};
use store::StoreError;

use crate::error::{Done, damaged};

const FORM: &[u8; 8] = b"crskeys2";
/// The form of before keys of the member were in it.
const FORM_BEFORE: &[u8; 8] = b"crskeys1";
const END: u8 = 0;
const VERSION: u8 = 1;
const LEAF: u8 = 2;
const PAYLOAD: u8 = 3;
const SIGNING: u8 = 4;

/// Which node's, and of when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// Names the node, and tells nothing of its key of fingerprints.
    pub(super) node: [u8; 16],
    /// When, in microseconds.
    pub(super) at: i64,
    /// The last version number given.
    pub(super) version: i64,
}

impl Moment {
    /// The name of the node whose key of fingerprints this is.
    pub(super) fn node_of(key: &FingerprintKey) -> [u8; 16] {
        let mut digest = Sha256::new();
        digest.update(b"cresset key file\0");
        digest.update(key.0);
        let digest: [u8; 32] = digest.finalize().into();
        std::array::from_fn(|at| digest[at])
    }

    /// Whether something may have come in between this moment and a later one.
    pub(super) const fn is_before(&self, other: &Self) -> bool {
        self.at < other.at || self.version < other.version
    }
}

/// One record.
#[derive(Debug)]
pub(super) enum Record {
    /// The key of a version.
    Version {
        /// Type of its object.
        kind: String,
        /// The rest of the object's identifier, as stored.
        uuid: Vec<u8>,
        /// Its number.
        version: i64,
        /// By whose word it is here.
        word: String,
        /// The key.
        key: ObjectKey,
    },
    /// The salt of an act in the own ledger.
    Leaf {
        /// Its place.
        sequence: i64,
        /// The beginning of its hash: a ledger that went another way after a restore has other acts at this place.
        hash: [u8; 8],
        /// The salt.
        salt: [u8; 32],
    },
    /// The salt of what an act carries, from which the key of it follows.
    Payload {
        /// Whose act.
        author: [u8; 32],
        /// Its place.
        sequence: i64,
        /// The salt.
        salt: [u8; 32],
    },
    /// A key of the member, as it stands in the setting of them.
    Signing {
        /// Its seed.
        seed: Redacted<String>,
    },
}

/// Writes a key file.
pub(super) struct KeyWriter<'w> {
    to: &'w mut dyn Write,
    records: u64,
}

impl<'w> KeyWriter<'w> {
    /// Begins one.
    pub(super) fn begin(to: &'w mut dyn Write, moment: &Moment) -> Done<Self> {
        let mut writer = Self { to, records: 0 };
        writer.put(FORM)?;
        writer.put(&moment.node)?;
        writer.put(&moment.at.to_be_bytes())?;
        writer.put(&moment.version.to_be_bytes())?;
        Ok(writer)
    }

    /// Adds a record.
    pub(super) fn add(&mut self, record: &Record) -> Done<()> {
        self.records = self.records.saturating_add(1);
        match record {
            Record::Version { kind, uuid, version, word, key } => {
                self.put(&[VERSION])?;
                self.put_text(kind.as_bytes())?;
                self.put_text(uuid)?;
                self.put(&version.to_be_bytes())?;
                self.put_text(word.as_bytes())?;
                self.put(key.expose())
            }
            Record::Leaf { sequence, hash, salt } => {
                self.put(&[LEAF])?;
                self.put(&sequence.to_be_bytes())?;
                self.put(hash)?;
                self.put(salt)
            }
            Record::Payload { author, sequence, salt } => {
                self.put(&[PAYLOAD])?;
                self.put(author)?;
                self.put(&sequence.to_be_bytes())?;
                self.put(salt)
            }
            Record::Signing { seed } => {
                self.put(&[SIGNING])?;
                self.put_text(seed.expose().as_bytes())
            }
        }
    }

    /// Ends it.
    pub(super) fn end(mut self) -> Done<()> {
        self.put(&[END])?;
        self.put(&self.records.to_be_bytes())?;
        self.to.flush().map_err(|error| unwritten(&error))
    }

    fn put(&mut self, bytes: &[u8]) -> Done<()> {
        self.to.write_all(bytes).map_err(|error| unwritten(&error))
    }

    fn put_text(&mut self, text: &[u8]) -> Done<()> {
        let length = u16::try_from(text.len()).map_err(|_| damaged("an identifier is too long"))?;
        self.put(&length.to_be_bytes())?;
        self.put(text)
    }
}

fn unwritten(error: &std::io::Error) -> crate::error::Fail {
    StoreError::CannotOpen { path: "the key file".into(), reason: error.to_string() }.into()
}

/// Reads a key file.
pub(super) struct KeyReader<'r> {
    from: &'r mut dyn Read,
    records: u64,
}

impl<'r> KeyReader<'r> {
    /// Reads whose it is, and of when.
    pub(super) fn begin(from: &'r mut dyn Read) -> Done<(Self, Moment)> {
        let mut reader = Self { from, records: 0 };
        if ![FORM, FORM_BEFORE].contains(&&reader.take()?) {
            return Err(damaged("the key file is none, or one of a newer program"));
        }
        let node = reader.take()?;
        let (at, version) = (reader.number()?, reader.number()?);
        Ok((reader, Moment { node, at, version }))
    }

    /// The next record; `None` after the last one, of which there are as many as were written.
    pub(super) fn next(&mut self) -> Done<Option<Record>> {
        let [kind] = self.take()?;
        let record = match kind {
            END if self.take()? == self.records.to_be_bytes() => return Ok(None),
            VERSION => Record::Version {
                kind: self.text()?,
                uuid: self.bytes()?,
                version: self.number()?,
                word: self.text()?,
                key: ObjectKey::from_bytes(&self.take()?),
            },
            LEAF => Record::Leaf { sequence: self.number()?, hash: self.take()?, salt: self.take()? },
            PAYLOAD => Record::Payload { author: self.take()?, sequence: self.number()?, salt: self.take()? },
            SIGNING => Record::Signing { seed: Redacted::new(self.text()?) },
            _ => return Err(damaged("the key file is damaged")),
        };
        self.records = self.records.saturating_add(1);
        Ok(Some(record))
    }

    fn take<const N: usize>(&mut self) -> Done<[u8; N]> {
        let mut bytes = [0; N];
        self.from.read_exact(&mut bytes).map_err(|error| unread(&error))?;
        Ok(bytes)
    }

    fn number(&mut self) -> Done<i64> {
        self.take().map(i64::from_be_bytes)
    }

    fn bytes(&mut self) -> Done<Vec<u8>> {
        let length = u16::from_be_bytes(self.take()?);
        let mut bytes = vec![0; usize::from(length)];
        self.from.read_exact(&mut bytes).map_err(|error| unread(&error))?;
        Ok(bytes)
    }

    fn text(&mut self) -> Done<String> {
        String::from_utf8(self.bytes()?).map_err(|_| damaged("the key file is damaged: a text is none"))
    }
}

fn unread(error: &std::io::Error) -> crate::error::Fail {
    damaged(&format!("the key file cannot be read to its end: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written() -> Vec<u8> {
        let mut bytes = Vec::new();
        let moment = Moment { node: [3; 16], at: 5, version: 7 };
        let mut writer = KeyWriter::begin(&mut bytes, &moment).unwrap();
        let key = ObjectKey::from_bytes(&[9; 32]);
        let (kind, word) = ("tool".to_owned(), "here".to_owned());
        writer.add(&Record::Version { kind, uuid: vec![1; 16], version: 2, word, key }).unwrap();
        writer.add(&Record::Leaf { sequence: 4, hash: [1; 8], salt: [2; 32] }).unwrap();
        writer.add(&Record::Payload { author: [8; 32], sequence: 6, salt: [5; 32] }).unwrap();
        writer.add(&Record::Signing { seed: Redacted::new("0a".to_owned()) }).unwrap();
        writer.end().unwrap();
        bytes
    }

    fn read(mut bytes: &[u8]) -> Done<(Moment, Vec<String>)> {
        let (mut reader, moment) = KeyReader::begin(&mut bytes)?;
        let mut told = Vec::new();
        while let Some(record) = reader.next()? {
            told.push(format!("{record:?}"));
        }
        Ok((moment, told))
    }

    #[test]
    fn what_was_written_is_read() {
        let (moment, told) = read(&written()).unwrap();
        assert_eq!(moment, Moment { node: [3; 16], at: 5, version: 7 });
        assert_eq!(told.len(), 4);
        assert!(told[0].contains("\"tool\"") && told[0].contains("version: 2"), "{told:?}");
        assert!(told[1].contains("sequence: 4") && told[2].contains("sequence: 6"), "{told:?}");
        assert_eq!(told[3], "Signing { seed: [redacted] }", "a log would hold it");
        let mut before = written();
        before[..8].copy_from_slice(FORM_BEFORE);
        assert!(read(&before).is_ok());
    }

    #[test]
    fn a_cut_or_foreign_key_file_is_refused_and_never_panics() {
        let whole = written();
        for cut in 0..whole.len() {
            assert!(read(&whole[..cut]).is_err(), "{cut}");
        }
        assert!(read(b"crskeys3 and what a later program writes after it").is_err());
        let mut fewer = whole.clone();
        *fewer.last_mut().unwrap() = 3;
        assert!(read(&fewer).is_err(), "a record is missing");
    }

    #[test]
    fn a_moment_before_another_may_lack_something() {
        let moment = Moment { node: [0; 16], at: 5, version: 7 };
        assert!(!moment.is_before(&moment));
        assert!(moment.is_before(&Moment { at: 6, ..moment }));
        assert!(moment.is_before(&Moment { at: 4, version: 8, ..moment }), "the clock was put back");
        assert!(!moment.is_before(&Moment { at: 4, ..moment }));
    }
}
