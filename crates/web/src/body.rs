//! Request bodies, read within bounds: bytes, time, and memory over all requests together.
//!
//! The limit holds for the body after decoding, whether it came with a length, in chunks or compressed. Small bodies are
//! read at once; a body that turns out larger takes one of a few places first, so that many large bodies at the same time
//! wait instead of filling the memory, and nobody takes them all: one user has half of them at most, so that who sends
//! slowly on purpose only keeps themselves waiting. A compressed body is decoded off the serving threads and cut at the limit, so a
//! bomb costs at most the limit.

use std::collections::HashMap;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{FromRequest, Request};
use base::limit::{BODY_BYTES_MAX, BODY_LARGE_MAX, BODY_MEDIUM_MAX, BODY_SECONDS_MAX, BODY_SMALL_MAX};
use bytes::{Bytes, BytesMut};
use flate2::write::MultiGzDecoder;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body::Body;
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

use crate::{App, Problem, Trail};

/// Longest silence of a client in the middle of a body.
const SILENCE_MAX: Duration = Duration::from_secs(20);
/// How long the rest of a refused body is read and thrown away, so that the client gets to read the answer.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(10);
/// How much of it.
const DRAIN_BYTES_MAX: usize = 3 * BODY_BYTES_MAX;
/// Compressed bodies up to this size are decoded in place.
const INLINE_GZIP_BYTES_MAX: usize = 1_024;
/// How long a larger body waits for its place.
const PLACE_WAIT_MAX: Duration = Duration::from_secs(30);

/// Places for bodies that are not small, over all requests, and how many of them one user may have.
#[derive(Debug)]
pub(crate) struct Places {
    all: Kinds,
    of_users: Mutex<HashMap<i64, Kinds>>,
    wait: Duration,
}

/// Places of both kinds.
#[derive(Clone, Debug)]
struct Kinds {
    medium: Arc<Semaphore>,
    large: Arc<Semaphore>,
}

impl Kinds {
    fn new(medium: usize, large: usize) -> Self {
        Self { medium: Arc::new(Semaphore::new(medium)), large: Arc::new(Semaphore::new(large)) }
    }

    /// Whether somebody holds a place, or waits for one, of those made with `medium` and `large`.
    fn in_use(&self, medium: usize, large: usize) -> bool {
        self.medium.available_permits() < medium || self.large.available_permits() < large
    }
}

/// A place for one body, the user's own and the one over all, given back when the body's work is done.
pub(crate) type Place = Option<[OwnedSemaphorePermit; 2]>;

impl Default for Places {
    fn default() -> Self {
        let all = Kinds::new(BODY_MEDIUM_PLACES, BODY_LARGE_PLACES);
        Self { all, of_users: Mutex::default(), wait: PLACE_WAIT_MAX }
    }
}

/// Bodies of up to [`BODY_MEDIUM_MAX`] bytes in memory at the same time.
const BODY_MEDIUM_PLACES: usize = 16;
/// Bodies of up to the limit in memory at the same time.
const BODY_LARGE_PLACES: usize = 2;

impl Places {
    /// Takes a place for a body of `size` bytes of `user`; the larger place is asked for while the smaller is held, and the one
    /// over all while the user's own is, never the other way round.
    pub(crate) async fn take(&self, user: i64, size: usize) -> Result<Place, Problem> {
        if size <= BODY_SMALL_MAX {
            return Ok(None);
        }
        let kind =
            |kinds: &Kinds| Arc::clone(if size <= BODY_MEDIUM_MAX { &kinds.medium } else { &kinds.large });
        let (own, all) = (kind(&self.of(user)), kind(&self.all));
        let both = async { Ok::<_, AcquireError>([own.acquire_owned().await?, all.acquire_owned().await?]) };
        match timeout(self.wait, both).await {
            Ok(Ok(place)) => Ok(Some(place)),
            _ => Err(Problem::too_many(
                "body-places-taken",
                "too many large requests are being read: send this one again later",
                Duration::from_secs(10),
            )),
        }
    }

