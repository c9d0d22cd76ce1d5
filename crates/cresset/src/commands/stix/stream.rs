//! Lines in, lines out: one question a line, answered as they come, by every core.
//!
//! Lines are taken as they become readable, so a script that writes one line and waits gets its answer at once, while a
//! long input is worked on in large pieces. Answers come in any order and carry the question's `id`. A line that cannot be
//! read gets an answer that says so; no line ends the stream.

use std::io::{self, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use base::limit::BODY_BYTES_MAX;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use stix::JsonError;

use crate::exit::{Exit, Failure};

/// Longest line: the largest document, every byte of it escaped, and its frame.
const LINE_BYTES_MAX: usize = 2 * BODY_BYTES_MAX;
/// How much is read at once.
const READ_BYTES: usize = 256 * 1024;
/// Pieces waiting for a free core.
const PIECES_WAITING: usize = 4;

/// Answers one line: appends one line of JSON to the output, or says why it cannot.
pub(crate) type Answer = fn(line: &[u8], out: &mut Vec<u8>) -> Result<(), Unanswerable>;

/// A question that lines can be asked, with what is said where a line cannot be answered: scripts find every member of an
/// answer in every answer.
#[derive(Clone, Copy)]
pub(crate) struct Verb {
    /// Answers one line.
    pub(crate) answer: Answer,
    /// The members of its answers besides `valid` and `errors`, saying nothing.
    pub(crate) unsaid: Unsaid,
}

/// The members of an answer where there is nothing to say: nothing matched, nothing is current, no list has an item.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Unsaid {
    /// Of `validate`.
    Validated { warnings: [(); 0] },
    /// Of `pattern`.
    Parsed {},
    /// Of `match`.
    Matched { matched: bool, observations: [(); 0] },
    /// Of `id`.
    Named { sco_id: Option<()> },
    /// Of `latest`.
    Current { latest: Option<()>, verdicts: [(); 0] },
    /// Of `markings`.
    Selected { effective: [(); 0] },
}

/// Why a line could not be answered.
#[derive(Debug)]
pub(crate) struct Unanswerable {
    code: &'static str,
    message: String,
    path: String,
    offset: usize,
}

impl Unanswerable {
    /// For a reason that is about the line as a whole.
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), path: String::new(), offset: 0 }
    }
}

impl From<JsonError> for Unanswerable {
    fn from(error: JsonError) -> Self {
        Self { code: error.code, message: error.to_string(), path: error.path, offset: error.offset }
    }
}

/// Answers every line of standard input on standard output.
pub(crate) fn run(verb: Verb) -> Result<Exit, Failure> {
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let (sender, receiver) = sync_channel::<Vec<u8>>(PIECES_WAITING);
    let receiver = Mutex::new(receiver);
    let closed = AtomicBool::new(false);
    thread::scope(|scope| {
        let work = || work(verb, &receiver, &closed);
        let handles: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let read = read_lines(&mut io::stdin().lock(), &sender, &closed);
        drop(sender);
        for handle in handles {
            handle.join().expect("invariant: a worker catches what panics")?;
        }
        read.map_err(|error| Failure::unreachable(format_args!("cannot read standard input: {error}")))
    })?;
    Ok(Exit::Done)
}

/// Reads until the end and hands on whole lines, as many as are there.
fn read_lines(input: &mut impl Read, pieces: &SyncSender<Vec<u8>>, closed: &AtomicBool) -> io::Result<()> {
    let mut buffer: Vec<u8> = Vec::with_capacity(READ_BYTES);
    let mut skipping = false;
    loop {
        let start = buffer.len();
        buffer.resize(start + READ_BYTES, 0);
        let count = match input.read(&mut buffer[start..]) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            read => {
                let count = read?;
                if count == 0 {
                    buffer.truncate(start);
                    break;
                }
                count
            }
        };
        buffer.truncate(start + count);
        let Some(end) = memchr::memrchr(b'\n', &buffer[start..]).map(|at| start + at + 1) else {
            if buffer.len() > LINE_BYTES_MAX {
                buffer.clear();
                skipping = true;
            }
            continue;
        };
        let rest = buffer[end..].to_vec();
        buffer.truncate(end);
        if std::mem::take(&mut skipping) {
            let cut = memchr::memchr(b'\n', &buffer).map_or(buffer.len(), |at| at + 1);
            buffer.drain(..cut);
            // Not JSON, and short: the worker answers that the line cannot be read.
            buffer.splice(..0, TOO_LONG.bytes());
        }
        if closed.load(Ordering::Relaxed) || pieces.send(std::mem::replace(&mut buffer, rest)).is_err() {
            return Ok(());
        }
    }
    if skipping {
        buffer = TOO_LONG.into();
    }
    if !buffer.is_empty() {
        let _ = pieces.send(buffer);
    }
    Ok(())
}

/// Stands for a line longer than [`LINE_BYTES_MAX`].
const TOO_LONG: &str = "(line too long)\n";

