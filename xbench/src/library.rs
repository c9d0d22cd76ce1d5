//! The libraries from inside, one thread: what a core does when no socket stands in between.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use index::{
    Audience, Fingerprint, FingerprintKey, ObjectFacts, ObjectNo, PrefixLengths, Scratch, Table, TermKind,
    probe_with,
};

use crate::http::percentile;
use crate::limits::Limits;
use crate::load::{self, Load};
use crate::report::{Figure, Target, number};

/// Values in one batch of look-ups.
const BATCH: usize = 1000;

/// Calls `work` until `duration` is over; what it counts, a second.
fn per_second(duration: Duration, mut work: impl FnMut() -> Result<usize>) -> Result<f64> {
    let start = Instant::now();
    let mut done = 0;
    while start.elapsed() < duration {
        done += work()?;
    }
    Ok(done as f64 / start.elapsed().as_secs_f64())
}

/// Validation of every object by the specification, and the examination that storing asks for.
pub(crate) fn validation(load: &Load, limits: &Limits, duration: Duration) -> Result<Vec<Figure>> {
    eprintln!("measuring validation of {}", load.name);
    let validated = per_second(duration, || {
        for object in &load.objects {
            black_box(stix::validate(object.as_bytes(), false));
        }
        Ok(load.objects.len())
    })?;
    let examined = per_second(duration, || {
        for object in &load.objects {
            if black_box(stix::examine(object.as_bytes(), stix::Profile::Store)).is_err() {
                bail!("an object of {} is refused", load.name);
            }
        }
        Ok(load.objects.len())
    })?;
    let mut figures = vec![
        Figure::new("`stix::validate`, one core", validated, "objects/s", Target::AtLeast(100_000.0))
            .detail(load.name),
        Figure::new("`stix::examine` for storing, one core", examined, "objects/s", Target::None)
            .detail(load.name),
    ];
    for figure in &mut figures {
        figure.limit = Some((limits.split_objects, "serde_json raw split"));
    }
    Ok(figures)
}

/// The look-up table: memory an indicator, values a second in batches, and single look-ups.
pub(crate) fn look_up(indicators: usize, duration: Duration) -> Result<Vec<Figure>> {
    eprintln!("measuring the look-up table with {indicators} indicators");
    let key = FingerprintKey([7; 16]);
    let table = table(indicators, &key)?;
    // every second value is known
    let values: Vec<String> = (0..1_000_000).map(|n| load::address(n * 2 * indicators / 1_000_000)).collect();
    let mut scratch = Scratch::default();
    // the whole way of a value: normalised, its probes hashed, each asked of the table
    let mut ask = |value: &str| {
        let mut matches = 0_usize;
        probe_with(value, &PrefixLengths::NONE, &mut scratch, |kind, canonical, _| {
            matches += table.find(Fingerprint::of(&key, kind, canonical)).count();
        });
        matches
    };
    let mut at = 0;
    let mut known = 0_usize;
    let rate = per_second(duration, || {
        let batch = values.get(at..at + BATCH).context("invariant: batches divide the values")?;
        at = (at + BATCH) % values.len();
        for value in batch {
            known += ask(value);
        }
        Ok(batch.len())
    })?;
    black_box(known);
    let mut single_ns = Vec::new();
    for value in values.iter().step_by(10) {
        let start = Instant::now();
        black_box(ask(value));
        single_ns.push(u64::try_from(start.elapsed().as_nanos())?);
    }
    single_ns.sort_unstable();
    let count = number(indicators as f64);
    Ok(vec![
        Figure::new(
            format!("look-up in batches of 1000 against {count} indicators, one core"),
            rate,
            "values/s",
            Target::AtLeast(500_000.0),
        )
        .detail("addresses as text, half of them known; normalised, hashed, found"),
        Figure::new(
            "single look-up, p99",
            percentile(&single_ns, 99) as f64 / 1e6,
            "ms",
            Target::AtMost(1.0),
        )
        .detail(format!("p50 {} ns, in process", percentile(&single_ns, 50))),
        Figure::new(
            "memory of the look-up table",
            table.memory_bytes() as f64 / indicators as f64,
            "bytes an indicator",
            Target::AtMost(100.0),
        ),
    ])
}

fn table(indicators: usize, key: &FingerprintKey) -> Result<Table> {
    let mut table = Table::with_capacity(indicators, indicators);
    let type_no = table.type_no("indicator");
    for n in 0..indicators {
        let no = ObjectNo(u32::try_from(n)?);
        let mut uuid = [0; 16];
        uuid[..8].copy_from_slice(&u64::try_from(n)?.to_be_bytes());
        let facts = ObjectFacts {
            uuid,
            id_as_written: true,
            type_no,
            audience: Audience(1),
            revoked: false,
            findings: false,
            expires: None,
            confidence: Some(50),
            added: base::Micros(1_700_000_000_000_000 + i64::try_from(n)?),
        };
        table.set_facts(no, &facts)?;
        table.insert_new(Fingerprint::of(key, TermKind::Address, &load::address(n)), no)?;
    }
    Ok(table)
}
