//! A lean HTTP/1.1 client: prebuilt requests, kept connections, and no more parsing than finding a response's end.
//!
//! Built so that on a machine of two cores, which server and client share, the client costs little. It trusts the server
//! it measures: it is no client for anything else. One thread drives any number of connections in a closed loop.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// How long a closed loop waits for any answer before it counts what came until then, in seconds.
const PATIENCE_S: i64 = 20;

/// How much room a read is offered.
const READ_BYTES: usize = 256 * 1024;

/// A request as it goes over the wire.
#[derive(Clone, Debug)]
pub(crate) struct Request(Vec<u8>);

impl Request {
    /// A request without a body. `headers` are whole lines, each ending in CR LF.
    pub(crate) fn get(path: &str, headers: &str) -> Self {
        Self(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n").into_bytes())
    }

    /// A request with a body.
    pub(crate) fn post(path: &str, headers: &str, body: &[u8]) -> Self {
        let length = body.len();
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n{headers}\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(body);
        Self(bytes)
    }
}

/// Where a response ends.
#[derive(Clone, Copy, Debug)]
enum Framing {
    Length(usize),
    /// Offset of the next chunk's size line.
    Chunked(usize),
}

#[derive(Clone, Copy, Debug)]
struct Head {
    status: u16,
    length: usize,
    framing: Framing,
}

/// One kept connection.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
    head: Option<Head>,
}

/// A whole response, borrowed from its connection.
#[derive(Debug)]
pub(crate) struct Response<'a> {
    pub(crate) status: u16,
    head: &'a [u8],
    raw_body: &'a [u8],
    chunked: bool,
}

impl Response<'_> {
    /// The body without the framing of chunks.
    pub(crate) fn body(&self) -> Vec<u8> {
        if self.chunked { dechunk(self.raw_body) } else { self.raw_body.to_vec() }
    }

    /// Bytes on the wire, head included.
    pub(crate) fn wire_bytes(&self) -> usize {
        self.head.len() + self.raw_body.len()
    }

    /// The string value of `"name":` near the beginning or the end of the body, where envelopes have it.
    pub(crate) fn member(&self, name: &str) -> Option<String> {
        const EDGE_BYTES: usize = 512;
        let body = self.raw_body;
        let front = body.get(..EDGE_BYTES.min(body.len()))?;
        let back = body.get(body.len().saturating_sub(EDGE_BYTES)..)?;
        string_member(front, name).or_else(|| string_member(back, name))
    }

    /// The status, or an error that shows the body.
    pub(crate) fn must_be(&self, status: u16) -> Result<()> {
        if self.status == status {
            return Ok(());
        }
        let body = self.body();
        let shown = String::from_utf8_lossy(body.get(..400.min(body.len())).unwrap_or_default()).into_owned();
        bail!("expected {status}, got {}: {shown}", self.status);
    }
}

impl Connection {
    /// Connects.
    pub(crate) fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(120)))?;
        Ok(Self { stream, buffer: vec![0; READ_BYTES], filled: 0, head: None })
    }

    /// Sends a request and waits for the whole response.
    pub(crate) fn ask(&mut self, request: &Request) -> Result<Response<'_>> {
        self.send(request)?;
        while !self.read()? {}
        self.response()
    }

    fn send(&mut self, request: &Request) -> Result<()> {
        self.filled = 0;
        self.head = None;
        self.stream.write_all(&request.0).context("cannot send")
    }

    /// One read; true when the response is whole.
    fn read(&mut self) -> Result<bool> {
        if self.buffer.len() - self.filled < READ_BYTES {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        let read = self.stream.read(&mut self.buffer[self.filled..]).context("cannot receive")?;
        if read == 0 {
            bail!("the server closed the connection in the middle of a response");
        }
        self.filled += read;
        self.whole()
    }

    fn whole(&mut self) -> Result<bool> {
        let bytes = &self.buffer[..self.filled];
        if self.head.is_none() {
            self.head = head(bytes)?;
        }
        let Some(head) = &mut self.head else { return Ok(false) };
        match &mut head.framing {
            Framing::Length(length) => Ok(bytes.len() >= head.length + *length),
            Framing::Chunked(next) => loop {
                let Some(size_line) = bytes.get(*next..).and_then(line) else { return Ok(false) };
                let size = usize::from_str_radix(size_line.split(';').next().unwrap_or_default().trim(), 16)
                    .with_context(|| format!("not a chunk size: {size_line:?}"))?;
                let end = *next + size_line.len() + 2 + size + 2;
                if bytes.len() < end {
                    return Ok(false);
                }
                if size == 0 {
                    return Ok(true);
                }
                *next = end;
            },
        }
    }

    fn response(&self) -> Result<Response<'_>> {
        let head = self.head.context("invariant: a whole response has a head")?;
        let (head_bytes, raw_body) = self.buffer[..self.filled].split_at(head.length);
        let chunked = matches!(head.framing, Framing::Chunked(_));
        Ok(Response { status: head.status, head: head_bytes, raw_body, chunked })
    }
}

/// The text up to the next CR LF.
fn line(bytes: &[u8]) -> Option<&str> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    std::str::from_utf8(&bytes[..end]).ok()
}

fn head(bytes: &[u8]) -> Result<Option<Head>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(&bytes[..end]).context("the response's head is not text")?;
    let status =
        text.split(' ').nth(1).and_then(|code| code.parse().ok()).context("no status in the response")?;
    let length = end + 4;
    let mut framing = Framing::Length(0);
    for header in text.lines().skip(1) {
        let Some((name, value)) = header.split_once(':') else { continue };
        if name.eq_ignore_ascii_case("content-length") {
            framing = Framing::Length(value.trim().parse().context("not a content length")?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            framing = Framing::Chunked(length);
        }
    }
    Ok(Some(Head { status, length, framing }))
}

