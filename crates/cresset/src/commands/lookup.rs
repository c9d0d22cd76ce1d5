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
use crate::out::{Out, counted, progress, say, shown};
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
    /// Read values from this file, one a line. Blank lines are passed over and counted, there and on standard input.
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
    #[serde(default)]
    more: bool,
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
    out.answers_in_lines();
    let words = !out.is_json() && io::stdout().is_terminal();
    let mut values = Values::of(&args)?;
    let reach = Arc::new(Reach::open(common, Access::Read).await?);
    let sightings = args.sightings || words;
    let bar = if words { indicatif::ProgressBar::hidden() } else { progress(values.total, "looked up") };
    let mut under_way: VecDeque<JoinHandle<Answered>> = VecDeque::new();
    let (mut known, mut unasked) = (0, 0);
    loop {
        let batch = if under_way.len() < UNDER_WAY_MAX { values.batch()? } else { Batch::default() };
        if batch.is_empty() {
            let Some(first) = under_way.pop_front() else { break };
            let (answers, unfit) = first.await.map_err(Failure::unreachable)??;
            for answer in answers {
                let (count, hits) = write(&answer, words, out)?;
                known += hits;
                bar.inc(count);
            }
            if let Some(unfit) = unfit {
                unfit.write(words, out)?;
                unasked += 1;
            }
            continue;
        }
        let reach = Arc::clone(&reach);
        under_way.push_back(tokio::spawn(async move {
            Ok((ask(&reach, &batch.values, sightings).await?, batch.unfit))
        }));
    }
    bar.finish_and_clear();
    if values.passed_over > 0 {
        say(format_args!("{} passed over", counted(values.passed_over, "blank line")));
    }
    if unasked > 0 {
        say(format_args!("{} could not be looked up: the line of each says why", counted(unasked, "value")));
    }
    Ok(if known > 0 { Exit::Done } else { Exit::No })
}

/// The answers about a batch, and what stands behind it.
type Answered = Result<(Vec<Bytes>, Option<Unfit>), Failure>;

/// Values that are asked at once, and the one behind them that cannot be asked.
#[derive(Default)]
struct Batch {
    values: Vec<String>,
    unfit: Option<Unfit>,
}

impl Batch {
    const fn is_empty(&self) -> bool {
        self.values.is_empty() && self.unfit.is_none()
    }
}

/// A value that is none: it has a line like every other, which says why it was not asked.
struct Unfit {
    value: String,
    code: &'static str,
    message: String,
}

impl Unfit {
    fn write(&self, words: bool, out: &mut Out) -> Result<(), Failure> {
        if words {
            let line = format!("{}: not looked up, {} [{}]", shown(&self.value), self.message, self.code);
            return out.line(line.as_bytes());
        }
        let error = json!({"code": self.code, "message": self.message});
        out.json(&json!({"value": self.value, "known": false, "matches": [], "error": error}))
    }
}

/// Asks for a batch; one that is too much for one question is asked in halves. Answers come in the order of the values.
async fn ask(reach: &Reach, batch: &[String], sightings: bool) -> Result<Vec<Bytes>, Failure> {
    let mut answers = Vec::new();
    let mut waiting = vec![batch];
    waiting.retain(|part| !part.is_empty());
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
    let answers: Answers<'_> = serde_json::from_slice(answer).map_err(Failure::no_node_there)?;
    for answer in &answers.answers {
        if !words {
            out.line(answer.get().as_bytes())?;
            continue;
        }
        let row: AnswerRow = serde_json::from_str(answer.get()).map_err(Failure::no_node_there)?;
        let mut said = row.matches.iter().filter(|hit| hit.how != "on-host").peekable();
        let held = row.more || said.peek().is_none() || said.any(|hit| !hit.revoked);
        let verdict = match (row.known, row.matches.is_empty()) {
            (true, _) if !held => "known only by what was revoked",
            (true, _) => "known",
            (false, true) => "not known",
            (false, false) => "not known, but URLs on it are",
        };
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
        if row.more {
            out.line(b"  and more")?;
        }
    }
    Ok((u64::try_from(answers.answers.len()).unwrap_or(u64::MAX), answers.known))
}

