//! What is asked for, and that what was indexed is found.

use proptest::prelude::*;

use super::*;
use crate::{name_term, other_term, reference_term, value_term};

fn shown(value: &str) -> Vec<String> {
    probes(value)
        .into_iter()
        .filter(|probe| probe.how != How::Range)
        .map(|probe| format!("{} {} {}", probe.how.name(), probe.term.kind.name(), probe.term.value))
        .collect()
}

#[test]
fn each_sort_is_asked_for_its_own_way() {
    for (value, expected) in [
        ("1.2.3.4", vec!["exact address 1.2.3.4", "on-host host 1.2.3.4"]),
        (
            "1[.]2[.]3[.]4,",
            vec![
                "exact address 1.2.3.4",
                "exact name 1[.]2[.]3[.]4,",
                "exact other 1[.]2[.]3[.]4,",
                "exact reference 1[.]2[.]3[.]4,",
                "on-host host 1.2.3.4",
            ],
        ),
        (
            "A.B.evil.com",
            vec![
                "exact domain a.b.evil.com",
                "exact name a.b.evil.com",
                "exact other a.b.evil.com",
                "on-host host a.b.evil.com",
                "parent-domain domain b.evil.com",
                "parent-domain domain evil.com",
            ],
        ),
        (
            "http://x.evil.com:80/a",
            vec!["exact url http://x.evil.com/a", "host domain x.evil.com", "parent-domain domain evil.com"],
        ),
        ("http://[2001:db8::1]/", vec!["exact url http://[2001:db8::1]/", "host address 2001:db8::1"]),
        ("http://localhost/", vec!["exact url http://localhost/"]),
        (
            "evil.com:443/a",
            vec![
                "exact url evil.com:443/a",
                "exact url http://evil.com:443/a",
                "exact url https://evil.com/a",
                "host domain evil.com",
            ],
        ),
        (
            "Joe@mail.evil.com",
            vec![
                "exact email joe@mail.evil.com",
                "host domain mail.evil.com",
                "parent-domain domain evil.com",
            ],
        ),
        ("[2001:db8::1]", vec!["exact address 2001:db8::1", "on-host host 2001:db8::1"]),
        (
            "3325256711",
            vec![
                "exact name 3325256711",
                "exact other 3325256711",
                "exact reference 3325256711",
                "exact address 198.51.100.7",
                "on-host host 198.51.100.7",
            ],
        ),
        ("16777215", vec!["exact name 16777215", "exact other 16777215", "exact reference 16777215"]),
        ("4294967296", vec!["exact name 4294967296", "exact other 4294967296", "exact reference 4294967296"]),
        ("cve-2024-1234", vec!["exact reference CVE-2024-1234"]),
        ("t1059.001", vec!["exact name t1059.001", "exact other t1059.001", "exact reference T1059.001"]),
        ("Cobalt  Strike", vec!["exact name cobalt strike", "exact other cobalt strike"]),
        (
            "HKLM\\X",
            vec!["exact name hklm\\x", "exact other hkey_local_machine\\x", "exact reference HKLM\\X"],
        ),
        ("AA-BB-CC-DD-EE-FF", vec!["exact other aa:bb:cc:dd:ee:ff"]),
        (" ", vec![]),
    ] {
        assert_eq!(shown(value), expected, "{value}");
    }
}

#[test]
fn ranges_around_are_asked_for_by_the_lengths_in_use() {
    let asked = |value: &str, lengths: &PrefixLengths| {
        let mut found = Vec::new();
        probe_with(value, lengths, &mut Scratch::default(), |kind, canonical, how| {
            found.push((kind, canonical.to_owned(), how));
        });
        found
    };
    let mut lengths = PrefixLengths::NONE;
    lengths.add(&value_term("10.0.0.0/8").unwrap());
    lengths.add(&value_term("10.0.0.0/16").unwrap());
    assert_eq!(
        asked("10.1.2.3", &lengths),
        [
            (TermKind::Address, "10.1.2.3".to_owned(), How::Exact),
            (TermKind::Host, "10.1.2.3".to_owned(), How::OnHost),
            (TermKind::Range, "10.1.0.0/16".to_owned(), How::Range),
            (TermKind::Range, "10.0.0.0/8".to_owned(), How::Range),
        ]
    );
    assert_eq!(asked("10.1.0.0/16", &lengths).len(), 2);
    assert_eq!(asked("http://10.1.2.3/", &lengths).len(), 4);
    assert_eq!(asked("::1", &lengths).len(), 2);
    assert_eq!(asked("1.2.3.4", &PrefixLengths::ALL).len(), 34);
    assert_eq!(asked("::1", &PrefixLengths::ALL).len(), 130);
}

