//! Headers as their author keeps them: without what all of a ledger's have in common, and with digests as bytes.
//!
//! A leaf is the hash of a header's bytes, so the bytes must come back as they were. A header has one way of being written
//! ([`crate::act::Header::seal`]); what is short holds every field of it, and whatever does not come back from it unchanged has
//! no short form and is kept as it is. An act of half a kilobyte takes about a hundred bytes so.
//!
//! # Shape
//! A byte 1 (a header in full begins with `{`); a byte for the kind, its place in the list of kinds, or 255 and a name; a byte of
//! flags; the time in microseconds, eight bytes; then what the flags announce, in the order of [`Header`]: of an object its id, its
//! version and its digest, then digests of 32 bytes. Names are a length of two bytes and UTF-8. An id that ends in a UUID is its
//! type and 16 bytes; a version is a name.

use base::Micros;
use base::signing::{KeyId, Suite};

use crate::act::{Act, ActKind, ActObject, Header, KINDS};
use crate::commitment::Commitment;

const SHORT: u8 = 1;
const OTHER_KIND: u8 = 255;
const OBJECT: u8 = 1;
const UUID: u8 = 2;
const VERSION: u8 = 4;
const HANDLING: u8 = 8;
const PAYLOAD: u8 = 16;
/// The payload is the object alone: its commitment is the object's.
const PAYLOAD_IS_OBJECT: u8 = 32;
const ADDRESSEES: u8 = 64;

/// What the headers of a ledger have in common, as long as their author keeps its suite and stays in one community.
///
/// # Shape
/// As text its members on a line each: suite, author, community.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Common {
    /// How the author signs.
    pub suite: Suite,
    /// Whose ledger it is.
    pub author: KeyId,
    /// In which community.
    pub community: String,
}

/// What is no short header, or no common part of headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a stored header cannot be read")]
pub struct NotShort;

impl Common {
    /// That of a header.
    #[must_use]
    pub fn of(header: &Header) -> Self {
        Self { suite: header.suite, author: header.author, community: header.community.clone() }
    }

    /// Whether a header has it.
    #[must_use]
    pub fn is_of(&self, header: &Header) -> bool {
        self.suite == header.suite && self.author == header.author && self.community == header.community
    }

    /// Reads it back from its text.
    ///
    /// # Errors
    /// The text is none.
    pub fn parse(text: &str) -> Result<Self, NotShort> {
        let mut lines = text.splitn(3, '\n');
        let mut line = || lines.next().ok_or(NotShort);
        let suite = line()?.parse().map_err(|_| NotShort)?;
        let author = line()?.parse().map_err(|_| NotShort)?;
        Ok(Self { suite, author, community: line()?.to_owned() })
    }
}

impl std::fmt::Display for Common {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}\n{}\n{}", self.suite, self.author, self.community)
    }
}

/// The short form of an act's header; `None` where its bytes would not come back from it.
#[must_use]
pub fn shorten(act: &Act) -> Option<Vec<u8>> {
    let header = act.header();
    let short = Writer::write(header)?;
    let back = restore(&short, &Common::of(header), header.sequence).ok()?;
    (back.header() == header && back.bytes() == act.bytes()).then_some(short)
}

/// The short form of a header that is sealed here and nowhere else, so that its bytes are those that [`restore`] makes; `None`
/// where it has none.
#[must_use]
pub fn shorten_own(header: &Header) -> Option<Vec<u8>> {
    Writer::write(header)
}

/// An act from the short form of its header.
///
/// # Errors
/// The bytes are no short form.
pub fn restore(bytes: &[u8], common: &Common, sequence: u64) -> Result<Act, NotShort> {
    let mut reader = Reader(bytes);
    if reader.byte()? != SHORT {
        return Err(NotShort);
    }
    let kind = match reader.byte()? {
        OTHER_KIND => reader.name()?.parse().map_err(|_| NotShort)?,
        known => KINDS.get(usize::from(known)).ok_or(NotShort)?.1.clone(),
    };
    let flags = reader.byte()?;
    let at = Micros(i64::from_be_bytes(reader.array()?));
    let object = if flags & OBJECT == 0 { None } else { Some(reader.object(flags)?) };
    let mut digest =
        |flag| if flags & flag == 0 { Ok(None) } else { reader.array().map(Commitment).map(Some) };
    let handling = digest(HANDLING)?;
    let payload = match (flags & PAYLOAD_IS_OBJECT != 0, &object) {
        (false, _) => digest(PAYLOAD)?,
        (true, Some(object)) => Some(object.digest),
        (true, None) => return Err(NotShort),
    };
    let addressees = digest(ADDRESSEES)?;
    if !reader.0.is_empty() {
        return Err(NotShort);
    }
    let Common { suite, author, community } = common.clone();
    let header =
        Header { suite, kind, author, sequence, at, community, object, handling, payload, addressees };
    header.seal().map_err(|_| NotShort)
}

