//! Figures, checks, backup, and how the node stands.

use std::path::Path;
use std::sync::Arc;

use base::Micros;
use handling::{
    Action, Cleared, Guarded, Principal, Refusal, Role, Seconded, TwoPersonDeed, UserNo, may_administer,
    may_audit,
};
use serde::Serialize;
use stix::Timestamp;
use store::{BackupReport, BackupTo, Check, Difference, Fault, Figures, KeySink, StoreError};

use crate::{ApprovalError, Node};

/// How the node stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Reads and writes.
    Ok,
    /// Reads; writes wait until the operator has made room or repaired.
    ReadOnly,
    /// Takes back from the other members what a restore has lost: shows nothing and takes nothing in yet.
    Recovering,
}

/// How the node stands, with what it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct State {
    /// Status.
    pub status: Status,
    /// Why it is not `ok`, when it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Digest over everything held, in hexadecimal: equal on two nodes that hold the same.
    pub state_hash: String,
    /// Objects held.
    pub objects: u64,
    /// Leaves of the member's ledger.
    pub leaves: u64,
}

/// A copy of the node with its keys.
struct KeyExport;

impl TwoPersonDeed for KeyExport {
    const KIND: Guarded = Guarded::KeyExport;

    fn words(&self) -> String {
        "make a copy of the node with its keys".to_owned()
    }
}

/// Why upkeep was not done.
#[derive(Debug, thiserror::Error)]
pub enum UpkeepError {
    /// Not for this principal.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It takes a second person.
    #[error(transparent)]
    Second(#[from] ApprovalError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl UpkeepError {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.rule.code(),
            Self::Second(error) => error.code(),
            Self::Store(error) => error.code(),
        }
    }

    /// Whose fault it is.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Refused(_) => Fault::Caller,
            Self::Second(error) => error.fault(),
            Self::Store(error) => error.fault(),
        }
    }
}

impl Node {
    /// How much there is, as far as this principal may know.
    ///
    /// # Errors
    /// The store failed.
    pub async fn figures(&self, who: &Principal) -> Result<Cleared<Figures>, UpkeepError> {
        let view = self.eyes(who).to(Action::Count);
        let figures = self.0.store.figures(Some(&view)).await?;
        Ok(view.clear(figures))
    }

    /// How much there is in all, for `/metrics`: numbers, no content. For administrators and auditors.
    ///
    /// # Errors
    /// Not for this principal, or the store failed.
    pub async fn figures_of_all(&self, who: &Principal) -> Result<Cleared<Figures>, UpkeepError> {
        let right = may_know_totals(who)?;
        let figures = self.0.store.figures(None).await?;
        Ok(right.release(figures))
    }

    /// Whether the node takes writes. Costs nothing: for `/readyz`.
    #[must_use]
    pub fn status(&self) -> (Status, Option<String>) {
        match self.0.store.read_only() {
            None if self.is_recovering() => (Status::Recovering, None),
            None => (Status::Ok, None),
            Some(reason) => (Status::ReadOnly, Some(reason)),
        }
    }

    /// Status, digest and size. Reads everything held once. For administrators and auditors.
    ///
    /// # Errors
    /// Not for this principal, or the store failed.
    pub async fn state(&self, who: &Principal) -> Result<State, UpkeepError> {
        may_know_totals(who)?;
        let (status, reason) = self.status();
        let reason = match reason {
            Some(reason) => Some(reason),
            None => self.recovery_told().await?,
        };
        let state_hash = match self.shared_state().await? {
            Some(shared) => shared.state_hash,
            None => hex::encode(self.0.store.state_hash().await?),
        };
        let objects = self.0.store.figures(None).await?.objects;
        let leaves = self.0.store.leaf_count().await?;
        Ok(State { status, reason, state_hash, objects, leaves })
    }

    /// Examines the store and says line by line what is in order; `deep` also reads every object.
    ///
    /// # Errors
    /// Not for this principal. What cannot be read is a check that is not in order.
    pub async fn doctor(&self, who: &Principal, depth: Depth) -> Result<Vec<Check>, UpkeepError> {
        may_administer(who)?;
        let mut checks = told("member", self.check_member().await.map(Some));
        checks.extend(told("recovery", self.check_recovery().await.map(Some)));
        checks.extend(told("road", self.check_road().await));
        checks.extend(told("heads", self.check_heads().await));
        checks.extend(told("clock-skew", self.check_clocks().await));
        checks.extend(told("protocol", self.check_protocol().await));
        checks.extend(told("circles", self.check_circles().await));
        checks.extend(told("circles-left", self.check_left().await));
        checks.extend(told("relays", self.check_relays().await));
        checks.extend(told("store", self.0.store.check(depth == Depth::Deep).await));
        checks.extend(told("backup", self.check_backup().await.map(Some)));
        checks.extend(told("retention", self.check_retention().await.map(Some)));
        checks.extend(told("glass", self.check_glass().await.map(Some)));
        Ok(checks)
    }

