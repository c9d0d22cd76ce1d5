//! `cresset pull`: a collection of any TAXII 2.1 server comes in, page by page.
//!
//! After each page is durable here, where the pull stands is written down; a pull that is started again goes on there, by the
//! date of what came last. What is known already stays as it is, so nothing is lost by fetching an object twice. Each login has its
//! own place: another one may see what the first could not.

use base::limit::{BODY_BYTES_MAX, ENVELOPE_OBJECTS_MAX};
use bytes::Bytes;
use clap::Args;
use dial::{PagePosition, TaxiiClient, Versions};
use serde_json::json;
use url::Url;

use super::distant::{Distant, Need, VersionsArg, failure, job_name, recall, remember};
use super::import::{Counts, Receipts, write};
use crate::args::Common;
use crate::directory::Access;
use crate::exit::{Exit, Failure};
use crate::out::{Out, progress, say, shown};
use crate::reach::{Reach, question};

/// Bytes of objects that are stored at once, less than a request may have.
const PART_BYTES_MAX: usize = BODY_BYTES_MAX / 2;

/// What is to be fetched.
#[derive(Debug, Args)]
pub(crate) struct PullArgs {
    #[command(flatten)]
    distant: Distant,
    /// Which collection of the server, by id, alias or title; not needed where there is only one.
    #[arg(long, value_name = "NAME")]
    from: Option<String>,
    /// The collection here, by id or alias.
    #[arg(long, default_value = super::import::INBOX)]
    collection: String,
    /// Objects asked for at once; the server may give fewer.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Which versions of each object: a pull of all has a memory of its own, beside that of the latest ones.
    #[arg(long, value_enum, default_value_t = VersionsArg::Last)]
    versions: VersionsArg,
    /// Begin from the beginning instead of where the last pull stopped.
    #[arg(long)]
    restart: bool,
}

/// Runs the command: exits 1 when any object was refused here; the receipts of those are written.
pub(crate) async fn run(common: &Common, args: PullArgs, out: &mut Out) -> Result<Exit, Failure> {
    out.answers_in_lines();
    let (client, asker) = args.distant.client(common)?;
    let reach = Reach::open(common, Access::Write).await?;
    let (source, _) = args.distant.collection(&client, args.from.as_deref(), Need::Read).await?;
    let job = job_name("pull", (&source.url, &args.collection), args.versions, &asker);
    let stopped: PagePosition =
        if args.restart { PagePosition::default() } else { recall(&reach, &job).await? };
    let versions = match args.versions {
        VersionsArg::Last => Versions::Last,
        VersionsArg::All => Versions::All,
    };
    let pull = Pull { client, reach, source: source.url.clone(), job, limit: args.limit as usize, versions };
    let (pages, counts) = pull.run(stopped.without_cursor(), &args.collection, out).await?;
    if out.is_json() {
        out.json(&json!({"source": source.url.as_str(), "pages": pages, "summary": counts.json()}))?;
    }
    say(format_args!("pulled {} into {}: {}", shown(&source.title), shown(&args.collection), counts.words()));
    Ok(if counts.refused > 0 { Exit::No } else { Exit::Done })
}

/// A pull under way.
struct Pull {
    client: TaxiiClient,
    reach: Reach,
    source: Url,
    job: String,
    limit: usize,
    versions: Versions,
}

impl Pull {
    async fn run(
        &self,
        start: PagePosition,
        collection: &str,
        out: &mut Out,
    ) -> Result<(u64, Counts), Failure> {
        let bar = progress(None, "pulled");
        let mut position = start;
        let (mut pages, mut counts) = (0, Counts::default());
        let mut gone_back_to = None;
        loop {
            let page = match self.client.page(&self.source, &position, self.limit, self.versions).await {
                // The server has forgotten its cursor: its dates still hold. One that forgets without end would be asked for ever.
                Err(error) if error.is_stale_cursor() && position.next.is_some() => {
                    position = position.without_cursor();
                    if gone_back_to.replace(position.clone()) == Some(position.clone()) {
                        return Err(failure(&error));
                    }
                    continue;
                }
                page => page.map_err(|error| failure(&error))?,
            };
            for part in parts_of(&page.objects) {
                let answer = self.store(part, collection).await?;
                let stored = write(&answer, Receipts::Refused, (&bar, out))?;
                bar.inc(stored.total());
                counts.add(&stored);
            }
            pages += u64::from(!page.objects.is_empty());
            match page.onward {
                Some(onward) => position = onward,
                None => {
                    remember(&self.reach, &self.job, &page.later).await?;
                    bar.finish_and_clear();
                    return Ok((pages, counts));
                }
            }
            remember(&self.reach, &self.job, &position).await?;
        }
    }

    async fn store(&self, objects: &[Bytes], collection: &str) -> Result<Bytes, Failure> {
        let size: usize = objects.iter().map(|object| object.len() + 1).sum();
        let mut envelope = Vec::with_capacity(size + 16);
        envelope.extend_from_slice(b"{\"objects\":[");
        envelope.extend_from_slice(&objects.join(&b','));
        envelope.extend_from_slice(b"]}");
        let path = ["collections", collection, "import"];
        let mut request = question::post_bytes(path, Bytes::from(envelope), "application/json");
        request.query.push(("format", "stix".to_owned()));
        self.reach.ask(request).await
    }
}

/// Objects in parts that this node takes at once: a server that has no pages gives everything in one.
fn parts_of(objects: &[Bytes]) -> Vec<&[Bytes]> {
    let mut parts = Vec::new();
    let (mut rest, mut at, mut bytes) = (objects, 0, 0);
    while let Some(object) = rest.get(at) {
        let size = object.len() + 1;
        if at > 0 && (at >= ENVELOPE_OBJECTS_MAX || bytes + size > PART_BYTES_MAX) {
            let (part, others) = rest.split_at(at);
            parts.push(part);
            (rest, at, bytes) = (others, 0, 0);
        } else {
            (at, bytes) = (at + 1, bytes + size);
        }
    }
    if !rest.is_empty() {
        parts.push(rest);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_fit_what_this_node_takes_and_hold_everything_in_order() {
        let small = vec![Bytes::from_static(b"{}"); 2 * ENVELOPE_OBJECTS_MAX + 1];
        let sizes = |objects: &[Bytes]| parts_of(objects).iter().map(|part| part.len()).collect::<Vec<_>>();
        assert_eq!(sizes(&small), [ENVELOPE_OBJECTS_MAX, ENVELOPE_OBJECTS_MAX, 1]);
        let large = Bytes::from(vec![b' '; PART_BYTES_MAX / 2]);
        let huge = Bytes::from(vec![b' '; PART_BYTES_MAX + 1]);
        let mixed = [large.clone(), huge, large.clone(), Bytes::from_static(b"{}"), large];
        assert_eq!(sizes(&mixed), [1, 1, 2, 1]);
        assert_eq!(parts_of(&mixed).concat(), mixed);
        assert!(sizes(&[]).is_empty());
    }
}
