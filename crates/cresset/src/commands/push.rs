//! `cresset push`: a collection goes to any TAXII 2.1 server, page by page.
//!
//! After each page whose fate the server has told, where the push stands is written down; a push that is started again goes on there,
//! and sends only what has been added since. What the server has not decided on is asked for again by the next push; a server that does
//! not say what became of it holds nothing else up. Where the first object stood that was refused, or of which nobody will know, is kept:
//! `--again` goes back there. Each login has its own place: what the server refuses one it may take from another.

use std::time::Duration;

use base::limit::BODY_BYTES_MAX;
use bytes::Bytes;
use clap::Args;
use dial::{Posted, RemoteCollection, TaxiiError};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use url::Url;

use super::distant::{Distant, Need, VersionsArg, failure, job_name, recall, remember};
use super::sending::{Sending, Verdict};
use super::standing::{Refusals, Standing, UNDECIDED_MAX, Undecided};
use crate::args::Common;
use crate::directory::Access;
use crate::exit::{Exit, Failure};
use crate::out::{Out, progress, say, shown};
use crate::reach::{Reach, question};

/// Bytes around the objects of an envelope.
const ENVELOPE_BYTES: usize = 64;

/// What is to be sent.
#[derive(Debug, Args)]
pub(crate) struct PushArgs {
    #[command(flatten)]
    distant: Distant,
    /// Which collection of the server, by id, alias or title; not needed where there is only one.
    #[arg(long, value_name = "NAME")]
    to: Option<String>,
    /// The collection here, by id or alias.
    #[arg(long)]
    collection: String,
    /// Objects sent at once.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    limit: u32,
    /// Which versions of each object: a push of the latest ones has a memory of its own, beside that of all.
    #[arg(long, value_enum, default_value_t = VersionsArg::All)]
    versions: VersionsArg,
    /// How long to wait for what the server has not decided on, each time; the next push asks about the rest.
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    wait: u64,
    /// Begin from the beginning instead of where the last push stopped.
    #[arg(long)]
    restart: bool,
    /// Go back to the first object that a push before had refused, or of which the server never said what became of it, and send
    /// everything from there on: what the server has already it takes as the same again.
    #[arg(long, conflicts_with = "restart")]
    again: bool,
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    objects: Vec<&'a RawValue>,
    next: Option<String>,
    last_added: Option<String>,
}

/// How many ended which way.
#[derive(Default)]
struct Tally {
    success: u64,
    failure: u64,
    pending: u64,
    /// The server does not tell what became of them, and is not asked again.
    untold: u64,
}

/// Runs the command: exits 1 when the server refused any object, or has not told of any what became of it.
pub(crate) async fn run(common: &Common, args: PushArgs, out: &mut Out) -> Result<Exit, Failure> {
    out.answers_in_lines();
    let (client, asker) = args.distant.client(common)?;
    // Written: the node remembers how far the push has come.
    let reach = Reach::open(common, Access::Write).await?;
    let (target, bytes_max) = args.distant.collection(&client, args.to.as_deref(), Need::Write).await?;
    let job = job_name("push", (&target.url, &args.collection), args.versions, &asker);
    let mut start = if args.restart { Standing::default() } else { recall(&reach, &job).await? };
    if args.again {
        start.goes_back();
    }
    let bytes_max = bytes_max.unwrap_or(BODY_BYTES_MAX);
    let before = start.refusals();
    for (id, reason) in &before.told {
        report("refused-before", id, reason, out)?;
    }
    let sending = Sending::new(client, target.url.clone(), Duration::from_secs(args.wait));
    let tally = Tally::default();
    let mut push = Push { sending, reach, job, bytes_max, standing: start, tally, is_told: false };
    push.asks_again(out).await?;
    push.goes_on(&args, out).await?;
    push.ends((&args.collection, &target), &before, out)
}

/// A push under way.
struct Push {
    sending: Sending,
    reach: Reach,
    job: String,
    bytes_max: usize,
    standing: Standing,
    tally: Tally,
    /// That the server does not say what became of something has been told.
    is_told: bool,
}

