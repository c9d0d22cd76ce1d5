//! Nodes of members: founding a community, joining it, and waiting for what others bring about.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::scene::{Running, Scene};

/// A node that runs for the whole test.
pub(crate) struct Town {
    pub(crate) scene: Scene,
    pub(crate) node: Running,
}

impl Town {
    pub(crate) fn new() -> Self {
        let scene = Scene::new();
        let node = scene.serve();
        Self { scene, node }
    }

    #[track_caller]
    pub(crate) fn ok(&self, args: &[&str]) -> Value {
        self.node.there(args).exits(0).json()
    }

    pub(crate) fn show(&self) -> Value {
        self.ok(&["community", "show"])
    }

    #[track_caller]
    pub(crate) fn create(&self, slug: &str, more: &[&str]) -> String {
        self.create_at(slug, &self.node.url(), more)
    }

    /// Founds a community, giving an address to be reached at.
    #[track_caller]
    pub(crate) fn create_at(&self, slug: &str, url: &str, more: &[&str]) -> String {
        let args = [
            "community",
            "create",
            "--name",
            "Region",
            "--member-name",
            "CERT A",
            "--member-name-in",
            "ru=ЦЕРТ А",
            "--slug",
            slug,
        ];
        self.ok(&[&args[..], &["--endpoint", url], more].concat());
        let anchor = self.scene.path("anchor.json").to_str().unwrap().to_owned();
        self.ok(&["community", "anchor", "--out", &anchor]);
        anchor
    }

    /// Ends the node as a power cut does and starts it again where it was.
    #[track_caller]
    pub(crate) fn dies_and_comes_back(&mut self) {
        let address = self.address();
        self.node.dies();
        self.node = self.scene.serve_at(&address);
    }

    /// The address by which members' nodes show each other whose they are.
    pub(crate) fn mutual(&self) -> String {
        format!("https://{}", self.address())
    }

    /// Ends the node and starts it again where it was, with its clock shifted.
    #[track_caller]
    pub(crate) fn comes_back_later(&mut self, offset: &str) {
        let address = self.address();
        self.node.dies();
        let node = Running::start_at(
            &self.scene.data(),
            &address,
            &["--allow-test-controls"],
            &[("CRESSET_CLOCK_OFFSET", offset)],
        );
        self.node = node.with_token(self.scene.init["admin"]["token"].as_str().unwrap());
    }

    /// Where the node listens.
    pub(crate) fn address(&self) -> String {
        self.node.url().trim_start_matches("http://").to_owned()
    }

    #[track_caller]
    pub(crate) fn join(&self, anchor: &str, slug: &str, kind: &str) -> String {
        self.join_as(anchor, slug, kind, &self.node.url())
    }

    /// Joins, giving an address to be reached at.
    #[track_caller]
    pub(crate) fn join_as(&self, anchor: &str, slug: &str, kind: &str, url: &str) -> String {
        let said = self.ok(&[
            "community",
            "join",
            anchor,
            "--slug",
            slug,
            "--member-name",
            slug,
            "--kind",
            kind,
            "--endpoint",
            url,
        ]);
        assert_eq!(said["status"], "pending");
        said["member"].as_str().unwrap().to_owned()
    }

    /// Approves what is about `slug`, as soon as it has arrived here.
    #[track_caller]
    pub(crate) fn approve(&self, slug: &str) {
        until(&format!("{slug} is pending"), || {
            self.ok(&["community", "pending"]).as_array().unwrap().iter().any(|one| one["slug"] == slug)
        });
        self.ok(&["community", "approve", slug]);
    }

    /// Approves what is about `slug` where it is still asked.
    #[track_caller]
    pub(crate) fn approve_if_asked(&self, slug: &str) {
        until(&format!("{slug} is pending or in"), || {
            self.has(slug, "active")
                || self
                    .ok(&["community", "pending"])
                    .as_array()
                    .unwrap()
                    .iter()
                    .any(|one| one["slug"] == slug)
        });
        if !self.has(slug, "active") {
            let said = self.node.there(&["community", "approve", slug]);
            assert!(said.code == 0 || self.has(slug, "active"), "{} {}", said.stdout, said.stderr);
        }
    }

    pub(crate) fn has(&self, slug: &str, status: &str) -> bool {
        let shown = self.show();
        shown["members"].as_array().unwrap().iter().any(|one| one["slug"] == slug && one["status"] == status)
    }
}

/// Waits for something that other nodes bring about.
#[track_caller]
pub(crate) fn until(what: &str, so: impl FnMut() -> bool) {
    until_within(60, what, so);
}

/// The same, for so many seconds.
#[track_caller]
pub(crate) fn until_within(seconds: u64, what: &str, mut so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < Duration::from_secs(seconds), "in vain: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[track_caller]
pub(crate) fn agree(towns: &[&Town], members: usize) {
    until(&format!("{} nodes agree on {members} members", towns.len()), || {
        let shown: Vec<Value> = towns.iter().map(|town| town.show()).collect();
        shown.iter().all(|one| {
            one["state_hash"] == shown[0]["state_hash"]
                && one["epoch"] == shown[0]["epoch"]
                && one["members"].as_array().unwrap().len() == members
        })
    });
}

/// Members of one community, in the order of their slugs.
#[track_caller]
pub(crate) fn community<const N: usize>(slugs: [(&str, &str); N]) -> [Town; N] {
    community_at(slugs, |town| town.node.url())
}

/// The same, each at an address that is made from where its node listens.
#[track_caller]
pub(crate) fn community_at<const N: usize>(
    slugs: [(&str, &str); N],
    address: impl Fn(&Town) -> String,
) -> [Town; N] {
    let towns = slugs.map(|_| Town::new());
    let mut anchor = String::new();
    for (at, (slug, kind)) in slugs.into_iter().enumerate() {
        if at == 0 {
            anchor = towns[0].create_at(slug, &address(&towns[0]), &[]);
            continue;
        }
        towns[at].join_as(&anchor, slug, kind, &address(&towns[at]));
        for member in &towns[..at] {
            if !member.has(slug, "active") {
                member.approve_if_asked(slug);
            }
        }
        agree(&towns.iter().take(at + 1).collect::<Vec<_>>(), at + 1);
    }
    towns
}

/// The id of the indicator of a number.
pub(crate) fn id(number: usize) -> String {
    format!("indicator--00000000-0000-4000-8000-{number:012}")
}

/// Whether a node shows its administrator an object.
pub(crate) fn holds(town: &Town, id: &str) -> bool {
    town.node.there(&["get", id]).code == 0
}

/// Whether it shows the indicator of a number.
pub(crate) fn has(town: &Town, number: usize) -> bool {
    holds(town, &id(number))
}

/// What a node tells of another member.
#[track_caller]
pub(crate) fn peer(town: &Town, slug: &str) -> Value {
    let peers = town.ok(&["peer", "list"]);
    peers.as_array().unwrap().iter().find(|peer| peer["member"] == slug).unwrap().clone()
}
