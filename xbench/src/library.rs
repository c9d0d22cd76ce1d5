//! The libraries from inside, one thread: what a core does when no socket stands in between.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use index::{
    Audience, Fingerprint, FingerprintKey, ObjectFacts, ObjectNo, PrefixLengths, Scratch, Table, TermKind,
    probe_with,
};

use stix::pattern::matching::{Observations, Outcome};

use crate::http::percentile;
use crate::limits::Limits;
use crate::load::{self, Load};
use crate::report::{Figure, Target, number};

/// Values in one batch of look-ups.
const BATCH: usize = 1000;

/// Calls `work` until `duration` is over; what it counts, a second of this thread's own processor time.
pub(crate) fn per_second(duration: Duration, mut work: impl FnMut() -> Result<usize>) -> Result<f64> {
    let (start, started) = (Instant::now(), processor_seconds());
    let mut done = 0;
    while start.elapsed() < duration {
        done += work()?;
    }
    Ok(done as f64 / (processor_seconds() - started))
}

/// Seconds of a core that this thread has used: what others do on the machine meanwhile does not count.
fn processor_seconds() -> f64 {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    used.tv_sec as f64 + used.tv_nsec as f64 / 1e9
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

/// Shapes of patterns as feeds have them; `@` becomes a number.
const SHAPES: &[&str] = &[
    "[ipv4-addr:value = '198.51.100.@']",
    "[ipv4-addr:value ISSUBSET '203.0.@.0/24']",
    "[domain-name:value = 'host@.example']",
    "[url:value = 'https://host@.example/a/b?c=d']",
    "[file:hashes.'SHA-256' = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f0@']",
    "[file:name LIKE 'invoice-@%.exe' AND file:size > 1@]",
    "[file:name = 'a@.dll' OR file:name = 'b@.dll' OR file:name IN ('c@.dll', 'd@.dll')]",
    "[network-traffic:dst_ref.value = '192.0.2.@' AND network-traffic:dst_port = 4@]",
    "[process:command_line MATCHES 'powershell.*-enc [A-Za-z0-9+/=]{@,}']",
    "[domain-name:value = 'a@.example'] AND [ipv4-addr:value = '198.51.100.@'] WITHIN 600 SECONDS",
];

/// Reading patterns, and matching prepared ones over observations.
pub(crate) fn patterns(duration: Duration) -> Result<Vec<Figure>> {
    eprintln!("measuring patterns");
    let number_of = |n: usize| (10 + n / SHAPES.len() % 90).to_string();
    let texts: Vec<String> =
        (0..1000).map(|n| SHAPES[n % SHAPES.len()].replace('@', &number_of(n))).collect();
    let checked = per_second(duration, || {
        for text in &texts {
            stix::pattern::check(text).with_context(|| format!("{text} is refused"))?;
        }
        Ok(texts.len())
    })?;
    let mut prepared = Vec::new();
    for text in &texts {
        prepared.push(stix::pattern::parse(text)?.prepare());
    }
    let bundles: Vec<String> = (0..100).map(observation).collect();
    let trees =
        bundles.iter().map(|bundle| stix::Json::parse(bundle.as_bytes())).collect::<Result<Vec<_>, _>>()?;
    let observed: Vec<Observations<'_>> = trees.iter().map(Observations::from_bundle).collect();
    let mut matched = 0_usize;
    let pairs = per_second(duration, || {
        for pattern in &prepared {
            for over in &observed {
                matched += usize::from(matches!(black_box(pattern.run(over)), Outcome::Matched(_)));
            }
        }
        Ok(prepared.len() * observed.len())
    })?;
    if matched == 0 {
        bail!("no pattern matched any observation: the figure says nothing");
    }
    Ok(vec![
        Figure::new("pattern check, one core", checked, "patterns/s", Target::AtLeast(300_000.0))
            .detail("1,000 patterns of ten shapes"),
        Figure::new("pattern matching, one core", pairs, "pairs/s", Target::AtLeast(1_000_000.0))
            .detail("the same 1,000, prepared, over 100 observations of four objects"),
    ])
}

/// The `n`-th observation: a file, an address, a domain and traffic between two addresses.
fn observation(n: usize) -> String {
    let n = 10 + n % 90;
    let time = format!("2024-03-01T00:{:02}:{:02}Z", n / 60, n % 60);
    format!(
        r#"{{"type":"bundle","id":"bundle--5d0092c5-5f74-4287-9642-33f4c354e56d","objects":[
        {{"type":"file","id":"file--5a27d487-c542-5f97-a131-a8866b477b46","name":"invoice-{n}-2024.exe","size":{n}00}},
        {{"type":"ipv4-addr","id":"ipv4-addr--ff26c055-6336-5bc5-b98d-13d6226742dd","value":"198.51.100.{n}"}},
        {{"type":"domain-name","id":"domain-name--3c10e93f-798e-5a26-a0c1-08156efab7f5","value":"host{n}.example"}},
        {{"type":"network-traffic","id":"network-traffic--2568d22a-8998-58eb-99ec-3c8ca74f527d","protocols":["tcp"],
          "dst_ref":"ipv4-addr--ff26c055-6336-5bc5-b98d-13d6226742dd","dst_port":4{n}}},
        {{"type":"observed-data","id":"observed-data--b67d30ff-02ac-498a-92f9-32f845f448cf","first_observed":"{time}",
          "last_observed":"{time}","number_observed":1,"object_refs":["file--5a27d487-c542-5f97-a131-a8866b477b46",
          "ipv4-addr--ff26c055-6336-5bc5-b98d-13d6226742dd","domain-name--3c10e93f-798e-5a26-a0c1-08156efab7f5",
          "network-traffic--2568d22a-8998-58eb-99ec-3c8ca74f527d"]}}]}}"#
    )
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