impl Push {
    /// Asks about what the server had not decided on when the push before ended. Where it answers something else, it is asked again by
    /// the next push, and this one goes on.
    async fn asks_again(&mut self, out: &mut Out) -> Result<(), Failure> {
        if self.standing.undecided.is_empty() {
            return Ok(());
        }
        for one in std::mem::take(&mut self.standing.undecided) {
            let status = Url::parse(&one.status).map_err(Failure::unreachable)?;
            match self.sending.fate(&status, one.objects).await {
                Ok(posted) => self.count(posted, (one.objects, one.from), None, out)?,
                Err(error) if error.is_gone() => {
                    say(format_args!("the server no longer tells what became of {}", one.words()));
                    self.standing.is_doubtful_from(&one.from);
                    self.tally.untold += one.objects;
                }
                Err(error) if error.keeps_us_out() => return Err(failure(&error)),
                Err(error) => {
                    say(format_args!(
                        "the server does not tell what became of {}: {error}; the next push asks again",
                        one.words()
                    ));
                    self.tally.pending += one.objects;
                    self.standing.undecided.push(Undecided { silent: true, ..one });
                }
            }
        }
        self.keeps().await
    }

    /// Writes down where the push stands, and tells of what there is no room for.
    async fn keeps(&mut self) -> Result<(), Failure> {
        for one in self.standing.gives_up() {
            self.gave_up(&one);
        }
        remember(&self.reach, &self.job, &self.standing).await
    }

    /// Tells that an envelope is asked about no more.
    fn gave_up(&mut self, one: &Undecided) {
        say(format_args!(
            "the server does not tell what became of {}, and is not asked again: there are too many such envelopes",
            one.words()
        ));
        self.tally.pending = self.tally.pending.saturating_sub(one.objects);
        self.tally.untold += one.objects;
    }

    /// Makes room for further envelopes on which the server does not decide: of those about which it does not answer, the oldest is given
    /// up.
    fn makes_room(&mut self) -> Result<(), Failure> {
        while self.standing.undecided.len() >= UNDECIDED_MAX {
            let Some(one) = self.standing.gives_up_silent() else {
                return Err(Failure::no(format_args!(
                    "the server has not decided on {UNDECIDED_MAX} envelopes that it was sent"
                ))
                .hint("run the same push again later: it asks about them, and goes on"));
            };
            self.gave_up(&one);
        }
        Ok(())
    }

    /// Sends what has been added since.
    async fn goes_on(&mut self, args: &PushArgs, out: &mut Out) -> Result<(), Failure> {
        let bar = progress(None, "pushed");
        let start = self.standing.added_after.clone();
        let mut next: Option<String> = None;
        loop {
            let mut request = question::get(["collections", &args.collection, "objects"]);
            request.query.push(("limit", args.limit.to_string()));
            let versions = if args.versions == VersionsArg::All { "all" } else { "last" };
            request.query.push(("version", versions.to_owned()));
            request.query.extend(start.clone().map(|after| ("added_after", after)));
            request.query.extend(next.take().map(|cursor| ("next", cursor)));
            let body = self.reach.ask(request).await?;
            let page: Page<'_> = serde_json::from_slice(&body).map_err(Failure::no_node_there)?;
            if !page.objects.is_empty() {
                self.makes_room()?;
            }
            let parts = parts_of(&body, &page.objects, self.bytes_max);
            let from = self.standing.added_after.clone();
            for verdict in self.sending.send(&parts).await.map_err(|error| failure(&error))? {
                match verdict {
                    Verdict::Told(posted, objects, silent) => {
                        self.count(posted, (objects, from.clone()), silent, out)?;
                    }
                    Verdict::Refused { id, reason } => {
                        self.tally.failure += 1;
                        self.standing.is_refused(1, &from);
                        self.refused(&id, &reason, out)?;
                    }
                }
            }
            bar.inc(u64::try_from(page.objects.len()).unwrap_or(u64::MAX));
            if let Some(last) = page.last_added {
                self.standing.added_after = Some(last);
                self.keeps().await?;
            }
            next = page.next;
            if next.is_none() {
                bar.finish_and_clear();
                return Ok(());
            }
        }
    }

