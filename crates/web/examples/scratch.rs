//! scratch
use base::*;
use bytes::Bytes;
use node::*;
use std::sync::Arc;
fn main() {
    let threads = std::env::var("THREADS").ok().and_then(|t| t.parse().ok()).unwrap_or(2);
    tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build().unwrap().block_on(async {
        let dir = tempfile::TempDir::new().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let rng: Arc<dyn Rng> = Arc::new(SystemRng);
        let store = store_sqlite::SqliteStore::open(dir.path(), Arc::clone(&clock), rng.as_ref()).unwrap();
        let node = Node::open(store, clock, rng, Settings { rate_per_second: 0, ..Settings::default() });
        let init = node.initialise(InitRequest { member_name: "A".into(), admin_name: "root".into() }).await.unwrap();
        let admin = node.local_operator().await.unwrap();
        let count: usize = std::env::args().nth(1).and_then(|t| t.parse().ok()).unwrap_or(100_000);
        let began = std::time::Instant::now();
        for from in (0..count).step_by(1000) {
            let objects = (from..from + 1000).map(|n| Bytes::from(format!(r#"{{"type":"indicator","spec_version":"2.1","id":"indicator--{n:08x}-0000-4000-8000-{n:012x}","created":"2024-01-01T00:00:00.000Z","modified":"2024-01-01T00:00:00.000Z","name":"C2 address {n}","description":"Seen as command and control of a botnet in traffic of several members","indicator_types":["malicious-activity"],"pattern":"[ipv4-addr:value = '10.{}.{}.{}']","pattern_type":"stix","valid_from":"2024-01-01T00:00:00Z","labels":["botnet"],"confidence":80}}"#, n >> 16 & 255, n >> 8 & 255, n & 255))).collect();
            node.accept(&admin, AcceptRequest { collection: "inbox", objects, options: Options::default(), status: KeepStatus::No }).await.unwrap();
        }
        eprintln!("filled {count} in {:?}", began.elapsed());
        let server = web::Server::bind("127.0.0.1:8499", node, web::Options::default()).await.unwrap();
        println!("{} {}", server.url(), init.admin.token.expose());
        server.run(async { tokio::time::sleep(std::time::Duration::from_secs(3600)).await }).await;
    });
}
