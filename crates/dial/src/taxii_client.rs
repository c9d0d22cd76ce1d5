//! A TAXII 2.1 client: discovery, collections, pages of objects, and posting with its status.
//!
//! Asks one question at a time and keeps nothing: the caller drives the pages, stores them, and writes its position down.
//! Source: TAXII Version 2.1, OASIS Standard.

use std::collections::HashMap;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use stix::quote::quoted;
use url::Url;

use crate::dialler::{Answer, DialError, Dialler, Question, Repeat, Verb};
use crate::egress::Login;
use crate::taxii_page::{Envelope, PageError, PagePosition, PulledPage, said};

/// TAXII 2.1's media type.
const MEDIA: &str = "application/taxii+json;version=2.1";
/// What is asked for where a server rejects the exact media type.
const MEDIA_LOOSE: &str = "application/taxii+json, application/json;q=0.5";

/// API roots of one server that are looked at.
const ROOTS_MAX: usize = 100;
/// Collections of one API root that are looked at.
const COLLECTIONS_MAX: usize = 10_000;

/// What stands at an address of a TAXII server.
#[derive(Clone, Debug)]
pub enum Place {
    /// The discovery resource: the API roots it names, the default first.
    Discovery {
        /// The server's title.
        title: String,
        /// Addresses of the API roots on the same server.
        roots: Vec<Url>,
        /// Addresses of API roots on other servers: whether the login is meant for them is for the operator to say.
        elsewhere: Vec<Url>,
    },
    /// An API root.
    ApiRoot(ApiRoot),
    /// One collection.
    Collection(RemoteCollection),
}

/// An API root of another server.
#[derive(Clone, Debug)]
pub struct ApiRoot {
    /// Its address, ending in a slash.
    pub url: Url,
    /// Its title.
    pub title: String,
    /// Largest request it takes, in bytes, where it says so.
    pub max_content_length: Option<usize>,
}

/// A collection of another server.
#[derive(Clone, Debug)]
pub struct RemoteCollection {
    /// Its address, ending in a slash.
    pub url: Url,
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its alias, where it has one.
    pub alias: Option<String>,
    /// Whether this login may read it.
    pub can_read: bool,
    /// Whether this login may write it.
    pub can_write: bool,
}

/// Which versions of each object a page is to bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Versions {
    /// The latest one: what a server gives when nothing is said.
    Last,
    /// All that the server has.
    All,
}

/// What became of posted objects.
#[derive(Clone, Debug, Default)]
pub struct Posted {
    /// Objects the server has taken.
    pub success: u64,
    /// Objects it has refused; more than `failures` names where the server does not say which.
    pub failure: u64,
    /// Refused objects that it names, with its reasons: (id, reason).
    pub failures: Vec<(String, String)>,
    /// Objects it has not decided on yet.
    pub pending: u64,
    /// Where to ask again while some are pending.
    pub status_url: Option<Url>,
}

/// Why a question to a TAXII server has no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum TaxiiError {
    /// No answer at all.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The server refused.
    #[error("{url} answered {status}: {title}")]
    Refused {
        /// Where.
        url: String,
        /// HTTP status.
        status: u16,
        /// What the server said.
        title: String,
    },
    /// The answer is not what TAXII 2.1 says stands there.
    #[error("{url} does not answer as a TAXII 2.1 server: {reason}")]
    NotTaxii {
        /// Where.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// A page that cannot be read or followed.
    #[error("{url}: {source}")]
    Page {
        /// Where.
        url: String,
        /// What is wrong.
        source: PageError,
    },
}

impl TaxiiError {
    /// Whether the server may have refused because of one of the objects that it was sent: without it, it may take the others.
    #[must_use]
    pub const fn may_be_about_an_object(&self) -> bool {
        matches!(self, Self::Refused { status: 400 | 413 | 422 | 500, .. })
    }

    /// Whether this login may not have the place, or nothing stands there: no sign that the server is not well.
    #[must_use]
    pub const fn is_closed_to_us(&self) -> bool {
        matches!(self, Self::Refused { status: 401 | 403 | 404 | 406 | 410, .. })
    }

