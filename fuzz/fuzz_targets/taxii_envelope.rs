//! Envelopes: every object is a slice of the body, and an envelope that is written reads back the same.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use taxii::Envelope;

fuzz_target!(|bytes: &[u8]| {
    let body = Bytes::copy_from_slice(bytes);
    let Ok(envelope) = Envelope::read(&body) else { return };
    let written = Bytes::from(Envelope::write(&envelope.objects));
    let again = Envelope::read(&written).expect("a written envelope can be read");
    assert_eq!(again.objects, envelope.objects);
});
