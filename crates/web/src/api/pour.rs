//! An answer longer than memory: a body fed piece by piece, no faster than the client takes it.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame};
use node::{Export, ReadError};
use tokio::sync::mpsc;

/// Pieces made ahead of the client.
const AHEAD: usize = 2;

/// The body of an export.
pub(crate) struct Poured {
    first: Option<Bytes>,
    rest: mpsc::Receiver<Result<Bytes, ReadError>>,
}

impl Poured {
    /// Starts pouring; the first piece is made before the answer begins, so that a refusal can still be told.
    pub(crate) async fn start(mut export: Export) -> Result<Self, ReadError> {
        let first = export.next().await?.map(handling::Cleared::into_inner);
        let (sender, rest) = mpsc::channel(AHEAD);
        if first.is_some() {
            tokio::spawn(async move {
                while let Some(piece) = export.next().await.transpose() {
                    let failed = piece.is_err();
                    let sent = sender.send(piece.map(handling::Cleared::into_inner)).await;
                    if failed || sent.is_err() {
                        return;
                    }
                }
            });
        }
        Ok(Self { first, rest })
    }
}

impl Body for Poured {
    type Data = Bytes;
    type Error = ReadError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ReadError>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        self.rest.poll_recv(context).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}