    /// Whether nobody answers, or lets this login in now: no word about what was asked for.
    #[must_use]
    pub const fn keeps_us_out(&self) -> bool {
        matches!(self, Self::Dial(_) | Self::Refused { status: 401 | 403 | 429, .. })
    }

    /// Whether what stood there is gone.
    #[must_use]
    pub const fn is_gone(&self) -> bool {
        matches!(self, Self::Refused { status: 404 | 410, .. })
    }

    /// Whether the server does not know the cursor it was asked to go on from.
    #[must_use]
    pub const fn is_stale_cursor(&self) -> bool {
        matches!(self, Self::Refused { status: 400 | 404 | 410 | 422, .. })
    }
}

/// A client of one TAXII server under one login.
#[derive(Clone)]
pub struct TaxiiClient {
    dialler: Dialler,
    login: Login,
}

#[derive(Deserialize)]
struct AnyResource {
    title: Option<String>,
    api_roots: Option<Vec<String>>,
    default: Option<String>,
    versions: Option<Vec<String>>,
    max_content_length: Option<u64>,
    id: Option<String>,
    alias: Option<String>,
    can_read: Option<bool>,
    can_write: Option<bool>,
}

#[derive(Deserialize)]
struct CollectionList {
    #[serde(default)]
    collections: Vec<AnyResource>,
    #[serde(default)]
    more: bool,
    next: Option<String>,
}

#[derive(Deserialize)]
struct StatusResource {
    id: Option<String>,
    #[serde(default)]
    success_count: u64,
    #[serde(default)]
    failure_count: u64,
    #[serde(default)]
    pending_count: u64,
    #[serde(default)]
    failures: Vec<StatusLine>,
}

#[derive(Deserialize)]
struct StatusLine {
    #[serde(default)]
    id: String,
    #[serde(default)]
    message: String,
}

impl TaxiiClient {
    /// A client that identifies itself as `login`.
    #[must_use]
    pub const fn new(dialler: Dialler, login: Login) -> Self {
        Self { dialler, login }
    }

    /// Finds out what stands at an address: discovery, an API root or a collection.
    ///
    /// # Errors
    /// Nobody answers, the server refuses, or nothing of TAXII 2.1 stands there.
    pub async fn place(&self, url: &Url) -> Result<Place, TaxiiError> {
        let url = with_slash(url);
        let answer = self.get(&url).await?;
        let found: AnyResource = read(&answer)?;
        if let Some(listed) = found.api_roots {
            let roots = root_addresses(&answer.url, found.default.as_deref(), &listed);
            let (roots, elsewhere) = roots.into_iter().partition(|root| same_server(&answer.url, root));
            return Ok(Place::Discovery { title: found.title.unwrap_or_default(), roots, elsewhere });
        }
        if found.versions.is_some() || found.max_content_length.is_some() {
            return Ok(Place::ApiRoot(ApiRoot {
                url: with_slash(&answer.url),
                title: found.title.unwrap_or_default(),
                max_content_length: found.max_content_length.and_then(|bytes| usize::try_from(bytes).ok()),
            }));
        }
        if found.id.is_some() {
            let parent = answer.url.join("../").unwrap_or_else(|_| answer.url.clone());
            return found.into_collection(&parent).map(Place::Collection).ok_or_else(|| {
                not_taxii(&answer.url, "the collection has no id that can stand in an address")
            });
        }
        Err(not_taxii(
            &answer.url,
            "neither a discovery resource nor an API root nor a collection stands here",
        ))
    }

    /// The collections of an API root.
    ///
    /// # Errors
    /// Nobody answers, the server refuses, or the answer is no list of collections.
    pub async fn collections(&self, root: &Url) -> Result<Vec<RemoteCollection>, TaxiiError> {
        let address =
            with_slash(root).join("collections/").map_err(|_| not_taxii(root, "not a base address"))?;
        let mut found = Vec::new();
        let mut page = address.clone();
        loop {
            let list: CollectionList = read(&self.get(&page).await?)?;
            let before = found.len();
            if before > COLLECTIONS_MAX {
                return Err(not_taxii(root, &format!("it lists more than {COLLECTIONS_MAX} collections")));
            }
            found.extend(list.collections.into_iter().filter_map(|one| one.into_collection(&address)));
            match list.next {
                Some(next) if list.more && found.len() > before => {
                    page = address.clone();
                    page.query_pairs_mut().append_pair("next", &next);
                }
                _ => return Ok(found),
            }
        }
    }

