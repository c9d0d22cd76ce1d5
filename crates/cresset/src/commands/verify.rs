//! `cresset verify`: whether a file proves what it says, without asking anyone.
//!
//! With `--registry` the key is compared with those of the member, which a snapshot of its community's registry tells;
//! without, a member counts as the key it is called by. Exits 0 when it does, 3 when it does not, with the first thing that does not hold, and 4 when there is no such file.

use std::path::{Path, PathBuf};

use base::signing::{KeyId, PublicKey};
use base::{Clock, Micros, SystemClock};
use clap::Args;
use community::{MemberId, Snapshot};
use ledger::act::ActKind;
use ledger::evidence::{Evidence, SplitView};
use ledger::proof_file::{MemberKeys, ProofFile, ProofFileError, Proven};
use ledger::two_acts::{TwoActs, TwoActsError, TwoStories};
use serde_json::{Value, json};

use crate::exit::{Exit, Failure};
use crate::out::{Out, shown};

/// A file to be checked.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// A proof (`cresset ledger proof`), or evidence against a member that told two stories (`cresset peer evidence`).
    file: PathBuf,
    /// A snapshot of a community's registry (`cresset community registry`): whose key is whose. It is replayed whole.
    #[arg(long, value_name = "FILE")]
    registry: Option<PathBuf>,
}

/// Who is who at a moment, by a snapshot that was replayed.
struct Known {
    snapshot: Snapshot,
    now: Micros,
}

impl Known {
    fn read(path: &Path) -> Result<Self, Failure> {
        let bytes = std::fs::read(path).map_err(|error| Failure::file("read", path, &error))?;
        let snapshot = Snapshot::parse(&bytes).map_err(|rule| {
            let path = path.display();
            Failure::unverified(format_args!("the registry in {path} does not hold: {rule}"))
                .code(rule.code())
        })?;
        Ok(Self { snapshot, now: SystemClock::default().now() })
    }

    fn slug(&self, member: KeyId) -> Option<String> {
        let member = self.snapshot.registry().member(MemberId(member))?;
        Some(member.slug().to_string())
    }

    fn shown(&self) -> Value {
        let registry = self.snapshot.registry();
        json!({"community": registry.id(), "name": registry.names().name("en"), "epoch": registry.head().epoch})
    }

    /// Whether the key that forked a ledger is one of the member's whose ledger it is.
    fn owns(&self, split: &SplitView) -> Result<(), ProofFileError> {
        let key = *split.key.key();
        let member = split.origin.member().unwrap_or_else(|| key.id());
        let keys = self.keys_of(&member).ok_or(ProofFileError::UnknownMember(member))?;
        if keys.contains(&key) { Ok(()) } else { Err(ProofFileError::ForeignKey { key: key.id(), member }) }
    }
}

impl MemberKeys for Known {
    fn keys_of(&self, member: &KeyId) -> Option<Vec<PublicKey>> {
        Some(self.snapshot.registry().member(MemberId(*member))?.keys_in_force(self.now))
    }

    fn members(&self) -> Vec<KeyId> {
        self.snapshot.registry().members().map(|member| member.id().0).collect()
    }
}

/// Runs the command.
pub(crate) fn run(args: &VerifyArgs, out: &mut Out) -> Result<Exit, Failure> {
    let bytes = std::fs::read(&args.file).map_err(|error| Failure::file("read", &args.file, &error))?;
    let known = args.registry.as_deref().map(Known::read).transpose()?;
    let known = known.as_ref();
    let members = known.map(|known| -> &dyn MemberKeys { known });
    if bytes.trim_ascii_start().first() == Some(&b'{') {
        let stories = match TwoActs::parse(&bytes) {
            Ok(evidence) => evidence.verify(members),
            Err(TwoActsError::Form) => return fork(&bytes, known, out),
            Err(error) => Err(error),
        };
        let stories = stories.map_err(|error| match (&error, known) {
            (TwoActsError::UnknownMember(_), None) => Failure::unverified(error).hint(BY_REGISTRY),
            _ => Failure::unverified(error),
        })?;
        return tell_two_acts(&stories, known, out);
    }
    let proof = ProofFile::parse(&bytes).map_err(Failure::unverified)?;
    let proven = proof.verify(members).map_err(|error| match (&error, known) {
        (ProofFileError::UnknownMember(_), None) => Failure::unverified(error).hint(BY_REGISTRY),
        _ => Failure::unverified(error),
    })?;
    tell_act(&proven, known, out)
}

/// What helps where a file alone does not tell whose key it is.
const BY_REGISTRY: &str =
    "a member that has changed its key is known by a snapshot of the registry: --registry FILE";

fn fork(bytes: &[u8], known: Option<&Known>, out: &mut Out) -> Result<Exit, Failure> {
    let evidence = Evidence::parse(bytes).and_then(|evidence| evidence.verify());
    let split = evidence.map_err(Failure::unverified)?;
    known.map_or(Ok(()), |known| known.owns(&split)).map_err(Failure::unverified)?;
    tell_fork(&split, known, out)
}

