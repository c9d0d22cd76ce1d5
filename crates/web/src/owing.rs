//! Whether a connection owes its client something: what a node that is told to stop waits for, and for nothing else.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use http_body::{Body, Frame, SizeHint};

/// What one connection owes, as its stream and its answers know.
#[derive(Clone, Debug, Default)]
pub(crate) struct Owing(Arc<Open>);

#[derive(Debug, Default)]
struct Open {
    /// A request whose head was read to its end has no whole answer yet.
    answer: AtomicBool,
    /// The client has not taken all that was written.
    write: AtomicBool,
}

impl Owing {
    /// Notes that the head of a request was read to its end: its answer is owed until the debt is dropped.
    pub(crate) fn begin(&self) -> Debt {
        self.0.answer.store(true, Ordering::Release);
        Debt(Arc::clone(&self.0))
    }

    /// Notes whether the client still has to take something.
    pub(crate) fn written(&self, all: bool) {
        self.0.write.store(!all, Ordering::Release);
    }

    /// Whether anything is owed.
    pub(crate) fn is_open(&self) -> bool {
        self.0.answer.load(Ordering::Acquire) || self.0.write.load(Ordering::Acquire)
    }
}

/// An answer that is owed until this is dropped.
#[derive(Debug)]
pub(crate) struct Debt(Arc<Open>);

impl Debt {
    /// Keeps the answer owed until its body is sent.
    pub(crate) const fn until_sent<B>(self, body: B) -> Owed<B> {
        Owed { body, _debt: self }
    }
}

impl Drop for Debt {
    fn drop(&mut self) {
        self.0.answer.store(false, Ordering::Release);
    }
}

/// The body of an answer that is owed.
pub(crate) struct Owed<B> {
    body: B,
    _debt: Debt,
}

impl<B: Body + Unpin> Body for Owed<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
