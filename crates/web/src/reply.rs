//! Answers: a body in a few pieces of shared memory, or whatever a handler of the router made; compressed where it pays.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::sync::Semaphore;

use crate::app::PagePlace;

/// An answer as it goes to the connection.
pub(crate) type Reply = Response<ReplyBody>;

/// An answer about one object up to this size is made without a place for large answers.
pub(crate) const PLACELESS_BYTES_MAX: usize = 256 * 1024;
/// Smallest body that is compressed, in bytes: below this nothing is saved, for it fits a packet anyway.
const GZIP_BYTES_MIN: usize = 1_024;
/// Bodies up to this size are compressed in place; a trip to the blocking pool would cost more.
const INLINE_BYTES_MAX: usize = 16 * 1024;

/// The body of an answer.
pub(crate) enum ReplyBody {
    /// Pieces in order; sent with one write where the socket takes them. The place is held until they are.
    Pieces { pieces: [Bytes; 3], _place: Option<PagePlace> },
    /// Made by a handler of the router.
    Router { body: axum::body::Body, _place: Option<PagePlace> },
}

impl ReplyBody {
    pub(crate) fn empty() -> Self {
        Self::from(Bytes::new())
    }

    fn size(&self) -> Option<usize> {
        match self {
            Self::Pieces { pieces, .. } => Some(pieces.iter().map(Bytes::len).sum()),
            Self::Router { body, .. } => body.size_hint().exact().and_then(|size| usize::try_from(size).ok()),
        }
    }
}

impl From<Bytes> for ReplyBody {
    fn from(bytes: Bytes) -> Self {
        Self::Pieces { pieces: [bytes, Bytes::new(), Bytes::new()], _place: None }
    }
}

impl From<Vec<u8>> for ReplyBody {
    fn from(bytes: Vec<u8>) -> Self {
        Self::from(Bytes::from(bytes))
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match self.get_mut() {
            Self::Pieces { pieces, .. } => {
                let piece = pieces.iter_mut().find(|piece| !piece.is_empty());
                Poll::Ready(piece.map(|piece| Ok(Frame::data(std::mem::take(piece)))))
            }
            Self::Router { body, .. } => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Pieces { pieces, .. } => pieces.iter().all(Bytes::is_empty),
            Self::Router { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Pieces { .. } => {
                SizeHint::with_exact(u64::try_from(self.size().unwrap_or(0)).unwrap_or(u64::MAX))
            }
            Self::Router { body, .. } => body.size_hint(),
        }
    }
}

/// Whether a client takes gzip and thinks no worse of it than of nothing.
pub(crate) fn takes_gzip(headers: &HeaderMap) -> bool {
    let fields = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|field| field.to_str().ok());
    let mut any = None;
    for item in fields.flat_map(|field| field.split(',')) {
        let mut parts = item.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let refused = parts.any(|part| {
            let value = part.strip_prefix("q=").or_else(|| part.strip_prefix("Q="));
            value.is_some_and(|value| value.bytes().all(|byte| matches!(byte, b'0' | b'.')))
        });
        if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") {
            return !refused;
        }
        if name == "*" {
            any = Some(!refused);
        }
    }
    any.unwrap_or(false)
}

/// Says of an answer that goes out as it is that others may get it compressed, so that no cache gives it to them (RFC 9110, section 12.5.5).
pub(crate) fn vary(reply: &mut Reply) {
    if may_compress(reply.headers(), reply.body()) {
        reply.headers_mut().append(VARY, ACCEPT_ENCODING.into());
    }
}

