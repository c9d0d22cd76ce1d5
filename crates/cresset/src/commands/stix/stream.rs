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

use crate::exit::{Exit, Failure};

/// Longest line: the largest document, every byte of it escaped, and its frame.
const LINE_BYTES_MAX: usize = 2 * BODY_BYTES_MAX;
/// How much is read at once.
const READ_BYTES: usize = 256 * 1024;
/// Pieces waiting for a free core.
const PIECES_WAITING: usize = 4;

/// Answers one line: appends one line of JSON to the output.
pub(crate) type Answer = fn(line: &[u8], out: &mut Vec<u8>);

/// Why a line could not be answered.
#[derive(Debug)]
pub(crate) struct Unanswerable {
    /// Stable code.
    pub(crate) code: &'static str,
    /// One sentence.
    pub(crate) message: String,
}

/// Answers every line of standard input on standard output.
pub(crate) fn run(answer: Answer) -> Result<Exit, Failure> {
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let (sender, receiver) = sync_channel::<Vec<u8>>(PIECES_WAITING);
    let receiver = Mutex::new(receiver);
    let closed = AtomicBool::new(false);
    thread::scope(|scope| {
        let work = || work(answer, &receiver, &closed);
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

fn work(answer: Answer, pieces: &Mutex<Receiver<Vec<u8>>>, closed: &AtomicBool) -> io::Result<()> {
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
                answer_line(answer, line, &mut out);
            }
        }
        let mut stdout = io::stdout().lock();
        if let Err(error) = stdout.write_all(&out).and_then(|()| stdout.flush()) {
            closed.store(true, Ordering::Relaxed);
            failed = Err(error);
        }
    }
}

fn answer_line(answer: Answer, line: &[u8], out: &mut Vec<u8>) {
    if line == TOO_LONG.trim_end().as_bytes() {
        let message = format!("the line is longer than {LINE_BYTES_MAX} bytes");
        return refuse(line, &Unanswerable { code: "line-length", message }, out);
    }
    let start = out.len();
    if catch_unwind(AssertUnwindSafe(|| answer(line, out))).is_err() {
        out.truncate(start);
        let message = "this line brought an error of this program to light: please report it".to_owned();
        refuse(line, &Unanswerable { code: "internal", message }, out);
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
}

#[derive(Serialize)]
struct RefusedError<'a> {
    code: &'a str,
    path: &'a str,
    message: &'a str,
}

/// Answers that a line cannot be answered, with its `id` if that much can be read.
pub(crate) fn refuse(line: &[u8], why: &Unanswerable, out: &mut Vec<u8>) {
    let id = web::object::<OnlyId<'_>>(line).ok().and_then(|only| only.id);
    let errors = [RefusedError { code: why.code, path: "", message: &why.message }];
    put(&Refused { id, valid: false, errors }, out);
}

/// Appends an answer as one line.
pub(crate) fn put(answer: &impl Serialize, out: &mut Vec<u8>) {
    serde_json::to_writer(&mut *out, answer).expect("invariant: answers are JSON");
    out.push(b'\n');
}

/// Reads a question, or appends the answer that it cannot be read.
pub(crate) fn question<'a, Q: Deserialize<'a>>(line: &'a [u8], out: &mut Vec<u8>) -> Option<Q> {
    match web::object(line) {
        Ok(question) => Some(question),
        Err(error) => {
            let message = format!("the line is not a question of this verb: {error}");
            refuse(line, &Unanswerable { code: "line-form", message }, out);
            None
        }
    }
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
        let mut out = Vec::new();
        assert!(question::<OnlyId<'_>>(b"{\"id\":7", &mut out).is_none());
        refuse(b"{\"id\": {\"a\":1},\"x\":2}", &Unanswerable { code: "c", message: "m".into() }, &mut out);
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
        answer_line(|_, _| panic!("on purpose"), b"{\"id\":1}", &mut out);
        assert!(String::from_utf8(out).unwrap().contains("\"code\":\"internal\""));
    }
}
