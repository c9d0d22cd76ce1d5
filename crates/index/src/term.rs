//! Index terms: a kind and a canonical value, and their 128-bit fingerprint.

use std::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher13};

/// What sort of value a term is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum TermKind {
    /// One IPv4 or IPv6 address, canonical text. `/32` and `/128` are addresses.
    Address = 1,
    /// An address range in CIDR notation with host bits cleared, canonical text.
    Range = 2,
    /// A domain name in lower-case A-labels (punycode) without the trailing dot.
    Domain = 3,
    /// A URL, normalised as [`crate::probes`] documents.
    Url = 4,
    /// A file hash in lower-case hexadecimal, whatever its algorithm.
    Hash = 5,
    /// An e-mail address, domain part lower-case.
    Email = 6,
    /// A name or alias, case folded and NFKC-normalised.
    Name = 7,
    /// An identifier given by an authority: CVE-2024-1234, T1059.001, ASN numbers (`AS64496`).
    Reference = 8,
    /// Any other observable value (mutex, registry key, MAC address, user agent ...), NFC-normalised.
    Other = 9,
    /// The host of a URL: its domain or address, as these are written. What is about a URL is found by its host, which nobody
    /// thereby says anything about.
    Host = 10,
}

impl TermKind {
    /// Name in answers of the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Range => "range",
            Self::Domain => "domain",
            Self::Url => "url",
            Self::Hash => "hash",
            Self::Email => "email",
            Self::Name => "name",
            Self::Reference => "reference",
            Self::Other => "other",
            Self::Host => "host",
        }
    }
}

/// One thing an object can be found by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term {
    /// The sort of value.
    pub kind: TermKind,
    /// The canonical value; see [`TermKind`] for each form.
    pub value: String,
}

/// The key of a store's fingerprints: random, made at `init`, so that nobody outside can craft colliding values.
#[derive(Clone, Copy, Debug)]
pub struct FingerprintKey(pub [u8; 16]);

/// 128-bit keyed hash of a term: what the postings are keyed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub u128);

impl Term {
    /// The term's fingerprint under a store's key (SipHash-1-3, 128 bits, over kind byte and value).
    #[must_use]
    pub fn fingerprint(&self, key: &FingerprintKey) -> Fingerprint {
        Fingerprint::of(key, self.kind, &self.value)
    }
}

impl Fingerprint {
    /// The fingerprint of a canonical value, without making a [`Term`] of it first.
    #[must_use]
    pub fn of(key: &FingerprintKey, kind: TermKind, value: &str) -> Self {
        let mut hasher = SipHasher13::new_with_key(&key.0);
        hasher.write_u8(kind as u8);
        hasher.write(value.as_bytes());
        let hash = hasher.finish128();
        Self(u128::from(hash.h1) << 64 | u128::from(hash.h2))
    }

    /// Sixteen bytes, big endian: the form stores keep.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// From the form stores keep.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }
}
