//! What rules and the ledger cost where they are asked and kept: their share of a poll and of ingest.
//!
//! Both are differences of two runs, which a shared machine makes larger or smaller than they are: the two are run in turns,
//! and the medians are compared.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::load::{self, Load};
use crate::report::{Figure, Target, number};
use crate::server::Server;
use crate::{Plan, taxii};

/// Turns of each of the two.
const TURNS: usize = 5;
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
    let mut took = [Vec::new(), Vec::new()];
    for _ in 0..TURNS {
        for (times, collection) in took.iter_mut().zip(["bench", "ruled"]) {
            times.push(poll(&mut server, collection)?);
        }
    }
    let [open, ruled] = took.map(median);
    Ok(Figure::new(
        "handling's share of a TAXII poll",
        (ruled / open - 1.0) * 100.0,
        "%",
        Target::AtMost(20.0),
    )
    .detail(format!(
        "{} objects under rules that name the reader, beside as many open ones; in turns, medians of {TURNS}",
        number(POLLED as f64)
    )))
}

fn poll(server: &mut Server, collection: &str) -> Result<f64> {
    server.collection = format!("/api1/collections/{collection}/");
    let bulk = taxii::poll(server, u64::try_from(POLLED)?)?;
    Ok(bulk.took.as_secs_f64())
}

/// The store alone, in process, with and without leaves; counted in processor time.
fn ledger(plan: &Plan, attack: &Load) -> Result<Option<Figure>> {
    let program = plan.binary.with_file_name("examples").join("measure");
    if !program.is_file() {
        eprintln!("no {}: the ledger's share is left out", program.display());
        return Ok(None);
    }
    eprintln!("measuring the ledger's share of ingest");
    let file = plan.dir.join("stored.json");
    std::fs::write(&file, load::bundle(&attack.objects))?;
    let mut took = [Vec::new(), Vec::new()];
    for _ in 0..TURNS {
        for (times, without) in took.iter_mut().zip([true, false]) {
            let mut command = Command::new(&program);
            command.arg(&file).arg(STORED.to_string());
            if without {
                command.env("WITHOUT_LEDGER", "1");
            }
            times.push(1.0 / stored_per_second(&mut command)?);
        }
    }
    let [without, with] = took.map(median);
    Ok(Some(
        Figure::new("the ledger's share of ingest", (with / without - 1.0) * 100.0, "%", Target::AtMost(15.0))
            .detail(format!(
                "processor time of the store alone, {} objects, with leaves and without; in turns, medians of {TURNS}",
                number(STORED as f64)
            )),
    ))
}

/// What the store's own measuring program says of a second of processor.
fn stored_per_second(command: &mut Command) -> Result<f64> {
    let output = command.output().context("cannot run the store's measuring program")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find_map(|line| line.strip_suffix(" objects per second of processor"));
    match line.and_then(|line| line.trim().parse().ok()) {
        Some(rate) if output.status.success() => Ok(rate),
        _ => bail!("the store's measuring program says no rate: {text}"),
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
