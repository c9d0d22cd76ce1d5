//! Somebody in the story, who types commands and asks a node, with nothing but an address and a token.
//!
//! What is told as typed is run just so, as a process of this same program (with `--json`, to read the answer). Waiting goes
//! through the JSON API, for it asks often.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use dial::{ApiClient, ApiRequest, Dialler, Login, TaxiiClient};
use serde_json::Value;
use tokio::time::{Instant, sleep};
use url::Url;

use crate::exit::Failure;
use crate::out::shown;
use crate::reach::{NODE_HINT, dial_failure};

/// Longest that one command may take.
const COMMAND_TIME_MAX: Duration = Duration::from_secs(90);
/// Between two looks whether a command has ended.
const LOOK: Duration = Duration::from_millis(4);

/// Somebody's way to a node.
#[derive(Clone)]
pub(crate) struct Actor {
    /// User name.
    pub(crate) name: String,
    /// The node's member, by slug.
    pub(crate) at: &'static str,
    /// Password, for signing in to the pages.
    pub(crate) password: String,
    /// Token, for programs.
    pub(crate) token: String,
    url: Url,
    room: PathBuf,
    api: ApiClient,
    taxii: TaxiiClient,
}

/// A command that has ended.
pub(crate) struct Said {
    /// What was typed, with who typed it where.
    pub(crate) typed: String,
    /// How it ended.
    pub(crate) code: i32,
    /// What it printed.
    pub(crate) text: String,
    /// The JSON documents in it.
    pub(crate) lines: Vec<Value>,
    /// The words it said, in one line.
    pub(crate) words: String,
}

impl Said {
    /// The one document, or the first.
    pub(crate) fn json(&self) -> &Value {
        self.lines.first().unwrap_or(&Value::Null)
    }

    /// The last document.
    pub(crate) fn last(&self) -> &Value {
        self.lines.last().unwrap_or(&Value::Null)
    }

    /// Expects that it has done what it was asked.
    pub(crate) fn done(self) -> Result<Self, Failure> {
        self.ended(0)
    }

    /// Expects that it has ended so.
    pub(crate) fn ended(self, code: i32) -> Result<Self, Failure> {
        if self.code == code {
            return Ok(self);
        }
        let words = if self.words.is_empty() { "without a word" } else { self.words.as_str() };
        Err(Failure::no(format_args!("{} ended with {} instead of {code}: {words}", self.typed, self.code)))
    }
}

/// Where an actor stands: the member by slug, its node, and the directory in which commands are typed.
pub(crate) struct Place<'p> {
    /// The member's slug.
    pub(crate) at: &'static str,
    /// The node's address.
    pub(crate) url: &'p Url,
    /// The directory.
    pub(crate) room: &'p Path,
}

impl Actor {
    /// Somebody who reaches a node.
    pub(crate) fn new(dialler: &Dialler, place: &Place<'_>, name: &str, secrets: (String, String)) -> Self {
        let (password, token) = secrets;
        let login = || Login::Bearer(base::Redacted::new(token.clone()));
        Self {
            api: ApiClient::new(dialler.clone(), place.url.clone(), login()),
            taxii: TaxiiClient::new(dialler.clone(), login()),
            name: name.to_owned(),
            at: place.at,
            url: place.url.clone(),
            room: place.room.to_owned(),
            password,
            token,
        }
    }

    /// This person's TAXII client.
    pub(crate) const fn taxii(&self) -> &TaxiiClient {
        &self.taxii
    }

    /// Types a command and waits for its end.
    pub(crate) async fn types(&self, words: &[&str]) -> Result<Said, Failure> {
        self.types_with(words, b"").await
    }

    /// The same, with a line that is typed when the command asks for it.
    pub(crate) async fn types_with(&self, words: &[&str], input: &[u8]) -> Result<Said, Failure> {
        let mut command = program(&self.room)?;
        command
            .args(words)
            .arg("--json")
            .env("CRESSET_URL", self.url.as_str())
            .env("CRESSET_TOKEN", &self.token);
        let who = format!("{}@{}", self.name, self.at);
        finish(command, input, typed(&who, words)).await
    }

