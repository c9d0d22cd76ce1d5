//! `cresset import`: files in, one receipt per object out.
//!
//! A long bundle is sent in pieces, so that neither side holds more than a piece of it and progress can be shown; each piece
//! is durable before its receipts are printed.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use base::limit::BODY_BYTES_MAX;
use bytes::Bytes;
use clap::Args;
use flate2::read::MultiGzDecoder;
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::args::{Common, names};
use crate::commands::passing::HandlingArgs;
use crate::commands::unread::Unread;
use crate::directory::Access;
use crate::exit::{Exit, Failure};
use crate::out::{Out, counted, progress, say, shown};
use crate::reach::{Reach, question};

/// Where things go that have no other place yet.
pub(crate) const INBOX: &str = "inbox";
/// Longest bundle that is sent whole, in bytes.
const WHOLE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Objects in one piece of a longer bundle.
const PIECE_OBJECTS: usize = 5_000;
/// Fewest bytes an object has on average, with its type and its id.
const OBJECT_BYTES_MIN: usize = 40;
/// Bytes after which a piece is full, whatever its number of objects.
const PIECE_BYTES: usize = 16 * 1024 * 1024;
/// Largest file, after decompression: what a machine of the smallest kind can hold in memory.
const FILE_BYTES_MAX: usize = 20 * BODY_BYTES_MAX;

/// Files to be brought in.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// Files, also gzipped; `-` reads standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The collection, by id or alias.
    #[arg(long, default_value = INBOX)]
    collection: String,
    /// What the files are; misp and csaf are told apart and refused so far.
    #[arg(long, default_value = "auto", value_parser = names(["auto", "stix", "stix20", "csv", "text", "misp", "csaf"]))]
    format: String,
    #[command(flatten)]
    handling: HandlingArgs,
    /// Refuse objects with any error finding, whatever the collection says.
    #[arg(long)]
    strict: bool,
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    receipts: Vec<&'a RawValue>,
    summary: Counts,
}

/// How many ended which way.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Counts {
    pub(crate) accepted: u64,
    pub(crate) known: u64,
    pub(crate) newer: u64,
    pub(crate) older: u64,
    pub(crate) refused: u64,
    /// Of these: kept beside what they contradict.
    #[serde(default)]
    beside: u64,
    /// Of these: under the stricter rules of another version.
    #[serde(default)]
    inherited: u64,
    /// Of these: known, and under stricter rules from now on.
    #[serde(default)]
    narrowed: u64,
    /// Of these: by another member's word, which was to be handled otherwise and is not.
    #[serde(default)]
    not_ours: u64,
    /// Of these: known by another member's word, with which it goes.
    #[serde(default)]
    anothers: u64,
    /// Of these: waiting for a marking definition.
    #[serde(default)]
    awaiting: u64,
    /// Of these: not given to those named.
    #[serde(default)]
    not_given: u64,
    /// Of these: known, and given to those named besides.
    #[serde(default)]
    given: u64,
    /// Of these: bearing no level as strict as the one asked for.
    #[serde(default)]
    level_beside: u64,
    /// Of these: refused to some of those named; how many by which rule.
    #[serde(default)]
    withheld: BTreeMap<String, u64>,
    /// Of these: to be given to some of those named once what is in the way has passed; how many by which rule.
    #[serde(default)]
    later: BTreeMap<String, u64>,
    /// Of these: kept with errors of their own.
    #[serde(default)]
    with_errors: u64,
    /// How many of those have which error.
    #[serde(default)]
    errors: BTreeMap<String, u64>,
    /// What was passed over and is in no count.
    #[serde(default)]
    unread: Option<Value>,
}

impl Counts {
    /// Adds another count.
    pub(crate) fn add(&mut self, other: &Self) {
        self.accepted += other.accepted;
        self.known += other.known;
        self.newer += other.newer;
        self.older += other.older;
        self.refused += other.refused;
        self.beside += other.beside;
        self.inherited += other.inherited;
        self.narrowed += other.narrowed;
        self.not_ours += other.not_ours;
        self.anothers += other.anothers;
        self.awaiting += other.awaiting;
        self.not_given += other.not_given;
        self.given += other.given;
        self.level_beside += other.level_beside;
        self.with_errors += other.with_errors;
        let sums = [&mut self.withheld, &mut self.later, &mut self.errors];
        for (sum, more) in sums.into_iter().zip([&other.withheld, &other.later, &other.errors]) {
            for (code, count) in more {
                *sum.entry(code.clone()).or_default() += count;
            }
        }
    }

