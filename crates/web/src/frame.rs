//! The frame around every request: its id, its dispatch, the form of its errors, the secure head fields, the log line and
//! the counters. No request leaves without passing through here, and no panic does.

use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Instant;

use axum::Router;
use base::limit::TARGET_BYTES_MAX;
use bytes::Bytes;
use http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, EXPECT, HOST, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body::Body;
use taxii::Endpoint;
use tower::ServiceExt;

use crate::app::PagePlace;
use crate::caller::Trail;
use crate::lent::lend;
use crate::reply::{self, Reply, ReplyBody};
use crate::router::RouteTemplate;
use crate::{App, Came, Problem, api, body, door};

/// The field that carries a request's id, both ways.
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The field in which proxies say where a request came from.
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// The content type of every TAXII answer.
pub(crate) const TAXII_JSON: HeaderValue = HeaderValue::from_static(taxii::MEDIA_TYPE);
/// Longest request id taken over from a client, in bytes.
const REQUEST_ID_BYTES_MAX: usize = 64;

/// Everything needed to answer requests, shared by all connections.
pub(crate) struct Frame {
    app: App,
    router: Router,
    ids: RequestIds,
}

/// How an error is to be rendered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Taxii,
    Document,
}

impl Frame {
    pub(crate) fn new(app: App) -> Self {
        let router = crate::router::assemble(app.clone());
        let ids = RequestIds::new(&app);
        Self { app, router, ids }
    }

    pub(crate) fn app(&self) -> &App {
        &self.app
    }

    /// Answers one request.
    pub(crate) async fn answer<B>(
        &self,
        request: Request<B>,
        (peer, road): (IpAddr, Came),
    ) -> Result<Reply, Infallible>
    where
        B: Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<axum::BoxError>,
    {
        let started = Instant::now();
        let peer = origin(self.app.options().trusted_proxy, request.headers(), peer);
        let id = self.ids.of(request.headers().get(X_REQUEST_ID));
        let trail = Arc::new(Trail::new(id, peer).by(road));
        let method = method_name(request.method());
        let takes_gzip = reply::takes_gzip(request.headers());
        let is_head = *request.method() == Method::HEAD;
        let uri = request.uri().clone();
        let endpoint = Endpoint::parse(uri.path(), &self.app.options().api_root);
        let form = form_for(endpoint.as_ref(), uri.path(), request.headers());
        let waits = request.headers().contains_key(EXPECT);
        let (parts, body) = request.into_parts();
        let (lent, home) = lend(body);
        let (route, outcome) = self.dispatch(endpoint, Request::from_parts(parts, lent), &trail).await;
        let refused = outcome.as_ref().err().map(Problem::status);
        if refused.is_some_and(|status| status != StatusCode::REQUEST_TIMEOUT)
            && !waits
            && let Some(rest) = home.take()
        {
            // Beside the answer, which is not kept waiting for it.
            tokio::spawn(body::drain(rest));
        }
        let mut reply = outcome.unwrap_or_else(|problem| render(&problem, form, &trail.id));
        if takes_gzip && !is_head {
            reply = reply::compress(reply, self.app.gzip_places()).await;
        } else if !is_head {
            reply::vary(&mut reply);
        }
        if is_head {
            reply = reply::without_body(reply, takes_gzip);
        }
        self.secure(&mut reply, &trail.id);
        self.note((method, &route), reply.status(), started, &trail);
        Ok(reply)
    }

    async fn dispatch<B>(
        &self,
        endpoint: Option<Endpoint<'_>>,
        request: Request<B>,
        trail: &Arc<Trail>,
    ) -> (RouteTemplate, Result<Reply, Problem>)
    where
        B: Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<axum::BoxError>,
    {
        if let Some(problem) = unaddressed(&request) {
            return (RouteTemplate::NONE, Err(problem));
        }
        let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
        if target > TARGET_BYTES_MAX {
            let detail = format!("the address is longer than {TARGET_BYTES_MAX} bytes");
            let problem = Problem::new(StatusCode::URI_TOO_LONG, "target-too-long", detail);
            return (RouteTemplate::NONE, Err(problem));
        }
        if let Some(endpoint) = endpoint {
            let route = RouteTemplate::of(endpoint.template());
            let answering = door::answer(&self.app, &endpoint, request, trail);
            return (route, unpanicked(answering).await.and_then(|outcome| outcome));
        }
        let (mut parts, body) = request.into_parts();
        parts.extensions.insert(Arc::clone(trail));
        if parts.method == Method::HEAD {
            // Asked as GET, for the router would throw the body away before its length is known; the frame does that for all.
            parts.method = Method::GET;
        }
        let request = Request::from_parts(parts, axum::body::Body::new(body));
        let answering = self.router.clone().oneshot(request);
        match unpanicked(answering).await {
            Ok(Ok(response)) => from_router(response),
            Err(problem) => (RouteTemplate::NONE, Err(problem)),
        }
    }

