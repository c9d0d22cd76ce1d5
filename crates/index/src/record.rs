//! What the look-up table keeps of one object: the facts as the caller gives them, and their packed form of 40 bytes.
//!
//! Labels are not kept: they would cost more than everything else together, and only matches need them.

use base::Micros;

/// The store's number for "who may see this": a set of collections, and of persons where an object is for named persons only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Audience(pub u32);

/// A type's number within one table, given by [`crate::Table::type_no`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypeNo(u16);

impl TypeNo {
    /// Stands for every type beyond the number of types a table names.
    const UNNAMED: Self = Self(u16::MAX);
}

/// What an answer tells of an object, as far as memory keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectFacts {
    /// The UUID of the identifier.
    pub uuid: [u8; 16],
    /// Whether type and lower-case UUID together are the identifier as written.
    pub id_as_written: bool,
    /// The object's type.
    pub type_no: TypeNo,
    /// Who may see it.
    pub audience: Audience,
    /// Whether the latest version is revoked.
    pub revoked: bool,
    /// Whether the examination left findings: such an object is never acted on.
    pub findings: bool,
    /// From when on it says nothing any more.
    pub expires: Option<Micros>,
    /// `confidence`.
    pub confidence: Option<u8>,
    /// When it was added.
    pub added: Micros,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    uuid: [u8; 16],
    expires: i64,
    added: i64,
    audience: u32,
    type_no: u16,
    flags: u8,
    confidence: u8,
}

const _: () = assert!(size_of::<Record>() == 40, "invariant: a record has 40 bytes");

const HELD: u8 = 1;
const REVOKED: u8 = 2;
const FINDINGS: u8 = 4;
const AS_WRITTEN: u8 = 8;
const NO_EXPIRY: i64 = i64::MAX;
const NO_CONFIDENCE: u8 = u8::MAX;

impl Record {
    pub(crate) const VACANT: Self = Self {
        uuid: [0; 16],
        expires: NO_EXPIRY,
        added: 0,
        audience: 0,
        type_no: 0,
        flags: 0,
        confidence: NO_CONFIDENCE,
    };

    pub(crate) const fn is_vacant(&self) -> bool {
        self.flags & HELD == 0
    }

    pub(crate) fn pack(facts: &ObjectFacts) -> Self {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        Self {
            uuid: facts.uuid,
            expires: facts.expires.map_or(NO_EXPIRY, |at| at.0),
            added: facts.added.0,
            audience: facts.audience.0,
            type_no: facts.type_no.0,
            flags: HELD
                | flag(facts.revoked, REVOKED)
                | flag(facts.findings, FINDINGS)
                | flag(facts.id_as_written, AS_WRITTEN),
            confidence: facts.confidence.unwrap_or(NO_CONFIDENCE),
        }
    }

    pub(crate) fn unpack(&self) -> Option<ObjectFacts> {
        if self.is_vacant() {
            return None;
        }
        Some(ObjectFacts {
            uuid: self.uuid,
            id_as_written: self.flags & AS_WRITTEN != 0,
            type_no: TypeNo(self.type_no),
            audience: Audience(self.audience),
            revoked: self.flags & REVOKED != 0,
            findings: self.flags & FINDINGS != 0,
            expires: Some(self.expires).filter(|at| *at != NO_EXPIRY).map(Micros),
            confidence: Some(self.confidence).filter(|value| *value != NO_CONFIDENCE),
            added: Micros(self.added),
        })
    }
}

/// Names of types by number, at most [`TYPES_MAX`]: objects of further types are found as well, but their identifiers must
/// be asked of the store.
#[derive(Clone, Debug, Default)]
pub(crate) struct TypeNames(Vec<Box<str>>);

/// Types that a table names; STIX has 44, and each is compared in turn.
const TYPES_MAX: usize = 256;

impl TypeNames {
    pub(crate) fn number(&mut self, name: &str) -> TypeNo {
        let known = self.0.iter().position(|known| known.as_ref() == name);
        let at = known.unwrap_or(self.0.len());
        if at >= TYPES_MAX {
            return TypeNo::UNNAMED;
        }
        if known.is_none() {
            self.0.push(name.into());
        }
        u16::try_from(at).map_or(TypeNo::UNNAMED, TypeNo)
    }

    pub(crate) fn name(&self, number: TypeNo) -> Option<&str> {
        self.0.get(usize::from(number.0)).map(AsRef::as_ref)
    }

    pub(crate) fn id(&self, facts: &ObjectFacts) -> Option<String> {
        let name = self.name(facts.type_no)?;
        let mut id = String::with_capacity(name.len() + 38);
        id.push_str(name);
        id.push_str("--");
        for (at, byte) in facts.uuid.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                id.push('-');
            }
            id.push(HEX[usize::from(byte >> 4)]);
            id.push(HEX[usize::from(byte & 15)]);
        }
        Some(id)
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.0.capacity() * size_of::<Box<str>>() + self.0.iter().map(|name| name.len()).sum::<usize>()
    }
}

const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
