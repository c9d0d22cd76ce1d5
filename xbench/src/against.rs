//! The peers: medallion and OpenTAXII from PyPI, measured with the same client, the same objects, in the same run.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::Plan;
use crate::limits::free_address;
use crate::machine;
use crate::report::number;
use crate::server::Server;
use crate::taxii;

/// `bench:bench` for Basic.
const AUTHORIZATION: &str = "Authorization: Basic YmVuY2g6YmVuY2g=\r\n";

/// The same operations of one server; an operation that failed says why.
pub(crate) struct Measured {
    pub(crate) name: String,
    pub(crate) ingest: Result<f64>,
    pub(crate) poll: Result<f64>,
    pub(crate) point_1: Result<f64>,
    pub(crate) point_16: Result<f64>,
    pub(crate) empty_16: Result<f64>,
    pub(crate) memory_bytes: Result<u64>,
}

/// Measures one server with `objects`.
pub(crate) fn operations(
    name: &str,
    server: &Server,
    objects: &[String],
    duration: Duration,
) -> Result<Measured> {
    let ids: Vec<String> =
        objects.iter().map(|object| crate::load::string_of(object, "id")).collect::<Result<_>>()?;
    let envelopes = crate::load::envelopes(objects);
    let ingest = taxii::ingest(server, &envelopes).map(|bulk| bulk.rate());
    let count = u64::try_from(objects.len())?;
    Ok(Measured {
        name: name.to_owned(),
        ingest,
        poll: taxii::poll(server, count).map(|bulk| bulk.rate()),
        point_1: taxii::point(server, &ids, 1, duration).map(|done| done.rate()),
        point_16: taxii::point(server, &ids, 16, duration).map(|done| done.rate()),
        empty_16: taxii::empty_poll(server, 16, duration).map(|done| done.rate()),
        memory_bytes: machine::family_bytes(server.pid()),
    })
}

/// A peer: its name in the table and the module under `xbench/peers` that serves it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    name: &'static str,
    module: &'static str,
}

/// medallion keeps everything in memory and answers a poll of a large collection in minutes.
pub(crate) const MEDALLION: Peer = Peer { name: "medallion 3.0.0 (memory)", module: "medallion_wsgi" };
/// OpenTAXII keeps everything in SQLite.
pub(crate) const OPENTAXII: Peer = Peer { name: "OpenTAXII 0.9.3 (SQLite)", module: "opentaxii_wsgi" };

/// One peer on a fresh directory.
///
/// # Errors
/// When it cannot be installed or started; an operation that fails is a value.
pub(crate) fn peer(plan: &Plan, peer: Peer, objects: &[String]) -> Result<Measured> {
    eprintln!("measuring {} with {} objects", peer.name, objects.len());
    let venv = install(&plan.root)?;
    let server = start(plan, &venv, peer.module).with_context(|| format!("cannot start {}", peer.name))?;
    operations(peer.name, &server, objects, plan.duration)
}

fn install(root: &Path) -> Result<PathBuf> {
    let venv = machine::target_dir()?.join("peers");
    let requirements = root.join("xbench/peers/requirements.txt");
    eprintln!("installing medallion and OpenTAXII from PyPI into {}", venv.display());
    let made = Command::new("python3").args(["-m", "venv"]).arg(&venv).status();
    if !made.context("cannot run python3")?.success() {
        bail!("cannot make a Python environment (Debian: python3-venv)");
    }
    let mut pip = Command::new(venv.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]).arg(&requirements);
    if !pip.status()?.success() {
        bail!("pip cannot install {}", requirements.display());
    }
    Ok(venv)
}

fn start(plan: &Plan, venv: &Path, module: &str) -> Result<Server> {
    let dir = plan.dir.join(module);
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir)?;
    let address = free_address()?;
    let log = std::fs::File::create(dir.join("log"))?;
    let mut command = Command::new(venv.join("bin/python"));
    // one process with threads: medallion keeps everything in the memory of one, and connections stay open
    command.args([
        "-m",
        "gunicorn",
        "--workers",
        "1",
        "--worker-class",
        "gthread",
        "--threads",
        "16",
        "--timeout",
        "600",
    ]);
    command.args([
        "--keep-alive",
        "60",
        "--no-control-socket",
        "--bind",
        &address.to_string(),
        &format!("{module}:app"),
    ]);
    command
        .env("BENCH_DIR", &dir)
        .env("PYTHONPATH", plan.root.join("xbench/peers"))
        .env("PYTHONDONTWRITEBYTECODE", "1");
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    let mut server = Server::new(command.spawn()?, address, "", AUTHORIZATION.to_owned()).wait()?;
    let marker = dir.join("collection");
    for _ in 0..600 {
        if let Ok(path) = std::fs::read_to_string(&marker)
            && !path.is_empty()
        {
            server.collection = path;
            return Ok(server);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    bail!("it made no collection; see {}", dir.join("log").display())
}

/// A table of all servers and, in brackets, how many times as fast the first one is.
pub(crate) fn table(measured: &[Measured]) -> String {
    let mut text = String::from("| |");
    for one in measured {
        text.push_str(&format!(" {} |", one.name));
    }
    text.push_str(&format!("\n|---|{}\n", "---:|".repeat(measured.len())));
    type Pick = fn(&Measured) -> &Result<f64>;
    let rows: [(&str, Pick); 5] = [
        ("ingest, objects/s", |one| &one.ingest),
        ("full poll, objects/s", |one| &one.poll),
        ("point GET/s, 1 connection", |one| &one.point_1),
        ("point GET/s, 16 connections", |one| &one.point_16),
        ("empty catch-up poll/s, 16 connections", |one| &one.empty_16),
    ];
    for (name, pick) in rows {
        let ours = measured.first().and_then(|one| pick(one).as_ref().ok().copied());
        text.push_str(&format!("| {name} |"));
        for (at, one) in measured.iter().enumerate() {
            let cell = match (pick(one), ours) {
                (Ok(rate), _) if *rate <= 0.0 => "none in the time given".to_owned(),
                (Ok(rate), Some(ours)) if at > 0 => format!("{} ({}x)", number(*rate), number(ours / rate)),
                (Ok(rate), _) => number(*rate),
                (Err(error), _) => {
                    format!(
                        "failed: {}",
                        error.to_string().replace('\n', " ").chars().take(60).collect::<String>()
                    )
                }
            };
            text.push_str(&format!(" {cell} |"));
        }
        text.push('\n');
    }
    text.push_str("| memory at most, MB |");
    for one in measured {
        let cell =
            one.memory_bytes.as_ref().map_or_else(|_| "?".to_owned(), |bytes| number(*bytes as f64 / 1e6));
        text.push_str(&format!(" {cell} |"));
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_answers_nothing_is_said_to_and_not_divided_by() {
        let server = |name: &str, rate| Measured {
            name: name.to_owned(),
            ingest: Ok(rate),
            poll: Ok(rate),
            point_1: Err(anyhow::anyhow!("a\nlong story")),
            point_16: Ok(rate),
            empty_16: Ok(rate),
            memory_bytes: Ok(1_000_000),
        };
        let text = table(&[server("ours", 10.0), server("half", 5.0), server("none", 0.0)]);
        assert!(
            text.contains("| full poll, objects/s | 10.0 | 5.00 (2.00x) | none in the time given |"),
            "{text}"
        );
        assert!(text.contains("| failed: a long story | failed: a long story |"), "{text}");
    }
}
