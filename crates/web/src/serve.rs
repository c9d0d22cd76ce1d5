//! Listening: accepts connections, bounds their number and their patience, and ends them in peace.
//!
//! A connection begins with TLS or with plain HTTP (`tls`).
//!
//! Slow clients cannot hold the node up: the head of a request, a TLS handshake, each body and each write have a time
//! limit, and connections beyond the cap wait in the kernel's queue. One address (one /64 network of IPv6) has half of them at
//! most; further ones are closed at once, so that a flood from one place leaves room for the others. When told to stop, no new connection is accepted,
//! idle ones and those that do not end the head of their request are closed, and running requests get their answer.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use node::Node;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{sleep, timeout};

use crate::app::{App, Options};
use crate::certificate::Standing;
use crate::frame::Frame;
use crate::owing::Owing;
use crate::road::Came;
use crate::stream::{LastAnswer, Patient};
use crate::tls::{Opened, Tls, TlsError};

/// Largest head of a request and read buffer, in bytes.
const BUFFER_BYTES_MAX: usize = 256 * 1024;
/// Open files kept free for the store and the rest of the process.
const FILES_KEPT: usize = 160;
/// How long a client may take to end the head of a request that it was sending when the node was told to stop.
const HEAD_WAIT_STOPPING: Duration = Duration::from_secs(1);
/// Pause after an accept that failed for want of something (file descriptors), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Why the node cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is taken or not ours.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// The certificate or key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// A node that listens and does not serve yet: its address can be told before the first request.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    tls: Arc<Tls>,
    frame: Arc<Frame>,
}

impl Server {
    /// Listens on `address` (`127.0.0.1:8400`; port 0 = any free one).
    ///
    /// # Errors
    /// The address cannot be had, or the certificate cannot be used.
    pub async fn bind(address: &str, node: Node, options: Options) -> Result<Self, ServeError> {
        let refused = |source| ServeError::Listen { address: address.to_owned(), source };
        let tls = Arc::new(Tls::new(options.tls.as_ref(), &node)?);
        let listener = TcpListener::bind(address).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let app = App::serving(node, options, tls.validity());
        if let Some(Standing::Amiss(told)) = app.certificate() {
            tracing::warn!("{told}");
        }
        Ok(Self { listener, address, tls, frame: Arc::new(Frame::new(app)) })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of this node for people and clients: the public one where set, else where it listens.
    #[must_use]
    pub fn url(&self) -> String {
        if let Some(url) = &self.frame.app().options().public_url {
            return url.clone();
        }
        self.listening()
    }

    /// The address that it listens on, whatever stands before it.
    #[must_use]
    pub fn listening(&self) -> String {
        let scheme = if self.frame.app().options().tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Serves until `shutdown` is done, then lets running requests end.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let drain_timeout = self.frame.app().options().drain_timeout;
        let graceful = GracefulShutdown::new();
        let wanted = self.frame.app().options().connections_max;
        let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
        let possible = connections_possible(wanted, &limits);
        let places = Arc::new(Semaphore::new(possible));
        // Through the trusted proxy everybody comes, and holding floods back is its task.
        let unbounded = self.frame.app().options().trusted_proxy.map(place_of);
        let guests = Arc::new(Guests { counts: Mutex::default(), most: possible.div_ceil(2), unbounded });
        let last = Arc::new(LastAnswer::default());
        let (stop, stopping) = watch::channel(());
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            let accepted = tokio::select! {
                () = &mut shutdown => break,
                accepted = accept(&self.listener, &places) => accepted,
            };
            match accepted {
                Ok((stream, peer, place)) => {
                    let Some(guest) = guests.welcome(peer.ip()) else {
                        tracing::debug!("a connection too many from one place was closed");
                        continue;
                    };
                    let connection = Connection {
                        frame: Arc::clone(&self.frame),
                        tls: Arc::clone(&self.tls),
                        stopping: stopping.clone(),
                        watcher: graceful.watcher(),
                        last: Arc::clone(&last),
                        peer: peer.ip(),
                        _place: place,
                        _guest: guest,
                    };
                    tokio::spawn(connection.serve(stream));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(self.listener);
        drop(stop);
        tracing::info!("stopping: no new connections, running requests may end");
        if timeout(drain_timeout, graceful.shutdown()).await.is_err() {
            tracing::warn!("some requests had not ended in time and were cut off");
        }
    }
}

/// Listens and serves until `shutdown` is done.
///
/// # Errors
/// As [`Server::bind`].
pub async fn serve(
    address: &str,
    node: Node,
    options: Options,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    Server::bind(address, node, options).await?.run(shutdown).await;
    Ok(())
}

/// As many connections as wanted, or as the operating system's limit on open files leaves room for, so that a flood of
/// connections never takes the store its files.
fn connections_possible(wanted: usize, limits: &str) -> usize {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let files =
        line.and_then(|rest| rest.split_whitespace().next()).and_then(|soft| soft.parse::<usize>().ok());
    let room = files.map_or(wanted, |files| files.saturating_sub(FILES_KEPT).max(1));
    if room < wanted {
        tracing::warn!(wanted, room, "fewer connections than configured: the limit on open files is low");
    }
    wanted.min(room).min(Semaphore::MAX_PERMITS)
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, peer, place))
}

/// One accepted connection and what it needs.
struct Connection {
    frame: Arc<Frame>,
    tls: Arc<Tls>,
    /// Ends when the node is told to stop.
    stopping: watch::Receiver<()>,
    watcher: Watcher,
    last: Arc<LastAnswer>,
    peer: IpAddr,
    _place: OwnedSemaphorePermit,
    _guest: Guest,
}

/// Who is connected, and how often.
struct Guests {
    counts: Mutex<HashMap<IpAddr, usize>>,
    /// Connections one place may have.
    most: usize,
    /// A place that may have as many as there are.
    unbounded: Option<IpAddr>,
}

/// One connection of a place; dropping it makes room for another.
struct Guest {
    guests: Arc<Guests>,
    place: IpAddr,
}

impl Guests {
    /// Counts a connection; `None` when its place has as many as it may have.
    fn welcome(self: &Arc<Self>, peer: IpAddr) -> Option<Guest> {
        let place = place_of(peer);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(place).or_insert(0);
        if *count >= self.most && self.unbounded != Some(place) {
            return None;
        }
        *count += 1;
        Some(Guest { guests: Arc::clone(self), place })
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut counts = self.guests.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.place) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&self.place);
            }
        }
    }
}

