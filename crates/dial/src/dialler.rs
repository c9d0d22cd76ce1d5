//! One question, one answer, under the egress policy: limits kept, repeatable questions repeated.
//!
//! Answers of any status come back as [`Answer`]; only what prevented an answer is an error here.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use base::Rng;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use reqwest::redirect;
use tokio::sync::oneshot;
use url::Url;

use crate::egress::{Egress, Forbidden, Login, is_this_machine};

/// Longest time an answer may take that is poured; the policy's limit on silence holds all the same.
const POUR_TIMEOUT: Duration = Duration::from_secs(24 * 3_600);

/// Longest time a server may take to refuse a question of which it gets the head alone.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(10);

/// What is done at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Read.
    Get,
    /// Add or act.
    Post,
    /// Replace.
    Put,
    /// Change in part.
    Patch,
    /// Remove.
    Delete,
}

/// A question to another machine.
#[derive(Clone, Debug)]
pub struct Question {
    /// What is done.
    pub verb: Verb,
    /// Where.
    pub url: Url,
    /// Who asks.
    pub login: Login,
    /// `Accept`.
    pub accept: String,
    /// Body and its `Content-Type`.
    pub body: Option<(Bytes, String)>,
    /// Whether asking twice is as good as asking once.
    pub repeat: Repeat,
}

/// When a question may be put again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// After any failure that may pass: no connection, a broken answer, 429, 502, 503, 504.
    WheneverItMayPass,
    /// Never.
    Never,
}

/// What came back, whatever its status.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body, decoded.
    pub body: Bytes,
    /// Where it came from, redirects followed.
    pub url: Url,
}

impl Answer {
    /// Whether the status is one of success.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// A header's text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The policy forbids the address.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The policy itself cannot be applied (unreadable certificates).
    #[error("cannot set up outbound connections: {0}")]
    Setup(String),
    /// No connection, or it broke.
    #[error("cannot reach {place}: {reason}")]
    Unreachable {
        /// Scheme, host and port.
        place: String,
        /// What happened, from the outside in.
        reason: String,
    },
    /// The answer is larger than the policy allows.
    #[error("the answer of {place} is larger than {bytes_max} bytes")]
    TooLarge {
        /// Scheme, host and port.
        place: String,
        /// The limit.
        bytes_max: usize,
    },
}

/// Says how many certificate authorities a PEM text names, for whoever knows which file it is from.
///
/// # Errors
/// It holds no certificate, or one that cannot be read.
pub fn count_authorities(pem: &[u8]) -> Result<usize, DialError> {
    authorities(pem).map(|found| found.len())
}

fn authorities(pem: &[u8]) -> Result<Vec<reqwest::Certificate>, DialError> {
    let found = reqwest::Certificate::from_pem_bundle(pem);
    let found = found.map_err(|error| DialError::Setup(chain(&error)))?;
    if found.is_empty() {
        return Err(DialError::Setup("the file of authorities holds no certificate in PEM".to_owned()));
    }
    Ok(found)
}

/// Puts questions to other machines. Cheap to clone; connections are kept and shared.
#[derive(Clone)]
pub struct Dialler {
    client: reqwest::Client,
    policy: Arc<Egress>,
    rng: Arc<dyn Rng>,
}

impl Dialler {
    /// A dialler under a policy.
    ///
    /// # Errors
    /// The policy's certificates cannot be read.
    pub fn new(policy: Egress, rng: Arc<dyn Rng>) -> Result<Self, DialError> {
        let mut builder = limited(&policy);
        if let Some(pem) = &policy.extra_roots_pem {
            for root in authorities(pem)? {
                builder = builder.add_root_certificate(root);
            }
        }
        Self::built(builder, policy, rng)
    }

    /// A dialler under a policy that speaks TLS in a way of its own, and nothing else; the policy's certificates do not count.
    ///
    /// # Errors
    /// Connections cannot be set up that way.
    pub(crate) fn with_tls(
        policy: Egress,
        rng: Arc<dyn Rng>,
        tls: rustls::ClientConfig,
    ) -> Result<Self, DialError> {
        Self::built(limited(&policy).https_only(true).use_preconfigured_tls(tls), policy, rng)
    }

