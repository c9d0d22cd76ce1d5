//! Members of one community, each a node of its own: founded, joined and approved through the command line, as people do it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::http::{Connection, Request};
use crate::limits::free_address;
use crate::server::{Home, Server};
use crate::{Plan, load, machine};

/// How long anything may take that other nodes bring about.
const PATIENCE: Duration = Duration::from_secs(600);
/// How often it is asked after while founding.
const FOUNDING_STEP: Duration = Duration::from_millis(100);

/// A member and its node.
pub(crate) struct Member {
    pub(crate) slug: &'static str,
    home: Home,
    address: SocketAddr,
    server: Option<Server>,
}

impl Member {
    fn new(plan: &Plan, slug: &'static str) -> Result<Self> {
        let home = Home::fresh(&plan.binary, &plan.dir.join(slug))?;
        let mut member = Self { slug, home, address: free_address()?, server: None };
        member.comes_back()?;
        Ok(member)
    }

    /// Starts the node where it always is.
    pub(crate) fn comes_back(&mut self) -> Result<()> {
        self.server = Some(self.home.serve_at(&self.address.to_string())?.0);
        Ok(())
    }

    /// Ends the node in good order.
    pub(crate) fn goes_away(&mut self) {
        self.server = None;
    }

    /// The program that the node is a process of.
    pub(crate) fn binary(&self) -> &Path {
        self.home.binary()
    }

    /// A path beside this member's directory.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.home.dir().with_file_name(format!("{}-{name}", self.slug))
    }

    /// Runs a command against the running node; what it answers.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Result<Value> {
        self.home.there(&format!("http://{}", self.address), arguments)
    }

    /// Seconds of processor time that the node has used.
    pub(crate) fn processor_seconds(&self) -> Result<f64> {
        machine::processor_seconds(self.server.as_ref().context("the node is away")?.pid())
    }

    /// Waits until the node has done what it does behind what it was given.
    pub(crate) fn rests(&self) -> Result<()> {
        machine::rests(self.server.as_ref().context("the node is away")?.pid())
    }

    /// Imports objects under these options; what the command line takes in all.
    pub(crate) fn import(&self, objects: &[String], options: &[&str]) -> Result<()> {
        let file = self.file("import.json");
        std::fs::write(&file, load::bundle(objects))?;
        let shown = file.to_str().context("a path that is no text")?;
        let summary = self.ask(&[&["import", shown], options].concat())?;
        let accepted = summary.pointer("/summary/accepted").and_then(Value::as_u64);
        if accepted != Some(u64::try_from(objects.len())?) {
            bail!("not everything was taken in: {summary}");
        }
        Ok(())
    }

    /// A kept connection for asking after things.
    pub(crate) fn door(&self) -> Result<Door> {
        let server = self.server.as_ref().context("the node is away")?;
        let connection = Connection::open(server.address)?;
        Ok(Door { connection, authorization: server.authorization.clone() })
    }

    fn has(&self, slug: &str) -> Result<bool> {
        Ok(self.members()?.iter().any(|one| one["slug"] == slug && one["status"] == "active"))
    }

    fn members(&self) -> Result<Vec<Value>> {
        let shown = self.ask(&["community", "show"])?;
        Ok(shown["members"].as_array().cloned().unwrap_or_default())
    }

    fn approve(&self, slug: &str) -> Result<()> {
        until(FOUNDING_STEP, || {
            let pending = self.ask(&["community", "pending"])?;
            let waits = pending.as_array().is_some_and(|all| all.iter().any(|one| one["slug"] == slug));
            Ok(waits || self.has(slug)?)
        })?;
        match self.ask(&["community", "approve", slug]) {
            Err(_) if self.has(slug)? => Ok(()),
            said => said.map(drop),
        }
    }
}

/// A kept connection to a node.
pub(crate) struct Door {
    connection: Connection,
    authorization: String,
}

impl Door {
    /// The answer to a question, if it is 200.
    pub(crate) fn get(&mut self, path: &str) -> Result<Option<Vec<u8>>> {
        let response = self.connection.ask(&Request::get(path, &self.authorization))?;
        Ok((response.status == 200).then(|| response.body()))
    }

    /// Waits until the node shows an object.
    pub(crate) fn shows(&mut self, id: &str) -> Result<()> {
        let path = format!("/api/v1/objects/{id}");
        until(Duration::from_millis(2), || Ok(self.get(&path)?.is_some()))
    }

    /// Waits until every peer has acknowledged everything.
    pub(crate) fn has_given_everything(&mut self) -> Result<()> {
        // Seldom enough that the questions are no part of what is measured.
        until(Duration::from_millis(100), || {
            let peers = self.get("/api/v1/peers")?.context("peers are not told")?;
            let peers: Value = serde_json::from_slice(&peers)?;
            let items = peers["items"].as_array().context("peers are no list")?;
            Ok(items.iter().all(|peer| peer["lag_out"] == 0))
        })
    }
}

/// Waits until `so`, looking every `step`.
pub(crate) fn until(step: Duration, mut so: impl FnMut() -> Result<bool>) -> Result<()> {
    let start = Instant::now();
    while !so()? {
        if start.elapsed() > PATIENCE {
            bail!("waited {PATIENCE:?} in vain");
        }
        std::thread::sleep(step);
    }
    Ok(())
}

/// The members of one new community, the founder first.
pub(crate) fn community(plan: &Plan, slugs: &[&'static str]) -> Result<Vec<Member>> {
    let mut members: Vec<Member> = Vec::new();
    let mut anchor = String::new();
    for slug in slugs {
        let member = Member::new(plan, slug)?;
        let endpoint = format!("http://{}", member.address);
        let named = ["--slug", slug, "--member-name", slug, "--kind", "cert", "--endpoint", &endpoint];
        if members.is_empty() {
            member.ask(&[&["community", "create", "--name", "Bench"], &named[..]].concat())?;
            anchor = member.file("anchor.json").display().to_string();
            member.ask(&["community", "anchor", "--out", &anchor])?;
        } else {
            member.ask(&[&["community", "join", &anchor], &named[..]].concat())?;
        }
        for earlier in &members {
            earlier.approve(slug)?;
        }
        members.push(member);
        until(FOUNDING_STEP, || agree(&members))?;
    }
    Ok(members)
}

fn agree(members: &[Member]) -> Result<bool> {
    for member in members {
        if member.members()?.iter().filter(|one| one["status"] == "active").count() != members.len() {
            return Ok(false);
        }
    }
    Ok(true)
}
