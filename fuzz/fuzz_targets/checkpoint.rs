//! Checkpoints, and requests to cosign them: what is read prints to the same bytes.
#![no_main]

use ledger::checkpoint::SignedCheckpoint;
use ledger::witness::AddCheckpoint;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(checkpoint) = SignedCheckpoint::parse(bytes) {
        assert_eq!(checkpoint.to_string().as_bytes(), bytes);
        assert_eq!(checkpoint.checkpoint().to_string(), checkpoint.note().text());
    }
    if let Ok(request) = AddCheckpoint::parse(bytes) {
        assert_eq!(request.to_body().as_bytes(), bytes);
    }
});
