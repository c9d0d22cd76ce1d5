//! Measures the reading of looked-up values: values a second on one core, without and with fingerprints.
//!
//! `cargo run --release -p index --example probe_speed [values]`

use std::hint::black_box;

use index::{Fingerprint, FingerprintKey, PrefixLengths, Scratch, probe_with, value_term};

type Make = fn(u32) -> String;

#[expect(clippy::print_stdout, reason = "a measuring program prints its figures")]
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn main() {
    let count: u32 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let mut lengths = PrefixLengths::NONE;
    for range in ["10.0.0.0/8", "198.51.100.0/24", "203.0.113.0/28", "2001:db8::/32"] {
        value_term(range).iter().for_each(|term| lengths.add(term));
    }
    let sorts: [(&str, Make); 8] = [
        ("IPv4 addresses", address),
        ("domains of three labels", domain),
        ("SHA-256", hash),
        ("URLs", url),
        ("IPv6 addresses", address_v6),
        ("refanged URLs", defanged),
        ("names", name),
        ("a mixture of addresses, hashes and domains", plain),
    ];
    for (sort, make) in sorts {
        let values: Vec<String> = (0..count).map(make).collect();
        let told = [PrefixLengths::NONE, lengths].map(|lengths| {
            let started = on_processor();
            let terms = ask(&values, &lengths, |_, canonical| black_box(canonical.len()));
            (count as f64 / (on_processor() - started).as_secs_f64() / 1e6, terms as f64 / f64::from(count))
        });
        let key = FingerprintKey([3; 16]);
        let started = on_processor();
        ask(&values, &lengths, |kind, canonical| {
            black_box(Fingerprint::of(&key, kind, canonical).0 as usize)
        });
        let hashed = count as f64 / (on_processor() - started).as_secs_f64() / 1e6;
        println!(
            "{sort}: {:.2} M/s without ranges in use ({:.1} terms each), {:.2} M/s with four prefix lengths ({:.1}), {hashed:.2} M/s with fingerprints too",
            told[0].0, told[0].1, told[1].0, told[1].1
        );
    }
}

fn ask(values: &[String], lengths: &PrefixLengths, take: impl Fn(index::TermKind, &str) -> usize) -> usize {
    let mut scratch = Scratch::default();
    let mut terms = 0;
    for value in values {
        probe_with(value, lengths, &mut scratch, |kind, canonical, _| {
            take(kind, canonical);
            terms += 1;
        });
    }
    terms
}

fn address(no: u32) -> String {
    let [a, b, c, d] = no.wrapping_mul(2_654_435_761).to_be_bytes();
    format!("{a}.{b}.{c}.{d}")
}

fn address_v6(no: u32) -> String {
    format!("2001:db8:{:x}::{:x}", no & 0xffff, no >> 16)
}

fn domain(no: u32) -> String {
    format!("host{}.example{}.com", no % 100, no)
}

fn hash(no: u32) -> String {
    format!("{:064X}", u128::from(no).wrapping_mul(0x9e37_79b9_7f4a_7c15_9e37_79b9_7f4a_7c15))
}

fn url(no: u32) -> String {
    format!("http://host{}.example.com/path/{no}?id=%41", no % 1000)
}

fn defanged(no: u32) -> String {
    format!("hxxp://host{}[.]example[.]com/path/{no}", no % 1000)
}

fn name(no: u32) -> String {
    format!("Threat Group-{no}")
}

fn plain(no: u32) -> String {
    [address, domain, hash][(no % 3) as usize](no)
}

/// Time this thread has had on a processor, so that other work on the machine does not spoil the figure; Linux only.
fn on_processor() -> std::time::Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos =
        told.split(' ').next().and_then(|first| first.parse().ok()).expect("a Linux scheduler's figure");
    std::time::Duration::from_nanos(nanos)
}
