//! Encrypted copies of a node and their key files: age files (X25519) that only the recovery key opens.
//!
//! Inside stands one line of JSON that says what it is, then the store's own backup or the keys that objects are sealed under in
//! it. A file is authenticated from end to end: one that was cut, changed or sealed for another key does not open. Standard age
//! tools can open it too.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use age::secrecy::ExposeSecret;
use age::stream::StreamWriter;
use age::x25519::{Identity, Recipient};
use age::{DecryptError, Decryptor, Encryptor};
use base::Redacted;
use base::signing::SigningKey;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What the first line says the file is: a copy in which objects are sealed, to be restored with a key file.
const FORMAT: &str = "cresset-backup-2";
/// The same of a copy from before there were key files.
const FORMAT_PLAIN: &str = "cresset-backup-1";
/// The same of a key file.
const FORMAT_KEYS: &str = "cresset-backup-keys-1";
/// Longest first line, in bytes.
const LABEL_BYTES_MAX: u64 = 16 * 1024;

/// What an encrypted copy says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Label {
    /// `cresset-backup-2`, or `cresset-backup-1` of an older program.
    format: String,
    /// Name of the member whose node it is.
    pub(crate) member: String,
    /// Objects in it.
    pub(crate) objects: u64,
    /// Bytes of the store's backup.
    pub(crate) bytes: u64,
    /// SHA-256 of the store's backup, hexadecimal.
    pub(crate) sha256: String,
    /// Position in the commit order.
    pub(crate) sequence: i64,
}

impl Label {
    /// The label of a copy.
    pub(crate) fn of(member: String, report: &store::BackupReport) -> Self {
        Self {
            format: FORMAT.to_owned(),
            member,
            objects: report.objects,
            bytes: report.bytes,
            sha256: hex::encode(report.digest),
            sequence: report.sequence,
        }
    }
}

/// What a key file says of itself.
#[derive(Debug, Serialize, Deserialize)]
struct KeysLabel {
    /// Always `cresset-backup-keys-1`.
    format: String,
    /// Name of the member whose node it is.
    member: String,
}

/// Why a copy cannot be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SealError {
    /// Not a recovery key.
    #[error("this is not a recovery key: it is one line that begins with AGE-SECRET-KEY-1")]
    NotAKey,
    /// The node knows no key to seal for.
    #[error("the node's recovery key is not known: {0}")]
    NoRecipient(&'static str),
    /// Sealed for another key.
    #[error("this recovery key does not open the file: it was sealed for another one")]
    WrongKey,
    /// The key file in place of the copy.
    #[error("this is the key file of a backup, not the backup: name the backup, and this file with --keys")]
    KeyFile,
    /// The copy in place of its key file.
    #[error("this is a backup, not its key file: name the file that was written beside it with --keys")]
    NoKeyFile,
    /// Cut, changed, or no encrypted copy at all.
    #[error("the file is not a whole encrypted copy of a node: {0}")]
    Damaged(String),
    /// Reading or writing failed.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// A new recovery key, and the public half that the node keeps to seal for it.
pub(crate) fn new_key() -> (Redacted<String>, String) {
    let identity = Identity::generate();
    let public = identity.to_public().to_string();
    (Redacted::new(identity.to_string().expose_secret().to_owned()), public)
}

/// The key that may replace the member's key, derived from the recovery key: one secret to keep serves for both.
pub(crate) fn member_recovery(key: &Redacted<String>) -> SigningKey {
    let mut digest = Sha256::new();
    digest.update("cresset member recovery key\0");
    digest.update(key.expose());
    SigningKey::from_seed(&digest.finalize().into())
}

/// Encrypts a store's backup for the holder of the recovery key.
pub(crate) fn seal(
    recipient: &str,
    label: &Label,
    mut backup: impl Read,
    out: impl Write,
) -> Result<(), SealError> {
    let mut sealed = begin(recipient, label, out)?;
    io::copy(&mut backup, &mut sealed)?;
    sealed.finish()?.flush()?;
    Ok(())
}

/// Begins a file with its first line.
fn begin<W: Write>(recipient: &str, label: &impl Serialize, out: W) -> Result<StreamWriter<W>, SealError> {
    let recipient = Recipient::from_str(recipient).map_err(SealError::NoRecipient)?;
    let encryptor = Encryptor::with_recipients(std::iter::once(&recipient as &dyn age::Recipient));
    let encryptor = encryptor.map_err(|_| SealError::NoRecipient("there is none"))?;
    let mut sealed = encryptor.wrap_output(out)?;
    let mut line = serde_json::to_vec(label).map_err(io::Error::other)?;
    line.push(b'\n');
    sealed.write_all(&line)?;
    Ok(sealed)
}

/// A key file that is being written: keys are encrypted as they come and stand nowhere in plain.
pub(crate) struct Keys<W: Write>(Arc<Mutex<Option<StreamWriter<W>>>>);

impl<W: Write> Keys<W> {
    /// Begins a key file for the holder of the recovery key.
    pub(crate) fn begin(recipient: &str, member: &str, out: W) -> Result<Self, SealError> {
        let label = KeysLabel { format: FORMAT_KEYS.to_owned(), member: member.to_owned() };
        Ok(Self(Arc::new(Mutex::new(Some(begin(recipient, &label, out)?)))))
    }

    /// Where the keys go.
    pub(crate) fn sink(&self) -> Self {
        Self(Arc::clone(&self.0))
    }

    /// Ends it once everything was written.
    pub(crate) fn finish(self) -> Result<(), SealError> {
        let sealed = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(sealed) = sealed {
            sealed.finish()?.flush()?;
        }
        Ok(())
    }
}

impl<W: Write> Write for Keys<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(sealed) => sealed.write(bytes),
            None => Err(io::Error::other("the key file was ended before")),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(sealed) => sealed.flush(),
            None => Ok(()),
        }
    }
}

