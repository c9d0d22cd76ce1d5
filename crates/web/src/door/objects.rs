//! Objects: pages, manifests, versions, adding and deleting. TAXII 2.1, sections 5.3 to 5.8.

use base::Micros;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, StatusCode};
use http_body::Body;
use node::{AcceptRequest, KeepStatus, Outcome, Receipt};
use stix::Timestamp;
use store::{Page, PageRequest, VersionPick};
use taxii::resource::to_json;
use taxii::{Endpoint, Envelope, EnvelopeError};

use super::{Asked, convert, ok};
use crate::reply::{PLACELESS_BYTES_MAX, Reply, ReplyBody};
use crate::{Problem, body};

const FIRST_ADDED: HeaderName = HeaderName::from_static("x-taxii-date-added-first");
const LAST_ADDED: HeaderName = HeaderName::from_static("x-taxii-date-added-last");
/// Envelopes larger than this are taken apart off the serving threads, in bytes.
const INLINE_BYTES_MAX: usize = 64 * 1024;

pub(super) async fn page(asked: &Asked<'_>, collection: &str) -> Result<Reply, Problem> {
    let request = convert::request(asked.query()?);
    let place = asked.app.page_place(asked.caller.user).await?;
    let page = asked.app.node().page(&asked.caller, collection, &request).await?;
    let dates = Dates::of(&page.get().page, &request);
    let pieces = taxii::page::envelope(convert::objects(page));
    Ok(dates.put(ok(ReplyBody::Pieces { pieces, _place: Some(place) })))
}

pub(super) async fn object(asked: &Asked<'_>, collection: &str, id: &str) -> Result<Reply, Problem> {
    let request = convert::request(asked.query()?);
    let only_exact = only_exact(&request);
    let ask = async || asked.app.node().object_in(&asked.caller, collection, id, &request).await;
    let mut page = ask().await?;
    let mut place = None;
    if page.get().objects.len() > PLACELESS_BYTES_MAX {
        drop(page);
        place = Some(asked.app.page_place(asked.caller.user).await?);
        page = ask().await?;
    }
    if page.get().count == 0 && only_exact {
        return Err(Problem::not_found("the collection holds no such version of this object"));
    }
    let dates = Dates::of(&page.get().page, &request);
    let pieces = taxii::page::envelope(convert::objects(page));
    Ok(dates.put(ok(ReplyBody::Pieces { pieces, _place: place })))
}

/// Whether nothing but versions by their moment is asked for: then an empty answer means that there are none such.
fn only_exact(request: &PageRequest) -> bool {
    let versions = &request.filter.versions;
    let exact = !versions.is_empty() && versions.iter().all(|pick| matches!(pick, VersionPick::Exact(_)));
    exact
        && request.added_after.is_none()
        && request.next.is_none()
        && request.filter.spec_versions.is_empty()
}

pub(super) async fn manifest(asked: &Asked<'_>, collection: &str) -> Result<Reply, Problem> {
    let request = convert::request(asked.query()?);
    let place = asked.app.page_place(asked.caller.user).await?;
    let manifest = asked.app.node().manifest(&asked.caller, collection, &request).await?;
    let dates = Dates::of(&manifest.get().page, &request);
    let body = taxii::page::manifest(convert::records(manifest));
    Ok(dates.put(ok(ReplyBody::Pieces { pieces: [body, Bytes::new(), Bytes::new()], _place: Some(place) })))
}

/// Lists every version whatever `match[version]` says: the endpoint does not define that field (section 5.8).
pub(super) async fn versions(asked: &Asked<'_>, collection: &str, id: &str) -> Result<Reply, Problem> {
    let mut request = convert::request(asked.query()?);
    request.filter.versions = vec![VersionPick::All];
    let manifest = asked.app.node().versions(&asked.caller, collection, id, &request).await?;
    let dates = Dates::of(&manifest.get().page, &request);
    Ok(dates.put(ok(taxii::page::versions(convert::records(manifest)))))
}

