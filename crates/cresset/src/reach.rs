//! How a command reaches a node: over HTTP to a running one, or through the same API in this process on its directory.
//!
//! Both ways go through the JSON API's own handlers, so a command cannot answer differently here and there. Locally the
//! caller is the operator of the directory: whoever may write the files may do what the node may.

use bytes::Bytes;
use dial::{ApiClient, ApiRequest, DialError, Verb};
use http_body_util::BodyExt;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use stix::quote::quoted;
use tower::ServiceExt;
use url::Url;

use crate::args::Common;
use crate::directory::{self, Access};
use crate::exit::{Exit, Failure};
use crate::out::Out;

/// A node within reach.
pub(crate) struct Reach(Way);

enum Way {
    Remote { client: ApiClient, place: String, bare: bool },
    Local { router: axum::Router, base: Url },
}

/// Bytes of a long answer that are kept: more than one that holds nothing.
pub(crate) const POURED_BYTES: usize = 1_024;

/// What a problem document says (RFC 9457).
#[derive(Deserialize, Default)]
struct Problem {
    #[serde(default)]
    title: String,
    #[serde(default)]
    detail: String,
    code: Option<String>,
    path: Option<String>,
}

impl Reach {
    /// The node that the command line names: a running one with `--url` or CRESSET_URL, otherwise the directory.
    pub(crate) async fn open(common: &Common, access: Access) -> Result<Self, Failure> {
        if let Some(url) = common.node_url()? {
            let login = common.login()?;
            let dialler = dial::Dialler::new(common.egress()?, std::sync::Arc::new(base::SystemRng));
            let dialler = dialler.map_err(Failure::unreachable)?;
            let (place, bare) = (url.origin().ascii_serialization(), url.path() == "/");
            let client = ApiClient::new(dialler, url, login);
            return Ok(Self(Way::Remote { client, place, bare }));
        }
        let node = directory::open(&common.data, access, base::SystemClock::default())?;
        let member = node.member().await.map_err(|error| directory::failure(&error))?;
        if member.is_none() {
            return Err(directory::not_initialised(&common.data));
        }
        let operator = node.local_operator().await.map_err(|error| directory::failure(&error))?;
        let base = Url::parse("http://directory.invalid/").expect("invariant: an address");
        Ok(Self(Way::Local { router: web::api::in_process(node, operator), base }))
    }

    /// Puts a question; a refusal is a failure.
    pub(crate) async fn ask(&self, request: ApiRequest) -> Result<Bytes, Failure> {
        let (status, body) = match &self.0 {
            Way::Remote { client, .. } => {
                let answer = client.ask(&request).await.map_err(|error| dial_failure(&error, NODE_HINT))?;
                (answer.status, answer.body)
            }
            Way::Local { router, base } => ask_here(router.clone(), base, &request).await?,
        };
        if (200..300).contains(&status) {
            return Ok(body);
        }
        Err(self.refusal(&request, status, &body))
    }

    /// Puts a question whose answer may be longer than memory, and writes it out as it comes.
    /// Its first bytes, at most [`POURED_BYTES`], are answered.
    pub(crate) async fn pour(&self, request: ApiRequest, out: &mut Out) -> Result<Vec<u8>, Failure> {
        let (mut broken, mut first) = (None, Vec::new());
        let mut sink = |piece: &[u8]| {
            let room = POURED_BYTES.saturating_sub(first.len()).min(piece.len());
            first.extend_from_slice(piece.get(..room).unwrap_or_default());
            match out.raw(piece) {
                Ok(()) => true,
                Err(failure) => {
                    broken = Some(failure);
                    false
                }
            }
        };
        let (status, body) = match &self.0 {
            Way::Remote { client, .. } => {
                let answer = client
                    .pour(&request, &mut sink)
                    .await
                    .map_err(|error| dial_failure(&error, NODE_HINT))?;
                (answer.status, answer.body)
            }
            Way::Local { router, base } => pour_here(router.clone(), (base, &request), &mut sink).await?,
        };
        match broken {
            Some(failure) => Err(failure),
            None if (200..300).contains(&status) => Ok(first),
            None => Err(self.refusal(&request, status, &body)),
        }
    }

    /// Puts a question and reads the answer.
    pub(crate) async fn answer<T: DeserializeOwned>(&self, request: ApiRequest) -> Result<T, Failure> {
        let body = self.ask(request).await?;
        self.read(&body)
    }

    /// Reads an answer.
    pub(crate) fn read<'a, T: Deserialize<'a>>(&self, answer: &'a [u8]) -> Result<T, Failure> {
        serde_json::from_slice(answer).map_err(|error| Failure::no_node(self.place(), &error))
    }

    /// Where the node is, for messages.
    pub(crate) fn place(&self) -> &str {
        match &self.0 {
            Way::Remote { place, .. } => place,
            Way::Local { .. } => "the directory",
        }
    }