    /// All of them.
    pub(crate) const fn total(&self) -> u64 {
        self.accepted + self.known + self.newer + self.older + self.refused
    }

    /// As the last line of an import.
    pub(crate) fn json(&self) -> Value {
        let mut summary = json!({
            "total": self.total(),
            "accepted": self.accepted,
            "known": self.known,
            "newer": self.newer,
            "older": self.older,
            "refused": self.refused,
        });
        for (name, count) in self.remarks() {
            if count > 0 {
                summary[name] = json!(count);
            }
        }
        let by_code = [("withheld", &self.withheld), ("later", &self.later), ("errors", &self.errors)];
        for (name, codes) in by_code {
            if !codes.is_empty() {
                summary[name] = json!(codes);
            }
        }
        summary
    }

    const fn remarks(&self) -> [(&'static str, u64); 10] {
        [
            ("beside", self.beside),
            ("inherited", self.inherited),
            ("narrowed", self.narrowed),
            ("not_ours", self.not_ours),
            ("anothers", self.anothers),
            ("awaiting", self.awaiting),
            ("not_given", self.not_given),
            ("given", self.given),
            ("level_beside", self.level_beside),
            ("with_errors", self.with_errors),
        ]
    }

    /// What is to be said of them, which were to be for those `named`, a sentence each.
    fn say_remarks(&self, named: &str) {
        let given = format!("known already, and given to {} now, unless given before", shown(named));
        let with_errors = format!(
            "with errors of {} own ({}): kept, and never matched; --json lists them",
            if self.with_errors == 1 { "its" } else { "their" },
            by_code(&self.errors, self.with_errors)
        );
        let words = [
            "kept beside what stands longest under their ids, which has another created or creator [created-changed, creator-changed]",
            "under the stricter handling of another version that is held here",
            "known already, and under what was asked for too from now on",
            "by another member's word, whose handling is that member's and was not changed [originator-control]",
            "known by another member's word alone, and gone when that one calls them back [known-by-another]",
            "marked by what is not defined in this collection: given to no other member, and acted on by no machine, until the definition is imported there too [marking-awaited]",
            "given to nobody: what stands under their ids in this collection is not this member's to give [not-given]",
            &given,
            "bearing no TLP level as strict as this: it holds here and at members, and is not in the bytes, by which TAXII clients and readers of exports go [level-beside]",
            &with_errors,
        ];
        for ((_, count), words) in self.remarks().into_iter().zip(words) {
            if count > 0 {
                say(format_args!("{count} of them {words}"));
            }
        }
        let all = if named.contains(',') { "all of " } else { "" };
        for (codes, yet, why) in [
            (&self.withheld, "", "--json says why"),
            (&self.later, " yet", "it goes there when that has passed"),
        ] {
            let count: u64 = codes.values().sum();
            if count > 0 {
                let (whom, codes) = (shown(named), by_code(codes, count));
                say(format_args!("{count} of them not given to {all}{whom}{yet} ({codes}): {why}"));
            }
        }
    }

    /// As a sentence.
    pub(crate) fn words(&self) -> String {
        format!(
            "{}: {} accepted, {} known already, {}, {}, {} refused",
            counted(self.total(), "object"),
            self.accepted,
            self.known,
            counted(self.newer, "newer version"),
            counted(self.older, "older version"),
            self.refused
        )
    }
}

/// Codes in words, with how many have each where that is not all of them.
fn by_code(codes: &BTreeMap<String, u64>, all: u64) -> String {
    let each = codes.iter().map(|(code, count)| {
        let count = if *count == all { String::new() } else { format!(" {count}") };
        format!("{}{count}", shown(code))
    });
    each.collect::<Vec<_>>().join(", ")
}

#[derive(Deserialize)]
struct Receipt {
    id: Option<String>,
    outcome: String,
    code: Option<String>,
    reason: Option<String>,
}

/// Runs the command: exits 1 when any object was refused, or is another member's and was to be handled otherwise, or is refused to some of those
/// named (who only waits for it gets it later), or when nothing that could be imported was found, and as its failure says when a file was not
/// imported.
///
/// A file that is not imported has a line that says why, and the others go on; where no answer comes at all, they would fare no
/// better and are left.
pub(crate) async fn run(common: &Common, args: ImportArgs, out: &mut Out) -> Result<Exit, Failure> {
    out.answers_in_lines();
    let reach = Reach::open(common, Access::Write).await?;
    let (mut counts, mut unread) = (Counts::default(), Vec::new());
    let (mut failed, mut exit, mut read_as_json) = (0_u64, Exit::Done, true);
    for file in &args.files {
        let (failure, goes_on) = match read_input(file) {
            Ok(bytes) => match import_one(&reach, (&args, bytes.clone()), &mut counts, out).await {
                Ok(passed_over) => {
                    read_as_json &= bytes.trim_ascii_start().starts_with(b"{")
                        || bytes.trim_ascii_start().starts_with(b"[");
                    unread.extend(passed_over.map(|passed_over| Unread::of(file, passed_over)));
                    continue;
                }
                Err(failure) => {
                    let goes_on = failure.exit != Exit::Unreachable;
                    (failure, goes_on)
                }
            },
            Err(failure) => (failure.or_code("file-unreadable"), true),
        };
        // A reader that has seen enough wants no summary either.
        if failure.exit == Exit::Done {
            return Err(failure);
        }
        failed += 1;
        exit = exit.max(failure.exit);
        tell_failed(file, &failure, out)?;
        if !goes_on {
            break;
        }
    }
    if out.is_json() {
        let mut summary = counts.json();
        summary["files_failed"] = json!(failed);
        if !unread.is_empty() {
            summary["unread"] = unread.iter().map(Unread::json).collect();
        }
        out.json(&json!({"summary": summary}))?;
    }
    if counts.total() > 0 {
        say(format_args!("imported into {}: {}", shown(&args.collection), counts.words()));
        counts.say_remarks(&args.handling.named());
    } else if failed == 0 {
        say("nothing to import: no object was found, and no value that one could be made of");
        // A bundle or list that says of itself that it holds nothing is taken at its word; anything else was to hold something.
        exit = if read_as_json { exit } else { exit.max(Exit::No) };
    }
    unread.iter().for_each(Unread::say);
    let kept = counts.not_ours > 0 || counts.not_given > 0 || !counts.withheld.is_empty();
    Ok(if counts.refused > 0 || kept { exit.max(Exit::No) } else { exit })
}

/// Brings one file in; what its pieces came to is counted as they are answered. What was passed over in it is answered.
async fn import_one(
    reach: &Reach,
    (args, bytes): (&ImportArgs, Bytes),
    counts: &mut Counts,
    out: &mut Out,
) -> Result<Option<Value>, Failure> {
    let pieces = pieces_of(bytes, &args.format);
    let total = u64::try_from(pieces.iter().map(|piece| piece.objects).sum::<usize>()).ok();
    let bar = progress(total.filter(|total| *total > 0), "imported");
    let mut outcome = Ok(None);
    for piece in pieces {
        let answer = reach.ask(piece_request(args, piece.bytes)).await;
        match answer.and_then(|answer| write(&answer, Receipts::All, (&bar, out))) {
            Ok(mut found) => {
                bar.inc(found.total());
                if let (Ok(unread), Some(more)) = (&mut outcome, found.unread.take()) {
                    add_unread(unread, more);
                }
                counts.add(&found);
            }
            Err(failure) => {
                outcome = Err(failure);
                break;
            }
        }
    }
    bar.finish_and_clear();
    outcome
}

/// Adds what was passed over in one part of a list to what was in those before: the first lines stay, and counts are summed.
fn add_unread(unread: &mut Option<Value>, more: Value) {
    let Some(Value::Object(sum)) = unread else {
        *unread = Some(more);
        return;
    };
    let Value::Object(more) = more else { return };
    for (name, more) in more {
        match sum.get_mut(&name).and_then(|lines| lines.get_mut("count")) {
            Some(count) => {
                *count = json!(count.as_u64().unwrap_or(0) + more["count"].as_u64().unwrap_or(0));
            }
            None => drop(sum.entry(name).or_insert(more)),
        }
    }
}

/// The line of a file that was not imported, or not to its end.
fn tell_failed(file: &Path, failure: &Failure, out: &mut Out) -> Result<(), Failure> {
    say(format_args!("cannot import {}: {failure}", file.display()));
    if out.is_json() {
        let code = &failure.document()["error"]["code"];
        let line = json!({"file": file, "outcome": "refused", "code": code, "reason": failure.message});
        out.json(&line)?;
    }
    Ok(())
}

fn piece_request(args: &ImportArgs, bytes: Bytes) -> dial::ApiRequest {
    let path = ["collections", &args.collection, "import"];
    let mut request = question::post_bytes(path, bytes, "application/octet-stream");
    request.query.push(("format", args.format.clone()));
    args.handling.put(&mut request);
    if args.strict {
        request.query.push(("strict", "true".to_owned()));
    }
    request
}

/// Which receipts are written as JSON. In words it is always those of refused objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receipts {
    /// One for each object.
    All,
    /// Those of refused objects.
    Refused,
}

