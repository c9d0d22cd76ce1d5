//! What rules and the ledger cost where they are asked and kept: their share of a poll and of ingest.
//!
//! Both are differences of two runs, which a shared machine makes larger or smaller than they are: the two are run in turns, by
//! the scheduler's nanoseconds and not by the clock, and the medians are compared.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::load::{self, Load};
use crate::report::{Figure, Target, number};
use crate::server::Server;
use crate::{Plan, machine, taxii};

/// Turns of each of the two polls, which take some hundredths of a second each.
const POLLS: usize = 41;
/// Turns of storing with and without a ledger.
const TURNS: usize = 9;
/// Objects in each of the two collections.
const POLLED: usize = 20_000;
/// Objects that are stored with and without a ledger.
const STORED: usize = 20_000;

/// Both shares.
pub(crate) fn measure(plan: &Plan, attack: &Load) -> Result<Vec<Figure>> {
    let mut figures = vec![handling(plan)?];
    figures.extend(ledger(plan, attack)?);
    Ok(figures)
}

/// A poll of objects under rules of their own, beside one of as many objects that are open to whoever reads the collection.
fn handling(plan: &Plan) -> Result<Figure> {
    eprintln!("measuring handling's share of a poll");
    let home = crate::fresh(plan)?;
    home.add_collection("ruled")?;
    let (mut server, _) = home.serve()?;
    let file = plan.dir.join("ruled.json");
    for (collection, first, rules) in [("bench", 0, None), ("ruled", POLLED, Some(home.admin()))] {
        let objects: Vec<String> = (first..first + POLLED).map(load::indicator).collect();
        std::fs::write(&file, load::bundle(&objects))?;
        let shown = file.to_str().context("a path that is no text")?;
        let to = rules.map(|admin| format!("user:{admin}"));
        let mut arguments = vec!["import", shown, "--collection", collection];
        arguments.extend(to.iter().flat_map(|to| ["--tlp", "amber", "--to", to]));
        home.there(&format!("http://{}", server.address), &arguments)?;
    }
    machine::rests(server.pid())?;
    let (mut used, mut took) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    for _ in 0..POLLS {
        for (side, collection) in ["bench", "ruled"].into_iter().enumerate() {
            let (processor, wall) = poll(&mut server, collection)?;
            used[side].push(processor);
            took[side].push(wall);
        }
    }
    let wall = number(share(took));
    Ok(Figure::new("handling's share of a TAXII poll", share(used), "%", Target::AtMost(20.0)).detail(format!(
        "processor time of the node for {} objects under rules that name the reader, beside as many open ones; in turns, medians of {POLLS}; \
         by the clock, client included, {wall}%",
        number(POLLED as f64)
    )))
}

/// Seconds of a core that the node used, and seconds that passed.
fn poll(server: &mut Server, collection: &str) -> Result<(f64, f64)> {
    server.collection = format!("/api1/collections/{collection}/");
    let before = machine::processor_ns(server.pid())?;
    let bulk = taxii::poll(server, u64::try_from(POLLED)?)?;
    let used = machine::processor_ns(server.pid())?.saturating_sub(before);
    Ok((used as f64 / 1e9, bulk.took.as_secs_f64()))
}

/// Examining and storing, in process, with and without leaves; counted in processor time.
fn ledger(plan: &Plan, attack: &Load) -> Result<Option<Figure>> {
    let program = plan.binary.with_file_name("examples").join("measure");
    if !program.is_file() {
        eprintln!("no {}: the ledger's share is left out", program.display());
        return Ok(None);
    }
    eprintln!("measuring the ledger's share of ingest");
    let file = plan.dir.join("stored.json");
    std::fs::write(&file, load::bundle(&attack.objects))?;
    let (mut all, mut stored) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    for _ in 0..TURNS {
        for (side, without) in [true, false].into_iter().enumerate() {
            let mut command = Command::new(&program);
            command.arg(&file).arg(STORED.to_string());
            if without {
                command.env("WITHOUT_LEDGER", "1");
            }
            let said = said(&mut command)?;
            all[side].push(1.0 / rate(&said, " objects per second of processor with their examination")?);
            stored[side].push(1.0 / rate(&said, " objects per second of processor")?);
        }
    }
    let of_store = number(share(stored));
    Ok(Some(
        Figure::new("the ledger's share of ingest", share(all), "%", Target::AtMost(15.0)).detail(format!(
            "processor time of examining and storing {} objects, with leaves and without; in turns, medians of {TURNS}; \
             of the store's part alone {of_store}%",
            number(STORED as f64)
        )),
    ))
}

/// What the store's own measuring program says.
fn said(command: &mut Command) -> Result<String> {
    let output = command.output().context("cannot run the store's measuring program")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() { Ok(text) } else { bail!("the store's measuring program failed: {text}") }
}

/// The first rate that it tells in these words.
fn rate(said: &str, words: &str) -> Result<f64> {
    let line = said.lines().find_map(|line| line.strip_suffix(words)).context("a rate is missing")?;
    line.trim().parse().with_context(|| format!("no rate: {line}"))
}

/// By how much the second takes more than the first, in percent of it.
fn share(took: [Vec<f64>; 2]) -> f64 {
    let [without, with] = took.map(median);
    (with / without - 1.0) * 100.0
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
