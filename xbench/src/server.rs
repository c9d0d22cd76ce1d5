//! A server under measurement: where it listens, how to speak to it, and its process, which ends with this value.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal};
use serde_json::Value;

/// A TAXII server, ours or a peer.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    /// `/ROOT/collections/ID/`
    pub(crate) collection: String,
    /// `Authorization: ...` with its line ending.
    pub(crate) authorization: String,
}

impl Drop for Server {
    /// Asks it to end, so that a server of several processes ends them all, and kills it only if it does not.
    fn drop(&mut self) {
        let _ = rustix::process::kill_process(Pid::from_child(&self.child), Signal::TERM);
        let asked = Instant::now();
        while asked.elapsed() < END_WAIT {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How long a server may take to end when asked.
const END_WAIT: Duration = Duration::from_secs(5);

impl Server {
    pub(crate) fn new(child: Child, address: SocketAddr, collection: &str, authorization: String) -> Self {
        Self { child, address, collection: collection.to_owned(), authorization }
    }

    /// The process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until something listens.
    pub(crate) fn wait(self) -> Result<Self> {
        let start = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            if start.elapsed() > Duration::from_secs(60) {
                bail!("nothing listens on {} after a minute", self.address);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(self)
    }
}

/// A node's directory and its first administrator.
pub(crate) struct Home {
    binary: PathBuf,
    dir: PathBuf,
    admin: String,
    token: String,
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

impl Home {
    /// Makes a fresh node in `dir`, which must not exist or may be thrown away.
    pub(crate) fn fresh(binary: &Path, dir: &Path) -> Result<Self> {
        let _ = std::fs::remove_dir_all(dir);
        let mut home = Self {
            binary: binary.to_owned(),
            dir: dir.to_owned(),
            admin: String::new(),
            token: String::new(),
        };
        let made = home.ask(&["init", "--name", "Bench", "--json"])?;
        let token = made.pointer("/admin/token").and_then(Value::as_str);
        home.token = token.context("init printed no token")?.to_owned();
        let admin = made.pointer("/admin/user").and_then(Value::as_str);
        home.admin = admin.context("init named no administrator")?.to_owned();
        home.add_collection("bench")?;
        Ok(home)
    }

    /// Adds a collection that the administrator reads and writes, while nothing serves.
    pub(crate) fn add_collection(&self, id: &str) -> Result<()> {
        let grant = format!("user:{}=rw", self.admin);
        self.ask(&["collection", "add", id, "--title", "Bench", "--grant", &grant, "--json"]).map(drop)
    }

    /// The first administrator's name.
    pub(crate) fn admin(&self) -> &str {
        &self.admin
    }

    /// Bytes in the directory.
    pub(crate) fn disk_bytes(&self) -> Result<u64> {
        let mut bytes = 0;
        for entry in std::fs::read_dir(&self.dir)? {
            bytes += entry?.metadata()?.len();
        }
        Ok(bytes)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        command.arg("--data").arg(&self.dir).stdin(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn ask(&self, arguments: &[&str]) -> Result<Value> {
        let output = self.command().stderr(Stdio::piped()).args(arguments).output();
        let output = output.with_context(|| format!("cannot run {}", self.binary.display()))?;
        if !output.status.success() {
            bail!("cresset {} failed: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
        }
        serde_json::from_slice(&output.stdout).context("the answer is not JSON")
    }

    /// The node's directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The program.
    pub(crate) fn binary(&self) -> &Path {
        &self.binary
    }

    /// Runs a command against the running node at `url`; the last document it prints.
    pub(crate) fn there(&self, url: &str, arguments: &[&str]) -> Result<Value> {
        let mut command = Command::new(&self.binary);
        command.args(["--json", "--url", url, "--token", &self.token]).args(arguments);
        let output = command.stdin(Stdio::null()).output();
        let output = output.with_context(|| format!("cannot run {}", self.binary.display()))?;
        if !output.status.success() {
            bail!("cresset {} failed: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
        }
        let text = std::str::from_utf8(&output.stdout).context("the answer is not UTF-8")?;
        let whole = serde_json::from_str(text);
        whole
            .or_else(|_| serde_json::from_str(text.lines().last().unwrap_or_default()))
            .context("the answer is not JSON")
    }

    /// Starts the node; returns once it answers, and how long that took.
    pub(crate) fn serve(&self) -> Result<(Server, Duration)> {
        self.serve_at("127.0.0.1:0")
    }

    /// As [`Home::serve`], at an address of its own.
    pub(crate) fn serve_at(&self, listen: &str) -> Result<(Server, Duration)> {
        let start = Instant::now();
        let mut command = self.command();
        // no limit on requests: the one user here is meant to make as many as the node can answer
        command
            .args(["serve", "--listen", listen, "--rate-per-second", "0", "--json"])
            .stdout(Stdio::piped());
        let mut child = command.spawn().context("cannot start the node")?;
        let stdout = child.stdout.take().context("invariant: stdout is piped")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let took = start.elapsed();
        let said: Value = serde_json::from_str(&line).with_context(|| format!("serve said {line:?}"))?;
        let url = said.get("listening").and_then(Value::as_str).context("serve said no address")?;
        let address = url.trim_start_matches("http://").parse().context("serve said no socket address")?;
        let authorization = format!("Authorization: Bearer {}\r\n", self.token);
        let server = Server::new(child, address, "/api1/collections/bench/", authorization);
        Ok((server, took))
    }
}
