//! What matches and what does not, rule by rule, and how large a search may become.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use stix::Json;
use stix::pattern::matching::{Observations, Outcome, Prepared};

/// Matches a pattern over one observation of the given objects.
fn holds(pattern: &str, objects: &[&str]) -> bool {
    let ids: Vec<String> = objects
        .iter()
        .filter_map(|object| {
            let object = Json::parse(object.as_bytes()).unwrap();
            object.get("id").and_then(Json::as_str).map(|id| format!("\"{id}\""))
        })
        .collect();
    let bundle = format!(
        "{{\"type\":\"bundle\",\"objects\":[{},{{\"type\":\"observed-data\",\"number_observed\":1,\
         \"first_observed\":\"2024-01-01T00:00:00Z\",\"last_observed\":\"2024-01-01T00:00:00Z\",\"object_refs\":[{}]}}]}}",
        objects.join(","),
        ids.join(",")
    );
    let json = Json::parse(bundle.as_bytes()).unwrap();
    let pattern = stix::pattern::parse(pattern).unwrap();
    pattern.match_over(&Observations::from_bundle(&json)).is_some()
}

fn check(objects: &[&str], matching: &[&str], not_matching: &[&str]) {
    for pattern in matching {
        assert!(holds(pattern, objects), "{pattern} should match {objects:?}");
    }
    for pattern in not_matching {
        assert!(!holds(pattern, objects), "{pattern} should not match {objects:?}");
    }
}

#[test]
fn values_compare_by_type() {
    let file = r#"{"type":"file","id":"f","name":"abc","size":9007199254740993,"x_f":1.5,"x_i":1.0,"x_b":true,"x_n":null,
        "ctime":"2024-01-01T00:00:00.5Z","hashes":{"MD5":"00ff"},"x_time":"2024-01-01T00:00:00Z"}"#;
    check(
        &[file],
        &[
            "[file:name = 'abc']",
            "[file:name > 'ab' AND file:name < 'abd' AND file:name >= 'abc' AND file:name <= 'abc']",
            "[file:name != 5]",
            "[file:name NOT = 5]",
            "[file:name NOT > 5]",
            "[file:name NOT IN (5)]",
            "[file:name = h'616263']",
            "[file:name = b'YWJj']",
            "[file:x_f > 1 AND file:x_f < 2 AND file:x_f = 1.5]",
            "[file:x_i = 1 AND file:x_i = 1.0]",
            "[file:size > 9007199254740991 AND file:size > 9007199254740992.0]",
            "[file:x_b = true AND file:x_b != false AND file:x_b NOT = 1]",
            "[file:ctime = t'2024-01-01T00:00:00.500Z']",
            "[file:ctime > t'2024-01-01T00:00:00.49999999999999999999999999Z']",
            "[file:ctime != '2024-01-01T00:00:00.5Z']",
            "[file:ctime IN (t'2020-01-01T00:00:00Z', t'2024-01-01T00:00:00.50Z')]",
            "[file:x_time = t'2024-01-01T00:00:00.0Z' AND file:x_time = '2024-01-01T00:00:00Z']",
            "[file:hashes.MD5 = '00ff' AND file:hashes.MD5 != h'00ff']",
            "[file:hashes != 'a']",
            "[file:name NOT IN ()]",
            "[EXISTS file:hashes AND EXISTS file:hashes.MD5 AND NOT EXISTS file:nope]",
            "[file:name = 'x' OR file:name = 'y' OR file:name = 'abc']",
        ],
        &[
            "[file:name = 'ABC']",
            "[file:name = 5]",
            "[file:name < 5]",
            "[file:name IN ()]",
            "[file:x_f = 1]",
            "[file:size = 9007199254740991]",
            "[file:x_b = 1]",
            "[file:x_b > 0]",
            "[file:ctime = '2024-01-01T00:00:00.5Z']",
            "[file:ctime LIKE '2024%']",
            "[file:name = t'2024-01-01T00:00:00Z']",
            "[file:x_n != 1]",
            "[EXISTS file:x_n]",
            "[file:nope != 1]",
            "[file:nope NOT = 1]",
            "[file:nope NOT LIKE 'a']",
            "[NOT EXISTS file:name]",
            "[NOT EXISTS url:value]",
            "[file:name = 'x' OR file:name = 'y' OR file:size = 1]",
        ],
    );
}