    fn of(&self, user: i64) -> Kinds {
        let (medium, large) = (BODY_MEDIUM_PLACES / 2, BODY_LARGE_PLACES / 2);
        let mut users = self.of_users.lock().unwrap_or_else(PoisonError::into_inner);
        if users.len() > USERS_MAX {
            users.retain(|_, kinds| kinds.in_use(medium, large));
        }
        users.entry(user).or_insert_with(|| Kinds::new(medium, large)).clone()
    }
}

/// Users whose places are remembered at the same time.
const USERS_MAX: usize = 4_096;

/// How the bytes on the wire are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Plain,
    Gzip,
}

/// Reads a whole body and decodes it.
///
/// # Errors
/// 413 above `bytes_max` after decoding, 415 for a coding other than gzip, 400 for a body that breaks off or does not
/// decode, 408 for one that comes too slowly, 429 when too many large bodies are being read.
///
/// # Limits
/// At most `bytes_max` bytes of result and, for a compressed body, as much again of input. The place of a body that is not
/// small is held as long as the result.
pub(crate) async fn read<B>(
    app: &App,
    headers: &HeaderMap,
    mut body: B,
    (user, bytes_max): (i64, usize),
) -> Result<RawBody, Problem>
where
    B: Body<Data = Bytes> + Unpin,
{
    let (raw, coding) = collect(app.places(), headers, &mut body, (user, bytes_max)).await?;
    if coding == Coding::Plain {
        return Ok(raw);
    }
    if raw.bytes.len() <= INLINE_GZIP_BYTES_MAX {
        return Ok(RawBody { bytes: decode(&raw.bytes, bytes_max)?, _place: raw._place });
    }
    let place = app.places().take(user, BODY_MEDIUM_MAX.min(bytes_max)).await?;
    match decode_aside(raw.bytes.clone(), BODY_MEDIUM_MAX.min(bytes_max)).await {
        Err(problem) if problem.status() == StatusCode::PAYLOAD_TOO_LARGE && bytes_max > BODY_MEDIUM_MAX => {
            let place = app.places().take(user, bytes_max).await?;
            Ok(RawBody { bytes: decode_aside(raw.bytes, bytes_max).await?, _place: place })
        }
        decoded => Ok(RawBody { bytes: decoded?, _place: place }),
    }
}

async fn decode_aside(compressed: Bytes, bytes_max: usize) -> Result<Bytes, Problem> {
    let decoded = tokio::task::spawn_blocking(move || decode(&compressed, bytes_max)).await;
    decoded.unwrap_or_else(|error| Err(Problem::ours("body-decoder", &error)))
}

