//! A request body that comes back when whoever read from it lets go: what a refused request did not read is then read and
//! thrown away, so that its sender gets to see the answer instead of a broken connection.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// A body on loan.
pub(crate) struct Lent<B> {
    body: Option<B>,
    home: Home<B>,
}

/// Where a lent body comes back to.
pub(crate) struct Home<B>(Arc<Mutex<Option<B>>>);

impl<B> Clone for Home<B> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Lends a body.
pub(crate) fn lend<B>(body: B) -> (Lent<B>, Home<B>) {
    let home = Home(Arc::new(Mutex::new(None)));
    (Lent { body: Some(body), home: home.clone() }, home)
}

impl<B> Home<B> {
    /// The body, if it has come back.
    pub(crate) fn take(&self) -> Option<B> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl<B> Drop for Lent<B> {
    fn drop(&mut self) {
        *self.home.0.lock().unwrap_or_else(PoisonError::into_inner) = self.body.take();
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Lent<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;

    use super::*;

    #[test]
    fn a_body_comes_back_when_let_go() {
        let (lent, home) = lend(Full::new(Bytes::from_static(b"abc")));
        assert!(home.take().is_none());
        assert_eq!(lent.size_hint().exact(), Some(3));
        drop(lent);
        assert_eq!(home.take().unwrap().size_hint().exact(), Some(3));
        assert!(home.take().is_none());
    }
}