    fn secure(&self, reply: &mut Reply, id: &str) {
        let headers = reply.headers_mut();
        if let Ok(id) = HeaderValue::from_str(id) {
            headers.insert(X_REQUEST_ID, id);
        }
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers
            .entry(CONTENT_SECURITY_POLICY)
            .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
        headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        if self.app.options().tls.is_some() {
            headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
        }
    }

    /// One line and three figures for each request. No address, no query, no content, no credential.
    fn note(
        &self,
        (method, template): (&'static str, &RouteTemplate),
        status: StatusCode,
        started: Instant,
        trail: &Trail,
    ) {
        let took = started.elapsed();
        let (route, status) = (template.as_str(), status.as_u16());
        self.app.metrics().answered(method, template, status, took);
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let (user, id) = (trail.user(), trail.id.as_str());
        if status >= 500 {
            tracing::warn!(method, route, status, us, user, id, "request");
        } else if method == "GET" || method == "HEAD" {
            tracing::debug!(method, route, status, us, user, id, "request");
        } else {
            tracing::info!(method, route, status, us, user, id, "request");
        }
    }
}

/// Why a request does not say which server it is for, as HTTP/1.1 has it say (RFC 9112, 3.2): an intermediary might take it for another's.
fn unaddressed<B>(request: &Request<B>) -> Option<Problem> {
    let mut fields = request.headers().get_all(HOST).iter();
    let detail = match (fields.next(), fields.next()) {
        (None, _) if request.version() < Version::HTTP_11 => return None,
        (None, _) => "the request names no server: HTTP/1.1 asks for the head field Host",
        (Some(_), Some(_)) => "the request names a server more than once: one head field Host is taken",
        (Some(host), None) if !is_server(host) => {
            "the head field Host names no server: a name or an address, and a port perhaps"
        }
        (Some(_), None) => return None,
    };
    Some(Problem::bad_request("bad-host", detail))
}

/// Whether a field names a server, or says that there is none to name.
fn is_server(host: &HeaderValue) -> bool {
    let bytes = host.as_bytes();
    bytes.is_empty() || (!bytes.contains(&b'@') && Authority::try_from(bytes).is_ok())
}

/// Where a request comes from: the other end of its connection, or, where that is the trusted proxy, who it says it is from.
fn origin(trusted: Option<IpAddr>, headers: &HeaderMap, peer: IpAddr) -> IpAddr {
    if trusted.map(|proxy| proxy.to_canonical()) != Some(peer.to_canonical()) {
        return peer;
    }
    // What stands before the last word came from the client itself.
    let field = headers.get_all(X_FORWARDED_FOR).iter().next_back().and_then(|field| field.to_str().ok());
    let last = field.and_then(|field| field.rsplit(',').next()).map(str::trim);
    last.and_then(address_in).unwrap_or(peer)
}

/// An address as proxies write it: alone, with a port, or of version 6 in brackets, with a port or without.
fn address_in(word: &str) -> Option<IpAddr> {
    let bracketed = || word.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    let with_port = || word.parse::<SocketAddr>().ok().map(|address| address.ip());
    word.parse().ok().or_else(with_port).or_else(bracketed)
}

/// Errors are TAXII's under its paths and for those who ask for its media type, problem documents elsewhere and always in the API.
fn form_for(endpoint: Option<&Endpoint<'_>>, path: &str, headers: &HeaderMap) -> Form {
    if endpoint.is_none() && api::is_at(path) {
        return Form::Document;
    }
    let fields = headers.get_all(ACCEPT).iter().filter_map(|field| field.to_str().ok());
    if endpoint.is_some() || taxii::media::speaks_taxii(fields) { Form::Taxii } else { Form::Document }
}

/// Runs a future and makes a problem of a panic in it, so that one request's defect is no other's.
async fn unpanicked<F: Future>(future: F) -> Result<F::Output, Problem> {
    let mut future = pin!(future);
    std::future::poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        Ok(Poll::Pending) => Poll::Pending,
        Err(_) => Poll::Ready(Err(Problem::ours("panic", &"a handler panicked"))),
    })
    .await
}