async fn collect<B>(
    places: &Places,
    headers: &HeaderMap,
    body: &mut B,
    (user, bytes_max): (i64, usize),
) -> Result<(RawBody, Coding), Problem>
where
    B: Body<Data = Bytes> + Unpin,
{
    let coding = coding(headers)?;
    let announced = announced(headers).unwrap_or(0);
    if announced > bytes_max {
        return Err(too_large(bytes_max));
    }
    let deadline = Instant::now() + Duration::from_secs(BODY_SECONDS_MAX);
    let mut place = places.take(user, announced).await?;
    let mut room = announced.max(BODY_SMALL_MAX);
    let mut bytes = BytesMut::new();
    while let Some(piece) = frame(body, deadline).await? {
        let size = bytes.len().saturating_add(piece.len());
        if size > bytes_max {
            return Err(too_large(bytes_max));
        }
        if size > room {
            place = places.take(user, size).await?.or(place);
            room = if size <= BODY_MEDIUM_MAX { BODY_MEDIUM_MAX } else { bytes_max };
        }
        if bytes.is_empty() {
            if body.is_end_stream() {
                return Ok((RawBody { bytes: piece, _place: place }, coding));
            }
            bytes.reserve(announced.max(piece.len()));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok((RawBody { bytes: bytes.freeze(), _place: place }, coding))
}

/// The next piece of the body; `None` at its end. Trailers are passed over.
pub(crate) async fn frame<B>(body: &mut B, deadline: Instant) -> Result<Option<Bytes>, Problem>
where
    B: Body<Data = Bytes> + Unpin,
{
    let until = deadline.min(Instant::now() + SILENCE_MAX);
    loop {
        let Ok(frame) = timeout_at(until, body.frame()).await else {
            let detail = "the body came too slowly and was given up";
            return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "body-slow", detail));
        };
        match frame {
            None => return Ok(None),
            Some(Err(_)) => {
                return Err(Problem::bad_request("body-broken", "the body breaks off or is wrongly framed"));
            }
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

/// Reads the rest of a refused body and throws it away.
pub(crate) async fn drain<B>(mut body: B)
where
    B: Body<Data = Bytes> + Unpin,
{
    if body.is_end_stream() {
        return;
    }
    let until = Instant::now() + DRAIN_TIME_MAX;
    let mut left = DRAIN_BYTES_MAX;
    while left > 0 {
        match timeout_at(until, body.frame()).await {
            Ok(Some(Ok(frame))) => left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len)),
            _ => return,
        }
    }
}

fn coding(headers: &HeaderMap) -> Result<Coding, Problem> {
    let mut coding = Coding::Plain;
    for field in headers.get_all(CONTENT_ENCODING) {
        let field = field.to_str().unwrap_or("?");
        for name in field.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            match name.to_ascii_lowercase().as_str() {
                "identity" => {}
                "gzip" | "x-gzip" if coding == Coding::Plain => coding = Coding::Gzip,
                _ => {
                    let detail = "bodies may be sent as they are or compressed once with gzip";
                    return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "body-coding", detail)
                        .header(ACCEPT_ENCODING, HeaderValue::from_static("gzip, identity")));
                }
            }
        }
    }
    Ok(coding)
}

fn announced(headers: &HeaderMap) -> Option<usize> {
    let text = headers.get(CONTENT_LENGTH)?.to_str().ok()?;
    Some(text.parse().unwrap_or(usize::MAX))
}

fn too_large(bytes_max: usize) -> Problem {
    let detail = format!("the body is larger than {bytes_max} bytes, decoded");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", detail)
}

/// Memory that takes no more than its limit.
struct Bounded {
    bytes: Vec<u8>,
    bytes_max: usize,
    full: bool,
}

impl Write for Bounded {
    fn write(&mut self, piece: &[u8]) -> std::io::Result<usize> {
        if self.bytes.len().saturating_add(piece.len()) > self.bytes_max {
            self.full = true;
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn decode(compressed: &[u8], bytes_max: usize) -> Result<Bytes, Problem> {
    let mut decoder = MultiGzDecoder::new(Bounded { bytes: Vec::new(), bytes_max, full: false });
    let written = decoder.write_all(compressed).and_then(|()| decoder.try_finish());
    if decoder.get_ref().full {
        return Err(too_large(bytes_max));
    }
    if written.is_err() || compressed.is_empty() {
        return Err(Problem::bad_request("body-gzip", "the body is not a whole gzip stream"));
    }
    let bounded = decoder
        .finish()
        .map_err(|_| Problem::bad_request("body-gzip", "the body is not a whole gzip stream"))?;
    Ok(bounded.bytes.into())
}

/// A whole request body of whatever type, decoded. Keep it as long as its bytes are worked on: it holds their place.
#[derive(Debug)]
pub struct RawBody {
    /// The bytes.
    pub bytes: Bytes,
    _place: Place,
}

impl RawBody {
    /// The body of a request to the router, of at most `bytes_max` bytes.
    ///
    /// # Errors
    /// As [`read`].
    pub(crate) async fn of(request: Request, app: &App, bytes_max: usize) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let user = parts.extensions.get::<Arc<Trail>>().map_or(0, |trail| trail.user());
        read(app, &parts.headers, body, (user, bytes_max.min(app.options().body_bytes_max))).await
    }
}

/// A whole request body of at most [`BODY_MEDIUM_MAX`] bytes, of whatever type.
#[derive(Debug)]
pub struct MediumBody(pub RawBody);

impl FromRequest<App> for MediumBody {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        RawBody::of(request, app, BODY_MEDIUM_MAX).await.map(Self)
    }
}

/// A JSON request body of at most [`BODY_MEDIUM_MAX`] bytes.
#[derive(Clone, Debug)]
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            let detail = "this address takes a body of type application/json";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "body-type", detail));
        }
        let raw = RawBody::of(request, app, BODY_MEDIUM_MAX).await?;
        crate::object(&raw.bytes).map(Self).map_err(|error| {
            let problem = Problem::bad_request(
                "body-json",
                format!("the body is not what this address takes: {error}"),
            );
            problem.at(format!("line {} column {}", error.line(), error.column()))
        })
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(field) = headers.get(CONTENT_TYPE).and_then(|field| field.to_str().ok()) else { return false };
    let name = field.split(';').next().unwrap_or_default().trim();
    name.eq_ignore_ascii_case("application/json") || name.to_ascii_lowercase().ends_with("+json")
}

