//! `cresset lookup`: do we know any of these? One value or a million.
//!
//! Values go out in batches, several at a time; answers come back in the order of the values, one line each.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal};
use std::path::PathBuf;
use std::sync::Arc;

use base::limit::QUERY_BYTES_MAX;
use bytes::Bytes;
use clap::Args;
use dial::Verb;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::task::JoinHandle;

use super::search::standing;
use crate::args::Common;
use crate::directory::Access;
use crate::exit::{Exit, Failure};
use crate::out::{Out, counted, progress, shown};
use crate::reach::{Reach, question};

/// Values in one request.
const BATCH: usize = 1_000;
/// Requests under way at once.
const UNDER_WAY_MAX: usize = 4;

/// Values to be looked up.
#[derive(Debug, Args)]
pub(crate) struct LookupArgs {
    /// Addresses, ranges, domains, URLs, hashes, e-mail addresses, names; defanged ones (`hxxp`, `[.]`) too. `-` reads
    /// standard input, as does giving none at all.
    values: Vec<String>,
    /// Read values from this file, one a line.
    #[arg(long, value_name = "FILE", conflicts_with = "values")]
    file: Option<PathBuf>,
    /// Count the sightings of each match; in words they always are.
    #[arg(long)]
    sightings: bool,
}

#[derive(Deserialize)]
struct Answers<'a> {
    known: u64,
    #[serde(borrow)]
    answers: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct AnswerRow {
    value: String,
    known: bool,
    #[serde(default)]
    matches: Vec<MatchRow>,
}

#[derive(Deserialize)]
struct MatchRow {
    id: String,
    #[serde(default)]
    label: String,
    #[serde(default)]
    how: String,
    #[serde(default)]
    revoked: bool,
    #[serde(default)]
    not_yet_valid: bool,
    #[serde(default)]
    expired: bool,
    confidence: Option<u8>,
    sightings: Option<Sightings>,
}

#[derive(Deserialize)]
struct Sightings {
    reports: u64,
    count: i64,
    last_seen: Option<String>,
}

impl Sightings {
    /// `sighted 3 times in 2 reports, last at 2024-05-17T09:30:00Z`
    fn words(&self) -> String {
        let times = counted(u64::try_from(self.count).unwrap_or_default(), "time");
        let last = self.last_seen.as_deref().map(|at| format!(", last at {}", shown(at))).unwrap_or_default();
        format!("sighted {times} in {}{last}", counted(self.reports, "report"))
    }
}

/// Runs the command: exits 1 when nothing of what was asked is known.
pub(crate) async fn run(common: &Common, args: LookupArgs, out: &mut Out) -> Result<Exit, Failure> {
    let words = !out.is_json() && io::stdout().is_terminal();
    let mut values = Values::of(&args)?;
    let reach = Arc::new(Reach::open(common, Access::Read).await?);
    let sightings = args.sightings || words;
    let bar = if words { indicatif::ProgressBar::hidden() } else { progress(values.total, "looked up") };
    let mut under_way: VecDeque<JoinHandle<Result<Vec<Bytes>, Failure>>> = VecDeque::new();
    let mut known = 0;
    loop {
        let batch = if under_way.len() < UNDER_WAY_MAX { values.batch()? } else { Vec::new() };
        if batch.is_empty() {
            let Some(first) = under_way.pop_front() else { break };
            for answer in first.await.map_err(Failure::unreachable)?? {
                let (count, hits) = write(&answer, words, out)?;
                known += hits;
                bar.inc(count);
            }
            continue;
        }
        let reach = Arc::clone(&reach);
        under_way.push_back(tokio::spawn(async move { ask(&reach, &batch, sightings).await }));
    }
    bar.finish_and_clear();
    Ok(if known > 0 { Exit::Done } else { Exit::No })
}

/// Asks for a batch; one that is too much for one question is asked in halves. Answers come in the order of the values.
async fn ask(reach: &Reach, batch: &[String], sightings: bool) -> Result<Vec<Bytes>, Failure> {
    let mut answers = Vec::new();
    let mut waiting = vec![batch];
    while let Some(part) = waiting.pop() {
        match reach
            .ask(question::send(Verb::Post, ["lookup"], &json!({"values": part, "sightings": sightings})))
            .await
        {
            Err(failure) if part.len() > 1 && failure.code.as_deref() == Some("query-too-costly") => {
                let (first, second) = part.split_at(part.len() / 2);
                waiting.extend([second, first]);
            }
            answer => answers.push(answer?),
        }
    }
    Ok(answers)
}

fn write(answer: &Bytes, words: bool, out: &mut Out) -> Result<(u64, u64), Failure> {
    let answers: Answers<'_> = serde_json::from_slice(answer).map_err(Failure::unreachable)?;
    for answer in &answers.answers {
        if !words {
            out.line(answer.get().as_bytes())?;
            continue;
        }
        let row: AnswerRow = serde_json::from_str(answer.get()).map_err(Failure::unreachable)?;
        let verdict = if row.known { "known" } else { "not known" };
        out.line(format!("{}: {verdict}", shown(&row.value)).as_bytes())?;
        for hit in &row.matches {
            let standing = standing((hit.revoked, hit.not_yet_valid, hit.expired));
            let confidence = hit.confidence.map(|sure| format!(", confidence {sure}")).unwrap_or_default();
            let line = format!(
                "  {} ({}, {standing}{confidence})\n    {}",
                shown(&hit.label),
                hit.how,
                shown(&hit.id)
            );
            out.line(line.as_bytes())?;
            if let Some(sighted) = hit.sightings.as_ref().filter(|sighted| sighted.reports > 0) {
                out.line(format!("    {}", sighted.words()).as_bytes())?;
            }
        }
    }
    Ok((u64::try_from(answers.answers.len()).unwrap_or(u64::MAX), answers.known))
}

/// Where values come from.
struct Values {
    lines: Box<dyn Iterator<Item = io::Result<String>>>,
    total: Option<u64>,
}

impl Values {
    fn of(args: &LookupArgs) -> Result<Self, Failure> {
        if let Some(path) = &args.file {
            let file = File::open(path).map_err(|error| Failure::file("read", path, &error))?;
            return Ok(Self { lines: Box::new(BufReader::new(file).lines()), total: None });
        }
        if args.values.is_empty() || args.values == ["-"] {
            if io::stdin().is_terminal() && args.values.is_empty() {
                return Err(Failure::usage("there is nothing to look up")
                    .hint("give values, or --file FILE, or pipe values in"));
            }
            return Ok(Self { lines: Box::new(BufReader::new(io::stdin()).lines()), total: None });
        }
        let total = u64::try_from(args.values.len()).ok();
        Ok(Self { lines: Box::new(args.values.clone().into_iter().map(Ok)), total })
    }

    /// The next values; empty lines are passed over.
    fn batch(&mut self) -> Result<Vec<String>, Failure> {
        let mut batch = Vec::new();
        for line in self.lines.by_ref() {
            let line = line.map_err(|error| {
                Failure::unreachable(format_args!("cannot read the values: {error}"))
                    .hint("values are lines of UTF-8 text")
            })?;
            let value = line.trim();
            if value.len() > QUERY_BYTES_MAX {
                return Err(Failure::usage(format_args!("a value is longer than {QUERY_BYTES_MAX} bytes")));
            }
            if !value.is_empty() {
                batch.push(value.to_owned());
            }
            if batch.len() >= BATCH {
                break;
            }
        }
        Ok(batch)
    }
}