    fn refusal(&self, request: &ApiRequest, status: u16, body: &Bytes) -> Failure {
        let problem: Problem = serde_json::from_slice(body).unwrap_or_default();
        if status == 404
            && let Way::Remote { place, bare, .. } = &self.0
            && (problem.code.is_none() || !bare && problem.detail == NOTHING_THERE)
        {
            return Failure::unreachable(format_args!("there is no node at this address of {place}"))
                .hint(BARE_ADDRESS);
        }
        let said = match (problem.detail.is_empty(), problem.title.is_empty()) {
            (false, _) => problem.detail,
            (true, false) => problem.title,
            (true, true) => format!("{} answered {status} without a reason", self.place()),
        };
        let absent = ABSENT.iter().find(|absent| problem.code.as_deref() == Some(absent.code));
        let said = match (problem.path, absent.and_then(|absent| absent.asked(request))) {
            (Some(path), _) => format!("{path}: {said}"),
            (None, Some(name)) => format!("{said}: {}", quoted(name)),
            (None, None) => said,
        };
        let is_damaged = problem.code.as_deref() == Some(directory::DAMAGED);
        let mut failure = match status {
            // As where the directory is opened: something is there, and it is not what was written.
            _ if is_damaged => Failure::unverified(said),
            429 | 500.. => Failure::unreachable(said),
            _ => Failure::no(said),
        };
        failure.code = problem.code;
        failure.hint = absent.map(|absent| absent.hint.to_owned());
        if is_damaged {
            failure = failure.hint(directory::EXAMINE);
        }
        if status == 401 {
            failure = failure.hint("give a token that is valid there with --token or CRESSET_TOKEN");
        }
        debug_assert_ne!(failure.exit, Exit::Done);
        failure
    }
}

/// What a node says of an address that it does not have.
const NOTHING_THERE: &str = "there is nothing at this address";
/// What helps where something else than a node's own address was named.
pub(crate) const BARE_ADDRESS: &str =
    "check --url: it is the node's address without a path, like https://node.example:8400";

/// What a node says is not there without saying which: its address named it.
struct Absent {
    code: &'static str,
    /// The step of the address, or the field of the query, that stands before the name.
    before: &'static str,
    hint: &'static str,
}

const ABSENT: [Absent; 4] = [
    Absent {
        code: "collection-unknown",
        before: "collections",
        hint: "`cresset collection list` shows those you may use",
    },
    Absent { code: "user-unknown", before: "users", hint: "`cresset user list` shows everybody" },
    Absent { code: "token-unknown", before: "tokens", hint: "`cresset token list` shows them" },
    Absent {
        code: "not-found",
        before: "objects",
        hint: "it is not here, or not for you: `cresset search` finds what is",
    },
];

impl Absent {
    /// The name that was asked for.
    fn asked<'a>(&self, request: &'a ApiRequest) -> Option<&'a str> {
        let in_path = request.path.iter().skip_while(|step| *step != self.before).nth(1);
        let in_query = || {
            let field = self.before.trim_end_matches('s');
            request.query.iter().find(|(name, _)| *name == field).map(|(_, value)| value)
        };
        in_path.or_else(in_query).map(String::as_str)
    }
}

async fn ask_here(router: axum::Router, base: &Url, request: &ApiRequest) -> Result<(u16, Bytes), Failure> {
    let Ok(answer) = router.oneshot(here(base, request)?).await;
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.map_err(broke_off)?;
    Ok((status, body.to_bytes()))
}

async fn pour_here(
    router: axum::Router,
    (base, request): (&Url, &ApiRequest),
    sink: &mut (dyn FnMut(&[u8]) -> bool + Send),
) -> Result<(u16, Bytes), Failure> {
    let Ok(answer) = router.oneshot(here(base, request)?).await;
    let status = answer.status();
    let mut body = answer.into_body();
    if !status.is_success() {
        let body = body.collect().await.map_err(broke_off)?;
        return Ok((status.as_u16(), body.to_bytes()));
    }
    while let Some(frame) = body.frame().await {
        if let Ok(piece) = frame.map_err(broke_off)?.into_data()
            && !sink(&piece)
        {
            break;
        }
    }
    Ok((status.as_u16(), Bytes::new()))
}

fn here(base: &Url, request: &ApiRequest) -> Result<http::Request<axum::body::Body>, Failure> {
    let method = match request.verb {
        Verb::Get => http::Method::GET,
        Verb::Post => http::Method::POST,
        Verb::Put => http::Method::PUT,
        Verb::Patch => http::Method::PATCH,
        Verb::Delete => http::Method::DELETE,
    };
    let mut builder = http::Request::builder().method(method).uri(request.address(base).as_str());
    let body = match &request.body {
        None => axum::body::Body::empty(),
        Some((bytes, media)) => {
            builder = builder.header("content-type", *media).header("content-length", bytes.len());
            axum::body::Body::from(bytes.clone())
        }
    };
    builder.body(body).map_err(Failure::usage)
}

fn broke_off(error: axum::Error) -> Failure {
    Failure::unreachable(format_args!("the answer broke off: {error}"))
}

