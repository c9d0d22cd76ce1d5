//! Anchors and node certificates.

use base::Micros;
use base::limit::{ANCHOR_BYTES_MAX, CERTIFICATE_SECONDS_MAX};
use base::signing::Signer;
use community::{Anchor, MemberKind, NodeCertificate, Rule};

use crate::town::{START, Town, key, member};

#[test]
fn an_anchor_pins_the_community_and_its_head() {
    let mut town = Town::of(2, None);
    let anchor = Anchor::of(&town.registry, town.entries[0].clone(), member(2), town.now).unwrap();
    let read = Anchor::parse(anchor.to_text().as_bytes()).unwrap();
    assert_eq!(read.community(), town.registry.id());
    let doors: Vec<_> = read.doors().iter().map(|door| door.member).collect();
    assert_eq!(doors[0], member(2));
    assert_eq!(doors.len(), 2);
    assert_eq!(read.holds(&town.registry), Ok(()));
    let older = community::Registry::found(&town.entries[0]).unwrap();
    assert_eq!(read.holds(&older), Err(Rule::Gap));
    town.grow(3, MemberKind::Cert);
    assert_eq!(read.holds(&town.registry), Ok(()));
    let other = Town::new(community::QuorumRule::Fixed(1));
    assert_eq!(read.holds(&other.registry), Err(Rule::CommunityOther));
}

#[test]
fn what_is_no_anchor_is_refused() {
    let town = Town::of(1, None);
    let anchor = Anchor::of(&town.registry, town.entries[0].clone(), member(1), town.now).unwrap();
    let text = anchor.to_text();
    for (bad, rule) in [
        (String::new(), Rule::AnchorForm),
        ("{}".into(), Rule::AnchorForm),
        (text.replace("cresset-anchor-1", "cresset-anchor-2"), Rule::AnchorForm),
        (text.replacen(&town.registry.id().to_string(), &"0".repeat(64), 1), Rule::CommunityOther),
        (text.replacen("\"doors\":[", "\"doors\": [", 1), Rule::AnchorForm),
        (" ".repeat(ANCHOR_BYTES_MAX + 1), Rule::TooLarge),
    ] {
        assert_eq!(Anchor::parse(bad.as_bytes()).unwrap_err(), rule, "{bad:.80}");
    }
}

#[test]
fn a_node_certificate_is_its_members_word_for_a_time() {
    let certificate = NodeCertificate {
        member: member(1),
        node: "node-1".into(),
        key: key(70).public_key(),
        tls_sha256: None,
        from: START,
        until: START.plus(CERTIFICATE_SECONDS_MAX * Micros::SECOND),
    };
    let signed = certificate.sign(&key(1)).unwrap();
    let open = |id, by: u8| NodeCertificate::open(&signed, member(id), &key(by).public_key());
    assert_eq!(open(1, 1), Ok(certificate.clone()));
    assert_eq!(open(2, 1), Err(Rule::CertificateUnfit));
    assert_eq!(open(1, 2), Err(Rule::SignatureStranger));
    let longer = NodeCertificate { until: certificate.until.plus(1), ..certificate };
    assert_eq!(longer.sign(&key(1)).unwrap_err(), Rule::CertificateUnfit);
}