fn dechunk(mut raw: &[u8]) -> Vec<u8> {
    let mut body = Vec::with_capacity(raw.len());
    while let Some(size_line) = line(raw) {
        let Ok(size) = usize::from_str_radix(size_line.split(';').next().unwrap_or_default().trim(), 16)
        else {
            break;
        };
        let start = size_line.len() + 2;
        let Some(chunk) = raw.get(start..start + size) else { break };
        body.extend_from_slice(chunk);
        raw = raw.get(start + size + 2..).unwrap_or_default();
    }
    body
}

fn string_member(bytes: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let (_, rest) = text.split_once(&format!("\"{name}\""))?;
    let value = rest.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
    value.split_once('"').map(|(value, _)| value.to_owned())
}

/// What a closed loop measured.
#[derive(Debug)]
pub(crate) struct Loop {
    pub(crate) requests: u64,
    pub(crate) took: Duration,
    pub(crate) p50_us: u64,
    pub(crate) p99_us: u64,
}

impl Loop {
    /// Requests a second.
    pub(crate) fn rate(&self) -> f64 {
        self.requests as f64 / self.took.as_secs_f64()
    }
}

/// Keeps one request in flight on each of `connections` connections for `duration`; `choose(n)` is the n-th request, and
/// every response must have `status`.
pub(crate) fn closed_loop<'r>(
    address: SocketAddr,
    connections: usize,
    duration: Duration,
    status: u16,
    choose: impl Fn(u64) -> &'r Request,
) -> Result<Loop> {
    let mut lanes = Vec::new();
    for _ in 0..connections {
        lanes.push(Connection::open(address)?);
    }
    let mut sent = 0;
    let mut started = Vec::new();
    let start = Instant::now();
    for lane in &mut lanes {
        lane.send(choose(sent))?;
        sent += 1;
        started.push(Instant::now());
    }
    let mut latencies_us: Vec<u64> = Vec::new();
    while start.elapsed() < duration {
        let Some(ready) = ready(&lanes)? else { break };
        for at in ready {
            if !lanes[at].read()? {
                continue;
            }
            let now = Instant::now();
            lanes[at].response()?.must_be(status)?;
            latencies_us.push(u64::try_from((now - started[at]).as_micros())?);
            lanes[at].send(choose(sent))?;
            sent += 1;
            started[at] = now;
        }
    }
    let took = start.elapsed();
    latencies_us.sort_unstable();
    let requests = u64::try_from(latencies_us.len())?;
    Ok(Loop { requests, took, p50_us: percentile(&latencies_us, 50), p99_us: percentile(&latencies_us, 99) })
}

/// The lanes that can be read without waiting; waits until there is one, but not for ever: some peers take minutes.
fn ready(lanes: &[Connection]) -> Result<Option<Vec<usize>>> {
    if lanes.len() == 1 {
        return Ok(Some(vec![0]));
    }
    let mut fds: Vec<PollFd<'_>> =
        lanes.iter().map(|lane| PollFd::new(&lane.stream, PollFlags::IN)).collect();
    let patience = Timespec { tv_sec: PATIENCE_S, tv_nsec: 0 };
    if poll(&mut fds, Some(&patience)).context("cannot wait for the connections")? == 0 {
        return Ok(None);
    }
    Ok(Some(fds.iter().enumerate().filter(|(_, fd)| !fd.revents().is_empty()).map(|(at, _)| at).collect()))
}

/// The value below which `percent` of the sorted values lie.
pub(crate) fn percentile(sorted: &[u64], percent: usize) -> u64 {
    let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(at).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    /// A server that answers every request on one connection with the same bytes, a few bytes at a time.
    fn serving(response: &'static [u8]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                thread::spawn(move || {
                    let mut request = [0; 4096];
                    while stream.read(&mut request).is_ok_and(|read| read > 0) {
                        for piece in response.chunks(7) {
                            stream.write_all(piece).unwrap();
                        }
                    }
                });
            }
        });
        address
    }

    #[test]
    fn lengths_and_chunks_are_both_read_to_their_end() {
        for response in [
            &b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{\"next\":\"a1\",\"x\":12}"[..],
            &b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n{\"next\":\"a\r\nA\r\n1\",\"x\":12}\r\n0\r\n\r\n"[..],
        ] {
            let mut connection = Connection::open(serving(response)).unwrap();
            for _ in 0..3 {
                let response = connection.ask(&Request::get("/", "")).unwrap();
                response.must_be(200).unwrap();
                assert!(response.must_be(404).is_err());
                assert_eq!(response.body(), b"{\"next\":\"a1\",\"x\":12}");
            }
        }
    }

    #[test]
    fn a_closed_loop_counts_what_came_back() {
        let address = serving(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n");
        let request = Request::get("/", "");
        let done = closed_loop(address, 4, Duration::from_millis(100), 204, |_| &request).unwrap();
        assert!(done.requests > 0 && done.p50_us <= done.p99_us);
        assert!(closed_loop(address, 1, Duration::from_millis(10), 200, |_| &request).is_err());
    }

    #[test]
    fn members_are_found_with_and_without_spaces() {
        assert_eq!(string_member(b"{\"more\": true, \"next\": \"q7\"}", "next").as_deref(), Some("q7"));
        assert_eq!(string_member(b"{\"more\":false}", "next"), None);
    }
}