    /// Counts what the server says of an envelope of so many objects, which stood behind `from`.
    fn count(
        &mut self,
        posted: Posted,
        (objects, from): (u64, Option<String>),
        silent: Option<TaxiiError>,
        out: &mut Out,
    ) -> Result<(), Failure> {
        for (id, reason) in &posted.failures {
            self.refused(id, reason, out)?;
        }
        self.tally.success += posted.success;
        self.tally.failure += posted.failure;
        self.tally.pending += posted.pending;
        if posted.failure > 0 {
            self.standing.is_refused(posted.failure, &from);
        }
        if let (Some(error), false) = (&silent, self.is_told) {
            self.is_told = true;
            say(format_args!(
                "the server does not tell what became of what it took: {error}; the next push asks again"
            ));
        }
        let silent = silent.is_some();
        let undecided = posted.status_url.map(|url| Undecided { status: url.into(), objects, from, silent });
        self.standing.undecided.extend(undecided);
        Ok(())
    }

    fn refused(&mut self, id: &str, reason: &str, out: &mut Out) -> Result<(), Failure> {
        self.standing.lists(id, reason);
        report("refused", id, reason, out)
    }

    /// Tells how it ended; exits 1 when not everything was taken.
    fn ends(
        &self,
        (collection, target): (&str, &RemoteCollection),
        before: &Refusals,
        out: &mut Out,
    ) -> Result<Exit, Failure> {
        let Tally { success, failure, pending, untold } = self.tally;
        if out.is_json() {
            let total = success + failure + pending + untold;
            let summary = json!({
                "total": total, "success": success, "failure": failure, "pending": pending, "untold": untold,
                "refused_before": before.count,
            });
            out.json(&json!({"target": target.url.as_str(), "summary": summary}))?;
        }
        say(format_args!(
            "pushed {} to {}: {success} taken, {failure} refused, {pending} not decided yet, {untold} of which the server does not tell",
            shown(collection),
            shown(&target.title)
        ));
        if pending > 0 {
            say(format_args!("run the same push again to hear what became of what is not decided yet"));
        }
        if before.count > 0 {
            let more = before.count.saturating_sub(u64::try_from(before.told.len()).unwrap_or(u64::MAX));
            let more = if more > 0 { format!(", of which {more} are not listed") } else { String::new() };
            say(format_args!("{} were refused by pushes before{more}", before.count));
        }
        if self.standing.is_doubtful() {
            say(format_args!(
                "what was refused, or of which the server does not tell, is not sent again by itself: --again sends everything from the first of it on"
            ));
        }
        Ok(if failure + pending + untold > 0 { Exit::No } else { Exit::Done })
    }
}

fn report(outcome: &str, id: &str, reason: &str, out: &mut Out) -> Result<(), Failure> {
    if out.is_json() {
        return out.json(&json!({"id": id, "outcome": outcome, "reason": reason}));
    }
    out.line(format!("{} {}: {}", outcome.replace('-', " "), shown(id), shown(reason)).as_bytes())
}

/// Objects in parts that the server takes; one that is larger than it takes goes alone, for the server to refuse.
fn parts_of(body: &Bytes, objects: &[&RawValue], bytes_max: usize) -> Vec<Vec<Bytes>> {
    let mut parts: Vec<Vec<Bytes>> = Vec::new();
    let mut room = 0;
    for object in objects {
        let bytes = body.slice_ref(object.get().as_bytes());
        let size = bytes.len() + 1;
        match parts.last_mut() {
            Some(part) if size <= room => {
                room -= size;
                part.push(bytes);
            }
            _ => {
                room = bytes_max.saturating_sub(ENVELOPE_BYTES + size);
                parts.push(vec![bytes]);
            }
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_fit_what_the_server_takes() {
        let body = Bytes::from_static(b"[{\"a\":1},{\"b\":2},{\"c\":3}]");
        let objects: Vec<&RawValue> = serde_json::from_slice(&body).unwrap();
        let sizes = |max| parts_of(&body, &objects, max).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(1_000), [3]);
        assert_eq!(sizes(ENVELOPE_BYTES + 16), [2, 1]);
        assert_eq!(sizes(1), [1, 1, 1]);
    }
}