/// Takes a router's answer over. Errors made by the framework itself, in plain text or without a word, become problems.
fn from_router(response: axum::response::Response) -> (RouteTemplate, Result<Reply, Problem>) {
    let (mut parts, body) = response.into_parts();
    let route = parts.extensions.remove::<RouteTemplate>().unwrap_or(RouteTemplate::NONE);
    if let Some(problem) = parts.extensions.remove::<Box<Problem>>() {
        return (route, Err(*problem));
    }
    let wordless = match parts.headers.get(CONTENT_TYPE) {
        None => true,
        Some(kind) => kind.as_bytes().starts_with(b"text/plain"),
    };
    if wordless && (parts.status.is_client_error() || parts.status.is_server_error()) {
        let mut problem = Problem::new(parts.status, "request-refused", refused(parts.status));
        for (name, value) in &parts.headers {
            if name != CONTENT_TYPE && name != http::header::CONTENT_LENGTH {
                problem = problem.header(name.clone(), value.clone());
            }
        }
        return (route, Err(problem));
    }
    let place = parts.extensions.remove::<PagePlace>();
    (route, Ok(Response::from_parts(parts, ReplyBody::Router { body, _place: place })))
}

fn refused(status: StatusCode) -> &'static str {
    match status {
        StatusCode::METHOD_NOT_ALLOWED => "this address does not take this method",
        StatusCode::NOT_FOUND => "there is nothing at this address",
        _ => "the request is not one that this address takes",
    }
}

fn render(problem: &Problem, form: Form, id: &str) -> Reply {
    let (kind, body) = match form {
        Form::Taxii => (TAXII_JSON, problem.to_taxii(Some(id))),
        Form::Document => (crate::problem::PROBLEM_JSON, problem.to_document(Some(id))),
    };
    let mut reply = Response::new(ReplyBody::from(body));
    *reply.status_mut() = problem.status();
    reply.headers_mut().insert(CONTENT_TYPE, kind);
    problem.put_headers(reply.headers_mut());
    reply
}

fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}

/// Gives every request an id: the client's own where it is plain, else one that this process has not given before.
struct RequestIds {
    start: u64,
    count: AtomicU64,
}

impl RequestIds {
    fn new(app: &App) -> Self {
        let micros = app.node().clock().now().0.unsigned_abs();
        Self { start: micros ^ (u64::from(std::process::id()) << 40), count: AtomicU64::new(0) }
    }

    fn of(&self, given: Option<&HeaderValue>) -> String {
        if let Some(given) = given.and_then(|given| given.to_str().ok())
            && (1..=REQUEST_ID_BYTES_MAX).contains(&given.len())
            && given.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        {
            return given.to_owned();
        }
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        format!("{:016x}", self.start.wrapping_add(count.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_trusted_proxy_is_believed_and_only_its_last_word() {
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let (proxy, other) = (address("192.0.2.1"), address("192.0.2.9"));
        let said = |fields: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for field in fields {
                headers.append(X_FORWARDED_FOR, HeaderValue::from_static(field));
            }
            headers
        };
        let spoofed = said(&["10.0.0.1, 198.51.100.7"]);
        assert_eq!(origin(None, &spoofed, proxy), proxy);
        assert_eq!(origin(Some(proxy), &spoofed, other), other);
        assert_eq!(origin(Some(proxy), &spoofed, proxy), address("198.51.100.7"));
        assert_eq!(origin(Some(proxy), &spoofed, address("::ffff:192.0.2.1")), address("198.51.100.7"));
        assert_eq!(origin(Some(proxy), &said(&["10.0.0.1", "2001:db8::1"]), proxy), address("2001:db8::1"));
        for (word, means) in [
            ("198.51.100.7:4711", "198.51.100.7"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("10.0.0.1, [2001:db8::1]", "2001:db8::1"),
        ] {
            assert_eq!(origin(Some(proxy), &said(&[word]), proxy), address(means), "{word}");
        }
        for bad in [&["[198.51.100.7]"][..], &["198.51.100.7:"], &["[2001:db8::1"], &["198.51.100.7:99999"]] {
            assert_eq!(origin(Some(proxy), &said(bad), proxy), proxy, "{bad:?}");
        }
        for bad in [&[][..], &[""], &["10.0.0.1, unknown"], &["10.0.0.1,"], &["10.0.0.1", "x"]] {
            assert_eq!(origin(Some(proxy), &said(bad), proxy), proxy, "{bad:?}");
        }
    }
}