/// Takes objects in. The answer comes after the commit, so nothing is ever pending.
pub(super) async fn add<B>(asked: &Asked<'_>, endpoint: &Endpoint<'_>, body: B) -> Result<Reply, Problem>
where
    B: Body<Data = Bytes> + Unpin,
{
    let Endpoint::Objects(collection) = endpoint else {
        return Err(Problem::method_not_allowed(endpoint.allow()));
    };
    let view = asked.app.node().collection(&asked.caller, collection).await?;
    if !view.can_write {
        return Err(may_not(view.can_read, "collection-not-writable", "written"));
    }
    is_taxii_body(asked)?;
    let most = (asked.caller.user.0, asked.app.options().body_bytes_max);
    let raw = body::read(asked.app, &asked.parts.headers, body, most).await?;
    let objects = taken_apart(raw.bytes.clone()).await?;
    let request =
        AcceptRequest { collection, objects, options: node::Options::default(), status: KeepStatus::Yes };
    let accepted = asked.app.node().accept(&asked.caller, request).await?;
    drop(raw);
    count(asked, &accepted.receipts);
    let Some(status) = accepted.status else {
        return Err(Problem::ours("status-missing", &"a request to add objects left no status"));
    };
    let mut reply = ok(to_json(&convert::status(status)));
    *reply.status_mut() = StatusCode::ACCEPTED;
    Ok(reply)
}

fn is_taxii_body(asked: &Asked<'_>) -> Result<(), Problem> {
    let mut kinds = asked.parts.headers.get_all(CONTENT_TYPE).iter();
    let kind = kinds.next().and_then(|kind| kind.to_str().ok());
    if kinds.next().is_none() && kind.is_some_and(taxii::media::is_taxii) {
        return Ok(());
    }
    let detail = format!("objects are posted as {}", taxii::MEDIA_TYPE);
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "body-type", detail))
}

async fn taken_apart(body: Bytes) -> Result<Vec<Bytes>, Problem> {
    let read = if body.len() <= INLINE_BYTES_MAX {
        Envelope::read(&body)
    } else {
        let read = tokio::task::spawn_blocking(move || Envelope::read(&body)).await;
        read.map_err(|error| Problem::ours("envelope-reader", &error))?
    };
    let envelope = read.map_err(|error| {
        let status = match error {
            EnvelopeError::Json(_) => StatusCode::BAD_REQUEST,
            EnvelopeError::Shape(_) | EnvelopeError::TooMany => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Problem::new(status, error.code(), error.to_string())
    })?;
    if envelope.objects.is_empty() {
        let detail = "the envelope holds no objects: a list in TAXII has at least one value";
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "envelope-empty", detail).at("objects"));
    }
    Ok(envelope.objects)
}

fn count(asked: &Asked<'_>, receipts: &[Receipt]) {
    for outcome in [Outcome::Accepted, Outcome::Known, Outcome::Newer, Outcome::Older, Outcome::Refused] {
        let of_this = receipts.iter().filter(|receipt| receipt.outcome == outcome).count();
        asked.app.metrics().received(outcome.name(), u64::try_from(of_this).unwrap_or(u64::MAX));
    }
}

/// Removes all versions, or those that `match[version]` and `match[spec_version]` pick.
pub(super) async fn delete(asked: &Asked<'_>, endpoint: &Endpoint<'_>) -> Result<Reply, Problem> {
    let Endpoint::Object(collection, id) = endpoint else {
        return Err(Problem::method_not_allowed(endpoint.allow()));
    };
    let request = convert::request(asked.query()?);
    let view = asked.app.node().collection(&asked.caller, collection).await?;
    if !(view.can_read && view.can_write) {
        return Err(may_not(view.can_read || view.can_write, "collection-not-writable", "deleted from"));
    }
    let mut filter = request.filter;
    filter.ids.clear();
    filter.types.clear();
    asked.app.node().delete(&asked.caller, collection, id, &filter).await?;
    Ok(ok(ReplyBody::empty()))
}

/// Half a right is told, none is not: TAXII 2.1, section 5.7.
fn may_not(knows: bool, code: &'static str, deed: &str) -> Problem {
    if knows {
        return Problem::forbidden(
            code,
            format!("this collection may not be {deed} with this account or token"),
        );
    }
    Problem::collection_unknown()
}

/// The two fields that tell when the first and last object of a page were added.
///
/// The standard wants them on every good answer. A page without objects has no such moments: there both say what was asked
/// with `added_after` (or the beginning of time), so that a client that goes on from the last one loses and repeats nothing.
struct Dates {
    first: Micros,
    last: Micros,
}

impl Dates {
    fn of(page: &Page, request: &PageRequest) -> Self {
        let asked = request.added_after.unwrap_or_default();
        let first = page.first_added.unwrap_or(asked);
        Self { first, last: page.last_added.unwrap_or(first) }
    }

    fn put(&self, mut reply: Reply) -> Reply {
        for (name, at) in [(FIRST_ADDED, self.first), (LAST_ADDED, self.last)] {
            if let Ok(value) = HeaderValue::try_from(Timestamp::text_of(at)) {
                reply.headers_mut().insert(name, value);
            }
        }
        reply
    }
}
