//! What is indexed of objects of each kind, and that looking it up finds it.

use stix::{Profile, examine};

use super::*;
use crate::{How, TermKind, probes};

const UUID: &str = "8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f";

/// An object of a type with the given members besides the ones every object has.
fn indexed(type_name: &str, rest: &str) -> Indexed {
    let text = format!(
        r#"{{"type":"{type_name}","spec_version":"2.1","id":"{type_name}--{UUID}","created":"2024-01-01T00:00:00Z","modified":"2024-01-01T00:00:00Z",{rest}}}"#
    );
    let valid = examine(text.as_bytes(), Profile::Store).unwrap_or_else(|refused| panic!("{refused:?}"));
    of_object(&valid)
}

fn observed(type_name: &str, rest: &str) -> Indexed {
    let text = format!(r#"{{"type":"{type_name}","spec_version":"2.1","id":"{type_name}--{UUID}",{rest}}}"#);
    of_object(&examine(text.as_bytes(), Profile::Store).unwrap_or_else(|refused| panic!("{refused:?}")))
}

fn terms(indexed: &Indexed) -> Vec<String> {
    indexed.terms.iter().map(|term| format!("{} {}", term.kind.name(), term.value)).collect()
}

fn indicator(pattern: &str) -> Indexed {
    let pattern = stix::json::Json::String(pattern.into());
    indexed(
        "indicator",
        &format!(r#""pattern_type":"stix","valid_from":"2024-01-01T00:00:00Z","pattern":{pattern}"#),
    )
}

#[test]
fn observables_are_found_by_their_values() {
    for (type_name, rest, expected) in [
        ("ipv4-addr", r#""value":"198.51.100.7""#, vec!["address 198.51.100.7"]),
        ("ipv4-addr", r#""value":"198.51.100.7/24""#, vec!["range 198.51.100.0/24"]),
        ("ipv6-addr", r#""value":"2001:DB8::1""#, vec!["address 2001:db8::1"]),
        ("domain-name", r#""value":"Evil.Example""#, vec!["domain evil.example"]),
        ("url", r#""value":"HTTP://evil.example""#, vec!["url http://evil.example/", "host evil.example"]),
        ("email-addr", r#""value":"Joe@Evil.Example","display_name":"Joe""#, vec!["email joe@evil.example"]),
        ("mac-addr", r#""value":"aa:bb:cc:dd:ee:ff""#, vec!["other aa:bb:cc:dd:ee:ff"]),
        (
            "autonomous-system",
            r#""number":64496,"name":"Evil Net""#,
            vec!["name evil net", "reference AS64496"],
        ),
        ("mutex", r#""name":"Global\\X""#, vec!["other global\\x"]),
        ("windows-registry-key", r#""key":"HKLM\\X""#, vec!["other hkey_local_machine\\x"]),
        ("process", r#""command_line":"cmd /c  x""#, vec!["other cmd /c x"]),
        (
            "user-account",
            r#""user_id":"1001","account_login":"Joe","display_name":"Joe Doe""#,
            vec!["other 1001", "other joe"],
        ),
        (
            "file",
            r#""name":"update.com","hashes":{"MD5":"D41D8CD98F00B204E9800998ECF8427E","SSDEEP":"3:AbC:dE"},"extensions":{"windows-pebinary-ext":{"pe_type":"exe","sections":[{"name":".text","hashes":{"SHA-1":"da39a3ee5e6b4b0d3255bfef95601890afd80709"}}]}}"#,
            vec![
                "hash d41d8cd98f00b204e9800998ecf8427e",
                "hash da39a3ee5e6b4b0d3255bfef95601890afd80709",
                "other 3:abc:de",
                "other update.com",
            ],
        ),
        (
            "artifact",
            r#""url":"http://evil.example/x","hashes":{"MD5":"d41d8cd98f00b204e9800998ecf8427e"}"#,
            vec!["url http://evil.example/x", "hash d41d8cd98f00b204e9800998ecf8427e", "host evil.example"],
        ),
        (
            "x509-certificate",
            r#""serial_number":"36:f7","hashes":{"MD5":"d41d8cd98f00b204e9800998ecf8427e"}"#,
            vec!["hash d41d8cd98f00b204e9800998ecf8427e", "other 36:f7"],
        ),
    ] {
        assert_eq!(terms(&observed(type_name, rest)), expected, "{type_name} {rest}");
    }
}

#[test]
fn patterns_are_found_by_the_values_they_name() {
    for (pattern, expected) in [
        ("[ipv4-addr:value = '198.51.100.7']", vec!["address 198.51.100.7"]),
        ("[ipv4-addr:value ISSUBSET '198.51.100.0/24']", vec!["range 198.51.100.0/24"]),
        (
            "[domain-name:value IN ('a.example', 'B.example')] FOLLOWEDBY [url:value = 'http://c.example']",
            vec!["domain a.example", "domain b.example", "url http://c.example/", "host c.example"],
        ),
        (
            "[file:hashes.'SHA-1' = 'DA39A3EE5E6B4B0D3255BFEF95601890AFD80709' OR file:hashes.MD5 = 'd41d8cd98f00b204e9800998ecf8427e']",
            vec!["hash d41d8cd98f00b204e9800998ecf8427e", "hash da39a3ee5e6b4b0d3255bfef95601890afd80709"],
        ),
        (
            "[network-traffic:dst_ref.value = '198.51.100.7' AND network-traffic:dst_port = 443]",
            vec!["address 198.51.100.7"],
        ),
        ("[email-message:from_ref.value = 'Joe@evil.example']", vec!["email joe@evil.example"]),
        ("[domain-name:resolves_to_refs[*].value = '198.51.100.7']", vec!["address 198.51.100.7"]),
        (
            "[mutex:name = 'X' OR file:name = 'a.exe' OR windows-registry-key:key = 'HKLM\\\\x']",
            vec!["other a.exe", "other hkey_local_machine\\x", "other x"],
        ),
        ("[autonomous-system:number = 64496]", vec!["reference AS64496"]),
        ("[ipv4-addr:value NOT = '198.51.100.7']", vec![]),
        ("[ipv4-addr:value != '198.51.100.7']", vec![]),
        ("[ipv4-addr:value ISSUPERSET '198.51.100.0/24']", vec![]),
        ("[url:value LIKE 'http://%']", vec![]),
        ("[file:size = 7]", vec![]),
        ("[file:extensions.'x'.name = 'a.exe']", vec![]),
    ] {
        let indexed = indicator(pattern);
        assert_eq!(terms(&indexed), expected, "{pattern}");
        assert_eq!(indexed.pattern.as_deref(), Some(pattern));
    }
}

/// A pattern is read once, by the examination.
#[test]
fn the_pattern_that_the_examination_read_is_the_one_that_is_indexed() {
    let of = |rest: &str| {
        let text = format!(
            r#"{{"type":"indicator","spec_version":"2.1","id":"indicator--{UUID}","created":"2024-01-01T00:00:00Z",
                "modified":"2024-01-01T00:00:00Z","valid_from":"2024-01-01T00:00:00Z",{rest}}}"#
        );
        let valid = examine(text.as_bytes(), Profile::Store).unwrap_or_else(|refused| panic!("{refused:?}"));
        let read = match valid.pattern() {
            stix::PatternRead::Read(pattern) => pattern.to_string(),
            stix::PatternRead::Unreadable => "unreadable".into(),
            stix::PatternRead::NotAsked => "not asked".into(),
        };
        (read, of_object(&valid).pattern.is_some())
    };
    let stix = r#""pattern_type":"stix","pattern":"#;
    assert_eq!(of(&format!(r#"{stix}"[file:size=7]""#)), ("[file:size = 7]".into(), true));
    assert_eq!(of(&format!(r#"{stix}"[file:name MATCHES '(']""#)), ("unreadable".into(), false));
    assert_eq!(of(r#""pattern_type":"yara","pattern":"[file:size=7]""#), ("not asked".into(), false));
}

#[test]
fn patterns_that_cannot_be_read_or_are_of_others_name_nothing() {
    let broken = indicator("[ipv4-addr:value = '198.51.100.7'");
    assert_eq!((terms(&broken), broken.pattern), (vec![], None));
    let yara = indexed(
        "indicator",
        r#""pattern_type":"yara","valid_from":"2024-01-01T00:00:00Z","pattern":"[ipv4-addr:value = '198.51.100.7']""#,
    );
    assert_eq!((terms(&yara), yara.pattern), (vec![], None));
}

#[test]
fn domain_objects_are_found_by_names_aliases_and_references() {
    let malware = indexed(
        "malware",
        r#""name":"Emotet","is_family":true,"aliases":["Heodo","Geodo  X"],"x_mitre_aliases":["Emotet"],
           "external_references":[{"source_name":"mitre-attack","external_id":"S0367","url":"https://attack.mitre.org/","hashes":{"MD5":"d41d8cd98f00b204e9800998ecf8427e"}}]"#,
    );
    assert_eq!(terms(&malware), ["name emotet", "name geodo x", "name heodo", "reference S0367"]);
    assert_eq!(malware.label, "Emotet");
    assert_eq!(
        malware.words,
        "emotet heodo geodo x emotet mitre attack s0367 =emotet =geodo =heodo =x ^emotet ^geodo=x ^heodo"
    );
    let vulnerability = indexed("vulnerability", r#""name":"cve-2024-1234""#);
    assert_eq!(terms(&vulnerability), ["reference CVE-2024-1234"]);
}

#[test]
fn persons_are_text_only() {
    let person =
        indexed("identity", r#""name":"Ann Other","identity_class":"individual","x_aliases":["Annie"]"#);
    assert_eq!(terms(&person), [] as [String; 0]);
    assert_eq!(person.words, "ann other individual annie =ann =annie =other ^ann=other ^annie");
    let body = indexed("identity", r#""name":"Evil Corp","identity_class":"organization""#);
    assert_eq!(terms(&body), ["name evil corp"]);
}

#[test]
fn observables_inside_observed_data_of_old_are_found() {
    let old = indexed(
        "observed-data",
        r#""first_observed":"2024-01-01T00:00:00Z","last_observed":"2024-01-01T00:00:00Z","number_observed":1,
           "objects":{"0":{"type":"ipv4-addr","value":"198.51.100.7"},"1":{"type":"observed-data","objects":{"0":{"type":"url","value":"http://x.example/"}}}}"#,
    );
    assert_eq!(terms(&old), ["address 198.51.100.7"]);
}

#[test]
fn references_are_edges_and_relationships_are_one_of_their_own() {
    let edge = |indexed: &Indexed| -> Vec<String> {
        let shown = |edge: &Reference| format!("{} {:?} {}", edge.name, edge.source, edge.target);
        indexed.references.iter().map(shown).collect()
    };
    let tool = indexed(
        "tool",
        &format!(
            r#""name":"t","created_by_ref":"identity--{UUID}","object_marking_refs":["marking-definition--{UUID}"]"#
        ),
    );
    assert_eq!(
        edge(&tool),
        [
            format!("created_by_ref None identity--{UUID}"),
            format!("object_marking_refs None marking-definition--{UUID}")
        ]
    );
    let uses = indexed(
        "relationship",
        &format!(
            r#""relationship_type":"uses","source_ref":"malware--{UUID}","target_ref":"tool--{UUID}","created_by_ref":"identity--{UUID}""#
        ),
    );
    assert_eq!(
        edge(&uses),
        [
            format!("created_by_ref None identity--{UUID}"),
            format!("uses Some(\"malware--{UUID}\") tool--{UUID}")
        ]
    );
    assert_eq!((uses.label.as_str(), uses.words.as_str()), ("uses", "uses"));
}

#[test]
fn sightings_confidence_expiry_and_markings_are_told() {
    let seen = indexed(
        "sighting",
        &format!(r#""sighting_of_ref":"indicator--{UUID}","count":3,"last_seen":"2024-01-01T00:00:01Z""#),
    );
    let expected =
        Seen { of: format!("indicator--{UUID}"), count: 3, last_seen: Some(Micros(1_704_067_201_000_000)) };
    assert_eq!(seen.seen, Some(expected));
    let unsaid = indexed("sighting", &format!(r#""sighting_of_ref":"indicator--{UUID}""#));
    assert_eq!(unsaid.seen.map(|seen| (seen.count, seen.last_seen)), Some((1, None)));
    let bounded = indexed(
        "indicator",
        r#""pattern_type":"stix","valid_from":"2024-01-01T00:00:00Z","valid_until":"2024-01-01T00:00:01.5Z","confidence":85,"pattern":"[file:size = 1]""#,
    );
    assert_eq!((bounded.expires, bounded.confidence), (Some(Micros(1_704_067_201_500_000)), Some(85)));
    let [green, red] = [TlpLevel::Green, TlpLevel::Red].map(TlpLevel::id);
    let marked = indexed("tool", &format!(r#""name":"t","object_marking_refs":["{green}"]"#));
    assert_eq!(marked.tlp, Some(TlpLevel::Green));
    let partly = indexed(
        "tool",
        &format!(
            r#""name":"t","object_marking_refs":["{green}"],"granular_markings":[{{"marking_ref":"{red}","selectors":["name"]}}]"#
        ),
    );
    assert_eq!(partly.tlp, Some(TlpLevel::Red));
    let defining = indexed("marking-definition", r#""definition_type":"tlp","definition":{"tlp":"red"}"#);
    assert_eq!(defining.tlp, None, "a definition does not bear what it defines");
}

#[test]
fn a_url_is_found_by_its_host_which_is_no_exact_match() {
    for (url, host) in [
        ("hxxp://Evil[.]Example:8080/a", "evil[.]example"),
        ("evil.example/x.bin", "evil.example."),
        ("http://198.51.100.7/a", "198[.]51[.]100[.]7"),
        ("https://[2001:DB8::1]:8443/", "2001:db8:0::1"),
        ("http://user@bücher.example/", "xn--bcher-kva.example"),
    ] {
        let indexed = observed("url", &format!(r#""value":"{url}""#));
        let found: Vec<How> = probes(host)
            .into_iter()
            .filter(|probe| indexed.terms.contains(&probe.term))
            .map(|probe| probe.how)
            .collect();
        assert_eq!(found, [How::OnHost], "{url}: {:?}", terms(&indexed));
    }
    assert_eq!(terms(&observed("url", r#""value":"http://localhost/""#)), ["url http://localhost/"]);
}

#[test]
fn terms_are_limited() {
    let aliases: Vec<String> = (0..=TERMS_PER_OBJECT_MAX).map(|at| format!("\"a{at}\"")).collect();
    let many = indexed("tool", &format!(r#""name":"t","aliases":[{}]"#, aliases.join(",")));
    assert_eq!(many.terms.len(), TERMS_PER_OBJECT_MAX);
}

#[test]
fn whatever_an_object_holds_is_found_by_looking_it_up() {
    let values = [
        "198.51.100.7",
        "198.51.100.0/24",
        "hxxp://evil[.]example/a",
        "Evil.Example.",
        "a b",
        "Ёж.рф",
        "[x]",
        "sha1:x",
        "3:a:b",
    ];
    for value in values {
        let value_json = stix::json::Json::String(value.into());
        for indexed in [
            observed("url", &format!("\"value\":{value_json}")),
            observed("mutex", &format!("\"name\":{value_json}")),
            indexed("campaign", &format!("\"name\":{value_json}")),
            indexed(
                "campaign",
                &format!(
                    r#""name":{value_json},"external_references":[{{"source_name":"x","external_id":{value_json}}}]"#
                ),
            ),
        ] {
            assert!(!indexed.terms.is_empty(), "{value}");
            for term in indexed.terms.iter().filter(|term| term.kind != TermKind::Host) {
                let found = probes(value).iter().any(|probe| probe.term == *term && probe.how == How::Exact);
                assert!(found, "{value}: {term:?}");
            }
        }
    }
    assert_eq!(observed("url", r#""value":"x""#).terms.first().map(|term| term.kind), Some(TermKind::Other));
}
