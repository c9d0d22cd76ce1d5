//! Work that keeps a processor busy, moved off the threads that serve requests.
//!
//! Uses the runtime's blocking pool where there is a runtime, and runs in place where there is none (tests, simulator).

/// Runs `work` on the blocking pool and waits for it.
pub(crate) async fn offload<T, F>(work: F) -> T
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    let Ok(runtime) = tokio::runtime::Handle::try_current() else {
        return work();
    };
    match runtime.spawn_blocking(work).await {
        Ok(done) => done,
        Err(failed) => match failed.try_into_panic() {
            Ok(payload) => std::panic::resume_unwind(payload),
            Err(_) => std::future::pending().await,
        },
    }
}
