//! What this machine could do at most: the same bytes served from files by nginx, bare durable writes, a bare split of JSON.
//!
//! A figure means little without them. nginx is measured with the same client, so what the client costs is in both.

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::http::{Request, closed_loop};
use crate::library;
use crate::load;
use crate::server::Server;

/// The limits, in the units of the figures they stand beside.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limits {
    /// Envelopes of 1000 objects written and synced one after another, in objects a second.
    pub(crate) sync_objects: f64,
    /// Objects a second when a bundle is only split into raw values.
    pub(crate) split_objects: f64,
    /// nginx: pages of 1000 objects, in objects a second.
    pub(crate) static_page_objects: Option<f64>,
    /// nginx: one object, on one connection and on sixteen.
    pub(crate) static_point: Option<(f64, f64)>,
    /// nginx: an empty envelope on sixteen connections.
    pub(crate) static_empty: Option<f64>,
}

/// Measures them with `objects` in `dir`.
pub(crate) fn measure(dir: &Path, objects: &[String], duration: Duration) -> Result<Limits> {
    std::fs::create_dir_all(dir)?;
    let envelopes = load::envelopes(objects);
    let mut limits = Limits {
        sync_objects: sync_rate(&dir.join("synced"), &envelopes[0], duration)? * 1000.0,
        split_objects: split_rate(objects, duration)?,
        ..Limits::default()
    };
    let Some(program) = nginx() else {
        eprintln!("no nginx on this machine (Debian: nginx-light): its limits are left out");
        return Ok(limits);
    };
    std::fs::write(dir.join("page"), &envelopes[0])?;
    std::fs::write(dir.join("object"), format!("{{\"objects\":[{}]}}", objects[0]))?;
    std::fs::write(dir.join("empty"), "{}")?;
    let server = start_nginx(&program, dir)?;
    let rate = |path: &str, connections: usize| -> Result<f64> {
        let request = Request::get(path, "");
        Ok(closed_loop(server.address, connections, duration, 200, |_| &request)?.rate())
    };
    limits.static_page_objects = Some(rate("/page", 1)? * 1000.0);
    limits.static_point = Some((rate("/object", 1)?, rate("/object", 16)?));
    limits.static_empty = Some(rate("/empty", 16)?);
    Ok(limits)
}

/// Appends of `bytes`, each synced, a second.
fn sync_rate(path: &Path, bytes: &[u8], duration: Duration) -> Result<f64> {
    let mut file =
        std::fs::File::create(path).with_context(|| format!("cannot create {}", path.display()))?;
    let start = Instant::now();
    let mut writes = 0_u32;
    while start.elapsed() < duration {
        file.write_all(bytes)?;
        file.sync_data()?;
        writes += 1;
    }
    let rate = f64::from(writes) / start.elapsed().as_secs_f64();
    std::fs::remove_file(path)?;
    Ok(rate)
}

fn split_rate(objects: &[String], duration: Duration) -> Result<f64> {
    let bundle = format!("{{\"objects\":[{}]}}", objects.join(","));
    library::per_second(duration, || load::split_count(&bundle))
}

fn nginx() -> Option<PathBuf> {
    ["/usr/sbin/nginx", "/usr/bin/nginx"].iter().map(PathBuf::from).find(|path| path.is_file())
}

fn start_nginx(program: &Path, dir: &Path) -> Result<Server> {
    let address = free_address()?;
    let shown = dir.display();
    let configuration = format!(
        "daemon off;\nworker_processes 2;\npid {shown}/nginx.pid;\nerror_log {shown}/error.log crit;\nuser root;\n\
         events {{ worker_connections 256; }}\n\
         http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000;\n\
         default_type application/taxii+json;\n\
         client_body_temp_path {shown}/body; proxy_temp_path {shown}/proxy; fastcgi_temp_path {shown}/fastcgi;\n\
         uwsgi_temp_path {shown}/uwsgi; scgi_temp_path {shown}/scgi;\n\
         open_file_cache max=16; server {{ listen {address}; root {shown}; }} }}\n"
    );
    let file = dir.join("nginx.conf");
    std::fs::write(&file, configuration)?;
    let mut command = Command::new(program);
    command.arg("-c").arg(&file).stdin(Stdio::null()).stdout(Stdio::null());
    let child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
    Server::new(child, address, "", String::new()).wait()
}

/// An address on which nothing listens.
pub(crate) fn free_address() -> Result<SocketAddr> {
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    if address.port() == 0 {
        bail!("the system gave no port");
    }
    Ok(address)
}
