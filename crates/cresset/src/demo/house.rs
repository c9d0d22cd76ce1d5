//! A member's house: its node as a process of its own, the directory it keeps, and its administrator.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use dial::Dialler;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};
use url::Url;

use super::actor::{Actor, Place, program, types_offline};
use crate::exit::Failure;
use crate::out::shown;

/// How long a node may take to answer for the first time, and to end.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks whether a node has ended.
const LOOK: Duration = Duration::from_millis(10);
/// Most that is repeated of what a node has logged, in characters.
const LOGGED_MAX: usize = 300;

/// A member of the story.
#[derive(Clone, Copy)]
pub(crate) struct Member {
    /// What people type for it; also the name of its node's directory.
    pub(crate) slug: &'static str,
    /// Its name.
    pub(crate) name: &'static str,
    /// What it is.
    pub(crate) kind: &'static str,
}

/// A member's node.
pub(crate) struct House {
    /// Whose it is.
    pub(crate) member: Member,
    /// Where it is.
    pub(crate) url: Url,
    /// Runs it.
    pub(crate) admin: Actor,
    room: PathBuf,
    process: Option<Child>,
    recovery_key: String,
}

impl House {
    /// Makes the member's node in the directory and starts it on the port; port 0 takes any free one.
    pub(crate) async fn set(
        dialler: Dialler,
        member: Member,
        (room, port): (PathBuf, u16),
    ) -> Result<Self, Failure> {
        let made =
            types_offline(&room, &["init", "--name", member.name, "--data", member.slug]).await?.done()?;
        let secret = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let made = made.json();
        let secrets = (secret(&made["admin"]["password"]), secret(&made["admin"]["token"]));
        let recovery_key = secret(&made["recovery_key"]);
        let (process, url) = start(member, (&room, port)).await?;
        let place = Place { at: member.slug, url: &url, room: &room };
        let admin = Actor::new(&dialler, &place, &secret(&made["admin"]["user"]), secrets);
        Ok(Self { member, admin, room, process: Some(process), recovery_key, url })
    }

    /// The process that is the node, while it runs.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Child::id)
    }

    /// Where TAXII clients begin.
    pub(crate) fn taxii(&self) -> Result<Url, Failure> {
        self.url.join("taxii2/").map_err(Failure::unreachable)
    }

    /// Its address without the slash at the end.
    pub(crate) fn address(&self) -> &str {
        self.url.as_str().trim_end_matches('/')
    }

    /// Where it listens, as `serve --listen` takes it.
    pub(crate) fn listens_at(&self) -> String {
        format!("{}:{}", self.url.host_str().unwrap_or_default(), self.url.port().unwrap_or_default())
    }

    /// The address at which other members' nodes are met, both showing whose they are.
    pub(crate) fn met_at(&self) -> String {
        self.address().replacen("http://", "https://", 1)
    }

    /// The node as scripts read it.
    pub(crate) fn record(&self) -> Value {
        let data = self.room.join(self.member.slug);
        let admin = &self.admin;
        json!({
            "slug": self.member.slug,
            "kind": self.member.kind,
            "url": self.address(),
            "data": data.display().to_string(),
            "pid": self.pid(),
            "admin": {"user": admin.name, "password": admin.password, "token": admin.token},
            "recovery_key": self.recovery_key,
        })
    }

    /// Starts the node again where it was.
    pub(crate) async fn start(&mut self) -> Result<(), Failure> {
        let port = self.url.port().unwrap_or_default();
        let (process, _) = start(self.member, (&self.room, port)).await?;
        self.process = Some(process);
        Ok(())
    }

    /// Tells the node to stop and waits for its end; returns how it ended.
    pub(crate) async fn stop(&mut self) -> Option<i32> {
        let mut process = self.process.take()?;
        // The node watches its standard input: closing that is how it is told.
        drop(process.stdin.take());
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            match process.try_wait() {
                Ok(None) => sleep(LOOK).await,
                Ok(Some(status)) => return status.code(),
                Err(_) => break,
            }
        }
        // It was asked; what it has acknowledged is durable whatever happens now.
        let _ = process.kill();
        let _ = process.wait();
        None
    }
}

/// Starts a node as a process and waits for the line in which it says where it answers.
async fn start(member: Member, (room, port): (&Path, u16)) -> Result<(Child, Url), Failure> {
    let log = room.join(format!("{}.log", member.slug));
    let file = File::options().create(true).append(true).open(&log);
    let file = file.map_err(|error| Failure::file("write", &log, &error))?;
    let mut command = program(room)?;
    command
        .args(["serve", "--json", "--until-stdin-ends", "--data", member.slug])
        .args(["--listen", &format!("127.0.0.1:{port}")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(file);
    let mut process = command.spawn().map_err(|error| {
        Failure::unreachable(format_args!("cannot start the node of {}: {error}", member.name))
    })?;
    let stdout = process.stdout.take();
    let line = tokio::task::spawn_blocking(move || {
        let mut line = String::new();
        if let Some(stdout) = stdout {
            // Without a line there is no address, which is told below.
            let _ = BufReader::new(stdout).read_line(&mut line);
        }
        line
    });
    let line = timeout(PATIENCE, line).await.ok().and_then(Result::ok).unwrap_or_default();
    let told: Value = serde_json::from_str(&line).unwrap_or_default();
    if let Some(url) = told["listening"].as_str().and_then(|url| Url::parse(url).ok()) {
        return Ok((process, url));
    }
    let _ = process.kill();
    let _ = process.wait();
    let said = match last_line(&std::fs::read(&log).unwrap_or_default()) {
        Some(said) => format!(": {said}"),
        None => format!(", and {} does not say why", log.display()),
    };
    Err(Failure::unreachable(format_args!(
        "the node of {} does not answer on port {port}{said}",
        member.name
    ))
    .hint("is the port taken? choose others with --port-base"))
}

/// What a node has logged last, without the word by which commands begin what went wrong: the failure that repeats it has one of its own.
fn last_line(log: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(log);
    let error = text.lines().rev().find_map(|line| line.strip_prefix("error: "));
    let words = error.or(text.lines().next_back())?;
    Some(shown(words).chars().take(LOGGED_MAX).collect())
}

#[cfg(test)]
mod tests {
    use super::last_line;

    #[test]
    fn what_a_node_said_last_is_told_once() {
        let said = |log: &str| last_line(log.as_bytes());
        assert_eq!(
            said("started\nerror: cannot listen on x\n  choose another").as_deref(),
            Some("cannot listen on x")
        );
        assert_eq!(said("started\nserving").as_deref(), Some("serving"));
        assert_eq!(said(""), None);
    }
}
