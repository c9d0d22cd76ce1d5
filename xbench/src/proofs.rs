//! Proofs of acts, as anyone checks them: offline, with nothing but a snapshot of the registry.

use std::hint::black_box;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use base::signing::{KeyId, PublicKey};
use base::{Clock, Micros, SystemClock};
use community::{MemberId, Snapshot};
use ledger::proof_file::{MemberKeys, ProofFile};

use crate::members::Member;
use crate::report::{Figure, Target, number};

/// Proofs that are verified one after the other.
const PROOFS: usize = 1_000;
/// Times one is verified by a process of its own; the median counts.
const COLD: usize = 15;

struct Known(Snapshot, Micros);

impl MemberKeys for Known {
    fn keys_of(&self, member: &KeyId) -> Option<Vec<PublicKey>> {
        Some(self.0.registry().member(MemberId(*member))?.keys_in_force(self.1))
    }

    fn members(&self) -> Vec<KeyId> {
        self.0.registry().members().map(|member| member.id().0).collect()
    }
}

/// A thousand proofs in process, and one by the command.
pub(crate) fn measure(member: &Member, ids: Vec<String>) -> Result<Vec<Figure>> {
    eprintln!("measuring proofs");
    let snapshot = member.file("registry");
    let shown = snapshot.to_str().context("a path that is no text")?;
    member.ask(&["community", "registry", "--out", shown])?;
    let mut door = member.door()?;
    let step = (ids.len() / PROOFS).max(1);
    let mut texts = Vec::new();
    for id in ids.iter().step_by(step).take(PROOFS) {
        texts.push(door.get(&format!("/api/v1/ledger/proofs/{id}"))?.context("an object has no proof")?);
    }
    let start = Instant::now();
    let known = Known(Snapshot::parse(&std::fs::read(&snapshot)?)?, SystemClock::default().now());
    for text in &texts {
        black_box(ProofFile::parse(text)?.verify(Some(&known))?);
    }
    let all = start.elapsed().as_secs_f64();
    let file = member.file("proof");
    std::fs::write(&file, texts.first().context("no proofs")?)?;
    let mut took = Vec::new();
    for _ in 0..COLD {
        let mut command = Command::new(member.binary());
        command.arg("verify").arg(&file).arg("--registry").arg(&snapshot).stdout(Stdio::null());
        let start = Instant::now();
        if !command.status()?.success() {
            bail!("a proof of the node's own is not verified");
        }
        took.push(start.elapsed().as_secs_f64() * 1e3);
    }
    took.sort_by(f64::total_cmp);
    let count = number(texts.len() as f64);
    Ok(vec![
        Figure::new(format!("offline verification of {count} proofs"), all, "s", Target::AtMost(2.0))
            .detail("parsed, with the registry's snapshot replayed once; one core"),
        Figure::new("`verify` of one proof, cold", took[COLD / 2], "ms", Target::AtMost(50.0))
            .detail("a process of its own, the registry's snapshot replayed"),
    ])
}