    /// One page of a collection's objects from `position` on, at most `limit` of them, each in its latest version or in all.
    ///
    /// # Errors
    /// Nobody answers, the server refuses, or the page cannot be read or followed.
    pub async fn page(
        &self,
        collection: &Url,
        position: &PagePosition,
        limit: usize,
        versions: Versions,
    ) -> Result<PulledPage, TaxiiError> {
        let mut url = objects_address(collection)?;
        {
            let mut query = url.query_pairs_mut();
            query.append_pair("limit", &limit.to_string());
            if versions == Versions::All {
                query.append_pair("match[version]", "all");
            }
            if let Some(after) = &position.added_after {
                query.append_pair("added_after", after);
            }
            if let Some(next) = &position.next {
                query.append_pair("next", next);
            }
        }
        let answer = self.get(&url).await?;
        let in_page = |source| TaxiiError::Page { url: shown(&answer.url), source };
        let last_added = answer.header("x-taxii-date-added-last");
        Envelope::read(&answer.body).and_then(|page| page.turn(position, last_added)).map_err(in_page)
    }

    /// The API root that a collection's address stands under.
    ///
    /// # Errors
    /// Nobody answers, the server refuses, or no API root stands there.
    pub async fn root_of(&self, collection: &Url) -> Result<ApiRoot, TaxiiError> {
        let root = with_slash(collection).join("../../");
        match self.place(&root.map_err(|_| not_taxii(collection, "not a base address"))?).await? {
            Place::ApiRoot(root) => Ok(root),
            Place::Discovery { .. } | Place::Collection(_) => {
                Err(not_taxii(collection, "it does not stand under an API root"))
            }
        }
    }

    /// Posts objects (their exact bytes) to a collection.
    ///
    /// # Errors
    /// Nobody answers, the server refuses the whole envelope, or its answer does not tell of every object what became of it.
    pub async fn post(&self, collection: &Url, objects: &[Bytes]) -> Result<Posted, TaxiiError> {
        let mut body = Vec::with_capacity(objects.iter().map(Bytes::len).sum::<usize>() + objects.len() + 16);
        body.extend_from_slice(b"{\"objects\":[");
        for (at, object) in objects.iter().enumerate() {
            if at > 0 {
                body.push(b',');
            }
            body.extend_from_slice(object);
        }
        body.extend_from_slice(b"]}");
        let url = objects_address(collection)?;
        let body = Some((Bytes::from(body), MEDIA.to_owned()));
        let question = Question { verb: Verb::Post, body, ..self.question(&url) };
        let answer = self.admit(self.dialler.ask(&question).await?)?;
        posted(&answer, collection, u64::try_from(objects.len()).unwrap_or(u64::MAX))
    }

    /// Asks again about so many posted objects of which some were pending.
    ///
    /// # Errors
    /// As [`TaxiiClient::post`].
    pub async fn status(&self, status_url: &Url, objects: u64) -> Result<Posted, TaxiiError> {
        let answer = self.get(status_url).await?;
        let mut answered = posted(&answer, status_url, objects)?;
        answered.status_url = (answered.pending > 0).then(|| status_url.clone());
        Ok(answered)
    }

    async fn get(&self, url: &Url) -> Result<Answer, TaxiiError> {
        let mut answer = self.dialler.ask(&self.question(url)).await?;
        if answer.status == 406 {
            let loose = Question { accept: MEDIA_LOOSE.to_owned(), ..self.question(url) };
            answer = self.dialler.ask(&loose).await?;
        }
        self.admit(answer)
    }