fn work(verb: Verb, pieces: &Mutex<Receiver<Vec<u8>>>, closed: &AtomicBool) -> io::Result<()> {
    let (mut out, mut failed) = (Vec::new(), Ok(()));
    loop {
        let piece = pieces.lock().expect("invariant: no holder panics").recv();
        let Ok(piece) = piece else {
            return failed;
        };
        if closed.load(Ordering::Relaxed) {
            // Nobody reads the answers any more; taking the piece keeps the reader from waiting for ever.
            continue;
        }
        out.clear();
        for line in piece.split(|byte| *byte == b'\n') {
            if !line.trim_ascii().is_empty() {
                answer_line(verb, line, &mut out);
            }
        }
        let mut stdout = io::stdout().lock();
        if let Err(error) = stdout.write_all(&out).and_then(|()| stdout.flush()) {
            closed.store(true, Ordering::Relaxed);
            failed = Err(error);
        }
    }
}

/// Answers one line, whatever it holds.
pub(super) fn answer_line(verb: Verb, line: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    let answered = if line == TOO_LONG.trim_end().as_bytes() {
        let message = format!("the line is longer than {LINE_BYTES_MAX} bytes");
        Err(Unanswerable::new("line-length", message))
    } else {
        catch_unwind(AssertUnwindSafe(|| (verb.answer)(line, out))).unwrap_or_else(|_| {
            let message = "this line brought an error of this program to light: please report it";
            Err(Unanswerable::new("internal", message))
        })
    };
    if let Err(why) = answered {
        out.truncate(start);
        refuse(line, &why, verb.unsaid, out);
    }
}

#[derive(Deserialize)]
struct OnlyId<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct Refused<'a> {
    id: Option<&'a RawValue>,
    valid: bool,
    errors: [RefusedError<'a>; 1],
    #[serde(flatten)]
    unsaid: Unsaid,
}

#[derive(Serialize)]
struct RefusedError<'a> {
    code: &'a str,
    path: &'a str,
    message: &'a str,
    offset: usize,
}

/// Answers that a line cannot be answered, with its `id` if that much can be read.
fn refuse(line: &[u8], why: &Unanswerable, unsaid: Unsaid, out: &mut Vec<u8>) {
    let id = web::object::<OnlyId<'_>>(line).ok().and_then(|only| only.id);
    let error = RefusedError { code: why.code, path: &why.path, message: &why.message, offset: why.offset };
    put(&Refused { id, valid: false, errors: [error], unsaid }, out);
}

/// Appends an answer as one line.
pub(crate) fn put(answer: &impl Serialize, out: &mut Vec<u8>) {
    serde_json::to_writer(&mut *out, answer).expect("invariant: answers are JSON");
    out.push(b'\n');
}

/// Reads a question.
pub(crate) fn question<'a, Q: Deserialize<'a>>(line: &'a [u8]) -> Result<Q, Unanswerable> {
    web::object(line).map_err(|error| {
        Unanswerable::new("line-form", format!("the line is not a question of this verb: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces_of(input: &[u8]) -> Vec<u8> {
        let (sender, receiver) = sync_channel(1_000);
        read_lines(&mut &*input, &sender, &AtomicBool::new(false)).unwrap();
        drop(sender);
        receiver.iter().flatten().collect()
    }

    #[test]
    fn lines_arrive_whole_whatever_their_length() {
        let mut input = vec![b'a'; READ_BYTES * 2];
        input.extend_from_slice(b"\nb\n\nlast");
        assert_eq!(pieces_of(&input), input);
        assert_eq!(pieces_of(b""), b"");
    }

    #[test]
    fn a_line_that_cannot_be_read_is_answered_with_its_id() {
        const ID: Verb = Verb {
            answer: |line, _| question::<OnlyId<'_>>(line).and(Err(Unanswerable::new("c", "m"))),
            unsaid: Unsaid::Parsed {},
        };
        let mut out = Vec::new();
        answer_line(ID, b"{\"id\":7", &mut out);
        answer_line(ID, b"{\"id\": {\"a\":1},\"x\":2}", &mut out);
        let text = String::from_utf8(out).unwrap();
        let mut lines = text.lines();
        assert!(
            lines
                .next()
                .unwrap()
                .starts_with("{\"id\":null,\"valid\":false,\"errors\":[{\"code\":\"line-form\"")
        );
        assert!(lines.next().unwrap().starts_with("{\"id\":{\"a\":1},"));
    }

    #[test]
    fn a_panic_is_an_answer() {
        let mut out = Vec::new();
        let unsaid = Unsaid::Matched { matched: false, observations: [] };
        answer_line(Verb { answer: |_, _| panic!("on purpose"), unsaid }, b"{\"id\":1}", &mut out);
        let answer = String::from_utf8(out).unwrap();
        assert!(answer.contains("\"code\":\"internal\""), "{answer}");
        assert!(answer.ends_with("\"matched\":false,\"observations\":[]}\n"), "{answer}");
    }
}
