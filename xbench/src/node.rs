//! The node from outside: TAXII over HTTP, start-up and memory.

use std::time::Instant;

use anyhow::Result;

use crate::http::{Connection, Request, closed_loop};
use crate::limits::Limits;
use crate::load::{self, Load};
use crate::report::{Figure, Target, number};
use crate::server::Server;
use crate::{Plan, machine, taxii};

/// Times each bulk operation is measured; the median counts.
const ROUNDS: usize = 3;

/// TAXII with ATT&CK.
pub(crate) fn small(plan: &Plan, attack: &Load, limits: &Limits) -> Result<Vec<Figure>> {
    eprintln!("measuring TAXII with {} ({} objects)", attack.name, attack.objects.len());
    let envelopes = load::envelopes(&attack.objects);
    let mut ingests = Vec::new();
    for _ in 1..ROUNDS {
        let home = crate::fresh(plan)?;
        let (server, _) = home.serve()?;
        ingests.push(taxii::ingest(&server, &envelopes)?);
    }
    let home = crate::fresh(plan)?;
    let (server, _) = home.serve()?;
    ingests.push(taxii::ingest(&server, &envelopes)?);
    let ingest = median(ingests, |bulk| bulk.rate());
    let objects = taxii::count(&server)?;
    machine::rests(server.pid())?;
    let mut polls = Vec::new();
    for _ in 0..ROUNDS {
        polls.push(taxii::poll(&server, objects)?);
    }
    let poll = median(polls, |bulk| bulk.rate());
    let ids: Vec<String> =
        attack.objects.iter().map(|object| load::string_of(object, "id")).collect::<Result<_>>()?;
    let point_1 = taxii::point(&server, &ids, 1, plan.duration)?;
    let point_16 = taxii::point(&server, &ids, 16, plan.duration)?;
    let empty = taxii::empty_poll(&server, 16, plan.duration)?;

    let bulk_words = |bulk: &taxii::Bulk| {
        format!(
            "{} MB/s, p99 {} ms a request",
            number(bulk.bytes as f64 / 1e6 / bulk.took.as_secs_f64()),
            ms(bulk.p99_us)
        )
    };
    let loop_words =
        |done: &crate::http::Loop| format!("p50 {} ms, p99 {} ms", ms(done.p50_us), ms(done.p99_us));
    let mut figures = vec![
        Figure::new(
            "TAXII ingest, envelopes of 1000, one connection, durable",
            ingest.rate(),
            "objects/s",
            Target::AtLeast(15_000.0),
        )
        .detail(bulk_words(&ingest)),
        Figure::new("full poll, limit 1000", poll.rate(), "objects/s", Target::AtLeast(300_000.0))
            .detail(bulk_words(&poll)),
        Figure::new("point GET by id, 1 connection", point_1.rate(), "/s", Target::AtLeast(10_000.0))
            .detail(loop_words(&point_1)),
        Figure::new("point GET by id, 16 connections", point_16.rate(), "/s", Target::AtLeast(20_000.0))
            .detail(loop_words(&point_16)),
        Figure::new("empty catch-up poll, 16 connections", empty.rate(), "/s", Target::AtLeast(30_000.0))
            .detail(loop_words(&empty)),
        Figure::new(
            "p99 of the three above",
            worst_ms(&[&point_1, &point_16, &empty]),
            "ms",
            Target::AtMost(10.0),
        ),
    ];
    figures[0].limit = Some((limits.sync_objects, "bare synced writes"));
    figures[1].limit = limits.static_page_objects.map(|rate| (rate, "nginx, static"));
    figures[2].limit = limits.static_point.map(|(one, _)| (one, "nginx, static"));
    figures[3].limit = limits.static_point.map(|(_, sixteen)| (sixteen, "nginx, static"));
    figures[4].limit = limits.static_empty.map(|rate| (rate, "nginx, static"));
    Ok(figures)
}

