//! The stage: four nodes as processes of their own, the papers of the story, and the people who ask.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base::SystemRng;
use dial::{Dialler, Egress};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::actor::{Actor, Place};
use super::house::{House, Member};
use super::story::CAMPAIGN;
use crate::exit::Failure;

/// Where the story's files lie, beside the nodes' directories.
pub(crate) const PAPERS: &str = "papers";
/// The members, in the order of their ports.
pub(crate) const MEMBERS: [Member; 4] = [
    Member { slug: "cert-aldermoor", name: "CERT Aldermoor", kind: "cert" },
    Member { slug: "cert-brackwater", name: "CERT Brackwater", kind: "cert" },
    Member { slug: "cert-cinderholm", name: "CERT Cinderholm", kind: "cert" },
    Member { slug: "secretariat", name: "Secretariat", kind: "secretariat" },
];
/// What is written for the story before it begins.
const FILES: [(&str, &[u8]); 5] = [
    ("warning.json", include_bytes!("../../demo/warning.json")),
    ("second.json", include_bytes!("../../demo/second.json")),
    ("pale-lantern.json", CAMPAIGN),
    ("broken.json", include_bytes!("../../demo/broken.json")),
    ("inquiry.json", include_bytes!("../../demo/inquiry.json")),
];
/// Longest wait for something that another node brings about.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks whether it has come.
const LOOK: Duration = Duration::from_millis(15);

/// Running nodes and the people of the story.
pub(crate) struct Stage {
    /// Where commands are typed and everything lies.
    pub(crate) room: PathBuf,
    /// How long making and starting the nodes took.
    pub(crate) set_in: Duration,
    /// The member that warns.
    pub(crate) a: House,
    /// The member that is warned.
    pub(crate) b: House,
    /// The member that is let in later.
    pub(crate) c: House,
    /// Who convenes, and may know nothing of it.
    pub(crate) desk: House,
    /// What has to be remembered from one step to a later one.
    pub(crate) notes: Notes,
    analyst: Option<Actor>,
    reader: Option<Actor>,
    dialler: Dialler,
}

/// What one step leaves for a later one.
#[derive(Default)]
pub(crate) struct Notes {
    /// What an uninvolved member's people were told before the warning.
    pub(crate) before: Vec<Vec<Value>>,
    /// When the warning was given.
    pub(crate) warned: Option<Instant>,
    /// The sighting that came back.
    pub(crate) sighting: String,
}

impl Stage {
    /// Writes the papers, makes the nodes and starts them, each on its port; 0 takes any free one.
    pub(crate) async fn set(dir: &Path, ports: [u16; 4]) -> Result<Self, Failure> {
        let begin = Instant::now();
        let room = std::path::absolute(dir).map_err(|error| Failure::file("find", dir, &error))?;
        let papers = room.join(PAPERS);
        std::fs::create_dir_all(&papers).map_err(|error| Failure::file("make", &papers, &error))?;
        for (name, bytes) in FILES {
            let path = papers.join(name);
            std::fs::write(&path, bytes).map_err(|error| Failure::file("write", &path, &error))?;
        }
        let dialler = Dialler::new(Egress::default(), Arc::new(SystemRng)).map_err(Failure::unreachable)?;
        let set = |member, port| tokio::spawn(House::set(dialler.clone(), member, (room.clone(), port)));
        let ([a, b, c, desk], [at_a, at_b, at_c, at_desk]) = (MEMBERS, ports);
        let (a, b, c, desk) = (set(a, at_a), set(b, at_b), set(c, at_c), set(desk, at_desk));
        let arrived = |house: Result<Result<House, Failure>, tokio::task::JoinError>| {
            house.map_err(Failure::unreachable).flatten()
        };
        let (a, b, c, desk) = tokio::join!(a, b, c, desk);
        let (a, b, c, desk) = (arrived(a)?, arrived(b)?, arrived(c)?, arrived(desk)?);
        let (set_in, notes) = (begin.elapsed(), Notes::default());
        Ok(Self { room, set_in, a, b, c, desk, notes, analyst: None, reader: None, dialler })
    }

    /// All nodes, in the order of their ports.
    pub(crate) fn houses(&self) -> [&House; 4] {
        [&self.a, &self.b, &self.c, &self.desk]
    }