/// What one customer of a network has at least: an IPv4 address, or the first half of one of IPv6.
pub(crate) fn place_of(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        address => address,
    }
}

impl Connection {
    async fn serve(mut self, stream: TcpStream) {
        self.frame.app().metrics().connected();
        let frame = Arc::clone(&self.frame);
        let tls = Arc::clone(&self.tls);
        let opened = tokio::select! {
            opened = tls.open(stream, frame.app().options().head_timeout) => opened,
            _ = self.stopping.changed() => None,
        };
        match opened {
            Some(Opened::Plain(stream)) => self.speak(stream, Came::Open).await,
            Some(Opened::Secured(stream, came)) => self.speak(*stream, came).await,
            None => {}
        }
        frame.app().metrics().disconnected();
    }

    async fn speak<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(self, stream: S, came: Came) {
        let (frame, peer, mut stopping) = (self.frame, self.peer, self.stopping);
        let owing = Owing::default();
        let head_timeout = frame.app().options().head_timeout;
        let asked = owing.clone();
        let service = service_fn(move |request| {
            let (frame, came, debt) = (Arc::clone(&frame), came.clone(), asked.begin());
            async move {
                let Ok(reply) = frame.answer(request, (peer, came)).await;
                Ok::<_, Infallible>(reply.map(|body| debt.until_sent(body)))
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(head_timeout)
            .max_buf_size(BUFFER_BYTES_MAX)
            .serve_connection(TokioIo::new(Patient::new(stream, self.last, owing.clone())), service);
        let unasked = async {
            // It is an error that tells: nothing is sent there, and who would send is gone once the node stops.
            let _stopping = stopping.changed().await;
            sleep(HEAD_WAIT_STOPPING).await;
            while owing.is_open() {
                sleep(HEAD_WAIT_STOPPING).await;
            }
        };
        tokio::select! {
            biased;
            ended = self.watcher.watch(connection) => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended early");
                }
            }
            () = unasked => tracing::debug!("a request whose head had not come to its end was left unanswered"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_place_has_its_share_of_connections_and_gets_it_back() {
        let guests = Arc::new(Guests {
            counts: Mutex::default(),
            most: 2,
            unbounded: Some("192.0.2.7".parse().unwrap()),
        });
        let from = |address: &str| guests.welcome(address.parse().unwrap());
        let first = from("192.0.2.1").unwrap();
        let _second = from("::ffff:192.0.2.1").unwrap();
        assert!(from("192.0.2.1").is_none());
        let _other = from("192.0.2.2").unwrap();
        let _network = [from("2001:db8::1").unwrap(), from("2001:db8::2:0:0:1").unwrap()];
        assert!(from("2001:db8:0:0:ffff::").is_none());
        assert!(from("2001:db8:0:1::1").is_some());
        drop(first);
        assert!(from("192.0.2.1").is_some());
        let through_proxy: Vec<_> = (0..9).map(|_| from("192.0.2.7")).collect();
        assert!(through_proxy.iter().all(Option::is_some));
        drop(through_proxy);
        assert_eq!(guests.counts.lock().unwrap().len(), 3);
    }

    #[test]
    fn connections_leave_files_for_the_store() {
        let limits = |soft: &str| {
            format!("Limit  Soft  Hard  Units\nMax open files            {soft}  524288  files\n")
        };
        assert_eq!(connections_possible(1_024, &limits("1024")), 864);
        assert_eq!(connections_possible(1_024, &limits("65536")), 1_024);
        assert_eq!(connections_possible(1_024, &limits("unlimited")), 1_024);
        assert_eq!(connections_possible(1_024, &limits("100")), 1);
        assert_eq!(connections_possible(1_024, ""), 1_024);
        assert_eq!(connections_possible(usize::MAX, ""), Semaphore::MAX_PERMITS);
    }
}
