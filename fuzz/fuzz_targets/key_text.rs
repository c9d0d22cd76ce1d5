//! Keys, signatures and their ids: a text that is read prints to itself.
#![no_main]

use base::signing::{KeyId, PublicKey, Signature};
use ledger::note::NoteKey;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(key) = text.parse::<PublicKey>() {
        assert_eq!(key.to_string(), text);
    }
    if let Ok(signature) = text.parse::<Signature>() {
        assert_eq!(signature.to_string(), text);
    }
    if let Ok(id) = text.parse::<KeyId>() {
        assert_eq!(id.to_string(), text);
    }
    if let Ok(key) = text.parse::<NoteKey>() {
        assert_eq!(key.to_string(), text);
    }
});