struct Writer(Vec<u8>);

impl Writer {
    fn write(header: &Header) -> Option<Vec<u8>> {
        let mut writer = Self(Vec::with_capacity(128));
        let object = header.object.as_ref();
        let uuid = object.and_then(|object| uuid_id(&object.id));
        let payload_is_object = object.is_some() && header.payload == object.map(|object| object.digest);
        let flag = |is: bool, flag: u8| if is { flag } else { 0 };
        let flags = flag(object.is_some(), OBJECT)
            | flag(uuid.is_some(), UUID)
            | flag(object.is_some_and(|object| object.version.is_some()), VERSION)
            | flag(header.handling.is_some(), HANDLING)
            | flag(payload_is_object, PAYLOAD_IS_OBJECT)
            | flag(header.payload.is_some() && !payload_is_object, PAYLOAD)
            | flag(header.addressees.is_some(), ADDRESSEES);
        writer.0.push(SHORT);
        writer.kind(&header.kind)?;
        writer.0.push(flags);
        writer.0.extend_from_slice(&header.at.0.to_be_bytes());
        if let Some(object) = object {
            match uuid {
                Some((kind, uuid)) => {
                    writer.name(kind)?;
                    writer.0.extend_from_slice(&uuid);
                }
                None => writer.name(&object.id)?,
            }
            if let Some(version) = &object.version {
                writer.name(version)?;
            }
            writer.0.extend_from_slice(&object.digest.0);
        }
        let payload = header.payload.filter(|_| !payload_is_object);
        for digest in [header.handling, payload, header.addressees].into_iter().flatten() {
            writer.0.extend_from_slice(&digest.0);
        }
        Some(writer.0)
    }

    fn kind(&mut self, kind: &ActKind) -> Option<()> {
        if let ActKind::Other(name) = kind {
            self.0.push(OTHER_KIND);
            return self.name(name);
        }
        let known = KINDS.iter().position(|(_, known)| known == kind)?;
        self.0.push(u8::try_from(known).ok()?);
        Some(())
    }

    fn name(&mut self, name: &str) -> Option<()> {
        self.0.extend_from_slice(&u16::try_from(name.len()).ok()?.to_be_bytes());
        self.0.extend_from_slice(name.as_bytes());
        Some(())
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Result<u8, NotShort> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], NotShort> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(NotShort)?;
        self.0 = rest;
        Ok(*head)
    }

    fn name(&mut self) -> Result<&'a str, NotShort> {
        let length = usize::from(u16::from_be_bytes(self.array()?));
        let (name, rest) = self.0.split_at_checked(length).ok_or(NotShort)?;
        self.0 = rest;
        std::str::from_utf8(name).map_err(|_| NotShort)
    }

    fn object(&mut self, flags: u8) -> Result<ActObject, NotShort> {
        let mut id = self.name()?.to_owned();
        if flags & UUID != 0 {
            push_uuid(&mut id, self.array()?);
        }
        let version = if flags & VERSION == 0 { None } else { Some(self.name()?.to_owned()) };
        Ok(ActObject { id, version, digest: Commitment(self.array()?) })
    }
}

/// Where the hyphens of a UUID stand, between its bytes.
const HYPHENS_BEFORE: [usize; 4] = [4, 6, 8, 10];

/// Type and UUID of an id that is written as [`push_uuid`] writes it.
fn uuid_id(id: &str) -> Option<(&str, [u8; 16])> {
    let (kind, text) = id.split_once("--")?;
    let (mut uuid, mut rest) = ([0; 16], text.as_bytes());
    for (at, byte) in uuid.iter_mut().enumerate() {
        if HYPHENS_BEFORE.contains(&at) {
            rest = rest.strip_prefix(b"-")?;
        }
        let ([high, low], after) = rest.split_first_chunk()?;
        *byte = digit(*high)? << 4 | digit(*low)?;
        rest = after;
    }
    rest.is_empty().then_some((kind, uuid))
}

/// The value of a lower-case hexadecimal digit.
const fn digit(letter: u8) -> Option<u8> {
    match letter {
        b'0'..=b'9' => Some(letter - b'0'),
        b'a'..=b'f' => Some(letter - b'a' + 10),
        _ => None,
    }
}

fn push_uuid(id: &mut String, uuid: [u8; 16]) {
    id.push_str("--");
    for (at, byte) in uuid.into_iter().enumerate() {
        if HYPHENS_BEFORE.contains(&at) {
            id.push('-');
        }
        for digit in [byte >> 4, byte & 15] {
            id.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
        }
    }
}

#[cfg(test)]
#[path = "short_tests.rs"]
mod tests;