/// Writes the receipts of an import's answer, and returns its counts.
pub(crate) fn write(
    answer: &Bytes,
    wanted: Receipts,
    (bar, out): (&indicatif::ProgressBar, &mut Out),
) -> Result<Counts, Failure> {
    let answer: Answer<'_> = serde_json::from_slice(answer).map_err(Failure::no_node_there)?;
    for raw in &answer.receipts {
        if out.is_json() && wanted == Receipts::All {
            out.line(raw.get().as_bytes())?;
            continue;
        }
        let receipt: Receipt = serde_json::from_str(raw.get()).map_err(Failure::no_node_there)?;
        if receipt.outcome == "refused" && out.is_json() {
            out.line(raw.get().as_bytes())?;
        } else if receipt.outcome == "refused" {
            let id = receipt.id.as_deref().unwrap_or("an object without id");
            let reason = receipt.reason.as_deref().unwrap_or("no reason given");
            let code = receipt.code.as_deref().unwrap_or("refused");
            let line = format!("refused {}: {} [{}]", shown(id), shown(reason), shown(code));
            bar.suspend(|| out.line(line.as_bytes()))?;
        }
    }
    Ok(answer.summary)
}

/// A part of a file that is sent at once.
struct Piece {
    bytes: Bytes,
    /// Objects in it; 0 when nobody has counted.
    objects: usize,
}