#[test]
fn octets_compare_as_octets() {
    let artifact =
        r#"{"type":"artifact","id":"a","payload_bin":"1MOyAA==","x_hex":"d4c3","bad_bin":"?","y_bin":5}"#;
    check(
        &[artifact],
        &[
            "[artifact:payload_bin = h'd4c3b200']",
            "[artifact:payload_bin = b'1MOyAA==']",
            "[artifact:payload_bin > h'd4c3b2' AND artifact:payload_bin < h'd5']",
            "[artifact:payload_bin LIKE 'ÔÃ_%']",
            "[artifact:payload_bin MATCHES '^\\\\xd4.\\\\xb2\\\\x00$']",
            "[artifact:x_hex = 'ÔÃ' AND artifact:x_hex IN (h'00', h'd4c3')]",
            "[artifact:x_hex != '€']",
            "[artifact:bad_bin != h'00']",
            "[artifact:payload_bin NOT MATCHES '€']",
        ],
        &[
            "[artifact:payload_bin = '1MOyAA==']",
            "[artifact:x_hex = 'd4c3']",
            "[artifact:x_hex = '€']",
            "[artifact:x_hex < '€']",
            "[artifact:bad_bin = h'00']",
            "[artifact:bad_bin MATCHES '']",
            "[artifact:payload_bin MATCHES '€?']",
        ],
    );
}

#[test]
fn texts_are_normalised_for_wildcards_only() {
    let file = "{\"type\":\"file\",\"id\":\"f\",\"name\":\"cafe\u{301}\"}";
    check(
        &[file],
        &[
            "[file:name LIKE 'caf\u{e9}']",
            "[file:name LIKE 'cafe\u{301}']",
            "[file:name LIKE 'caf_']",
            "[file:name MATCHES '^caf.$']",
            "[file:name MATCHES '^cafe\u{301}$']",
            "[file:name = 'cafe\u{301}']",
        ],
        &["[file:name = 'caf\u{e9}']", "[file:name LIKE 'caf__']", "[file:name IN ('caf\u{e9}')]"],
    );
}

#[test]
fn paths_lead_through_lists_dictionaries_and_references() {
    let objects = [
        r#"{"type":"directory","id":"d","path":"/x","contains_refs":["gone","f","g"]}"#,
        r#"{"type":"file","id":"f","name":"a","parent_directory_ref":"d","x_list":[1,[2,3],{"k":4}],"x_text":"g"}"#,
        r#"{"type":"file","id":"g","name":"b","parent_directory_ref":"gone"}"#,
    ];
    check(
        &objects,
        &[
            "[directory:contains_refs[*].name = 'b']",
            "[directory:contains_refs[1].name = 'a']",
            "[directory:contains_refs[*].parent_directory_ref.contains_refs[*].parent_directory_ref.path = '/x']",
            "[file:parent_directory_ref.path = '/x' AND file:name = 'a']",
            "[file:parent_directory_ref = 'd' AND file:parent_directory_ref.type = 'directory']",
            "[file:x_list[0] = 1 AND file:x_list[1][1] = 3 AND file:x_list[*].k = 4 AND file:x_list[*][*] = 2]",
            "[file:x_list[*] != 1]",
            "[directory:contains_refs[*] = 'gone']",
        ],
        &[
            "[directory:contains_refs[0].name = 'a']",
            "[directory:contains_refs.name = 'a']",
            "[file:parent_directory_ref.path = '/x' AND file:name = 'b']",
            "[file:x_text.name = 'b']",
            "[file:x_list[3] = 1]",
            "[file:x_list[9007199254740991] != 1]",
            "[file:x_list.k = 4]",
            "[file:name[*] = 'a']",
            "[file:name.x != 'a']",
        ],
    );
}

/// A bundle of observations of one file each: name, first and last second, and how often.
fn bundle(seen: &[(&str, u32, u32, u64)]) -> String {
    let mut objects = Vec::new();
    for (at, (name, first, last, count)) in seen.iter().enumerate() {
        let time = |at: &u32| {
            format!(
                "2024-01-{:02}T{:02}:{:02}:{:02}Z",
                1 + at / 86_400,
                at / 3_600 % 24,
                at / 60 % 60,
                at % 60
            )
        };
        objects.push(format!(
            "{{\"type\":\"file\",\"id\":\"{at}\",\"name\":\"{name}\"}},{{\"type\":\"observed-data\",\"number_observed\":{count},\
             \"first_observed\":\"{}\",\"last_observed\":\"{}\",\"object_refs\":[\"{at}\"]}}",
            time(first),
            time(last)
        ));
    }
    format!("{{\"objects\":[{}]}}", objects.join(","))
}