/// A store of `plan.large` indicators: memory while it grows, start-up, and memory after 100,000.
pub(crate) fn large(plan: &Plan) -> Result<Vec<Figure>> {
    const STEP: usize = 100_000;
    eprintln!("measuring a store of {} indicators", plan.large);
    let home = crate::fresh(plan)?;
    let (server, _) = home.serve()?;
    let idle = machine::resident_bytes(server.pid())?;
    let anonymous_idle = machine::anonymous_bytes(server.pid())?;
    let (mut residents, mut rates) = (Vec::new(), Vec::new());
    for start in (0..plan.large).step_by(STEP) {
        let objects: Vec<String> = (start..(start + STEP).min(plan.large)).map(load::indicator).collect();
        rates.push(taxii::ingest(&server, &load::envelopes(&objects))?.rate());
        residents.push(machine::resident_bytes(server.pid())?);
    }
    let peak = machine::resident_peak_bytes(server.pid())?;
    machine::rests(server.pid())?;
    let anonymous = machine::anonymous_bytes(server.pid())?;
    let mut figures = look_up(plan, &server)?;
    drop(server);
    let mut starts = Vec::new();
    for _ in 0..ROUNDS {
        starts.push(home.serve()?.1.as_secs_f64());
    }
    starts.sort_by(f64::total_cmp);
    let mb = |bytes: u64| bytes as f64 / 1e6;
    let count = number(plan.large as f64);
    let first = residents.first().copied().unwrap_or_default();
    let last = residents.last().copied().unwrap_or_default();
    let (first_rate, last_rate) =
        (rates.first().copied().unwrap_or(0.0), rates.last().copied().unwrap_or(0.0));
    let grown = anonymous.saturating_sub(anonymous_idle) as f64 / plan.large as f64;
    let further = last.saturating_sub(first) as f64 / plan.large.saturating_sub(STEP).max(1) as f64;
    figures.extend([
        Figure::new("resident memory after 100,000 objects", mb(first), "MB", Target::AtMost(150.0))
            .detail(format!("idle {} MB", number(mb(idle)))),
        Figure::new(format!("resident memory after {count} objects"), mb(last), "MB", Target::None)
            .detail(format!("at most {} MB while ingesting", number(mb(peak)))),
        Figure::new(
            "memory of the process for each further indicator",
            further,
            "bytes",
            Target::AtMost(100.0),
        )
        .detail(format!("resident, from {} objects of two terms to {count}", number(STEP as f64))),
        Figure::new("all memory of the process over its indicators", grown, "bytes", Target::None)
            .detail(format!("at rest with {count}, less an empty node: page caches of fixed size included")),
        Figure::new(format!("ingest of the last 100,000 of {count}"), last_rate, "objects/s", Target::None)
            .detail(format!("the first 100,000: {}/s", number(first_rate))),
        Figure::new(format!("cold start with {count} objects"), starts[ROUNDS / 2], "s", Target::AtMost(1.0)),
        Figure::new(
            format!("bytes on disk an object, {count} objects"),
            home.disk_bytes()? as f64 / plan.large as f64,
            "bytes",
            Target::None,
        )
        .detail(format!("an object is {} bytes", load::indicator(1).len())),
    ]);
    Ok(figures)
}

/// Look-up over HTTP against the large store: as many values as indicators in batches, and single ones.
fn look_up(plan: &Plan, server: &Server) -> Result<Vec<Figure>> {
    let headers = format!("Content-Type: application/json\r\n{}", server.authorization);
    let request = |values: &[String]| {
        let body = format!("{{\"values\":[\"{}\"]}}", values.join("\",\""));
        Request::post("/api/v1/lookup", &headers, body.as_bytes())
    };
    let count = number(plan.large as f64);
    let mut figures = Vec::new();
    for (known_in, words) in [(100, "1% known"), (2, "half known")] {
        // numbers beyond the large store are addresses that no indicator has
        let number_of = |n: usize| if n.is_multiple_of(known_in) { n } else { plan.large + n };
        let values: Vec<String> = (0..plan.large).map(|n| load::address(number_of(n))).collect();
        let requests: Vec<Request> = values.chunks(1000).map(request).collect();
        let mut connection = Connection::open(server.address)?;
        let start = Instant::now();
        for request in &requests {
            connection.ask(request)?.must_be(200)?;
        }
        let rate = values.len() as f64 / start.elapsed().as_secs_f64();
        let name = format!("look-up over HTTP, {count} values by 1000, {count} indicators, {words}");
        figures.push(Figure::new(name, rate, "values/s", Target::AtLeast(500_000.0)));
    }
    let singles: Vec<Request> =
        (0..1000).map(|n| request(&[load::address(n * 1999 % (2 * plan.large))])).collect();
    let choose = |n: u64| &singles[usize::try_from(n % 1000).unwrap_or(0)];
    let done = closed_loop(server.address, 1, plan.duration, 200, choose)?;
    let p99 = done.p99_us as f64 / 1000.0;
    let single = Figure::new("single look-up over HTTP, p99", p99, "ms", Target::AtMost(1.0));
    let words = format!("p50 {} ms, {}/s on one connection", ms(done.p50_us), number(done.rate()));
    figures.push(single.detail(words));
    Ok(figures)
}

fn median<T>(mut values: Vec<T>, by: impl Fn(&T) -> f64) -> T {
    values.sort_by(|a, b| by(a).total_cmp(&by(b)));
    let middle = values.len() / 2;
    values.swap_remove(middle)
}

fn ms(micros: u64) -> String {
    number(micros as f64 / 1000.0)
}

fn worst_ms(loops: &[&crate::http::Loop]) -> f64 {
    loops.iter().map(|done| done.p99_us).max().unwrap_or(0) as f64 / 1000.0
}