#[derive(Deserialize)]
struct Bundle<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(default)]
    spec_version: Option<&'a str>,
    #[serde(borrow)]
    objects: Listed<'a>,
}

/// The objects of a bundle, unless there are more than could be objects: a list of nothing much would take many times its own
/// memory.
struct Listed<'a>(Vec<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Listed<'a> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        reader.deserialize_seq(ListedVisitor)
    }
}

struct ListedVisitor;

impl<'de> Visitor<'de> for ListedVisitor {
    type Value = Listed<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let (mut objects, mut bytes) = (Vec::new(), 0_usize);
        while let Some(object) = list.next_element::<&RawValue>()? {
            bytes = bytes.saturating_add(object.get().len());
            if objects.len() > PIECE_OBJECTS && bytes / objects.len() < OBJECT_BYTES_MIN {
                return Err(de::Error::custom("these are too small to be objects"));
            }
            objects.push(object);
        }
        Ok(Listed(objects))
    }
}

/// A long bundle in pieces that are bundles, a long list in pieces that are lists; anything else whole, for the node to judge.
fn pieces_of(bytes: Bytes, format: &str) -> Vec<Piece> {
    let list = format.parse().ok().and_then(|format| node::list_in_parts(&bytes, format));
    if let Some(parts) = list {
        return parts.into_iter().map(|bytes| Piece { bytes, objects: 0 }).collect();
    }
    let may_split = matches!(format, "auto" | "stix" | "stix20") && bytes.len() > WHOLE_BYTES_MAX;
    let bundle = if may_split { web::object::<Bundle<'_>>(&bytes).ok() } else { None };
    let Some(bundle) = bundle.filter(|bundle| bundle.kind == "bundle") else {
        return vec![Piece { bytes, objects: 0 }];
    };
    // What marks others goes first, so that no piece awaits a marking of a later one.
    let (mut objects, others): (Vec<_>, Vec<_>) =
        bundle.objects.0.into_iter().partition(|object| is_definition(object.get()));
    objects.extend(others);
    let mut pieces = Vec::new();
    let mut rest = objects.as_slice();
    while !rest.is_empty() {
        let mut size = 0;
        let fits = rest.iter().take(PIECE_OBJECTS).take_while(|object| {
            let fits = size <= PIECE_BYTES;
            size += object.get().len() + 1;
            fits
        });
        let (now, later) = rest.split_at(fits.count().max(1));
        pieces.push(Piece { bytes: bundle_of(bundle.spec_version, now), objects: now.len() });
        rest = later;
    }
    pieces
}

fn is_definition(object: &str) -> bool {
    #[derive(Deserialize)]
    struct Typed<'a> {
        #[serde(rename = "type")]
        kind: &'a str,
    }
    object.contains("\"marking-definition\"")
        && serde_json::from_str::<Typed<'_>>(object).is_ok_and(|typed| typed.kind == "marking-definition")
}

