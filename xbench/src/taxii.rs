//! The TAXII operations, the same for every server: ingest, full poll, point GET, empty catch-up poll.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::http::{Connection, Loop, Request, closed_loop, percentile};
use crate::server::Server;

const MEDIA: &str = "application/taxii+json;version=2.1";

/// Objects and bytes a second, and how long single requests took.
#[derive(Debug)]
pub(crate) struct Bulk {
    pub(crate) objects: u64,
    pub(crate) bytes: u64,
    pub(crate) took: Duration,
    pub(crate) p99_us: u64,
}

impl Bulk {
    /// Objects a second.
    pub(crate) fn rate(&self) -> f64 {
        self.objects as f64 / self.took.as_secs_f64()
    }
}

fn read_headers(server: &Server) -> String {
    format!("Accept: {MEDIA}\r\n{}", server.authorization)
}

/// Adds every envelope on one connection, each after the answer to the one before; all objects must be taken in.
pub(crate) fn ingest(server: &Server, envelopes: &[Vec<u8>]) -> Result<Bulk> {
    let headers = format!("Content-Type: {MEDIA}\r\n{}", read_headers(server));
    let path = format!("{}objects/", server.collection);
    let requests: Vec<Request> = envelopes.iter().map(|body| Request::post(&path, &headers, body)).collect();
    let mut connection = Connection::open(server.address)?;
    let (mut objects, mut bytes) = (0, 0);
    let mut latencies_us = Vec::new();
    let mut answers = Vec::new();
    let start = Instant::now();
    for (request, body) in requests.iter().zip(envelopes) {
        let sent = Instant::now();
        let response = connection.ask(request)?;
        response.must_be(202)?;
        answers.push(response.body());
        latencies_us.push(u64::try_from(sent.elapsed().as_micros())?);
        bytes += u64::try_from(body.len())?;
    }
    let took = start.elapsed();
    for answer in answers {
        let status: Value = serde_json::from_slice(&answer).context("a status is JSON")?;
        let count = |name: &str| status.get(name).and_then(Value::as_u64).unwrap_or(0);
        if count("failure_count") + count("pending_count") > 0 {
            bail!("not everything was taken in: {status}");
        }
        objects += count("success_count");
    }
    latencies_us.sort_unstable();
    Ok(Bulk { objects, bytes, took, p99_us: percentile(&latencies_us, 99) })
}

/// Reads the whole collection, following `next`. `objects` is how many there are to be.
pub(crate) fn poll(server: &Server, objects: u64) -> Result<Bulk> {
    let headers = read_headers(server);
    let mut connection = Connection::open(server.address)?;
    let mut path = format!("{}objects/?limit=1000", server.collection);
    let (mut bytes, mut pages) = (0, 0);
    let mut latencies_us = Vec::new();
    let start = Instant::now();
    loop {
        let sent = Instant::now();
        let response = connection.ask(&Request::get(&path, &headers))?;
        response.must_be(200)?;
        latencies_us.push(u64::try_from(sent.elapsed().as_micros())?);
        bytes += u64::try_from(response.wire_bytes())?;
        pages += 1;
        let Some(next) = response.member("next") else { break };
        path = format!("{}objects/?limit=1000&next={}", server.collection, escaped(&next));
    }
    let took = start.elapsed();
    if pages < objects / 1000 {
        bail!("{pages} pages cannot hold {objects} objects");
    }
    latencies_us.sort_unstable();
    Ok(Bulk { objects, bytes, took, p99_us: percentile(&latencies_us, 99) })
}

/// Counts what a full poll gives, by parsing it; not for measuring.
pub(crate) fn count(server: &Server) -> Result<u64> {
    let headers = read_headers(server);
    let mut connection = Connection::open(server.address)?;
    let mut path = format!("{}objects/?limit=1000", server.collection);
    let mut objects = 0;
    loop {
        let response = connection.ask(&Request::get(&path, &headers))?;
        response.must_be(200)?;
        let envelope: Value = serde_json::from_slice(&response.body()).context("an envelope is JSON")?;
        objects += u64::try_from(envelope.get("objects").and_then(Value::as_array).map_or(0, Vec::len))?;
        let Some(next) = envelope.get("next").and_then(Value::as_str) else { return Ok(objects) };
        path = format!("{}objects/?limit=1000&next={}", server.collection, escaped(next));
    }
}

/// GET of single objects by id on `connections` connections.
pub(crate) fn point(server: &Server, ids: &[String], connections: usize, duration: Duration) -> Result<Loop> {
    let headers = read_headers(server);
    let get = |id: &String| Request::get(&format!("{}objects/{id}/", server.collection), &headers);
    let requests: Vec<Request> = ids.iter().map(get).collect();
    let count = u64::try_from(requests.len())?;
    // a stride that is coprime to any count of ours, so that neighbours in the loop are strangers in the store
    let choose = |n: u64| &requests[usize::try_from(n * 7919 % count).unwrap_or(0)];
    closed_loop(server.address, connections, duration, 200, choose)
}

/// Polls for what came after the last object: nothing.
pub(crate) fn empty_poll(server: &Server, connections: usize, duration: Duration) -> Result<Loop> {
    let path = format!("{}objects/?limit=1000&added_after=2999-01-01T00:00:00.000000Z", server.collection);
    let request = Request::get(&path, &read_headers(server));
    closed_loop(server.address, connections, duration, 200, |_| &request)
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