    /// Copies the store, the node's own keys included, to a file while it runs, and the keys that objects are sealed under in the
    /// file to `keys`. Takes a second person, unless whoever asks holds the directory.
    ///
    /// # Errors
    /// Not for this principal, or the copy could not be made; no half-made file counts as a backup.
    pub async fn backup(
        &self,
        who: &Principal,
        file: &Path,
        keys: KeySink,
    ) -> Result<BackupReport, UpkeepError> {
        may_administer(who)?;
        let proof = self.second(who, KeyExport).await?;
        self.copy_out(proof, file, keys).await
    }

    async fn copy_out(
        &self,
        _: Seconded<KeyExport>,
        file: &Path,
        keys: KeySink,
    ) -> Result<BackupReport, UpkeepError> {
        let (rng, at) = (Arc::clone(&self.0.rng), self.0.clock.now());
        Ok(self.0.store.backup(BackupTo { file: file.to_owned(), keys, rng, at }).await?)
    }

    /// Notes that a backup was made and is where it is to be: `doctor` and `/metrics` tell when the last one was.
    ///
    /// # Errors
    /// Not for this principal, or it could not be written.
    pub async fn note_backup(&self, who: &Principal) -> Result<(), UpkeepError> {
        may_administer(who)?;
        Ok(self.0.store.note_backup(self.now()).await?)
    }

    /// When the last backup was made, as noted. For administrators and auditors.
    ///
    /// # Errors
    /// Not for this principal, or the store failed.
    pub async fn last_backup(&self, who: &Principal) -> Result<Option<Micros>, UpkeepError> {
        may_know_totals(who)?;
        Ok(self.0.store.last_backup().await?)
    }

    /// Writes the keys that the node's backups are sealed under, as of now. Takes a second person as a backup does.
    ///
    /// # Errors
    /// Not for this principal, or they could not be written.
    pub async fn backup_keys(&self, who: &Principal, keys: KeySink) -> Result<(), UpkeepError> {
        may_administer(who)?;
        let proof = self.second(who, KeyExport).await?;
        self.keys_out(proof, keys).await
    }

    async fn keys_out(&self, _: Seconded<KeyExport>, keys: KeySink) -> Result<(), UpkeepError> {
        Ok(self.0.store.backup_keys(keys, self.0.clock.now()).await?)
    }

    /// Derives again what derives from the stored objects and says what differed; `Repair::Write` also corrects it, but for what only
    /// a backup has.
    ///
    /// # Errors
    /// Not for this principal, or the store failed.
    pub async fn rebuild(&self, who: &Principal, repair: Repair) -> Result<Vec<Difference>, UpkeepError> {
        may_administer(who)?;
        Ok(self.0.store.rebuild(repair == Repair::Write).await?)
    }

    async fn check_retention(&self) -> Result<Check, StoreError> {
        let overdue = self.overdue().await?;
        let ok = overdue == 0;
        let detail = if ok {
            "nothing is past its retention".to_owned()
        } else {
            format!(
                "{overdue} places or versions are past their retention and still here: nobody is shown them, and the node \
                 destroys them while it serves, within a minute"
            )
        };
        Ok(Check { name: "retention", ok, detail })
    }

    /// Whether and when is told, and nothing judged: copies are also made by other means, and how often is the operator's to say.
    async fn check_backup(&self) -> Result<Check, StoreError> {
        let detail = match self.0.store.last_backup().await? {
            Some(at) => {
                let age = self.now().0.saturating_sub(at.0).max(0) / Micros::SECOND;
                format!("the last backup was made at {}, {} ago", Timestamp::text_of(at), long(age))
            }
            None => "no backup of this directory is noted: `cresset backup FILE` makes one and notes it"
                .to_owned(),
        };
        Ok(Check { name: "backup", ok: true, detail })
    }