/// Opens a key file: what follows its first line.
pub(crate) fn open_keys<R: Read>(key: &str, file: R) -> Result<impl Read + use<R>, SealError> {
    let (line, reader) = opened(key, file)?;
    known(&line, &[FORMAT_KEYS])?;
    Ok(reader)
}

/// The first line of a file, and what follows it.
fn opened<R: Read>(key: &str, file: R) -> Result<(Vec<u8>, BufReader<impl Read + use<R>>), SealError> {
    let key = key.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    let identity = Identity::from_str(key.unwrap_or_default()).map_err(|_| SealError::NotAKey)?;
    let decryptor = Decryptor::new(file).map_err(refused)?;
    let reader = decryptor.decrypt(std::iter::once(&identity as &dyn age::Identity)).map_err(refused)?;
    let mut reader = BufReader::with_capacity(64 * 1024, reader);
    let mut line = Vec::new();
    (&mut reader).take(LABEL_BYTES_MAX).read_until(b'\n', &mut line).map_err(broken)?;
    Ok((line, reader))
}

/// Whether a file is of one of these formats, by its first line: in that all say their format and whose node they are of.
fn known(line: &[u8], formats: &[&str]) -> Result<(), SealError> {
    let label: KeysLabel = read(line)?;
    match label.format.as_str() {
        format if formats.contains(&format) => Ok(()),
        FORMAT_KEYS => Err(SealError::KeyFile),
        FORMAT | FORMAT_PLAIN => Err(SealError::NoKeyFile),
        other => {
            let (format, read) = (stix::quote::quoted(other), formats.join(" or "));
            Err(SealError::Damaged(format!("its format is {format}, and what is read here is {read}")))
        }
    }
}

fn read<'a, T: Deserialize<'a>>(line: &'a [u8]) -> Result<T, SealError> {
    let unread = |error| SealError::Damaged(format!("its first line cannot be read: {error}"));
    serde_json::from_slice(line).map_err(unread)
}

/// Decrypts a copy: its label, after its content has been written out and found whole.
pub(crate) fn open(key: &str, file: impl Read, mut out: impl Write) -> Result<Label, SealError> {
    let (line, mut reader) = opened(key, file)?;
    known(&line, &[FORMAT, FORMAT_PLAIN])?;
    let label: Label = read(&line)?;
    let mut piece = vec![0; 64 * 1024];
    let mut bytes: u64 = 0;
    loop {
        let count = reader.read(&mut piece).map_err(broken)?;
        let Some(read) = piece.get(..count).filter(|read| !read.is_empty()) else { break };
        bytes = bytes.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        if bytes > label.bytes {
            // Whoever sealed it must not fill the disk here with what is refused anyway.
            return Err(SealError::Damaged(format!("it holds more than the {} bytes it says", label.bytes)));
        }
        out.write_all(read)?;
    }
    out.flush()?;
    if bytes != label.bytes {
        return Err(SealError::Damaged(format!("it holds {bytes} bytes and says {}", label.bytes)));
    }
    Ok(label)
}