fn outcome(pattern: &str, seen: &[(&str, u32, u32, u64)]) -> Outcome {
    let bundle = bundle(seen);
    let json = Json::parse(bundle.as_bytes()).unwrap();
    let begun = std::time::Instant::now();
    let outcome =
        Prepared::new(&stix::pattern::parse(pattern).unwrap()).run(&Observations::from_bundle(&json));
    eprintln!("{:?} {pattern}", begun.elapsed());
    outcome
}

#[test]
fn hundreds_of_observations_are_decided() {
    // Every minute an `a`, two seconds later a `b`, but in the second half the `b` comes first.
    let seen: Vec<(&str, u32, u32, u64)> = (0..200_u32)
        .flat_map(|at| {
            let (a, b) = if at < 100 { (at * 60, at * 60 + 2) } else { (at * 60 + 2, at * 60) };
            [("a", a, a, 1), ("b", b, b, 1)]
        })
        .collect();
    let matched = [
        "([file:name='a'] FOLLOWEDBY [file:name='b']) WITHIN 3 SECONDS",
        "([file:name='a'] FOLLOWEDBY [file:name='b']) REPEATS 20 TIMES",
        "([file:name='a'] FOLLOWEDBY [file:name='b']) REPEATS 5 TIMES WITHIN 600 SECONDS",
        "(([file:name='a'] FOLLOWEDBY [file:name='b']) WITHIN 3 SECONDS) REPEATS 10 TIMES",
        "[file:name='a'] REPEATS 100 TIMES WITHIN 6000 SECONDS",
        "([file:name='a'] AND [file:name='b']) REPEATS 200 TIMES",
        "[file:name='a'] FOLLOWEDBY [file:name='b'] FOLLOWEDBY [file:name='a'] FOLLOWEDBY [file:name='b']",
    ];
    for pattern in matched {
        assert!(matches!(outcome(pattern, &seen), Outcome::Matched(_)), "{pattern}");
    }
    let unmatched = [
        "([file:name='a'] FOLLOWEDBY [file:name='b']) WITHIN 2 SECONDS",
        "[file:name='a'] REPEATS 201 TIMES",
        "[file:name='a'] REPEATS 100 TIMES WITHIN 5940 SECONDS",
        "([file:name='a'] AND [file:name='b']) REPEATS 201 TIMES",
        "([file:name='a'] REPEATS 3 TIMES FOLLOWEDBY [file:name='b']) WITHIN 120 SECONDS",
        "[file:name='c'] OR [file:name='a'] FOLLOWEDBY [file:name='c']",
    ];
    for pattern in unmatched {
        assert_eq!(outcome(pattern, &seen), Outcome::NotMatched, "{pattern}");
    }
    let late: Vec<_> = seen
        .iter()
        .map(|(name, first, last, count)| {
            (
                *name,
                if *name == "a" { first + 20_000 } else { *first },
                if *name == "a" { last + 20_000 } else { *last },
                *count,
            )
        })
        .collect();
    let pairs = "([file:name='a'] FOLLOWEDBY [file:name='b']) REPEATS 20 TIMES";
    assert_eq!(outcome(pairs, &late), Outcome::NotMatched);
}

/// Each search is bounded; over many values the one who asks says when it is enough, and what is left counts as undecided.
#[test]
fn many_costly_values_are_given_up_when_that_is_said() {
    let values = vec![format!("{}!", "a".repeat(40)); 2_000];
    let bundle = serde_json::json!({"objects": [
        {"type": "file", "id": "file--1", "x_l": values, "x_m": ["a"]},
        {"type": "observed-data", "first_observed": "2024-01-01T00:00:00Z", "last_observed": "2024-01-01T00:00:00Z",
         "number_observed": 1, "object_refs": ["file--1"]}]})
    .to_string();
    let bundle = Json::parse(bundle.as_bytes()).unwrap();
    let observations = Observations::from_bundle(&bundle);
    let asked = std::cell::Cell::new(0);
    let after = |most: usize| {
        asked.set(0);
        let halt = || {
            asked.set(asked.get() + 1);
            asked.get() > most
        };
        let prepared = stix::pattern::parse("[file:x_l[*] MATCHES '^(a|aa)+$' OR file:x_m[*] LIKE '_']")
            .unwrap()
            .prepare();
        prepared.run_until(&observations, &halt)
    };
    assert_eq!(after(3), Outcome::Undecided);
    assert_eq!(asked.get(), 2_001, "it is asked before each of them");
    // What costs nothing to look at is decided all the same.
    let plain = stix::pattern::parse("[file:x_m[*] = 'a']").unwrap().prepare();
    assert_eq!(plain.run_until(&observations, &|| true), Outcome::Matched(vec![0]));
}

