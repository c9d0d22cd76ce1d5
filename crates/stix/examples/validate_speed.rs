//! How many objects a second one core examines: `cargo run --release -p stix --example validate_speed FILE...`
//!
//! Takes bundles, takes them apart, and examines each object by the specification; prints counts and the best of five runs.

use std::time::Instant;

use stix::{Profile, Valid, examine, split};

#[expect(clippy::print_stdout, reason = "an example prints its answer")]
fn main() {
    for path in std::env::args().skip(1) {
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) => {
                println!("cannot read {path}: {error}");
                continue;
            }
        };
        let started = Instant::now();
        let parts = match split(&text) {
            Ok(parts) => parts,
            Err(error) => {
                println!("{path}: {error}");
                continue;
            }
        };
        let splitting = started.elapsed();
        let mut best = f64::MAX;
        let (mut by_specification, mut kept) = (0, 0);
        for _ in 0..5 {
            (by_specification, kept) = (0, 0);
            let started = Instant::now();
            for object in &parts.objects {
                let examined = examine(object, Profile::Store);
                kept += usize::from(examined.is_ok());
                by_specification += usize::from(examined.as_ref().is_ok_and(is_clean));
            }
            best = best.min(started.elapsed().as_secs_f64());
        }
        let count = parts.objects.len();
        println!(
            "{path}: {count} objects, {} bytes, split in {:.1} ms; examined in {:.1} ms = {:.0} objects/s, {:.0} MB/s; \
             {kept} kept, {by_specification} without errors",
            text.len(),
            splitting.as_secs_f64() * 1e3,
            best * 1e3,
            count as f64 / best,
            text.len() as f64 / best / 1e6,
        );
    }
}

fn is_clean(valid: &Valid<'_>) -> bool {
    valid.findings().iter().all(|finding| finding.severity < stix::Severity::Error)
}
