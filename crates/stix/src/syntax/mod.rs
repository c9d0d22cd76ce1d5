//! The form of strings that other standards define: addresses, names, URLs, language tags.
//!
//! Each check takes the bare string and says what is wrong in fixed words; the value itself is quoted by the caller. None
//! normalises: the index does that.

pub(crate) mod address;
pub(crate) mod cpe;
pub(crate) mod domain;
pub(crate) mod email;
pub(crate) mod hash;
pub(crate) mod language;
pub(crate) mod mail;
pub(crate) mod name;
pub(crate) mod octets;
pub(crate) mod url;

use crate::schema::{Fault, Weight};

/// A broken MUST.
const fn must(code: &'static str, words: &'static str) -> Fault {
    Fault { weight: Weight::Must, code, words }
}

/// A broken SHOULD.
const fn should(code: &'static str, words: &'static str) -> Fault {
    Fault { weight: Weight::Should, code, words }
}