    /// Asks, and reads the answer whatever its status.
    pub(crate) async fn ask_any(&self, request: ApiRequest) -> Result<(u16, Value), Failure> {
        let failed = |error: &dyn std::fmt::Display| Failure::no(format_args!("{}: {error}", self.at));
        let answer =
            self.api.ask(&request).await.map_err(|error| failed(&dial_failure(&error, NODE_HINT)))?;
        let read =
            if answer.body.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&answer.body) };
        Ok((answer.status, read.map_err(|error| failed(&error))?))
    }

    /// Asks for what must succeed.
    pub(crate) async fn ask(&self, request: ApiRequest) -> Result<Value, Failure> {
        let (status, answer) = self.ask_any(request).await?;
        if (200..300).contains(&status) {
            return Ok(answer);
        }
        Err(Failure::no(format_args!(
            "{} answered {} with {status}: {}",
            self.at, self.name, answer["detail"]
        )))
    }
}

/// Types a command that reaches no node: no address, no token.
pub(crate) async fn types_offline(room: &Path, words: &[&str]) -> Result<Said, Failure> {
    let mut command = program(room)?;
    command.args(words).arg("--json");
    finish(command, b"", typed("anybody", words)).await
}

/// This program, without what the environment says to it: that is not meant for the demonstration.
pub(crate) fn program(room: &Path) -> Result<Command, Failure> {
    let ours = |name: &std::ffi::OsStr| name.to_str().is_some_and(|name| name.starts_with("CRESSET_"));
    let mut command = Command::new(std::env::current_exe().map_err(Failure::unreachable)?);
    command.current_dir(room).env_clear().envs(std::env::vars_os().filter(|(name, _)| !ours(name)));
    Ok(command)
}

/// A command as it is shown: who typed it, and the words as a shell takes them.
pub(crate) fn typed(who: &str, words: &[&str]) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || "-_./:,=@+".contains(letter);
    let mut line = format!("{who}$ cresset");
    for word in words {
        line.push(' ');
        match word {
            word if !word.is_empty() && word.chars().all(plain) => line.push_str(word),
            word => line.push_str(&format!("'{word}'")),
        }
    }
    line
}

async fn finish(mut command: Command, input: &[u8], typed: String) -> Result<Said, Failure> {
    let failed = |error: std::io::Error| Failure::unreachable(format_args!("cannot run {typed}: {error}"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        // A command that ends before it has read everything is judged by its answer.
        let _ = std::io::Write::write_all(&mut stdin, input);
    }
    let output = output(child).await.map_err(failed)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // One document may have lines of its own: objects are shown byte for byte.
    let lines = match serde_json::from_str(&text) {
        Ok(whole) => vec![whole],
        Err(_) => text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect(),
    };
    let words: Vec<String> =
        String::from_utf8_lossy(&output.stderr).lines().map(|line| shown(line.trim())).collect();
    Ok(Said { typed, code: output.status.code().unwrap_or(-1), text, lines, words: words.join("; ") })
}

/// Waits for a process without holding up anybody else; one that takes too long is ended.
async fn output(mut child: Child) -> std::io::Result<Output> {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let stdout = tokio::task::spawn_blocking(move || drain(stdout));
    let stderr = tokio::task::spawn_blocking(move || drain(stderr));
    let deadline = Instant::now() + COMMAND_TIME_MAX;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() >= deadline {
            child.kill()?;
            break child.wait()?;
        }
        sleep(LOOK).await;
    };
    Ok(Output { status, stdout: stdout.await??, stderr: stderr.await?? })
}

fn drain(pipe: Option<impl std::io::Read>) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        pipe.read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_would_take_apart_is_quoted() {
        let words = ["import", "a file.json", "--tlp", "amber", "--reason", "it's"];
        assert_eq!(
            typed("mira@cert-a", &words[..4]),
            "mira@cert-a$ cresset import 'a file.json' --tlp amber"
        );
        assert_eq!(typed("x@y", &[""]), "x@y$ cresset ''");
    }

    #[test]
    fn a_command_that_ends_otherwise_is_told_with_its_words() {
        let said = |code, words: &str| Said {
            typed: "ann@cert-a$ cresset get x".to_owned(),
            code,
            text: String::new(),
            lines: Vec::new(),
            words: words.to_owned(),
        };
        assert!(said(0, "").done().is_ok());
        let failure = said(1, "error: no such object").done().err().map(|failure| failure.to_string());
        let told = "ann@cert-a$ cresset get x ended with 1 instead of 0: error: no such object";
        assert_eq!(failure.as_deref(), Some(told));
        assert!(said(0, "").ended(3).is_err());
    }
}
