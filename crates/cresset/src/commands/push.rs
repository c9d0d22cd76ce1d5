//! `cresset push`: a collection goes to any TAXII 2.1 server, page by page.
//!
//! After each page the server has judged, where the push stands is written down; a push that is started again goes on there,
//! and sends only what has been added since. Each login has its own place: what the server refuses one it may take from another.

use std::time::Duration;

use base::limit::BODY_BYTES_MAX;
use bytes::Bytes;
use clap::Args;
use dial::{Posted, TaxiiClient};
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;
use url::Url;

use super::distant::{Distant, Need, VersionsArg, failure, job_name, recall, remember};
use crate::args::Common;
use crate::directory::Access;
use crate::exit::{Exit, Failure};
use crate::out::{Out, progress, say, shown};
use crate::reach::{Reach, question};

/// How often a server is asked about objects it has not decided on.
const STATUS_ATTEMPTS_MAX: u32 = 30;
/// How long between two such questions.
const STATUS_PAUSE: Duration = Duration::from_secs(1);
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
    /// Begin from the beginning instead of where the last push stopped.
    #[arg(long)]
    restart: bool,
}

/// Where a push stands.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Standing {
    /// Only what was added here after this moment.
    added_after: Option<String>,
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
}

/// Runs the command: exits 1 when the server refused any object.
pub(crate) async fn run(common: &Common, args: PushArgs, out: &mut Out) -> Result<Exit, Failure> {
    out.answers_in_lines();
    let (client, asker) = args.distant.client(common)?;
    // Written: the node remembers how far the push has come.
    let reach = Reach::open(common, Access::Write).await?;
    let (target, bytes_max) = args.distant.collection(&client, args.to.as_deref(), Need::Write).await?;
    let job = job_name("push", (&target.url, &args.collection), args.versions, &asker);
    let start = if args.restart { Standing::default() } else { recall(&reach, &job).await? };
    let bytes_max = bytes_max.unwrap_or(BODY_BYTES_MAX);
    let push = Push { client, reach, target: target.url.clone(), job, bytes_max };
    let tally = push.run(start, &args, out).await?;
    let Tally { success, failure, pending } = tally;
    if out.is_json() {
        let summary = json!({"total": success + failure + pending, "success": success, "failure": failure, "pending": pending});
        out.json(&json!({"target": target.url.as_str(), "summary": summary}))?;
    }
    say(format_args!(
        "pushed {} to {}: {success} taken, {failure} refused, {pending} not decided yet",
        shown(&args.collection),
        shown(&target.title)
    ));
    Ok(if failure > 0 { Exit::No } else { Exit::Done })
}

/// A push under way.
struct Push {
    client: TaxiiClient,
    reach: Reach,
    target: Url,
    job: String,
    bytes_max: usize,
}

impl Push {
    async fn run(&self, start: Standing, args: &PushArgs, out: &mut Out) -> Result<Tally, Failure> {
        let bar = progress(None, "pushed");
        let mut tally = Tally::default();
        let mut next: Option<String> = None;
        loop {
            let mut request = question::get(["collections", &args.collection, "objects"]);
            request.query.push(("limit", args.limit.to_string()));
            let versions = if args.versions == VersionsArg::All { "all" } else { "last" };
            request.query.push(("version", versions.to_owned()));
            request.query.extend(start.added_after.clone().map(|after| ("added_after", after)));
            request.query.extend(next.take().map(|cursor| ("next", cursor)));
            let body = self.reach.ask(request).await?;
            let page: Page<'_> = serde_json::from_slice(&body).map_err(Failure::no_node_there)?;
            for part in parts_of(&body, &page.objects, self.bytes_max) {
                let count = u64::try_from(part.len()).unwrap_or(u64::MAX);
                let posted = self.post(&part).await?;
                for (id, reason) in &posted.failures {
                    report(id, reason, out)?;
                }
                tally.success += posted.success;
                tally.failure += posted.failure;
                tally.pending += posted.pending;
                bar.inc(count);
            }
            if let Some(last) = page.last_added {
                remember(&self.reach, &self.job, &Standing { added_after: Some(last) }).await?;
            }
            next = page.next;
            if next.is_none() {
                bar.finish_and_clear();
                return Ok(tally);
            }
        }
    }

    /// Posts objects and waits a while for the server's verdict.
    async fn post(&self, objects: &[Bytes]) -> Result<Posted, Failure> {
        let mut posted = self.client.post(&self.target, objects).await.map_err(|error| failure(&error))?;
        for _ in 0..STATUS_ATTEMPTS_MAX {
            let Some(status) = posted.status_url.take() else { break };
            tokio::time::sleep(STATUS_PAUSE).await;
            posted = self.client.status(&status).await.map_err(|error| failure(&error))?;
        }
        Ok(posted)
    }
}

fn report(id: &str, reason: &str, out: &mut Out) -> Result<(), Failure> {
    if out.is_json() {
        return out.json(&json!({"id": id, "outcome": "refused", "reason": reason}));
    }
    out.line(format!("refused {}: {}", shown(id), shown(reason)).as_bytes())
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
