//! The stage: one node as a process of its own, and the people who ask it things.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use base::{SystemClock, SystemRng};
use dial::{Dialler, Egress, Verb};
use node::InitRequest;
use serde_json::{Value, json};
use url::Url;

use super::actor::Actor;
use crate::directory;
use crate::exit::Failure;
use crate::reach::question;
use crate::sealed;

/// The node's short name and its directory's.
pub(crate) const SLUG: &str = "cert-aldermoor";
/// The member's name.
const MEMBER: &str = "CERT Aldermoor";
/// The collection that the hospitals may read.
pub(crate) const WARDS: &str = "wards";
/// The collection that they may not know of.
pub(crate) const INQUIRY: &str = "inquiry";
/// How long the node may take to end.
const STRIKE_TIMEOUT: Duration = Duration::from_secs(20);

/// A running node and the people of the story.
pub(crate) struct Stage {
    process: Child,
    data: PathBuf,
    dialler: Dialler,
    /// Where the node is.
    pub(crate) url: Url,
    /// Runs the node.
    pub(crate) admin: Actor,
    /// Works with intelligence at the CERT; not there before the story brings them in.
    pub(crate) analyst: Option<Actor>,
    /// Reads at a hospital; likewise.
    pub(crate) reader: Option<Actor>,
}

impl Stage {
    /// Makes the node and starts it.
    pub(crate) async fn set(dir: &Path, port: u16) -> Result<Self, Failure> {
        let data = dir.join(SLUG);
        let (admin_name, secrets) = make_node(&data).await?;
        let (process, url) = start(&data, port)?;
        let dialler = Dialler::new(Egress::default(), Arc::new(SystemRng)).map_err(Failure::unreachable)?;
        let admin = Actor::new(&dialler, &url, &admin_name, secrets);
        Ok(Self { process, data, dialler, url, admin, analyst: None, reader: None })
    }

    /// Adds somebody with a password and a token, as an administrator would.
    pub(crate) async fn add_person(&self, name: &str, role: &str) -> Result<Actor, Failure> {
        let password = uuid::Uuid::new_v4().to_string();
        let user = json!({"name": name, "roles": [role], "password": password});
        self.admin.ask(question::send(Verb::Post, ["users"], &user)).await?;
        let scopes = if role == "reader" { json!(["read"]) } else { json!(["read", "write"]) };
        let wanted = json!({"user": name, "scopes": scopes});
        let made = self.admin.ask(question::send(Verb::Post, ["tokens"], &wanted)).await?;
        let token = made["token"].as_str().unwrap_or_default().to_owned();
        Ok(Actor::new(&self.dialler, &self.url, name, (password, token)))
    }

    /// The CERT's analyst.
    pub(crate) fn analyst(&self) -> Result<&Actor, Failure> {
        self.analyst.as_ref().ok_or_else(|| Failure::no("the story has no analyst yet"))
    }

    /// The hospital's reader.
    pub(crate) fn reader(&self) -> Result<&Actor, Failure> {
        self.reader.as_ref().ok_or_else(|| Failure::no("the story has no reader yet"))
    }

    /// The process that is the node.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Where TAXII clients begin.
    pub(crate) fn taxii(&self) -> Result<Url, Failure> {
        self.url.join("taxii2/").map_err(Failure::unreachable)
    }

    /// The node as scripts read it.
    pub(crate) fn record(&self) -> Value {
        let person =
            |actor: &Actor| json!({"user": actor.name, "password": actor.password, "token": actor.token});
        let data = std::path::absolute(&self.data).unwrap_or_else(|_| self.data.clone());
        json!({
            "slug": SLUG,
            "url": self.url.as_str().trim_end_matches('/'),
            "data": data.display().to_string(),
            "admin": person(&self.admin),
        })
    }

    /// What is left for those who want to go on.
    pub(crate) fn farewell(&self) -> Vec<String> {
        let url = self.url.as_str().trim_end_matches('/');
        let mut lines = vec![
            "The node goes on running. Try it:".to_owned(),
            format!("    pages     {url}/"),
            format!("    TAXII     {url}/taxii2/"),
            format!("    API       {url}/openapi.json"),
        ];
        let people = [Some(&self.admin), self.analyst.as_ref(), self.reader.as_ref()];
        for actor in people.into_iter().flatten() {
            lines.push(format!("    sign in   {:<6} password {}", actor.name, actor.password));
        }
        if let Some(analyst) = &self.analyst {
            lines.push("    or ask it from another terminal:".to_owned());
            lines.push(format!("        export CRESSET_URL={url} CRESSET_TOKEN={}", analyst.token));
            lines.push(format!(
                "        {} lookup 'hxxps://portal-login[.]ashwick[.]example/invoice/7731'",
                this_program()
            ));
        }
        lines.push("Ctrl-C ends it.".to_owned());
        lines
    }

    /// Stops the node and waits for its end.
    pub(crate) async fn strike(mut self) {
        // The node watches its standard input: closing that is how it is told.
        drop(self.process.stdin.take());
        let deadline = tokio::time::Instant::now() + STRIKE_TIMEOUT;
        while tokio::time::Instant::now() < deadline {
            if !matches!(self.process.try_wait(), Ok(None)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // It was asked; what it has acknowledged is durable whatever happens now.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn make_node(data: &Path) -> Result<(String, (String, String)), Failure> {
    let (_, recipient) = sealed::new_key();
    let node = directory::create(data, SystemClock::default())?;
    let failed = |error: node::InitError| Failure::unreachable(&error).code(error.code());
    node.seal_backups_for(&recipient).await.map_err(failed)?;
    let request = InitRequest { member_name: MEMBER.to_owned(), admin_name: "admin".to_owned() };
    let made = node.initialise(request).await.map_err(failed)?;
    let secrets = (made.admin.password.expose().clone(), made.admin.token.expose().clone());
    Ok((made.admin.user, secrets))
}

/// Whether the environment speaks to this program: what it says is not meant for the demonstration.
fn is_ours(name: &std::ffi::OsStr) -> bool {
    name.to_str().is_some_and(|name| name.starts_with("CRESSET_"))
}

/// Starts the node as a process and waits for the line in which it says where it answers.
fn start(data: &Path, port: u16) -> Result<(Child, Url), Failure> {
    let program = std::env::current_exe().map_err(Failure::unreachable)?;
    let mut process = Command::new(program)
        .args(["serve", "--json", "--until-stdin-ends", "--log", "error"])
        .args(["--listen", &format!("127.0.0.1:{port}"), "--data"])
        .arg(data)
        .env_clear()
        .envs(std::env::vars_os().filter(|(name, _)| !is_ours(name)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| Failure::unreachable(format_args!("cannot start the node: {error}")))?;
    let mut line = String::new();
    if let Some(stdout) = process.stdout.take() {
        let read = BufReader::new(stdout).read_line(&mut line);
        read.map_err(Failure::unreachable)?;
    }
    let told: Value = serde_json::from_str(&line).unwrap_or_default();
    match told["listening"].as_str().and_then(|url| Url::parse(url).ok()) {
        Some(url) => Ok((process, url)),
        None => {
            let _ = process.wait();
            Err(Failure::unreachable(format_args!("the node did not start on port {port}"))
                .hint("is the port taken? choose another with --port-base"))
        }
    }
}

/// This program as a shell in this directory finds it: `cargo run` puts it nowhere on the path.
fn this_program() -> String {
    let Ok(program) = std::env::current_exe() else { return "cresset".to_owned() };
    let here = std::env::current_dir().unwrap_or_default();
    program.strip_prefix(here).unwrap_or(&program).display().to_string()
}
