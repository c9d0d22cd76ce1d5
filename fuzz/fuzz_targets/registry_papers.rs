//! Requests, proposals, approvals, circles, certificates and evidence: whatever comes, each is read or refused, and what is
//! read was signed.
#![no_main]

use base::signed::Signed;
use community::{Approval, Circle, Fork, JoinRequest, MemberId, NodeCertificate, Subject};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(fork) = Fork::parse(bytes) {
        assert_eq!(fork.to_json().as_bytes(), bytes);
    }
    let Ok(signed) = Signed::parse(bytes) else { return };
    let own_key = |request: &JoinRequest| request.statement.key;
    if let Ok(request) = JoinRequest::open(&signed) {
        assert_eq!(signed.signatures().len(), 1);
        assert!(signed.signatures().iter().all(|(by, _)| *by == own_key(&request).id()));
        let member = MemberId(own_key(&request).id());
        let _ = NodeCertificate::open(&signed, member, &own_key(&request));
    }
    let _ = Subject::open(&signed, |_| None);
    let _ = Approval::open(&signed, |_| None);
    if let Ok(circle) = Circle::peek(&signed) {
        assert!(circle.members().is_empty() || circle.has(circle.owner));
        assert!(circle.farewell().members().is_empty());
    }
});