/// Where values come from.
struct Values {
    lines: Box<dyn Iterator<Item = io::Result<Vec<u8>>>>,
    total: Option<u64>,
    blank: Blank,
    /// How many blank lines were passed over.
    passed_over: u64,
}

/// What a value of no letters is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blank {
    /// A value that was given: it has a line as every other.
    Asked,
    /// An empty line of a text, which is none.
    PassedOver,
}

impl Values {
    fn of(args: &LookupArgs) -> Result<Self, Failure> {
        if let Some(path) = &args.file {
            let file = File::open(path).map_err(|error| Failure::file("read", path, &error))?;
            return Ok(Self::lines_of(BufReader::new(file)));
        }
        if args.values.is_empty() || args.values == ["-"] {
            if io::stdin().is_terminal() && args.values.is_empty() {
                return Err(Failure::usage("there is nothing to look up")
                    .hint("give values, or --file FILE, or pipe values in"));
            }
            return Ok(Self::lines_of(BufReader::new(io::stdin())));
        }
        let total = u64::try_from(args.values.len()).ok();
        let lines = args.values.clone().into_iter().map(|value| Ok(value.into_bytes()));
        Ok(Self { lines: Box::new(lines), total, blank: Blank::Asked, passed_over: 0 })
    }

    /// Lines of a text, without the mark that some programs put before the first (as `import` reads it).
    fn lines_of(text: impl BufRead + 'static) -> Self {
        let lines = text.split(b'\n').enumerate().map(|(at, line)| {
            let mut line = line?;
            if at == 0 && line.starts_with(BYTE_ORDER_MARK) {
                line.drain(..BYTE_ORDER_MARK.len());
            }
            Ok(line)
        });
        Self { lines: Box::new(lines), total: None, blank: Blank::PassedOver, passed_over: 0 }
    }

    /// The next values, up to one that cannot be asked.
    fn batch(&mut self) -> Result<Batch, Failure> {
        let mut batch = Batch::default();
        for line in self.lines.by_ref() {
            let line =
                line.map_err(|error| Failure::unreachable(format_args!("cannot read the values: {error}")))?;
            match value_of(&line, self.blank) {
                Ok("") if self.blank == Blank::PassedOver => self.passed_over += 1,
                Ok(value) => batch.values.push(value.to_owned()),
                Err(unfit) => {
                    batch.unfit = Some(unfit);
                    break;
                }
            }
            if batch.values.len() >= BATCH {
                break;
            }
        }
        Ok(batch)
    }
}

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
/// Characters shown of a value that cannot be asked.
const UNFIT_CHARS_MAX: usize = 100;

/// The value that a line is; one that was given as such is asked, and told, as it was given.
fn value_of(line: &[u8], blank: Blank) -> Result<&str, Unfit> {
    let unfit = |code, message| {
        let value = String::from_utf8_lossy(line).trim().chars().take(UNFIT_CHARS_MAX).collect();
        Unfit { value, code, message }
    };
    let value = |text| if blank == Blank::PassedOver { str::trim(text) } else { text };
    match std::str::from_utf8(line).map(value) {
        Ok(value) if value.len() <= QUERY_BYTES_MAX => Ok(value),
        Ok(_) => Err(unfit("query-too-long", format!("a value has at most {QUERY_BYTES_MAX} bytes"))),
        Err(_) => Err(unfit("line-text", "a value is UTF-8 text".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_no_value_ends_a_batch_and_nothing_else() {
        let text =
            [&b"\xef\xbb\xbfone\r\n\n two\n\xff\xfe\nthree\n"[..], &[b'x'; QUERY_BYTES_MAX + 1], b"\nfour"]
                .concat();
        let mut values = Values::lines_of(io::Cursor::new(text));
        let mut batches = Vec::new();
        loop {
            let batch = values.batch().unwrap();
            if batch.is_empty() {
                break;
            }
            batches.push((batch.values, batch.unfit.map(|unfit| (unfit.code, unfit.value.len()))));
        }
        let words = |list: &[&str]| list.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        assert_eq!(
            batches,
            [
                (words(&["one", "two"]), Some(("line-text", "\u{fffd}\u{fffd}".len()))),
                (words(&["three"]), Some(("query-too-long", UNFIT_CHARS_MAX))),
                (words(&["four"]), None),
            ]
        );
        assert_eq!(values.passed_over, 1);
    }
}