const _: () =
    assert!(BODY_LARGE_MAX == BODY_BYTES_MAX, "the largest body is the limit of TAXII's max_content_length");

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn decodes_whole_streams_and_refuses_others() {
        let text = b"{\"objects\":[]}".repeat(100);
        assert_eq!(decode(&gzip(&text), text.len()).unwrap(), text);
        let two = [gzip(b"ab"), gzip(b"cd")].concat();
        assert_eq!(decode(&two, 4).unwrap(), &b"abcd"[..]);
        let whole = gzip(&text);
        for bad in [&whole[..whole.len() - 1], &whole[..9], b"", b"plain", &[&whole[..], b"x"].concat()] {
            assert_eq!(decode(bad, 1 << 20).unwrap_err().code(), "body-gzip", "{bad:?}");
        }
    }

    #[test]
    fn a_bomb_is_cut_exactly_at_the_limit() {
        let bomb = gzip(&vec![b' '; 1 << 20]);
        assert!(bomb.len() < 1 << 15, "{}", bomb.len());
        assert_eq!(decode(&bomb, 1 << 20).unwrap().len(), 1 << 20);
        assert_eq!(decode(&bomb, (1 << 20) - 1).unwrap_err().status(), StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[tokio::test]
    async fn one_user_leaves_places_to_the_others() {
        let places = Places { wait: Duration::from_millis(10), ..Places::default() };
        let held = places.take(1, BODY_LARGE_MAX).await.unwrap();
        assert!(held.is_some());
        assert_eq!(places.take(1, BODY_LARGE_MAX).await.unwrap_err().code(), "body-places-taken");
        let other = places.take(2, BODY_LARGE_MAX).await.unwrap();
        assert_eq!(places.take(3, BODY_LARGE_MAX).await.unwrap_err().code(), "body-places-taken");
        drop((held, other));
        assert!(places.take(1, BODY_LARGE_MAX).await.is_ok());
        let mut medium = Vec::new();
        for _ in 0..BODY_MEDIUM_PLACES / 2 {
            medium.push(places.take(1, BODY_MEDIUM_MAX).await.unwrap());
        }
        assert!(places.take(1, BODY_MEDIUM_MAX).await.is_err());
        assert!(places.take(2, BODY_MEDIUM_MAX).await.is_ok());
        assert!(places.take(1, BODY_SMALL_MAX).await.unwrap().is_none());
    }

    #[test]
    fn codings_by_name() {
        let of = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(value));
            coding(&headers).map_err(|problem| problem.status())
        };
        assert_eq!(coding(&HeaderMap::new()).unwrap(), Coding::Plain);
        assert_eq!(of("identity"), Ok(Coding::Plain));
        assert_eq!(of("GZip"), Ok(Coding::Gzip));
        for bad in ["br", "deflate", "gzip, gzip", "zstd"] {
            assert_eq!(of(bad), Err(StatusCode::UNSUPPORTED_MEDIA_TYPE), "{bad}");
        }
    }
}