/// What to look at where no node answers.
pub(crate) const NODE_HINT: &str = "is the node running, and is the address right?";
/// How a port fails that speaks plain HTTP when it is spoken to by TLS: it answers in letters, or hangs up.
const SPEAKS_PLAIN: [&str; 2] = ["InvalidContentType", "handshake eof"];

/// What prevented an answer, as a failure of the command; `hint` is what to look at where nobody is there.
pub(crate) fn dial_failure(error: &DialError, hint: &str) -> Failure {
    match error {
        DialError::Forbidden(_) => Failure::usage(error),
        DialError::Unreachable { reason, .. } if reason.contains("certificate") => Failure::unreachable(error)
            .hint("is it the right node? name the authority of its certificate with --ca; one that signs itself must not call itself an authority (CA:FALSE)"),
        // What a port says that speaks TLS when it is spoken to without, and the other way round.
        DialError::Unreachable { place, reason }
            if place.starts_with("http://") && reason.contains("HTTP version") =>
        {
            Failure::unreachable(error).hint("that port seems to speak TLS: try https://")
        }
        DialError::Unreachable { place, reason }
            if place.starts_with("https://") && SPEAKS_PLAIN.iter().any(|word| reason.contains(word)) =>
        {
            Failure::unreachable(error).hint("that port seems to speak plain HTTP: try http://")
        }
        DialError::Unreachable { .. } => Failure::unreachable(error).hint(hint),
        DialError::Setup(_) | DialError::TooLarge { .. } => Failure::unreachable(error),
    }
}

/// Questions to the JSON API.
pub(crate) mod question {
    use super::{ApiRequest, Bytes, Verb};

    /// Reads something.
    pub(crate) fn get<const N: usize>(path: [&str; N]) -> ApiRequest {
        of(Verb::Get, path)
    }

    /// Removes something.
    pub(crate) fn delete<const N: usize>(path: [&str; N]) -> ApiRequest {
        of(Verb::Delete, path)
    }

    /// Sends a JSON document.
    pub(crate) fn send<const N: usize>(verb: Verb, path: [&str; N], body: &serde_json::Value) -> ApiRequest {
        let bytes = Bytes::from(body.to_string());
        ApiRequest { body: Some((bytes, "application/json")), ..of(verb, path) }
    }

    /// Sends bytes.
    pub(crate) fn post_bytes<const N: usize>(
        path: [&str; N],
        body: Bytes,
        media: &'static str,
    ) -> ApiRequest {
        ApiRequest { body: Some((body, media)), ..of(Verb::Post, path) }
    }

    fn of<const N: usize>(verb: Verb, path: [&str; N]) -> ApiRequest {
        ApiRequest { verb, path: path.map(str::to_owned).to_vec(), query: Vec::new(), body: None }
    }
}

/// A list of the API, read page by page.
#[derive(Deserialize)]
pub(crate) struct Page<T> {
    /// Rows.
    pub(crate) items: Vec<T>,
    /// Where to go on.
    pub(crate) next: Option<String>,
}

impl Reach {
    /// Every row of a list, whatever its pages.
    pub(crate) async fn all<T: DeserializeOwned>(&self, request: ApiRequest) -> Result<Vec<T>, Failure> {
        let mut items = Vec::new();
        let mut next = None;
        loop {
            let mut request = request.clone();
            if let Some(cursor) = next {
                request.query.push(("next", cursor));
            }
            let page: Page<T> = self.answer(request).await?;
            items.extend(page.items);
            next = page.next;
            if next.is_none() {
                return Ok(items);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_absent_is_named_as_it_was_asked_for() {
        let reach = Reach(Way::Local {
            router: axum::Router::new(),
            base: Url::parse("http://directory.invalid/").unwrap(),
        });
        let said = |request: &ApiRequest, code: &str| {
            let body = format!(r#"{{"detail":"no such thing","code":"{code}"}}"#);
            reach.refusal(request, 404, &Bytes::from(body)).to_string()
        };
        let object = question::delete(["collections", "wards", "objects", "x\u{1b}"]);
        assert!(
            said(&object, "collection-unknown").starts_with("no such thing: \"wards\" [collection-unknown]")
        );
        assert!(said(&object, "not-found").starts_with("no such thing: \"x\\u{1b}\" [not-found]"));
        assert!(said(&question::get(["users", "ann"]), "user-unknown").contains("`cresset user list`"));
        let mut export = question::get(["export"]);
        assert!(said(&export, "collection-unknown").starts_with("no such thing [collection-unknown]"));
        export.query.push(("collection", "wards".to_owned()));
        assert!(said(&export, "collection-unknown").starts_with("no such thing: \"wards\" "));
        assert_eq!(said(&export, "role-missing"), "no such thing [role-missing]");
        let exit = |status, code: &str| {
            let body = format!(r#"{{"detail":"no","code":"{code}"}}"#);
            reach.refusal(&export, status, &Bytes::from(body)).exit
        };
        assert_eq!(exit(500, "store-damaged"), Exit::Unverified);
        assert_eq!((exit(503, "read-only"), exit(403, "role-missing")), (Exit::Unreachable, Exit::No));
    }
}
