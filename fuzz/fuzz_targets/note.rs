//! Notes: a note that is read prints to the same bytes.
#![no_main]

use ledger::note::Note;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(note) = Note::parse(bytes) else { return };
    assert_eq!(note.to_string().as_bytes(), bytes);
    assert!(note.verify(&[]).is_err());
});