fn refused(error: DecryptError) -> SealError {
    match error {
        DecryptError::NoMatchingKeys | DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed => {
            SealError::WrongKey
        }
        other => SealError::Damaged(other.to_string()),
    }
}

/// Reading from the middle of an encrypted file fails when it was cut or changed.
fn broken(error: io::Error) -> SealError {
    SealError::Damaged(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(key: &str, content: &[u8]) -> Vec<u8> {
        let report = store::BackupReport {
            bytes: u64::try_from(content.len()).unwrap(),
            digest: [7; 32],
            objects: 3,
            sequence: 9,
        };
        let mut out = Vec::new();
        seal(key, &Label::of("M".into(), &report), content, &mut out).unwrap();
        out
    }

    #[test]
    fn opens_with_its_key_and_no_other() {
        let (secret, public) = new_key();
        let content = vec![42; 200_000];
        let file = sealed(&public, &content);
        assert!(!file.windows(20).any(|window| window == &content[..20]));
        let mut out = Vec::new();
        let label = open(&format!("# kept in the safe\n{}\n", secret.expose()), &*file, &mut out).unwrap();
        assert_eq!((label.objects, out), (3, content));
        let (other, _) = new_key();
        assert!(matches!(open(other.expose(), &*file, io::sink()), Err(SealError::WrongKey)));
        assert!(matches!(open("hunter2", &*file, io::sink()), Err(SealError::NotAKey)));
    }

    #[test]
    fn keys_go_through_a_file_of_their_own() {
        let (secret, public) = new_key();
        let mut file = Vec::new();
        let keys = Keys::begin(&public, "M", &mut file).unwrap();
        keys.sink().write_all(&[42; 200_000]).unwrap();
        let mut late = keys.sink();
        keys.finish().unwrap();
        assert!(late.write(b"more").is_err());
        drop(late);
        let mut read = Vec::new();
        open_keys(secret.expose(), &*file).unwrap().read_to_end(&mut read).unwrap();
        assert_eq!(read, [42; 200_000]);
        let cut = open_keys(secret.expose(), &file[..file.len() - 1]).unwrap().read_to_end(&mut read);
        assert!(cut.is_err());
        assert!(matches!(open(secret.expose(), &*file, io::sink()), Err(SealError::KeyFile)));
        assert!(matches!(open_keys(secret.expose(), &*sealed(&public, b"")), Err(SealError::NoKeyFile)));
    }

    #[test]
    fn no_more_is_written_than_the_label_says() {
        let (secret, public) = new_key();
        let report = store::BackupReport { bytes: 100_000, digest: [7; 32], objects: 3, sequence: 9 };
        let (mut file, mut out) = (Vec::new(), Vec::new());
        seal(&public, &Label::of("M".into(), &report), &*vec![42; 1_000_000], &mut file).unwrap();
        assert!(matches!(open(secret.expose(), &*file, &mut out), Err(SealError::Damaged(_))));
        assert!(out.len() <= 100_000, "{}", out.len());
    }

    #[test]
    fn a_cut_or_changed_file_does_not_open() {
        let (secret, public) = new_key();
        let file = sealed(&public, &vec![42; 200_000]);
        for at in [0, 10, 300, file.len() / 2, file.len() - 1] {
            let cut = open(secret.expose(), &file[..at], io::sink());
            assert!(cut.is_err(), "cut at {at}");
            let mut changed = file.clone();
            changed[at] ^= 1;
            assert!(open(secret.expose(), &*changed, io::sink()).is_err(), "changed at {at}");
        }
        let mut longer = file.clone();
        longer.push(0);
        assert!(open(secret.expose(), &*longer, io::sink()).is_err());
    }
}