fn bundle_of(spec_version: Option<&str>, objects: &[&RawValue]) -> Bytes {
    let id = uuid::Uuid::new_v4();
    let mut text = format!("{{\"type\":\"bundle\",\"id\":\"bundle--{id}\",");
    if let Some(version) = spec_version {
        text.push_str(&format!("\"spec_version\":{},", json!(version)));
    }
    text.push_str("\"objects\":[");
    for (at, object) in objects.iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        text.push_str(object.get());
    }
    text.push_str("]}");
    Bytes::from(text)
}

/// A file's content, decompressed when it is gzipped; `-` is standard input.
pub(crate) fn read_input(path: &Path) -> Result<Bytes, Failure> {
    let bytes = if path == Path::new("-") {
        read_limited(io::stdin().lock(), path)?
    } else {
        let file = File::open(path).map_err(|error| Failure::file("read", path, &error))?;
        read_limited(file, path)?
    };
    if bytes.starts_with(&[0x1f, 0x8b]) {
        return read_limited(MultiGzDecoder::new(bytes.as_slice()), path).map(Bytes::from);
    }
    Ok(Bytes::from(bytes))
}

fn read_limited(reader: impl Read, path: &Path) -> Result<Vec<u8>, Failure> {
    let limit = u64::try_from(FILE_BYTES_MAX).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    let read = reader.take(limit.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|error| Failure::file("read", path, &error))?;
    if bytes.len() > FILE_BYTES_MAX {
        return Err(Failure::no(format_args!("{} is longer than {FILE_BYTES_MAX} bytes", path.display()))
            .hint("split it, or send it through TAXII"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_bundle_goes_in_pieces_that_keep_its_bytes_and_order() {
        let object = |at: usize| format!("{{\"n\" : {at}.0,\"pad\":\"{}\"}}", "x".repeat(1_000));
        let objects: Vec<String> = (0..12_000).map(object).collect();
        let text = format!(
            "{{\"type\":\"bundle\",\"spec_version\":\"2.0\",\"id\":\"x\",\"objects\":[{}]}}",
            objects.join(",")
        );
        let pieces = pieces_of(Bytes::from(text), "auto");
        assert_eq!(pieces.iter().map(|piece| piece.objects).collect::<Vec<_>>(), [5_000, 5_000, 2_000]);
        let mut seen = Vec::new();
        for piece in &pieces {
            let bundle: Bundle<'_> = serde_json::from_slice(&piece.bytes).unwrap();
            assert_eq!(bundle.spec_version, Some("2.0"));
            seen.extend(bundle.objects.0.iter().map(|raw| raw.get().to_owned()));
        }
        assert_eq!(seen, objects);
    }

    #[test]
    fn what_was_passed_over_in_parts_of_a_list_is_summed() {
        let mut unread = None;
        for (count, first) in [(2, 3), (5, 100_002)] {
            add_unread(
                &mut unread,
                json!({"columns": ["date"], "context": {"count": count, "first": first}}),
            );
        }
        add_unread(&mut unread, json!({"without_value": {"count": 1, "first": 9}}));
        let sum = json!({"columns": ["date"], "context": {"count": 7, "first": 3}, "without_value": {"count": 1, "first": 9}});
        assert_eq!(unread, Some(sum));
    }

    #[test]
    fn short_or_strange_files_go_whole() {
        let short = Bytes::from_static(b"{\"type\":\"bundle\",\"objects\":[]}");
        assert_eq!(pieces_of(short.clone(), "auto")[0].bytes, short);
        let tiny = format!("{{\"type\":\"bundle\",\"objects\":[{}1]}}", "1,".repeat(WHOLE_BYTES_MAX / 2));
        assert_eq!(pieces_of(Bytes::from(tiny), "auto").len(), 1, "for the node to judge");
        let junk = Bytes::from(vec![b'x'; WHOLE_BYTES_MAX + 1]);
        assert_eq!(pieces_of(junk, "auto").len(), 1);
    }
}
