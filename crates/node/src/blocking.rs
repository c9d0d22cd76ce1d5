//! Work that keeps a processor busy, moved off the threads that serve requests.
//!
//! Uses the runtime's blocking pool where there is a runtime, and runs in place where there is none (tests, simulator).

/// Runs `work` on the blocking pool and waits for it.
pub(crate) async fn offload<T, F>(work: F) -> T
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    let mut done = offload_all(vec![work]).await;
    done.pop().expect("invariant: one piece of work, one outcome")
}

/// Runs pieces of work side by side on the blocking pool and waits for all; the outcomes in the order of the pieces.
pub(crate) async fn offload_all<T, F>(pieces: Vec<F>) -> Vec<T>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    let Ok(runtime) = tokio::runtime::Handle::try_current() else {
        return pieces.into_iter().map(|work| work()).collect();
    };
    let begun: Vec<_> = pieces.into_iter().map(|work| runtime.spawn_blocking(work)).collect();
    let mut done = Vec::with_capacity(begun.len());
    for piece in begun {
        done.push(match piece.await {
            Ok(outcome) => outcome,
            Err(failed) => match failed.try_into_panic() {
                Ok(payload) => std::panic::resume_unwind(payload),
                Err(_) => std::future::pending().await,
            },
        });
    }
    done
}
