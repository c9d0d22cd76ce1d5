//! The stream of a connection: it gives up a client that does not take its answer, and looks at once for what follows an answer.
//!
//! A client that asks one thing after another sends its next request some microseconds after the answer, and to wake a sleeping core for
//! it takes longer than to answer it. So a connection looks for the next request for a moment before it sleeps, at most [`ALERT_MAX`]
//! after each answer and while its thread has nothing else to do, where it has given the last two answers of the node: where several
//! connections ask, they keep each other's threads awake. So one connection at most looks so at a time.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::yield_now;
use tokio::time::{Sleep, sleep};

use crate::owing::Owing;

/// Longest time a client may take to make room for more of an answer.
const WRITE_STALL_MAX: Duration = Duration::from_secs(60);
/// Longest time for which a connection looks for a request that follows its answer.
const ALERT_MAX: Duration = Duration::from_micros(60);

/// Which connection of a node has answered last.
#[derive(Debug, Default)]
pub(crate) struct LastAnswer {
    by: AtomicU64,
    connections: AtomicU64,
}

/// A connection's sight of who has answered last.
#[derive(Debug)]
struct Turn {
    last: Arc<LastAnswer>,
    /// The connection's number, from 1.
    no: u64,
    /// Until when it looks for the next request.
    until: Option<Instant>,
}

impl Turn {
    fn of(last: Arc<LastAnswer>) -> Self {
        let no = last.connections.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        Self { last, no, until: None }
    }

    fn answered(&mut self, now: Instant) {
        let before = self.last.by.swap(self.no, Ordering::Relaxed);
        self.until = (before == self.no).then(|| now + ALERT_MAX);
    }

    /// Whether to look once more before sleeping.
    fn is_alert(&mut self, now: Instant) -> bool {
        let alone = self.last.by.load(Ordering::Relaxed) == self.no;
        self.until = self.until.filter(|until| alone && now < *until);
        self.until.is_some()
    }
}

/// A stream that gives a client up that does not take what is written to it.
pub(crate) struct Patient<S> {
    stream: S,
    stalled: Option<Pin<Box<Sleep>>>,
    turn: Turn,
    owing: Owing,
}

impl<S> Patient<S> {
    pub(crate) fn new(stream: S, last: Arc<LastAnswer>, owing: Owing) -> Self {
        Self { stream, stalled: None, turn: Turn::of(last), owing }
    }

    fn bounded<T>(&mut self, context: &mut Context<'_>, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        self.owing.written(poll.is_ready());
        if poll.is_ready() {
            self.stalled = None;
            return poll;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(WRITE_STALL_MAX)));
        match stalled.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }

    fn written<T>(&mut self, context: &mut Context<'_>, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if poll.is_ready() {
            self.turn.answered(Instant::now());
        }
        self.bounded(context, poll)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.stream).poll_read(context, buffer);
        if poll.is_pending() && self.turn.is_alert(Instant::now()) {
            // Pending too, and leaves the waker where the runtime wakes it once it has seen to all else and looked for what came.
            let _pending = pin!(yield_now()).poll(context);
        }
        poll
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(context, poll)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.written(context, poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.stream).poll_flush(context);
        self.bounded(context, poll)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.stream).poll_shutdown(context);
        self.bounded(context, poll)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// Takes what is written, never has anything to read, and counts how often it was asked.
    #[derive(Clone, Default)]
    struct Silent(Arc<AtomicUsize>);

    impl AsyncRead for Silent {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Poll::Pending
        }
    }

    impl AsyncWrite for Silent {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// How often a connection that has answered so many times looks for a request that does not come.
    async fn looks(last: &Arc<LastAnswer>, answers: usize) -> usize {
        let silent = Silent::default();
        let mut stream = Patient::new(silent.clone(), Arc::clone(last), Owing::default());
        for _ in 0..answers {
            stream.write_all(b"an answer").await.unwrap();
        }
        let asked = tokio::time::timeout(Duration::from_millis(20), stream.read_u8()).await;
        assert!(asked.is_err() && stream.turn.until.is_none());
        silent.0.load(Ordering::Relaxed)
    }

    #[tokio::test]
    async fn who_alone_answers_looks_again_and_then_sleeps() {
        let last = Arc::default();
        assert_eq!(looks(&last, 0).await, 2, "once, and once more when the time of the test was over");
        assert_eq!(looks(&last, 1).await, 2);
        // A machine with other work may let the moment pass by.
        let mut most = 0;
        for _ in 0..50 {
            most = most.max(looks(&last, 2).await);
        }
        assert!(most > 2);
    }

    #[tokio::test]
    async fn where_another_answers_in_between_nobody_looks() {
        let last = Arc::default();
        let [mut one, mut other] = [(); 2].map(|()| Turn::of(Arc::clone(&last)));
        let now = Instant::now();
        for _ in 0..2 {
            for turn in [&mut one, &mut other] {
                turn.answered(now);
                assert!(!turn.is_alert(now));
            }
        }
        other.answered(now);
        assert!(other.is_alert(now) && !other.is_alert(now + ALERT_MAX) && !other.is_alert(now));
        other.answered(now);
        one.answered(now);
        assert!(!other.is_alert(now) && !one.is_alert(now));
    }
}
