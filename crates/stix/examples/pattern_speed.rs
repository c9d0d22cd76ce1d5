//! Measures patterns on one core: checking over a file of cases, and matching 1,000 patterns over 1,000 observations.
//!
//! `cargo run --release -p stix --example pattern_speed -- PATH` where PATH is a file with one pattern a line, plain or as
//! JSON with the members `pattern` and `spec`; patterns that cannot be read are left out.

#![expect(clippy::print_stdout, reason = "a measurement says what it measured")]

use std::hint::black_box;
use std::time::Instant;

use stix::Json;
use stix::pattern::matching::{Observations, Outcome, Prepared};

const ROUNDS_CHECK: usize = 400;
const ROUNDS_MATCH: usize = 5;
const OBSERVATIONS: usize = 1_000;

fn main() {
    let path = std::env::args().nth(1).expect("give the path of a file with one pattern a line");
    let patterns = read(&std::fs::read_to_string(&path).expect("the file can be read"));
    check(&patterns);
    let families = families();
    let bundle = bundle();
    let json = Json::parse(bundle.as_bytes()).expect("invariant: the bundle is JSON");
    let begun = Instant::now();
    let observations = Observations::from_bundle(&json);
    println!("observations: {} collected in {:?}", observations.len(), begun.elapsed());
    for (name, patterns) in &families {
        matches(name, patterns, &observations);
    }
}

/// The readable patterns of a file.
fn read(file: &str) -> Vec<String> {
    let pattern_of = |line: &str| match Json::parse(line.as_bytes()) {
        Ok(json) => json.get("pattern").and_then(Json::as_str).unwrap_or("").to_owned(),
        Err(_) => line.to_owned(),
    };
    file.lines().map(pattern_of).filter(|pattern| stix::pattern::check(pattern).is_ok()).collect()
}

fn check(patterns: &[String]) {
    let begun = Instant::now();
    let mut good = 0_usize;
    for _ in 0..ROUNDS_CHECK {
        good += patterns.iter().filter(|pattern| stix::pattern::check(black_box(pattern)).is_ok()).count();
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!("check: {} patterns, {:.0} patterns/s", patterns.len(), good as f64 / seconds);
}

/// Patterns as feeds publish them, 1,000 of each sort; hardly any matches.
fn families() -> Vec<(&'static str, Vec<String>)> {
    let family = |make: &dyn Fn(usize) -> String| (0..1_000).map(make).collect::<Vec<_>>();
    let sort = |at: usize| match at % 5 {
        0 => format!("[ipv4-addr:value = '203.0.{}.{}']", at % 256, at / 256),
        1 => format!("[domain-name:value = 'host{at}.bad.example']"),
        2 => format!("[url:value = 'http://bad.example/{at}']"),
        3 => format!("[file:hashes.'SHA-256' = '{at:064x}' OR file:hashes.MD5 = '{at:032x}']"),
        _ => format!("[email-addr:value = 'user{at}@bad.example']"),
    };
    vec![
        ("indicators of all sorts", family(&sort)),
        (
            "same type, equality",
            family(&|at| format!("[ipv4-addr:value = '203.0.{}.{}']", at % 256, at / 256)),
        ),
        (
            "same type, ISSUBSET",
            family(&|at| format!("[ipv4-addr:value ISSUBSET '203.{}.{}.0/24']", at % 256, at / 256)),
        ),
        ("same type, LIKE", family(&|at| format!("[domain-name:value LIKE '%.evil{at}.example']"))),
        (
            "same type, MATCHES",
            family(&|at| format!("[domain-name:value MATCHES '^[a-z]+{at}\\\\.(com|net)$']")),
        ),
        (
            "two observations in time",
            family(&|at| {
                format!(
                    "([ipv4-addr:value = '203.0.113.{at}'] FOLLOWEDBY [url:value = 'http://{at}/']) WITHIN 60 SECONDS"
                )
            }),
        ),
    ]
}

/// A bundle of observed-data objects with one observable each, of five types in turn.
fn bundle() -> String {
    let mut objects = Vec::new();
    for at in 0..OBSERVATIONS {
        let (object_type, value) = match at % 5 {
            0 => ("ipv4-addr", format!("\"value\":\"198.51.{}.{}\"", at / 256, at % 256)),
            1 => ("domain-name", format!("\"value\":\"host{at}.good.example\"")),
            2 => ("url", format!("\"value\":\"http://good.example/{at}\"")),
            3 => {
                ("file", format!("\"name\":\"f{at}\",\"hashes\":{{\"SHA-256\":\"{:064x}\"}}", at + 1_000_000))
            }
            _ => ("email-addr", format!("\"value\":\"user{at}@good.example\"")),
        };
        objects.push(format!(
            "{{\"type\":\"{object_type}\",\"spec_version\":\"2.1\",\"id\":\"{object_type}--{at}\",{value}}}"
        ));
        objects.push(format!(
            "{{\"type\":\"observed-data\",\"id\":\"observed-data--{at}\",\"number_observed\":1,\
             \"first_observed\":\"2024-01-01T00:{:02}:{:02}Z\",\"last_observed\":\"2024-01-01T00:{:02}:{:02}Z\",\
             \"object_refs\":[\"{object_type}--{at}\"]}}",
            at / 60 % 60,
            at % 60,
            at / 60 % 60,
            at % 60,
        ));
    }
    format!("{{\"type\":\"bundle\",\"id\":\"bundle--1\",\"objects\":[{}]}}", objects.join(","))
}

fn matches(name: &str, patterns: &[String], observations: &Observations<'_>) {
    let parsed: Vec<_> = patterns
        .iter()
        .map(|text| stix::pattern::parse(text).expect("invariant: the pattern is valid"))
        .collect();
    let begun = Instant::now();
    let prepared: Vec<Prepared> = parsed.iter().map(Prepared::new).collect();
    let preparing = begun.elapsed() / 1_000;
    let begun = Instant::now();
    let mut matched = 0_usize;
    for _ in 0..ROUNDS_MATCH {
        let run = |one: &&Prepared| matches!(black_box(one).run(observations), Outcome::Matched(_));
        matched += prepared.iter().filter(run).count();
    }
    let pairs = (ROUNDS_MATCH * prepared.len() * observations.len()) as f64;
    let rate = pairs / begun.elapsed().as_secs_f64();
    println!("match, {name}: {rate:.0} pairs/s (prepared in {preparing:?} each, {matched} matched)");
}