    fn question(&self, url: &Url) -> Question {
        Question {
            verb: Verb::Get,
            url: url.clone(),
            login: self.login.clone(),
            accept: MEDIA.to_owned(),
            body: None,
            repeat: Repeat::WheneverItMayPass,
        }
    }

    fn admit(&self, answer: Answer) -> Result<Answer, TaxiiError> {
        if answer.is_success() {
            return Ok(answer);
        }
        let title = match (&self.login, answer.status) {
            (Login::None, 401) => "a login is needed: give a user and password, or a token".to_owned(),
            _ => refusal_title(&answer),
        };
        Err(TaxiiError::Refused { url: shown(&answer.url), status: answer.status, title })
    }
}

impl AnyResource {
    /// The collection this describes, below the address of the list it stands in.
    fn into_collection(self, list: &Url) -> Option<RemoteCollection> {
        let id = self.id?;
        let mut url = list.clone();
        url.set_query(None);
        url.path_segments_mut().ok()?.pop_if_empty().push(&id).push("");
        Some(RemoteCollection {
            url,
            id,
            title: self.title.unwrap_or_default(),
            alias: self.alias,
            can_read: self.can_read.unwrap_or(true),
            can_write: self.can_write.unwrap_or(false),
        })
    }
}

/// The default first, then the others; relative addresses are resolved, though the standard asks for absolute ones in the default.
fn root_addresses(discovery: &Url, default: Option<&str>, listed: &[String]) -> Vec<Url> {
    let mut roots: Vec<Url> = Vec::new();
    for text in default.into_iter().chain(listed.iter().map(String::as_str)).take(ROOTS_MAX) {
        if let Ok(root) = discovery.join(text).map(|root| with_slash(&root))
            && !roots.contains(&root)
        {
            roots.push(root);
        }
    }
    roots
}

/// Whether an address stands on the server that named it, and is no less protected on the way.
fn same_server(named_by: &Url, url: &Url) -> bool {
    let upgrade = named_by.scheme() == "http" && url.scheme() == "https";
    named_by.origin() == url.origin() || (upgrade && named_by.host() == url.host())
}

/// What a status resource says of `objects` objects that were posted. One that leaves any out, or tells of more, is believed in nothing:
/// whoever goes on from it loses what it does not tell.
fn posted(answer: &Answer, near: &Url, objects: u64) -> Result<Posted, TaxiiError> {
    let status: StatusResource = read(answer)?;
    let failures: Vec<_> = status.failures.into_iter().map(|line| (line.id, line.message)).collect();
    let failure = status.failure_count.max(u64::try_from(failures.len()).unwrap_or(u64::MAX));
    let (success, pending) = (status.success_count, status.pending_count);
    let told = success.saturating_add(failure).saturating_add(pending);
    if told != objects {
        return Err(not_taxii(
            &answer.url,
            &format!("its status tells of {told} objects, of {objects} that it was sent"),
        ));
    }
    let status_url = status.id.filter(|_| pending > 0).and_then(|id| {
        // {api-root}/collections/{id}/ -> {api-root}/status/{id}/
        let mut url = with_slash(near).join("../../status/").ok()?;
        url.path_segments_mut().ok()?.pop_if_empty().push(&id).push("");
        Some(url)
    });
    if pending > 0 && status_url.is_none() {
        return Err(not_taxii(
            &answer.url,
            "its status leaves objects pending and has no id by which to ask again",
        ));
    }
    Ok(Posted { success, failure, failures, pending, status_url })
}

fn read<T: DeserializeOwned>(answer: &Answer) -> Result<T, TaxiiError> {
    serde_json::from_slice(&answer.body).map_err(|error| {
        let media = answer.header("content-type").unwrap_or("no media type");
        not_taxii(&answer.url, &format!("the answer ({}) cannot be read: {}", quoted(media), said(&error)))
    })
}

