//! Measures how fast entries are derived from examined objects: objects a second on one core, by the time it has on a processor.
//!
//! `cargo run --release -p store --example derive_speed BUNDLE.json`

use bytes::Bytes;
use stix::{Profile, Valid, examine};
use store::Entry;

const ROUNDS: u32 = 5;

#[expect(clippy::print_stdout, reason = "a measuring program prints its figures")]
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn main() {
    let path = std::env::args().nth(1).expect("usage: derive_speed BUNDLE.json");
    let text = Bytes::from(std::fs::read(path).expect("a readable file"));
    let split = stix::split(&text).expect("a bundle");
    let objects: Vec<Bytes> = split.objects.iter().map(|object| text.slice_ref(object)).collect();
    let valid: Vec<(Valid<'_>, &Bytes)> =
        objects.iter().filter_map(|bytes| Some((examine(bytes, Profile::Store).ok()?, bytes))).collect();
    let rate = |name: &str, work: &mut dyn FnMut() -> usize| {
        let started = on_processor();
        let mut found = 0;
        for _ in 0..ROUNDS {
            found = work();
        }
        let each = (on_processor() - started).as_secs_f64() / f64::from(ROUNDS);
        println!("{name}: {:.0} objects/s ({found})", valid.len() as f64 / each);
    };
    println!("{} objects, {} taken, {} bytes", objects.len(), valid.len(), text.len());
    rate("index::of_object, bytes of words", &mut || {
        valid.iter().map(|(valid, _)| index::of_object(valid).words.len()).sum()
    });
    rate("digests", &mut || {
        valid.iter().map(|(valid, _)| usize::from(valid.digest()[0] ^ valid.canonical_digest()[0])).sum()
    });
    rate("Entry::from_valid, terms", &mut || {
        valid.iter().map(|(valid, bytes)| Entry::from_valid(valid, Bytes::clone(bytes)).terms.len()).sum()
    });
    rate("examine and Entry::from_valid, references", &mut || {
        let taken = objects.iter().filter_map(|bytes| Some((examine(bytes, Profile::Store).ok()?, bytes)));
        taken.map(|(valid, bytes)| Entry::from_valid(&valid, bytes.clone()).edges.len()).sum()
    });
}

/// Time this thread has had on a processor, so that other work on the machine does not spoil the figure; Linux only.
fn on_processor() -> std::time::Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos =
        told.split(' ').next().and_then(|first| first.parse().ok()).expect("a Linux scheduler's figure");
    std::time::Duration::from_nanos(nanos)
}
