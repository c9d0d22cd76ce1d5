//! What every handler may ask for: the node, the operator's options, and the door's own counters and places.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::response::Response;
use base::limit::{BODY_BYTES_MAX, CONNECTIONS_MAX, PAGES_PER_USER_MAX};
use handling::UserNo;
use node::Node;
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::body::Places;
use crate::certificate::{Standing, Validity};
use crate::metrics::Metrics;
use crate::{Problem, SESSION_COOKIE};

/// Users whose places are remembered at the same time.
const USERS_MAX: usize = 4_096;
/// How long a page waits for those before it.
const PAGE_WAIT_MAX: Duration = Duration::from_secs(20);
/// Answers compressed at the same time; further ones go out as they are.
const GZIP_PLACES: usize = 2;
/// Letters of the member's id in the name of the session cookie: enough to tell the nodes of one machine apart.
const COOKIE_MEMBER_CHARS: usize = 12;

/// What an operator may set. The defaults are those of a running node.
#[derive(Clone, Debug)]
pub struct Options {
    /// Certificate chain and key as PEM files; `None` = plain HTTP, for loopback and behind a proxy.
    pub tls: Option<TlsFiles>,
    /// Whether other members' nodes must show whose they are.
    pub members_tls: MembersTls,
    /// Who reads the head and the tiles of this member's ledger.
    pub ledger_readers: LedgerReaders,
    /// The address that others reach this node at, without a slash at the end; `None` = taken from each request's `Host`.
    pub public_url: Option<String>,
    /// The address of a proxy whose last word in `X-Forwarded-For` is believed; `None` = nobody's is. Lock-outs go by where
    /// requests come from: behind a proxy that is not named here, everybody comes from one place.
    pub trusted_proxy: Option<IpAddr>,
    /// Name shown by discovery and pages.
    pub title: String,
    /// Whom to ask, as discovery tells it.
    pub contact: Option<String>,
    /// Name of the one TAXII API root: its path is `/NAME/`.
    pub api_root: String,
    /// Largest request body after decoding; also TAXII's `max_content_length`.
    pub body_bytes_max: usize,
    /// Connections served at the same time; further ones wait.
    pub connections_max: usize,
    /// Longest time for the head of a request, and longest idleness between requests.
    pub head_timeout: Duration,
    /// How long running requests may take to end once the node is told to stop.
    pub drain_timeout: Duration,
    /// Whether tests may move the clock and the like.
    pub allow_test_controls: bool,
}

/// Whether other members' nodes must show whose they are, where this node's member has told them to reach it by TLS that the
/// node itself ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MembersTls {
    /// Turns are taken from who shows a node certificate, and from nobody else.
    #[default]
    Required,
    /// Turns are also taken without one, since they are signed and sealed all the same; a wrong one is refused.
    Offered,
}

/// Who reads the head and the tiles of this member's ledger, and has heads of other members cosigned. Both tell how many acts a member did,
/// and when, and nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LedgerReaders {
    /// Who signs in here, and other members' nodes.
    #[default]
    Known,
    /// Anybody, so that a monitor of the public's can watch the ledger.
    Everyone,
}

/// Where the certificate is.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// Certificate chain, PEM, the node's own first.
    pub certificates: PathBuf,
    /// Private key, PEM.
    pub key: PathBuf,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            tls: None,
            members_tls: MembersTls::default(),
            ledger_readers: LedgerReaders::default(),
            public_url: None,
            trusted_proxy: None,
            title: "Cresset".to_owned(),
            contact: None,
            api_root: "api1".to_owned(),
            body_bytes_max: BODY_BYTES_MAX,
            connections_max: CONNECTIONS_MAX,
            head_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(30),
            allow_test_controls: false,
        }
    }
}

/// The state behind every handler; cloning it is cheap.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    node: Node,
    options: Options,
    metrics: Metrics,
    certificate: Option<Validity>,
    places: Places,
    gzip: Semaphore,
    pages: Mutex<HashMap<UserNo, Arc<Semaphore>>>,
    session_cookie: OnceCell<String>,
}

impl App {
    /// The state of a door to `node`.
    #[must_use]
    pub fn new(node: Node, options: Options) -> Self {
        Self::serving(node, options, None)
    }

    /// The same behind a socket whose certificate holds for a time.
    pub(crate) fn serving(node: Node, options: Options, certificate: Option<Validity>) -> Self {
        Self(Arc::new(Inner {
            node,
            options,
            metrics: Metrics::of(certificate.map(|validity| validity.until_seconds())),
            certificate,
            places: Places::default(),
            gzip: Semaphore::new(GZIP_PLACES),
            pages: Mutex::default(),
            session_cookie: OnceCell::new(),
        }))
    }

    /// The use cases.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.0.node
    }

    /// The name of the cookie that holds a session's secret at this node: [`SESSION_COOKIE`] and a piece of the member's id. While the
    /// member is not known, the first part alone.
    pub(crate) async fn session_cookie_name(&self) -> Cow<'_, str> {
        let name = self.0.session_cookie.get_or_try_init(async || {
            let member = self.0.node.member().await.ok().flatten().ok_or(())?;
            let piece = member.id.chars().filter(char::is_ascii_alphanumeric).take(COOKIE_MEMBER_CHARS);
            Ok::<_, ()>(format!("{SESSION_COOKIE}_{}", piece.collect::<String>()))
        });
        name.await.map_or(Cow::Borrowed(SESSION_COOKIE), |name| Cow::Borrowed(name.as_str()))
    }

    /// What the operator set.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.0.options
    }

    /// The door's counters.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// How the operator's certificate stands now.
    pub(crate) fn certificate(&self) -> Option<Standing> {
        self.0.certificate.map(|validity| validity.at(self.0.node.clock().now()))
    }

    pub(crate) fn places(&self) -> &Places {
        &self.0.places
    }

    pub(crate) fn gzip_places(&self) -> &Semaphore {
        &self.0.gzip
    }

    /// A place for one large answer to `user`: waits while the user has as many under way as one may have.
    ///
    /// # Errors
    /// 429 when none of them ends in time: somebody asks with this account and does not read the answers.
    pub(crate) async fn page_place(&self, user: UserNo) -> Result<PagePlace, Problem> {
        let places = {
            let mut pages = self.0.pages.lock().unwrap_or_else(PoisonError::into_inner);
            if pages.len() > USERS_MAX {
                pages.retain(|_, places| places.available_permits() < PAGES_PER_USER_MAX);
            }
            Arc::clone(pages.entry(user).or_insert_with(|| Arc::new(Semaphore::new(PAGES_PER_USER_MAX))))
        };
        match timeout(PAGE_WAIT_MAX, places.acquire_owned()).await {
            Ok(Ok(place)) => Ok(PagePlace(Arc::new(place))),
            _ => Err(Problem::too_many(
                "pages-under-way",
                format!(
                    "{PAGES_PER_USER_MAX} pages are under way to this account and not read: read them first"
                ),
                PAGE_WAIT_MAX,
            )),
        }
    }
}

/// A place for one large answer: held until the answer has been sent.
#[derive(Clone, Debug)]
pub(crate) struct PagePlace(#[expect(dead_code, reason = "held, not read")] Arc<OwnedSemaphorePermit>);

impl PagePlace {
    /// Ties the place to an answer of the router.
    pub(crate) fn held(self, mut answer: Response) -> Response {
        answer.extensions_mut().insert(self);
        answer
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("options", &self.0.options).finish_non_exhaustive()
    }
}