    /// Adds somebody at the first member with a password and a token, as its administrator would; returns what was typed.
    pub(crate) async fn add_person(&mut self, name: &str, role: &str) -> Result<Vec<String>, Failure> {
        let password = uuid::Uuid::new_v4().to_string();
        let line = format!("{password}\n");
        let words = ["user", "add", name, "--role", role, "--password-stdin"];
        let added = self.a.admin.types_with(&words, line.as_bytes()).await?.done()?;
        let scopes: &[&str] =
            if role == "reader" { &["--scope", "read"] } else { &["--scope", "read", "--scope", "write"] };
        let words = [&["token", "create", "--user", name], scopes].concat();
        let made = self.a.admin.types(&words).await?.done()?;
        let token = made.json()["token"].as_str().unwrap_or_default().to_owned();
        let place = Place { at: self.a.member.slug, url: &self.a.url, room: &self.room };
        let person = Actor::new(&self.dialler, &place, name, (password, token));
        if role == "reader" {
            self.reader = Some(person)
        } else {
            self.analyst = Some(person)
        }
        Ok(vec![added.typed, made.typed])
    }

    /// The first member's analyst.
    pub(crate) fn mira(&self) -> Result<&Actor, Failure> {
        self.analyst.as_ref().ok_or_else(|| Failure::no("the story has no analyst yet"))
    }

    /// A reader at a hospital that the first member serves.
    pub(crate) fn jun(&self) -> Result<&Actor, Failure> {
        self.reader.as_ref().ok_or_else(|| Failure::no("the story has no reader yet"))
    }

    /// The nodes as scripts read them.
    pub(crate) fn record(&self) -> Value {
        json!({"nodes": self.houses().map(House::record)})
    }

    /// What is left for those who want to go on.
    pub(crate) fn farewell(&self) -> Vec<String> {
        let mut lines = vec!["The four nodes go on running. Look at them:".to_owned()];
        for house in self.houses() {
            let (admin, address) = (&house.admin, house.address());
            lines.push(format!(
                "    {:<16} {address}/  sign in as {} with {}",
                house.member.slug, admin.name, admin.password
            ));
        }
        for person in [&self.analyst, &self.reader].into_iter().flatten() {
            lines.push(format!(
                "    {:<16} at {} also {} with {}",
                "", person.at, person.name, person.password
            ));
        }
        let address = self.a.address();
        lines.push(format!(
            "    TAXII {address}/taxii2/   API {address}/openapi.json   and so at each of them"
        ));
        lines.push("Or type, in another terminal:".to_owned());
        lines.push(format!("    cd {} && alias cresset={}", self.room.display(), program()));
        for house in [&self.a, &self.b] {
            lines.push(format!(
                "    export CRESSET_URL={} CRESSET_TOKEN={}   # {}",
                house.address(),
                house.admin.token,
                house.member.slug
            ));
        }
        lines.push("    cresset lookup 'hxxps://ward-invoices[.]example/'; cresset peer list; cresset community show".to_owned());
        lines.push(format!("Ctrl-C ends them all. For scripts: {}", self.room.join(super::RECORD).display()));
        lines
    }

    /// Stops every node and waits for their ends.
    pub(crate) async fn strike(mut self) {
        let Self { a, b, c, desk, .. } = &mut self;
        tokio::join!(a.stop(), b.stop(), c.stop(), desk.stop());
    }
}

/// Waits until something holds that another node brings about; how long that took. A wait in vain says for what.
pub(crate) async fn until(
    what: &str,
    mut so: impl AsyncFnMut() -> Result<bool, Failure>,
) -> Result<Duration, Failure> {
    let begin = Instant::now();
    while !so().await? {
        if begin.elapsed() > PATIENCE {
            return Err(Failure::no(format_args!("waited {} s in vain until {what}", PATIENCE.as_secs())));
        }
        sleep(LOOK).await;
    }
    Ok(begin.elapsed())
}

/// This program as a shell finds it: `cargo run` puts it nowhere on the path.
pub(super) fn program() -> String {
    std::env::current_exe().map_or_else(|_| "cresset".to_owned(), |program| program.display().to_string())
}