fn tell_two_acts(stories: &TwoStories, known: Option<&Known>, out: &mut Out) -> Result<Exit, Failure> {
    let TwoStories { author, sequence, signed, other, in_ledger } = stories;
    if out.is_json() {
        out.json(&json!({
            "valid": true,
            "proves": "two-acts",
            "member": author.to_string(),
            "slug": known.and_then(|known| known.slug(*author)),
            "sequence": sequence,
            "signed": signed.to_string(),
            "other": other.to_string(),
            "other_is": if *in_ledger { "in-ledger" } else { "signed" },
            "registry": known.map_or_else(|| "none".into(), Known::shown),
        }))?;
        return Ok(Exit::Done);
    }
    out.line(b"valid: the member did two things at one place of its ledger")?;
    let whose = known.and_then(|known| known.slug(*author));
    let whose = whose.unwrap_or_else(|| "not compared with a registry".to_owned());
    out.line(format!("member    {author} ({whose})").as_bytes())?;
    let how = if *in_ledger { "its ledger has" } else { "it signed" };
    out.line(format!("for leaf {sequence} it signed {signed}, and {how} {other}").as_bytes())?;
    Ok(Exit::Done)
}

fn tell_act(proven: &Proven, known: Option<&Known>, out: &mut Out) -> Result<Exit, Failure> {
    let header = proven.act.header();
    let object = header.object.as_ref();
    let at = stix::Timestamp::from_micros(header.at);
    let receipt = proven.payload.as_deref().and_then(node::receipt_in);
    let went_by = proven.payload.as_deref().filter(|_| header.kind == ActKind::RegistryChanged);
    let went_by = went_by.and_then(node::registry_in);
    if out.is_json() {
        out.json(&json!({
            "valid": true,
            "proves": "act",
            "kind": header.kind.name(),
            "member": header.author.to_string(),
            "at": at.as_str(),
            "object": object.map(|object| json!({"id": object.id, "version": object.version})),
            "payload": if proven.payload.is_some() { "shown" } else { "withheld" },
            "receipt": receipt.as_ref().map(|receipt| json!({
                "of": receipt.of,
                "acts": receipt.acts.iter().map(|line| json!({"sequence": line.sequence, "outcome": line.outcome.name()}))
                    .collect::<Vec<Value>>(),
            })),
            "went_by": went_by.as_ref().map(|state| json!({"state_hash": state.state, "epoch": state.epoch})),
            "sequence": header.sequence,
            "head": {"size": proven.head.size, "root": proven.head.root.to_string()},
            "cosignatures": proven.cosignatures.len(),
            "unknown_signatures": proven.unknown_signatures,
            "slug": known.and_then(|known| known.slug(header.author)),
            "registry": known.map_or_else(|| "none".into(), Known::shown),
        }))?;
        return Ok(Exit::Done);
    }
    out.line(b"valid")?;
    out.line(format!("act       {} at {} (by the member's clock)", header.kind, at.as_str()).as_bytes())?;
    let whose = known.and_then(|known| known.slug(header.author));
    let whose = whose.unwrap_or_else(|| "not compared with a registry".to_owned());
    out.line(format!("member    {} ({whose})", header.author).as_bytes())?;
    if let Some(object) = object {
        out.line(
            format!("object    {} {}", shown(&object.id), shown(object.version.as_deref().unwrap_or("")))
                .as_bytes(),
        )?;
    }
    let payload = if proven.payload.is_some() { "is the one that was committed to" } else { "is not shown" };
    out.line(format!("payload   {payload}").as_bytes())?;
    for line in receipt.iter().flat_map(|receipt| &receipt.acts) {
        out.line(format!("receipt   leaf {}: {}", line.sequence, line.outcome.name()).as_bytes())?;
    }
    if let Some(receipt) = &receipt {
        out.line(format!("          of the ledger of {}", receipt.of).as_bytes())?;
    }
    if let Some(state) = &went_by {
        out.line(format!("went by   registry {} at epoch {}", shown(&state.state), state.epoch).as_bytes())?;
    }
    out.line(format!("ledger    leaf {} of {}", header.sequence, proven.head.size).as_bytes())?;
    if known.is_some() {
        out.line(format!("seen by   {} other members", proven.cosignatures.len()).as_bytes())?;
        if proven.unknown_signatures > 0 {
            let unknown = proven.unknown_signatures;
            out.line(format!("not counted: signatures by nobody in this registry: {unknown}").as_bytes())?;
        }
    }
    Ok(Exit::Done)
}

fn tell_fork(split: &SplitView, known: Option<&Known>, out: &mut Out) -> Result<Exit, Failure> {
    if out.is_json() {
        out.json(&json!({
            "valid": true,
            "proves": "split-view",
            "ledger": split.origin.to_string(),
            "key": split.key.to_string(),
            "claimed": {"size": split.claimed.size, "root": split.claimed.root.to_string()},
            "proven": {"size": split.claimed.size, "root": split.proven.to_string()},
            "registry": known.map_or_else(|| "none".into(), Known::shown),
            "larger": {"size": split.larger.size, "root": split.larger.root.to_string()},
        }))?;
        return Ok(Exit::Done);
    }
    out.line(b"valid: the ledger has forked")?;
    out.line(format!("ledger    {}", shown(&split.origin.to_string())).as_bytes())?;
    out.line(format!("key       {}", shown(&split.key.to_string())).as_bytes())?;
    let (size, claimed, proven) = (split.claimed.size, split.claimed.root, split.proven);
    out.line(
        format!(
            "it signed {claimed} for {size} leaves, and {proven} within its head of {}",
            split.larger.size
        )
        .as_bytes(),
    )?;
    Ok(Exit::Done)
}