#[test]
fn a_range_is_asked_for_what_lies_inside() {
    assert_eq!(asked_range("10.0.0.0/8"), value_term("10.0.0.0/8").unwrap().ends());
    assert_eq!(asked_range("10[.]0[.]0[.]0/8"), asked_range("10.0.0.0/8"));
    for other in ["1.2.3.4", "1.2.3.4/32", "evil.com", "junk", ""] {
        assert_eq!(asked_range(other), None, "{other}");
    }
}

#[test]
fn values_at_the_limit_are_asked_for_and_beyond_it_not() {
    let longest = "x".repeat(QUERY_BYTES_MAX);
    assert_eq!(probes(&longest).len(), 2);
    assert_eq!(probes(&format!("{longest}x")), []);
}

#[test]
fn hostile_values_are_answered_in_time() {
    for piece in [
        "a.", "1.", "/", "%", "[.]", "../", "./", "http://", "@", ":", "0", "\u{fdfa}", "xn--", "é.", "(",
        "\\", "\u{300}", "中",
    ] {
        let long = piece.repeat(QUERY_BYTES_MAX / piece.len());
        for value in [
            long.clone(),
            format!("http://{long}"),
            format!("http://a.b/{}", &long.get(20..).unwrap_or_default()),
        ] {
            let kept: usize = probes(&value).iter().map(|probe| probe.term.value.len()).sum();
            assert!(kept < 100 * QUERY_BYTES_MAX, "{piece}: {kept}");
        }
    }
}

/// Texts of all the sorts and of none.
fn any_value() -> impl Strategy<Value = String> {
    let label = "[a-zA-Z0-9_-]{1,8}|[а-яё]{1,5}|[一-十]{1,3}";
    let domain = prop::collection::vec(label, 1..5).prop_map(|labels| labels.join("."));
    prop_oneof![
        any::<std::net::IpAddr>().prop_map(|address| address.to_string()),
        (any::<std::net::IpAddr>(), 0..130_u8).prop_map(|(address, prefix)| format!("{address}/{prefix}")),
        domain.clone(),
        (domain.clone(), "(https?|HTTP|hxxp|ftp|tcp)", "(:[0-9]{0,6})?", "[ -~а-я]{0,20}")
            .prop_map(|(domain, scheme, port, path)| format!("{scheme}://{domain}{port}/{path}")),
        (domain.clone(), "[!-~]{0,12}").prop_map(|(domain, path)| format!("{domain}/{path}")),
        (domain, "[!-~]{1,8}").prop_map(|(domain, local)| format!("{local}@{domain}")),
        "[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64}|[0-9a-f]{1,20}",
        "CVE-[0-9]{4}-[0-9]{3,7}|[aA][sS][nN]?[0-9]{1,11}|T[0-9]{4}(\\.[0-9]{3})?",
        "([0-9A-F]{2}[:-]){5}[0-9A-F]{2}",
        "(HKLM|hkcu)\\\\[A-Za-z\\\\. ]{0,20}",
        "[ -~]{0,40}",
        "[\\[\\](){}.:/@a-c0-9\\\\ ]{0,24}",
        any::<String>(),
    ]
}

fn exact_of(value: &str) -> Vec<Term> {
    let exact = probes(value).into_iter().filter(|probe| probe.how == How::Exact);
    exact.map(|probe| probe.term).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn what_is_indexed_is_found(value in any_value()) {
        let exact = exact_of(&value);
        for term in [value_term(&value), other_term(&value), name_term(&value), reference_term(&value)] {
            prop_assert_eq!(term.is_none(), exact.is_empty());
            prop_assert!(term.iter().all(|term| exact.contains(term)), "{:?} not in {:?}", term, exact);
        }
    }

    #[test]
    fn canonical_forms_stay_themselves(value in any_value()) {
        if let Some(term) = value_term(&value) {
            prop_assert!(exact_of(&term.value).contains(&term), "{:?} {:?}", &term, exact_of(&term.value));
        }
    }

    #[test]
    fn no_term_is_asked_for_twice(value in any_value()) {
        let mut terms: Vec<Term> = probes(&value).into_iter().map(|probe| probe.term).collect();
        let before = terms.len();
        terms.sort();
        terms.dedup();
        prop_assert_eq!(terms.len(), before);
    }

    #[test]
    fn an_address_is_asked_for_every_range_it_lies_in(address in any::<std::net::IpAddr>(), prefix in 0..129_u8) {
        if let Some(term) = value_term(&format!("{address}/{prefix}")) {
            let asked: Vec<Term> = probes(&address.to_string()).into_iter().map(|probe| probe.term).collect();
            let (low, high) = Term::ends(&value_term(&address.to_string()).unwrap()).unwrap();
            if let Some((from, to)) = term.ends() {
                prop_assert!(from <= low && high <= to);
                prop_assert!(asked.contains(&term), "{:?}", term);
            }
        }
    }
}
