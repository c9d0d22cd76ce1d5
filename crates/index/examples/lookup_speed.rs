//! Measures the look-up table: time to build, memory an indicator, look-ups a second on one core.
//!
//! `cargo run --release -p index --example lookup_speed [indicators]`

use index::{Audience, Fingerprint, FingerprintKey, ObjectFacts, ObjectNo, Table, TermKind};

const BATCH: usize = 1_000;

#[expect(clippy::print_stdout, reason = "a measuring program prints its figures")]
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn main() {
    let count: u32 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let key = FingerprintKey([7; 16]);
    let values: Vec<String> = (0..count).map(address).collect();
    let rows: Vec<(Fingerprint, u32)> =
        (0..).zip(&values).map(|(no, value)| (Fingerprint::of(&key, TermKind::Address, value), no)).collect();
    let mut sorted = rows.clone();
    sorted.sort_unstable();

    for (name, rows, room) in [
        ("unsorted, sized", &rows, true),
        ("sorted, sized", &sorted, true),
        ("unsorted, growing", &rows, false),
    ] {
        let started = on_processor();
        let table = build(rows, room);
        let seconds = (on_processor() - started).as_secs_f64();
        let each = table.memory_bytes() as f64 / f64::from(count);
        println!("build {name}: {seconds:.3} s, {each:.1} bytes an indicator");
    }

    let table = build(&rows, true);
    let started = on_processor();
    let found: usize = rows.iter().map(|(term, _)| table.find(*term).count()).sum();
    per_second("look-ups of fingerprints that are known", found, started);

    let misses: Vec<Fingerprint> =
        (0..count).map(|no| Fingerprint::of(&key, TermKind::Domain, &address(no))).collect();
    let started = on_processor();
    let found: usize = misses.iter().map(|term| table.find(*term).count()).sum();
    assert_eq!(found, 0, "invariant: nothing is found that was not put in");
    per_second("look-ups of fingerprints that are not known", misses.len(), started);

    let started = on_processor();
    let mut found = 0;
    for batch in values.chunks(BATCH) {
        for value in batch {
            found += table.find(Fingerprint::of(&key, TermKind::Address, value)).count();
        }
    }
    per_second("look-ups of canonical values, fingerprint included", found, started);
}

fn address(no: u32) -> String {
    let [a, b, c, d] = no.wrapping_mul(2_654_435_761).to_be_bytes();
    format!("{a}.{b}.{c}.{d}")
}

fn build(rows: &[(Fingerprint, u32)], room: bool) -> Table {
    let mut table = if room { Table::with_capacity(rows.len(), rows.len()) } else { Table::default() };
    let type_no = table.type_no("indicator");
    for (term, no) in rows {
        let facts = ObjectFacts {
            uuid: term.to_bytes(),
            id_as_written: true,
            type_no,
            audience: Audience(1),
            revoked: false,
            findings: false,
            expires: None,
            confidence: Some(80),
            added: base::Micros(i64::from(*no)),
        };
        let object = ObjectNo(*no);
        table.insert_new(*term, object).expect("invariant: small numbers");
        table.set_facts(object, &facts).expect("invariant: small numbers");
    }
    table
}

#[expect(clippy::print_stdout, reason = "a measuring program prints its figures")]
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn per_second(what: &str, count: usize, started: std::time::Duration) {
    println!("{what}: {:.1} M/s", count as f64 / (on_processor() - started).as_secs_f64() / 1e6);
}

/// Time this thread has had on a processor, so that other work on the machine does not spoil the figure; Linux only.
fn on_processor() -> std::time::Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos =
        told.split(' ').next().and_then(|first| first.parse().ok()).expect("a Linux scheduler's figure");
    std::time::Duration::from_nanos(nanos)
}