/// Compresses a body for a client that takes it, when it is large enough and a place is free; under load it goes out as it
/// is, which costs less.
pub(crate) async fn compress(reply: Reply, places: &Semaphore) -> Reply {
    let (mut head, body) = reply.into_parts();
    if !may_compress(&head.headers, &body) {
        return Response::from_parts(head, body);
    }
    head.headers.append(VARY, ACCEPT_ENCODING.into());
    let Ok(turn) = places.try_acquire() else { return Response::from_parts(head, body) };
    let (pieces, place) = match body {
        ReplyBody::Pieces { pieces, _place } => (pieces, _place),
        ReplyBody::Router { body, _place } => match body.collect().await {
            Ok(whole) => ([whole.to_bytes(), Bytes::new(), Bytes::new()], _place),
            Err(_) => return broken(),
        },
    };
    let size: usize = pieces.iter().map(Bytes::len).sum();
    let done = if size <= INLINE_BYTES_MAX {
        gzip(&pieces)
    } else {
        let shared = pieces.clone();
        tokio::task::spawn_blocking(move || gzip(&shared)).await.unwrap_or_else(|error| Err(error.into()))
    };
    drop(turn);
    let Ok(compressed) = done else {
        return Response::from_parts(head, ReplyBody::Pieces { pieces, _place: place });
    };
    head.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    if head.headers.contains_key(CONTENT_LENGTH) {
        head.headers.insert(CONTENT_LENGTH, HeaderValue::from(compressed.len()));
    }
    let pieces = [Bytes::from(compressed), Bytes::new(), Bytes::new()];
    Response::from_parts(head, ReplyBody::Pieces { pieces, _place: place })
}

/// Whether a body goes out compressed to who takes that, while there is a place.
fn may_compress(headers: &HeaderMap, body: &ReplyBody) -> bool {
    let large = body.size().is_some_and(|size| size >= GZIP_BYTES_MIN);
    large && !headers.contains_key(CONTENT_ENCODING) && is_text(headers)
}

/// What is left to say when an answer broke off before its first byte was sent.
fn broken() -> Reply {
    let mut reply = Response::new(ReplyBody::empty());
    *reply.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    reply
}

/// Whether an answer is of a kind that compresses.
fn is_text(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let name = kind.split(';').next().unwrap_or_default().trim();
    name.starts_with("text/")
        || name.ends_with("json")
        || name.ends_with("ndjson")
        || name.ends_with("javascript")
}

fn gzip(pieces: &[Bytes]) -> std::io::Result<Vec<u8>> {
    use std::io::Write;

    let size = pieces.iter().map(Bytes::len).sum::<usize>();
    let mut encoder = GzEncoder::new(Vec::with_capacity(size / 4), Compression::new(1));
    for piece in pieces {
        encoder.write_all(piece)?;
    }
    encoder.finish()
}

/// The answer to GET without its body: what HEAD gets. Its length is told where it is certain (RFC 9110, section 8.6): not of what is
/// made as it is sent, nor of what might be sent compressed.
pub(crate) fn without_body(reply: Reply, takes_gzip: bool) -> Reply {
    let (mut head, body) = reply.into_parts();
    let may_vary = may_compress(&head.headers, &body);
    let may_shrink = takes_gzip && may_vary;
    if may_vary {
        head.headers.append(VARY, ACCEPT_ENCODING.into());
    }
    match body.size().filter(|_| !may_shrink) {
        Some(_) if head.status == StatusCode::NO_CONTENT || head.status == StatusCode::NOT_MODIFIED => {}
        Some(size) => drop(head.headers.insert(CONTENT_LENGTH, HeaderValue::from(size))),
        None => drop(head.headers.remove(CONTENT_LENGTH)),
    }
    Response::from_parts(head, ReplyBody::empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_takes_gzip() {
        let takes = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(value));
            takes_gzip(&headers)
        };
        assert!(!takes_gzip(&HeaderMap::new()));
        for yes in
            ["gzip", "gzip, deflate", "deflate, GZIP;q=0.5", "*", "br;q=1, *;q=0.1", "identity, x-gzip"]
        {
            assert!(takes(yes), "{yes}");
        }
        for no in ["", "identity", "gzip;q=0", "gzip; q=0.000, *", "*;q=0", "br"] {
            assert!(!takes(no), "{no}");
        }
    }

    #[test]
    fn pieces_come_in_order_and_empty_ones_not_at_all() {
        let pieces = [Bytes::from_static(b"a"), Bytes::new(), Bytes::from_static(b"c")];
        let mut body = ReplyBody::Pieces { pieces, _place: None };
        assert_eq!(body.size_hint().exact(), Some(2));
        let mut context = Context::from_waker(std::task::Waker::noop());
        let mut seen = Vec::new();
        while let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut body).poll_frame(&mut context) {
            seen.push(frame.into_data().unwrap());
        }
        assert_eq!(seen, ["a", "c"]);
        assert!(body.is_end_stream());
    }
}