    async fn check_member(&self) -> Result<Check, StoreError> {
        let aside = self.members().await?.and_then(|members| members.takes_no_part());
        Ok(match self.member().await? {
            Some(member) if let Some(how) = aside => Check {
                name: "member",
                ok: false,
                detail: format!(
                    "this is {:?}, which takes no part in its community ({how}): the other members take nothing from it and give it \
                     nothing; `cresset community show` lists how each stands",
                    member.name
                ),
            },
            Some(_) if let Some(lost) = self.lost_key().await? => {
                Check { name: "member", ok: false, detail: lost.told().to_owned() }
            }
            Some(member) => Check { name: "member", ok: true, detail: format!("this is {:?}", member.name) },
            None => Check {
                name: "member",
                ok: false,
                detail: "the node has no member yet: run `cresset init`".into(),
            },
        })
    }
}

/// A time in whole days, or hours where it is less than two of these.
fn long(seconds: i64) -> String {
    let hours = seconds / 3_600;
    match (hours / 24, hours) {
        (_, 0) => "less than an hour".to_owned(),
        (_, 1) => "an hour".to_owned(),
        (days, hours) if days < 2 => format!("{hours} hours"),
        (days, _) => format!("{days} days"),
    }
}

/// What a check, or several, came to; what cannot be read has found something too.
fn told(name: &'static str, checks: Result<impl IntoIterator<Item = Check>, StoreError>) -> Vec<Check> {
    match checks {
        Ok(checks) => checks.into_iter().collect(),
        Err(error) => {
            let detail = match &error {
                StoreError::Damaged(what) => {
                    format!("what is stored is damaged: {what}; restore the last backup")
                }
                other => format!("this cannot be looked at: {other}; see to that and ask again"),
            };
            vec![Check { name, ok: false, detail }]
        }
    }
}

/// The right to know totals over everything: numbers and digests, no content. For those who run the node or audit it.
pub(crate) fn may_know_totals(who: &Principal) -> Result<Cleared<UserNo>, Refusal> {
    // An auditor who lacks a scope is told of that one; everybody else of the administrator's right.
    if who.roles.contains(&Role::Auditor) && !who.roles.contains(&Role::Admin) {
        return may_audit(who);
    }
    may_administer(who).or_else(|refusal| may_audit(who).map_err(|_| refusal))
}

/// How far `doctor` looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Structure and settings.
    Quick,
    /// Every object too.
    Deep,
}

/// Whether `rebuild` only compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repair {
    /// Compare only.
    Compare,
    /// Write what should be there.
    Write,
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use handling::{Access, CollectionNo, Means, Scope, Shown, Standing};

    use super::*;

    fn of(role: Role) -> Principal {
        Principal {
            user: UserNo(1),
            name: "ann".into(),
            roles: BTreeSet::from([role]),
            scopes: Scope::ALL.into(),
            shown: Shown::own(Means::Password),
            access: BTreeMap::from([(CollectionNo(1), Access { read: true, write: true })]),
        }
    }

    /// What the documentation tells operators of roles is what the rules say.
    #[test]
    fn the_table_of_roles_is_what_the_rules_say() {
        type May = fn(&Principal) -> bool;
        let rules: [(&str, May); 8] = [
            ("read, search", |who| handling::may_read(who, CollectionNo(1), &Standing::default()).is_ok()),
            ("write, import", |who| handling::may_write(who, CollectionNo(1), &Standing::default()).is_ok()),
            ("say yes or no", |who| handling::may_approve(who, UserNo(2), None).is_ok()),
            ("see what everybody", crate::approval::sees_all),
            ("people, others' tokens", |who| may_administer(who).is_ok()),
            ("list people; totals", |who| may_know_totals(who).is_ok()),
            ("how it stands", |who| crate::exchange::may_know_peers(who).is_ok()),
            ("own account", |who| handling::may_use(who, Scope::Read).is_ok()),
        ];
        let document = include_str!("../../../docs/CONFIGURATION.md");
        let section =
            document.split("\n## Roles\n").nth(1).and_then(|rest| rest.split("\n## ").next()).unwrap();
        let cells = |line: &'static str| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>();
        let mut rows = section.lines().filter(|line| line.starts_with('|')).map(cells);
        let names: Vec<&str> = Role::ALL.into_iter().map(Role::name).collect();
        assert_eq!(rows.next().unwrap()[1..], names);
        let rows: Vec<Vec<&str>> = rows.skip(1).collect();
        assert_eq!(rows.len(), rules.len());
        for (row, (begins, may)) in rows.iter().zip(rules) {
            assert!(row[0].starts_with(begins), "{row:?}");
            for (role, cell) in Role::ALL.into_iter().zip(&row[1..]) {
                assert_eq!(*cell == "yes", may(&of(role)), "{} of {role}", row[0]);
            }
        }
    }
}