    fn built(builder: reqwest::ClientBuilder, policy: Egress, rng: Arc<dyn Rng>) -> Result<Self, DialError> {
        let client = builder.build().map_err(|error| DialError::Setup(chain(&error)))?;
        Ok(Self { client, policy: Arc::new(policy), rng })
    }

    /// Puts a question, again after failures that may pass where the question allows it.
    ///
    /// # Errors
    /// The address is forbidden, nobody answered, or the answer is too large.
    pub async fn ask(&self, question: &Question) -> Result<Answer, DialError> {
        self.policy.admit(&question.url, &question.login)?;
        let attempts = match question.repeat {
            Repeat::WheneverItMayPass => self.policy.attempts_max.max(1),
            Repeat::Never => 1,
        };
        let mut attempt = 0;
        loop {
            attempt += 1;
            let outcome = self.ask_once(question).await;
            if attempt >= attempts {
                return outcome;
            }
            let pause = match &outcome {
                Ok(answer) if matches!(answer.status, 429 | 502 | 503 | 504) => {
                    self.pause(attempt, answer.header("retry-after"))
                }
                Err(DialError::Unreachable { .. }) => self.pause(attempt, None),
                Ok(_) | Err(_) => return outcome,
            };
            tracing::debug!(attempt, pause_ms = pause.as_millis(), "asking again");
            tokio::time::sleep(pause).await;
        }
    }

    /// Puts a question whose answer may be longer than memory: hands on its body piece by piece, never asks again. The body of
    /// a refusal is in the answer instead. `sink` says whether it wants more.
    ///
    /// # Errors
    /// The address is forbidden, nobody answered, or the answer broke off.
    pub async fn pour(
        &self,
        question: &Question,
        sink: &mut (dyn FnMut(&[u8]) -> bool + Send),
    ) -> Result<Answer, DialError> {
        self.policy.admit(&question.url, &question.login)?;
        let sent = self.send(question, Sent::Whole, Some(POUR_TIMEOUT)).await;
        let mut response = sent.map_err(|error| unreachable(&question.url, &error))?;
        if !response.status().is_success() {
            return self.collect(response, &question.url).await;
        }
        let head = Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            url: response.url().clone(),
            body: Bytes::new(),
        };
        while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(&question.url, &error))? {
            if !sink(&chunk) {
                break;
            }
        }
        Ok(head)
    }

    async fn ask_once(&self, question: &Question) -> Result<Answer, DialError> {
        match self.send(question, Sent::Whole, None).await {
            Ok(response) => self.collect(response, &question.url).await,
            Err(error) => {
                let refusal = if is_broken_off(&error) { self.refusal(question).await } else { None };
                refusal.ok_or_else(|| unreachable(&question.url, &error))
            }
        }
    }

    /// What a server says that closed the connection while a body was still on its way to it: its answer is lost with that connection, so
    /// the head is sent alone, which is enough to be refused and too little to be done.
    async fn refusal(&self, question: &Question) -> Option<Answer> {
        question.body.as_ref()?;
        let (_asking, waits) = oneshot::channel();
        let response = self.send(question, Sent::HeadAlone(waits), Some(REFUSAL_TIMEOUT)).await.ok()?;
        let answer = self.collect(response, &question.url).await.ok()?;
        (answer.status >= 400).then_some(answer)
    }

    async fn send(
        &self,
        question: &Question,
        sent: Sent,
        timeout: Option<Duration>,
    ) -> Result<reqwest::Response, reqwest::Error> {
        let method = match question.verb {
            Verb::Get => reqwest::Method::GET,
            Verb::Post => reqwest::Method::POST,
            Verb::Put => reqwest::Method::PUT,
            Verb::Patch => reqwest::Method::PATCH,
            Verb::Delete => reqwest::Method::DELETE,
        };
        let mut request =
            self.client.request(method, question.url.clone()).header("accept", &question.accept);
        if let Some(timeout) = timeout {
            request = request.timeout(timeout);
        }
        request = match &question.login {
            Login::None => request,
            Login::Basic { user, password } => request.basic_auth(user, Some(password.expose())),
            Login::Bearer(token) => request.bearer_auth(token.expose()),
        };
        if let Some((body, media)) = &question.body {
            let body = match sent {
                Sent::Whole => body.clone().into(),
                Sent::HeadAlone(waits) => {
                    let bytes = u64::try_from(body.len()).unwrap_or(u64::MAX);
                    reqwest::Body::wrap(Withheld { bytes, waits })
                }
            };
            request = request.header("content-type", media).body(body);
        }
        request.send().await
    }

    async fn collect(&self, mut response: reqwest::Response, asked: &Url) -> Result<Answer, DialError> {
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(asked, &error))? {
            if body.len().saturating_add(chunk.len()) > self.policy.answer_bytes_max {
                let bytes_max = self.policy.answer_bytes_max;
                return Err(DialError::TooLarge { place: place(asked), bytes_max });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            url: response.url().clone(),
            body: body.freeze(),
        })
    }

    /// What the server asked for, or a pause that doubles, with up to a quarter more by chance so that many do not return at once.
    fn pause(&self, attempt: u32, retry_after: Option<&str>) -> Duration {
        let doubled = self.policy.pause_first_ms.saturating_mul(1 << attempt.saturating_sub(1).min(16));
        let asked = retry_after.and_then(|text| text.trim().parse::<u64>().ok());
        let base_ms = asked.map_or(doubled, |seconds| seconds.saturating_mul(1_000));
        let mut chance = [0_u8; 1];
        self.rng.fill(&mut chance);
        let more_ms = (base_ms / 4).saturating_mul(u64::from(chance[0])) / 255;
        Duration::from_millis(base_ms.saturating_add(more_ms).min(self.policy.pause_ms_max))
    }
}