#[test]
fn repetition_costs_nothing_and_every_search_ends() {
    let many = [("a", 0, 100, 999_999_999), ("b", 0, 0, 999_999_999)];
    assert!(matches!(
        outcome("[file:name='a'] REPEATS 1000000 TIMES WITHIN 1 SECONDS", &many),
        Outcome::Matched(_)
    ));
    assert_eq!(outcome("[file:name='a'] REPEATS 9007199254740991 TIMES", &many), Outcome::NotMatched);
    // More copies of a sequence than are tried one by one.
    let copies = "([file:name='a'] FOLLOWEDBY [file:name='b']) REPEATS 1000000 TIMES";
    assert_eq!(outcome(copies, &many), Outcome::Undecided);
    assert_eq!(outcome(copies, &many[..1]), Outcome::NotMatched);
    // Nested choices and windows that no budget covers.
    let some: Vec<(&str, u32, u32, u64)> =
        (0..60).map(|at| (["a", "b", "c"][at % 3], at as u32, at as u32 + 50, 1)).collect();
    let choice = "([file:name='a'] FOLLOWEDBY [file:name='b'] OR ([file:name='c'] FOLLOWEDBY [file:name='a']) WITHIN 1 SECONDS)";
    let pattern = format!(
        "({choice}) REPEATS 8 TIMES WITHIN 1 SECONDS AND ({choice}) REPEATS 8 TIMES WITHIN 2 SECONDS"
    );
    let _ = outcome(&pattern, &some);
    let sharing = "(([file:name='a'] AND [file:name='b']) OR ([file:name='b'] AND [file:name='c'])) REPEATS 900000000 TIMES";
    assert!(matches!(outcome(sharing, &many), Outcome::Matched(_)));
    let chain = vec!["([file:name='a'] AND [file:name='b'] OR [file:name='b'] AND [file:name='a'])"; 2_000]
        .join(" AND ");
    let _ = outcome(&chain, &many);
    let steps = format!("[file:name{} = 'a']", ".x_ref[*]".repeat(50_000));
    assert_eq!(outcome(&steps, &many), Outcome::NotMatched);
}

/// 300 times `a` and `b` in turn, each at its second.
fn in_turn(second_of: impl Fn(u64) -> u64) -> String {
    let objects: Vec<String> = (0..300)
        .map(|at| {
            let (name, second) = (if at % 2 == 0 { "a" } else { "b" }, second_of(at));
            let time = format!("2024-01-01T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60);
            format!(
                r#"{{"type":"file","id":"file--{at}","name":"{name}"}},{{"type":"observed-data","number_observed":1,"first_observed":"{time}","last_observed":"{time}","object_refs":["file--{at}"]}}"#
            )
        })
        .collect();
    format!("{{\"objects\":[{}]}}", objects.join(","))
}

#[test]
fn a_part_repeated_more_often_than_the_search_takes_is_found_copy_by_copy() {
    let outcome = |pattern: &str, data: &str| {
        let json = Json::parse(data.as_bytes()).unwrap();
        Prepared::new(&stix::pattern::parse(pattern).unwrap()).run(&Observations::from_bundle(&json))
    };
    let often = |times: u64| {
        format!("(([file:name = 'a'] FOLLOWEDBY [file:name = 'b']) WITHIN 2 SECONDS) REPEATS {times} TIMES")
    };
    let (near, far) = (in_turn(|at| at), in_turn(|at| 3 * at));
    for times in [1, 33, 100, 150] {
        let json = Json::parse(near.as_bytes()).unwrap();
        let pattern = stix::pattern::parse(&often(times)).unwrap();
        let binding = pattern.match_over(&Observations::from_bundle(&json)).unwrap();
        assert!(binding.is_sorted_by(|one, next| one < next), "{binding:?}");
        assert_eq!(binding.len() as u64, 2 * times);
    }
    assert_eq!(outcome(&often(151), &near), Outcome::NotMatched);
    assert_eq!(outcome(&often(100), &far), Outcome::NotMatched);
    // Some are near enough to each other: not found, and not said to be absent.
    assert_eq!(outcome(&often(100), &in_turn(|at| if at < 100 { at } else { 3 * at })), Outcome::Undecided);
}
