//! Proof files: what is read prints to a file that says the same, and verifying it never panics.
#![no_main]

use ledger::proof_file::ProofFile;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(file) = ProofFile::parse(bytes) else { return };
    let again = ProofFile::parse(file.to_text().as_bytes()).expect("a printed file can be read");
    assert_eq!(file, again);
    let _ = file.verify(None);
});