/// What a server says in its error: TAXII's `title`, and its description where there is one.
fn refusal_title(answer: &Answer) -> String {
    let said: HashMap<String, serde_json::Value> = serde_json::from_slice(&answer.body).unwrap_or_default();
    let word = |name: &str| said.get(name).and_then(serde_json::Value::as_str);
    match (word("title"), word("description").or_else(|| word("detail"))) {
        (Some(title), Some(more)) => format!("{}: {}", quoted(title), quoted(more)),
        (Some(title), None) => quoted(title).to_string(),
        (None, _) if answer.status == 406 => "it does not offer TAXII 2.1".to_owned(),
        (None, _) => "it gives no reason".to_owned(),
    }
}

fn objects_address(collection: &Url) -> Result<Url, TaxiiError> {
    with_slash(collection).join("objects/").map_err(|_| not_taxii(collection, "not a base address"))
}

fn with_slash(url: &Url) -> Url {
    let mut url = url.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().push("");
    }
    url
}

fn not_taxii(url: &Url, reason: &str) -> TaxiiError {
    TaxiiError::NotTaxii { url: shown(url), reason: reason.to_owned() }
}

/// An address without its query: cursors and dates tell the reader nothing.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn api_roots_are_resolved_and_the_default_comes_first() {
        let listed = ["/api2/".to_owned(), "https://other.example/api1".to_owned(), "/api1".to_owned()];
        let roots = root_addresses(&url("https://taxii.example/taxii2/"), Some("/api1/"), &listed);
        let texts: Vec<&str> = roots.iter().map(Url::as_str).collect();
        assert_eq!(
            texts,
            ["https://taxii.example/api1/", "https://taxii.example/api2/", "https://other.example/api1/"]
        );
    }

    #[test]
    fn a_login_goes_only_to_the_server_it_was_given_for() {
        let discovery = url("https://taxii.example/taxii2/");
        for same in ["https://taxii.example/api1/", "https://taxii.example:443/"] {
            assert!(same_server(&discovery, &url(same)), "{same}");
        }
        for other in [
            "https://other.example/api1/",
            "http://taxii.example/api1/",
            "https://taxii.example:8443/api1/",
            "https://taxii.example.evil.example/",
            "http://127.0.0.1/",
            "http://169.254.169.254/latest/",
        ] {
            assert!(!same_server(&discovery, &url(other)), "{other}");
        }
        assert!(same_server(&url("http://localhost:1/taxii2/"), &url("https://localhost/api1/")));
    }

    #[test]
    fn collections_stand_below_their_list() {
        let one: AnyResource = serde_json::from_str(r#"{"id":"91a7","title":"T"}"#).unwrap();
        let found = one.into_collection(&url("https://taxii.example/api1/collections/?next=1")).unwrap();
        assert_eq!(found.url.as_str(), "https://taxii.example/api1/collections/91a7/");
        assert!(found.can_read);
        assert_eq!(
            objects_address(&found.url).unwrap().as_str(),
            "https://taxii.example/api1/collections/91a7/objects/"
        );
    }

    #[test]
    fn a_status_tells_of_everything_that_was_sent_or_is_not_believed() {
        let near = url("https://taxii.example/api1/collections/91a7/");
        let says = |body: &str| {
            let body = Bytes::copy_from_slice(body.as_bytes());
            let answer = Answer { status: 202, headers: http::HeaderMap::new(), body, url: near.clone() };
            posted(&answer, &near, 5)
        };
        let whole =
            says(r#"{"id":"s","status":"pending","success_count":2,"failure_count":1,"pending_count":2}"#)
                .unwrap();
        assert_eq!((whole.success, whole.failure, whole.pending), (2, 1, 2));
        assert_eq!(whole.status_url.unwrap().as_str(), "https://taxii.example/api1/status/s/");
        assert!(says(r#"{"id":"s","status":"complete","success_count":5}"#).unwrap().status_url.is_none());
        for silent in [
            "{}",
            r#"{"id":"s","status":"complete"}"#,
            r#"{"id":"s","status":"complete","success_count":4}"#,
            r#"{"id":"s","status":"complete","success_count":6}"#,
            // Nobody could ask what became of them.
            r#"{"status":"pending","success_count":3,"pending_count":2}"#,
        ] {
            assert!(matches!(says(silent), Err(TaxiiError::NotTaxii { .. })), "{silent}");
        }
    }
}