/// How much of a question goes out.
enum Sent {
    Whole,
    /// Nothing of the body, and that until its sender lets go.
    HeadAlone(oneshot::Receiver<()>),
}

/// A body of so many bytes of which none ever comes: it breaks off when nobody waits for the answer any more.
struct Withheld {
    bytes: u64,
    waits: oneshot::Receiver<()>,
}

impl Body for Withheld {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.waits).poll(context).map(|_| Some(Err(io::ErrorKind::ConnectionAborted.into())))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes)
    }
}

/// Whether the other side closed the connection before all was written.
fn is_broken_off(error: &reqwest::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(error) = cause.downcast_ref::<io::Error>() {
            return matches!(
                error.kind(),
                io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted
            );
        }
        source = cause.source();
    }
    false
}

/// What every connection under a policy is bounded by.
fn limited(policy: &Egress) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .user_agent(concat!("cresset/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_millis(policy.connect_timeout_ms))
        .read_timeout(Duration::from_millis(policy.silence_timeout_ms))
        .timeout(Duration::from_millis(policy.answer_timeout_ms))
        .tcp_nodelay(true)
        .redirect(same_host_redirects(policy.redirects_max))
}

/// Redirects on the same host and port only, and never down to http: credentials go where the caller sent them.
fn same_host_redirects(most: usize) -> redirect::Policy {
    redirect::Policy::custom(move |attempt| {
        let Some(from) = attempt.previous().last() else {
            return attempt.stop();
        };
        let to = attempt.url();
        let same_host = from.host_str() == to.host_str();
        let same_port = from.port_or_known_default() == to.port_or_known_default();
        let upgrade = from.scheme() == "http" && to.scheme() == "https";
        let same = from.scheme() == to.scheme() && same_port;
        if attempt.previous().len() <= most && same_host && (same || upgrade || is_this_machine(to)) {
            return attempt.follow();
        }
        attempt.stop()
    })
}

fn unreachable(url: &Url, error: &reqwest::Error) -> DialError {
    DialError::Unreachable { place: place(url), reason: chain(error) }
}

/// Scheme, host and port: what a message may say of an address that could hold secrets in its path or query.
fn place(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// An error with its causes; only the innermost says what happened.
fn chain(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;

    use base::SeededRng;

    use super::*;

    /// Answers connections with the given texts, one each, and returns the address.
    fn server(answers: Vec<String>) -> Url {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut scratch = [0_u8; 4096];
                let _ = stream.read(&mut scratch);
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Url::parse(&format!("http://127.0.0.1:{port}/")).unwrap()
    }

    fn reply(status: &str, more: &str, body: &str) -> String {
        format!(
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n{more}\r\n{body}",
            body.len()
        )
    }

    fn dialler(policy: Egress) -> Dialler {
        Dialler::new(Egress { pause_first_ms: 1, ..policy }, Arc::new(SeededRng::new(1))).unwrap()
    }

    fn get(url: Url) -> Question {
        Question {
            verb: Verb::Get,
            url,
            login: Login::None,
            accept: "*/*".into(),
            body: None,
            repeat: Repeat::WheneverItMayPass,
        }
    }

    #[tokio::test]
    async fn asks_again_while_the_failure_may_pass() {
        let url = server(vec![
            reply("503 Busy", "retry-after: 0\r\n", ""),
            reply("429 Slow", "", ""),
            reply("200 OK", "", "there"),
        ]);
        let answer = dialler(Egress::default()).ask(&get(url)).await.unwrap();
        assert_eq!((answer.status, answer.body.as_ref()), (200, b"there".as_slice()));
    }

    #[tokio::test]
    async fn does_not_ask_again_where_it_must_not() {
        let url = server(vec![reply("503 Busy", "", "")]);
        let question = Question { repeat: Repeat::Never, ..get(url) };
        assert_eq!(dialler(Egress::default()).ask(&question).await.unwrap().status, 503);
    }

    #[tokio::test]
    async fn refuses_answers_beyond_the_limit() {
        let policy = || Egress { answer_bytes_max: 5, ..Egress::default() };
        let url = server(vec![reply("200 OK", "", "12345")]);
        assert!(dialler(policy()).ask(&get(url)).await.is_ok());
        let url = server(vec![reply("200 OK", "", "123456")]);
        let refused = dialler(policy()).ask(&get(url)).await;
        assert!(matches!(refused, Err(DialError::TooLarge { bytes_max: 5, .. })));
    }

    #[tokio::test]
    async fn follows_no_redirect_to_another_host() {
        let url = server(vec![reply("302 Found", "location: http://taxii.example/\r\n", "")]);
        assert_eq!(dialler(Egress::default()).ask(&get(url)).await.unwrap().status, 302);
    }

    /// Who takes so much and no more answers before all of it has come, and closes: the answer is lost on its way where the rest of the
    /// body meets a closed door.
    #[tokio::test]
    async fn what_a_server_refuses_before_it_has_all_is_told() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let refusing = thread::spawn(move || {
            let mut heads = Vec::new();
            for answer in [String::new(), reply("413 Large", "", "too large")] {
                let (mut stream, _) = listener.accept().unwrap();
                let mut head = [0_u8; 1024];
                let read = stream.read(&mut head).unwrap();
                heads.push(String::from_utf8_lossy(&head[..read]).into_owned());
                let _ = stream.write_all(answer.as_bytes());
            }
            heads
        });
        let url = Url::parse(&format!("http://127.0.0.1:{port}/")).unwrap();
        let body = Some((Bytes::from(vec![b'x'; 32 << 20]), "text/plain".to_owned()));
        let question = Question { verb: Verb::Post, body, repeat: Repeat::Never, ..get(url) };
        let answer = dialler(Egress::default()).ask(&question).await.unwrap();
        assert_eq!((answer.status, answer.body.as_ref()), (413, b"too large".as_slice()));
        for head in refusing.join().unwrap() {
            assert!(head.contains("content-length: 33554432\r\n"), "{head}");
        }
    }

    #[tokio::test]
    async fn says_when_nobody_answers() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let url = Url::parse(&format!("http://127.0.0.1:{port}/secret?token=1")).unwrap();
        let policy = Egress { attempts_max: 2, ..Egress::default() };
        let error = dialler(policy).ask(&get(url)).await.unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot reach http://127.0.0.1:{port}: ")), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
}
