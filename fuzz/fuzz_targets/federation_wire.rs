//! Messages between peers: whatever is read is written back to something that reads the same, and nothing is believed.
#![no_main]

use federation::{
    Content, Cosigned, Envelope, HeadUpdate, OpenedBatch, RegistryPage, Sealed, Turn, batch_from, batch_to,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(batch) = batch_from(bytes) {
        assert_eq!(batch_from(&batch_to(&batch)).expect("a written batch is read"), batch);
    }
    if let Ok(heads) = HeadUpdate::from_bytes(bytes) {
        let written = HeadUpdate::to_bytes(&heads);
        assert_eq!(HeadUpdate::from_bytes(&written).expect("written heads are read"), heads);
    }
    if let Ok(line) = Cosigned::from_bytes(bytes) {
        assert_eq!(Cosigned::from_bytes(&line.to_bytes()).expect("a written line is read"), line);
    }
    if let Ok(page) = RegistryPage::from_bytes(bytes) {
        assert_eq!(RegistryPage::from_bytes(&page.to_bytes()).expect("a written page is read"), page);
    }
    if let Ok(turn) = Turn::from_bytes(bytes) {
        assert_eq!(Turn::from_bytes(&turn.to_bytes()).expect("a written turn is read"), turn);
        if let Ok(Some(hello)) = Turn::greeting_at(bytes) {
            assert_eq!(hello, turn.hello, "who speaks does not depend on how much has come");
        }
    } else {
        let _ = Turn::greeting_at(bytes);
    }
    if let Ok(content) = Content::parse(bytes) {
        let written = content.to_bytes().expect("what was read is within limits");
        assert_eq!(Content::parse(&written).expect("a written payload is read"), content);
    }
    if let Ok(sealed) = Sealed::parse(bytes.to_vec()) {
        let _ = sealed.route();
    }
    assert!(OpenedBatch::read(bytes, |_| Vec::new()).is_err(), "a batch by nobody is refused");
    assert!(Envelope::open(bytes, |_| Vec::new()).is_err(), "an envelope by nobody is refused");
});
