//! The rows of exchange as the steps of `federation` read them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{ControlFlow, RangeInclusive};
use std::rc::Rc;

use base::Micros;
use base::signing::KeyId;
use federation::{
    AckRefusal, ActRow, ConsentRow, Covered, FateRow, Giving, HolderRow, Lane, LaterRow, MirrorRow,
    ObjectName, OutboxRow, OwnRow, PayloadRow, PeerRow, Queue, Read, ReceiptRow, ReceiptState, Recovery,
    Rows, SaidBefore, Stage, StoreFailed, VersionRow, Waiting, WitnessedRow,
};
use ledger::TreeHash;
use ledger::commitment::{Commitment, Salt};
use ledger::tile::{TILE_WIDTH, Tile, TileKind, TilePath};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Params, Row};

use super::mirror::{ahead, mirror_tile};
use super::seen::Seen;
use crate::error::Done;
use crate::ids::Parts;
use crate::plans::Plans;
use crate::{answers, book, ids, settle};

/// The rows as a connection sees them.
pub(crate) struct SqlRows<'c> {
    pub(crate) sql: &'c Connection,
    /// Whose node this is.
    pub(crate) me: KeyId,
    /// Leaves of the own ledger, those of the present transaction too.
    pub(crate) next: u64,
    pub(super) seen: Seen,
    plans: Rc<Plans<'c>>,
}

impl<'c> SqlRows<'c> {
    /// The rows of `me`, whose ledger has `next` leaves, within one transaction.
    pub(crate) fn new(plans: Rc<Plans<'c>>, me: KeyId, next: u64) -> Self {
        Self { sql: plans.sql(), me, next, seen: Seen::default(), plans }
    }
}

/// Leaves under a full tile.
const TILE: u64 = TILE_WIDTH as u64;
/// The second stage of a recovery, as it is stored.
pub(super) const CATCHING_UP: i64 = 2;

/// A number as it is stored.
pub(crate) fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn told(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

fn key(row: &Row<'_>, at: usize) -> rusqlite::Result<KeyId> {
    Ok(KeyId::from_bytes(row.get(at)?))
}

/// A lane as it is stored; what is given back has no queue.
pub(crate) const fn lane_no(lane: Lane) -> Option<i64> {
    match lane {
        Lane::Flash => Some(0),
        Lane::Routine => Some(1),
        Lane::Back => None,
    }
}

impl SqlRows<'_> {
    fn one<T>(
        &self,
        query: &'static str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Read<Option<T>> {
        self.plans.one(query, params, read).map_err(failed)
    }

    /// All that a query answers which is asked again for each of many objects.
    fn all_again<T>(
        &self,
        query: &'static str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Read<Vec<T>> {
        let mut select = self.plans.of(query).map_err(failed)?;
        let rows = select.query_map(params, read).map_err(failed)?;
        rows.collect::<rusqlite::Result<_>>().map_err(failed)
    }

    fn all<T>(
        &self,
        query: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Read<Vec<T>> {
        let mut select = self.sql.prepare_cached(query).map_err(failed)?;
        let rows = select.query_map(params, read).map_err(failed)?;
        rows.collect::<rusqlite::Result<_>>().map_err(failed)
    }
}

fn failed(error: rusqlite::Error) -> StoreFailed {
    StoreFailed(error.to_string())
}

fn unreadable(what: &str) -> StoreFailed {
    StoreFailed(format!("a stored {what} cannot be read"))
}

/// Acts, with what picks them.
macro_rules! acts {
    ($which:literal) => {
        concat!(
            "SELECT a.author, a.sequence, a.leaf, a.kind, n.name, o.uuid, a.signed, a.awaited FROM act a \
    LEFT JOIN object o ON o.no = a.object LEFT JOIN name n ON n.no = o.kind",
            $which
        )
    };
}

/// An act; `None` inside when its kind cannot be read.
fn act(row: &Row<'_>) -> rusqlite::Result<Option<ActRow>> {
    act_of(row, (key(row, 0)?, told(row.get(1)?)), 2)
}

/// The same of a known author and place, from its leaf on.
fn act_of(row: &Row<'_>, (author, sequence): (KeyId, u64), from: usize) -> rusqlite::Result<Option<ActRow>> {
    let at = |column: usize| from.saturating_add(column);
    let Ok(kind) = row.get_ref(at(1))?.as_str()?.parse() else { return Ok(None) };
    let object = object_at(row, at(2))?;
    let awaited: Option<i64> = row.get(at(5))?;
    Ok(Some(ActRow {
        author,
        sequence,
        leaf: TreeHash(row.get(from)?),
        kind,
        object: object.map(|id| ObjectName { author, id }),
        signed: row.get(at(4))?,
        covered: awaited.map_or(Covered::Yes, |since| Covered::Awaited(Micros(since))),
    }))
}

/// The identifier of what an act is about, from the two columns that it takes; `None` where it is about no object.
fn object_at(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<String>> {
    if row.get_ref(at)? == ValueRef::Null { Ok(None) } else { ids::told(row, at).map(Some) }
}

const HELD: &str = "SELECT h.author, n.name, o.uuid, h.version, h.sequence, h.kind, h.digest, h.rules, h.passed_by \
    FROM held h JOIN object o ON o.no = h.object JOIN name n ON n.no = o.kind";

fn held(row: &Row<'_>) -> rusqlite::Result<Option<VersionRow>> {
    let name = ObjectName { author: key(row, 0)?, id: ids::told(row, 1)? };
    held_of(row, (name, told(row.get(4)?)), [3, 5, 6, 7, 8])
}

/// The same of a known object and act, from its version, kind, digest, rules, and who passed it on.
fn held_of(
    row: &Row<'_>,
    (name, sequence): (ObjectName, u64),
    [version, kind, digest, rules, by]: [usize; 5],
) -> rusqlite::Result<Option<VersionRow>> {
    let Ok(kind) = row.get_ref(kind)?.as_str()?.parse() else { return Ok(None) };
    let by: Option<[u8; 32]> = row.get(by)?;
    Ok(Some(VersionRow {
        name,
        version: row.get(version)?,
        sequence,
        kind,
        digest: Commitment(row.get(digest)?),
        rules: row.get(rules)?,
        by: by.map(KeyId::from_bytes),
    }))
}

const LATER: &str = "SELECT object, version, member, lane, rule, since, look FROM later";

fn later(row: &Row<'_>) -> rusqlite::Result<LaterRow> {
    let flash = row.get::<_, i64>(3)? == 0;
    Ok(LaterRow {
        object: row.get(0)?,
        version: row.get(1)?,
        member: key(row, 2)?,
        lane: if flash { Lane::Flash } else { Lane::Routine },
        rule: row.get(4)?,
        since: Micros(row.get(5)?),
        look: Micros(row.get(6)?),
    })
}

/// Lines of an outbox with everything that their envelopes are made of.
const WAITING: &str = "SELECT o.place, o.author, o.sequence, a.leaf, a.kind, n.name, x.uuid, a.signed, a.awaited, \
    p.salt, p.bytes, h.version, h.kind, h.digest, h.rules, h.passed_by, f.object FROM outbox o \
    LEFT JOIN act a ON a.author = o.author AND a.sequence = o.sequence \
    LEFT JOIN object x ON x.no = a.object LEFT JOIN name n ON n.no = x.kind \
    LEFT JOIN payload p ON p.author = o.author AND p.sequence = o.sequence \
    LEFT JOIN held h ON h.object = a.object AND h.author = o.author AND h.sequence = o.sequence \
    LEFT JOIN fate f ON f.object = a.object AND f.author = o.author \
    WHERE o.peer = ?1 AND o.lane = ?2 AND o.place BETWEEN ?3 AND ?4 ORDER BY o.place";

const CONSENT: &str = "SELECT id, author, object, digest, giver, recipient, until, signed FROM consent";

fn consent(row: &Row<'_>) -> rusqlite::Result<ConsentRow> {
    Ok(ConsentRow {
        id: row.get(0)?,
        name: ObjectName { author: key(row, 1)?, id: row.get(2)? },
        digest: Commitment(row.get(3)?),
        from: key(row, 4)?,
        to: key(row, 5)?,
        until: Micros(row.get(6)?),
        signed: row.get(7)?,
    })
}

/// Tokens of consent that come after one, by digest.
pub(crate) fn consents(sql: &Connection, after: Option<[u8; 32]>, limit: usize) -> Done<Vec<ConsentRow>> {
    let mut select = sql.prepare_cached(&format!("{CONSENT} WHERE id > ?1 ORDER BY id LIMIT ?2"))?;
    let after = after.as_ref().map_or(&[][..], |id| &id[..]);
    let rows = select.query_map((after, i64::try_from(limit).unwrap_or(i64::MAX)), consent)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The token of consent with a digest.
pub(crate) fn consent_of(sql: &Connection, id: &[u8; 32]) -> Done<Option<ConsentRow>> {
    let mut select = sql.prepare_cached(&format!("{CONSENT} WHERE id = ?1"))?;
    Ok(select.query_row([id], consent).optional()?)
}

fn each<T>(rows: Vec<Option<T>>, what: &str) -> Read<Vec<T>> {
    rows.into_iter().collect::<Option<_>>().ok_or_else(|| unreadable(what))
}

/// What became of an own act, from `refused`, `receipt` and `outcome`.
fn receipt_state(row: &Row<'_>, from: usize) -> rusqlite::Result<ReceiptState> {
    let refused: Option<String> = row.get(from)?;
    let receipt: Option<i64> = row.get(from.saturating_add(1))?;
    let outcome: Option<String> = row.get(from.saturating_add(2))?;
    Ok(match (refused, receipt) {
        (Some(code), _) => ReceiptState::Refused(code),
        (None, Some(receipt)) => {
            ReceiptState::Done { receipt: told(receipt), outcome: outcome.unwrap_or_default() }
        }
        (None, None) => ReceiptState::Pending,
    })
}

impl Rows for SqlRows<'_> {
    fn own(&self) -> Read<OwnRow> {
        Ok(OwnRow { next: self.next, ..self.seen.own(|| self.read_own())? })
    }

    fn peer(&self, member: &KeyId) -> Read<PeerRow> {
        self.seen.peer(member, || self.read_peer(member))
    }

    fn outbox(&self, peer: &KeyId, lane: Lane, place: u64) -> Read<Option<OutboxRow>> {
        let Some(no) = lane_no(lane) else { return Ok(None) };
        let query = "SELECT author, sequence FROM outbox WHERE peer = ?1 AND lane = ?2 AND place = ?3";
        self.one(query, (peer.as_bytes(), no, stored(place)), |row| {
            Ok(OutboxRow { peer: *peer, lane, place, author: key(row, 0)?, sequence: told(row.get(1)?) })
        })
    }

    fn lines(
        &self,
        peer: &KeyId,
        lane: Lane,
        places: RangeInclusive<u64>,
        each: &mut dyn FnMut(u64, Option<Waiting>) -> Read<ControlFlow<()>>,
    ) -> Read<()> {
        // What is given back has no queue: no line stands there.
        let no = lane_no(lane).unwrap_or(-1);
        let (mut next, last) = (*places.start(), *places.end());
        let mut select = self.sql.prepare_cached(WAITING).map_err(failed)?;
        let of = (peer.as_bytes(), no, stored(next), stored(last));
        let mut rows = select.query(of).map_err(failed)?;
        loop {
            let row = rows.next().map_err(failed)?;
            let stands = row.map(|row| row.get(0)).transpose().map_err(failed)?.map(told);
            // Places that a restore has lost come before the one that stands, or after all that do.
            while next < stands.unwrap_or_else(|| last.saturating_add(1)) {
                if each(next, None)?.is_break() {
                    return Ok(());
                }
                next = next.saturating_add(1);
            }
            let Some(row) = row else { return Ok(()) };
            if each(next, Some(self.waiting(row, (*peer, lane, next))?))?.is_break() {
                return Ok(());
            }
            next = next.saturating_add(1);
        }
    }

    fn act(&self, author: &KeyId, sequence: u64) -> Read<Option<ActRow>> {
        let query = acts!(" WHERE a.author = ?1 AND a.sequence = ?2");
        let found = self.one(query, (author.as_bytes(), stored(sequence)), act)?;
        found.map(|act| act.ok_or_else(|| unreadable("act"))).transpose()
    }

    fn acts_from(&self, author: &KeyId, from: u64, limit: usize) -> Read<Vec<ActRow>> {
        let query = acts!(" WHERE a.author = ?1 AND a.sequence >= ?2 ORDER BY a.sequence LIMIT ?3");
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        each(self.all(query, (author.as_bytes(), stored(from), limit), act)?, "act")
    }

    fn awaited(&self, author: &KeyId) -> Read<Vec<u64>> {
        let query = "SELECT sequence FROM act WHERE author = ?1 AND awaited IS NOT NULL ORDER BY sequence";
        self.all(query, [author.as_bytes()], |row| Ok(told(row.get(0)?)))
    }

    fn payload(&self, author: &KeyId, sequence: u64) -> Read<Option<PayloadRow>> {
        let query = "SELECT salt, bytes FROM payload WHERE author = ?1 AND sequence = ?2";
        self.one(query, (author.as_bytes(), stored(sequence)), |row| {
            Ok(PayloadRow {
                author: *author,
                sequence,
                salt: Salt::from_bytes(row.get(0)?),
                bytes: row.get(1)?,
            })
        })
    }

    fn versions(&self, name: &ObjectName) -> Read<Vec<VersionRow>> {
        let Some(object) = self.object_no(&name.id)? else { return Ok(Vec::new()) };
        let query = "SELECT version, sequence, kind, digest, rules, passed_by FROM held \
                     WHERE object = ?1 AND author = ?2 ORDER BY version";
        let found = self.all_again(query, (object, name.author.as_bytes()), |row| {
            held_of(row, (name.clone(), told(row.get(1)?)), [0, 2, 3, 4, 5])
        })?;
        each(found, "version")
    }

    fn said_before(&self, held: &VersionRow) -> Read<BTreeMap<u64, SaidBefore>> {
        let Some(object) = self.object_no(&held.name.id)? else { return Ok(BTreeMap::new()) };
        let query =
            "SELECT sequence, rules, shared FROM replaced WHERE author = ?1 AND object = ?2 AND version = ?3";
        let of = (held.name.author.as_bytes(), object, &held.version);
        let said = |row: &rusqlite::Row<'_>| {
            let shared: Option<i64> = row.get(2)?;
            Ok((told(row.get(0)?), SaidBefore { rules: row.get(1)?, shared: shared.map(Micros) }))
        };
        let acts: Vec<(u64, SaidBefore)> = self.all(query, of, said)?;
        Ok(acts.into_iter().collect())
    }

    fn settled(&self, object: &str, rules: String) -> Read<String> {
        // Nearly every line awaits none.
        if !rules.contains(" markings=") {
            return Ok(rules);
        }
        let known = settle::known(self.sql, object, &rules).map_err(of_ours)?;
        Ok(known.unwrap_or(rules))
    }

    fn fate(&self, name: &ObjectName) -> Read<FateRow> {
        let mut fate = FateRow::none(name.clone());
        let Some(object) = self.object_no(&name.id)? else { return Ok(fate) };
        let of = (object, name.author.as_bytes());
        let query = "SELECT recalled, erased FROM fate WHERE object = ?1 AND author = ?2";
        let row = self.one(query, of, |row| Ok((row.get(0)?, row.get(1)?)))?;
        // Narrowings stand beside a row of the fate: of most objects nothing has become.
        let Some((recalled, erased)): Option<(Option<i64>, Option<i64>)> = row else { return Ok(fate) };
        (fate.recalled, fate.erased) = (recalled.map(told), erased.map(told));
        let query =
            "SELECT sequence, rules FROM narrowing WHERE object = ?1 AND author = ?2 ORDER BY sequence";
        fate.narrowed = self.all(query, of, |row| Ok((told(row.get(0)?), row.get(1)?)))?;
        Ok(fate)
    }

    fn holders(&self, name: &ObjectName) -> Read<Vec<HolderRow>> {
        let query =
            "SELECT member, ground, since FROM holder WHERE object = ?1 AND author = ?2 ORDER BY member";
        self.all_again(query, (self.object_no(&name.id)?, name.author.as_bytes()), |row| {
            Ok(HolderRow {
                name: name.clone(),
                member: key(row, 0)?,
                ground: row.get(1)?,
                since: Micros(row.get(2)?),
            })
        })
    }

    fn later(&self, object: &str) -> Read<Vec<LaterRow>> {
        self.all(&format!("{LATER} WHERE object = ?1 ORDER BY version, member"), [object], later)
    }

    fn later_due(&self, by: Micros, limit: usize) -> Read<Vec<LaterRow>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.all(&format!("{LATER} WHERE look <= ?1 ORDER BY look LIMIT ?2"), (by.0, limit), later)
    }

    fn later_for(&self, member: &KeyId) -> Read<u64> {
        let count =
            self.one("SELECT count(*) FROM later WHERE member = ?1", [member.as_bytes()], |row| row.get(0))?;
        Ok(count.map_or(0, told))
    }

    fn passed_on(&self, name: &ObjectName) -> Read<BTreeSet<KeyId>> {
        if name.author == self.me {
            return Ok(BTreeSet::new());
        }
        let query = "SELECT DISTINCT o.peer FROM outbox o JOIN act a ON a.author = o.author AND a.sequence = o.sequence \
                     WHERE o.author = ?1 AND a.object = ?2";
        let of = (name.author.as_bytes(), self.object_no(&name.id)?);
        Ok(self.all(query, of, |row| key(row, 0))?.into_iter().collect())
    }

    fn answered(&self, author: &KeyId, sequence: u64) -> Read<Option<u64>> {
        Ok(answers::of(self.sql, author, sequence).map_err(failed)?.map(told))
    }

    fn receipts(&self, sequence: u64) -> Read<Vec<ReceiptRow>> {
        let query =
            "SELECT member, refused, receipt, outcome FROM receipt WHERE sequence = ?1 ORDER BY member";
        self.all_again(query, [stored(sequence)], |row| {
            Ok(ReceiptRow { sequence, member: key(row, 0)?, state: receipt_state(row, 1)? })
        })
    }

    fn consents(&self, name: &ObjectName) -> Read<Vec<ConsentRow>> {
        let query = format!("{CONSENT} WHERE author = ?1 AND object = ?2 ORDER BY id");
        self.all(&query, (name.author.as_bytes(), &name.id), consent)
    }

    fn revoked(&self, author: &KeyId, token: &[u8; 32]) -> Read<bool> {
        let query = "SELECT 1 FROM consent_revoked WHERE author = ?1 AND id = ?2";
        Ok(self.one(query, (author.as_bytes(), token), |_| Ok(()))?.is_some())
    }

    fn owed(&self, peer: &KeyId, after: u64, most: usize) -> Read<Vec<(u64, AckRefusal)>> {
        let query = "SELECT no, lane, place, rule FROM owed WHERE peer = ?1 AND no > ?2 ORDER BY no LIMIT ?3";
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.all(query, (peer.as_bytes(), stored(after), most), |row| {
            let refusal = AckRefusal { lane: row.get(1)?, place: told(row.get(2)?), rule: row.get(3)? };
            Ok((told(row.get(0)?), refusal))
        })
    }

    fn mirror(&self, member: &KeyId) -> Read<Option<MirrorRow>> {
        self.seen.mirror(member, || {
            self.one("SELECT note, size FROM mirror WHERE member = ?1", [member.as_bytes()], |row| {
                Ok(MirrorRow { member: *member, note: row.get(0)?, size: told(row.get(1)?) })
            })
        })
    }

    fn witnessed(&self, member: &KeyId) -> Read<Option<WitnessedRow>> {
        self.one("SELECT note FROM witnessed WHERE member = ?1", [member.as_bytes()], |row| {
            Ok(WitnessedRow { member: *member, note: row.get(0)? })
        })
    }

    fn held(&self, member: &KeyId) -> Read<u64> {
        let known = if *member == self.me {
            let own = self.own()?;
            if own.taking_back().is_none() {
                return Ok(own.next);
            }
            own.next
        } else {
            self.mirror(member)?.map_or(0, |row| row.size)
        };
        Ok(ahead(self.sql, member).map_err(of_ours)?.map_or(known, |held| held.max(known)))
    }

    fn mirrored(&self) -> Read<Vec<KeyId>> {
        self.all("SELECT member FROM mirror ORDER BY member", [], |row| key(row, 0))
    }

    fn evidence_against(&self, member: &KeyId) -> Read<u64> {
        let query = "SELECT count(*) FROM evidence WHERE origin = ?1";
        Ok(self
            .one(query, [member.as_bytes()], |row| row.get::<_, i64>(0))?
            .map_or(0, |count| u64::try_from(count).unwrap_or_default()))
    }

    fn leaves(&self, member: &KeyId, from: u64, to: u64) -> Read<Vec<TreeHash>> {
        let own = *member == self.me && to <= self.next;
        let mut leaves = Vec::new();
        let mut at = from;
        while at < to {
            let index = at / TILE;
            let first = index.saturating_mul(TILE);
            let after = first.saturating_add(TILE);
            let end = to.min(after);
            let path = TilePath { kind: TileKind::Hashes(0), index, width: TILE_WIDTH };
            let part = usize::try_from(at.saturating_sub(first))
                .ok()
                .zip(usize::try_from(end.saturating_sub(first)).ok());
            let found = self.seen.tile(
                (member, path),
                || if own { self.own_full_tile(path) } else { self.stored_tile(member, path).map(Some) },
                |tile| {
                    let part = part.and_then(|(from, to)| tile.hashes().get(from..to));
                    part.map(|part| leaves.extend_from_slice(part)).is_some()
                },
            )?;
            match found {
                Some(true) => {}
                None if own => leaves.extend(self.own_leaves(at, end)?),
                _ => return Err(StoreFailed(format!("no leaves {from} to {to}"))),
            }
            at = end;
        }
        Ok(leaves)
    }

    fn tile(&self, member: &KeyId, path: TilePath) -> Read<Tile> {
        let tile = self.stored_tile(member, path)?;
        let hashes = tile.hashes().get(..usize::from(path.width)).map(<[TreeHash]>::to_vec);
        let hashes = hashes.ok_or_else(|| StoreFailed(format!("tile {path} is too narrow")))?;
        Tile::new(hashes).map_err(|error| StoreFailed(error.to_string()))
    }

    fn own_versions(&self, after: Option<(String, String)>, limit: usize) -> Read<Vec<VersionRow>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        // An identifier keeps its number for good.
        let (id, version) = after.unwrap_or_default();
        let object = self.object_no(&id)?.unwrap_or_default();
        let query = format!(
            "{HELD} WHERE h.author = ?1 AND (h.object, h.version) > (?2, ?3) ORDER BY h.object, h.version LIMIT ?4"
        );
        each(self.all(&query, (self.me.as_bytes(), object, version, limit), held)?, "version")
    }

    fn others_versions(&self, after: Option<(ObjectName, String)>, limit: usize) -> Read<Vec<VersionRow>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let (object, author, version) = match after {
            // An identifier keeps its number for good.
            Some((name, version)) => {
                (self.object_no(&name.id)?.unwrap_or_default(), name.author.as_bytes().to_vec(), version)
            }
            None => (0, Vec::new(), String::new()),
        };
        let query = format!(
            "{HELD} WHERE h.author <> ?1 AND (h.object, h.author, h.version) > (?2, ?3, ?4) \
             ORDER BY h.object, h.author, h.version LIMIT ?5"
        );
        let params = (self.me.as_bytes(), object, author, version, limit);
        each(self.all(&query, params, held)?, "version")
    }

    fn all_versions(&self) -> Read<Vec<VersionRow>> {
        each(self.all(HELD, [], held)?, "version")
    }

    fn all_fates(&self) -> Read<Vec<FateRow>> {
        let query = "SELECT f.author, n.name, o.uuid FROM fate f JOIN object o ON o.no = f.object \
                     JOIN name n ON n.no = o.kind ORDER BY f.object, f.author";
        let names =
            self.all(query, [], |row| Ok(ObjectName { author: key(row, 0)?, id: ids::told(row, 1)? }))?;
        names.iter().map(|name| self.fate(name)).collect()
    }
}

impl SqlRows<'_> {
    /// The number of an identifier; `None` where it is not known here, and so nothing is held of it.
    pub(super) fn object_no(&self, id: &str) -> Read<Option<i64>> {
        self.seen.object(id, || {
            let parts = Parts::of(id);
            // Its own text, since others ask the same without plans: see `plans`.
            let query = "SELECT o.no FROM object o WHERE o.uuid = ?1 AND o.kind = (SELECT no FROM name WHERE name = ?2)";
            self.one(query, (&parts.uuid, parts.kind), |row| row.get(0))
        })
    }

    /// A row of [`WAITING`].
    fn waiting(&self, row: &Row<'_>, (peer, lane, place): (KeyId, Lane, u64)) -> Read<Waiting> {
        let read = || {
            let (author, sequence) = (key(row, 1)?, told(row.get(2)?));
            let has = |column| row.get_ref(column).map(|value| value != ValueRef::Null);
            let act = if has(3)? { Some(act_of(row, (author, sequence), 3)?) } else { None };
            let payload = if has(9)? {
                let (salt, bytes) = (Salt::from_bytes(row.get(9)?), row.get(10)?);
                Some(PayloadRow { author, sequence, salt, bytes })
            } else {
                None
            };
            let name = object_at(row, 5)?.map(|id| ObjectName { author, id });
            let version = match name.clone().filter(|_| has(11).unwrap_or(true)) {
                Some(name) => Some(held_of(row, (name, sequence), [11, 12, 13, 14, 15])?),
                None => None,
            };
            let line = OutboxRow { peer, lane, place, author, sequence };
            Ok((line, act, payload, version, name.filter(|_| has(16).unwrap_or(true))))
        };
        let (line, act, payload, version, fallen) = read().map_err(failed)?;
        Ok(Waiting {
            line,
            act: act.map(|act| act.ok_or_else(|| unreadable("act"))).transpose()?,
            payload,
            version: version.map(|held| held.ok_or_else(|| unreadable("version"))).transpose()?,
            fate: fallen.map(|name| self.fate(&name)).transpose()?.filter(|fate| !fate.is_none()),
        })
    }

    fn read_own(&self) -> Read<OwnRow> {
        let head = book::head(self.sql).map_err(of_ours)?;
        let life = crate::writer::number(self.sql, "life").map_err(of_ours)?;
        Ok(OwnRow { next: self.next, head, life: told(life), recovery: self.recovery()? })
    }

    fn read_peer(&self, member: &KeyId) -> Read<PeerRow> {
        let query = "SELECT flash_last, flash_acked, flash_cursor, routine_last, routine_acked, routine_cursor, \
                     version, seen, skew_us, heads, life, heard_in, flash_before, routine_before, \
                     life_proof FROM peer WHERE member = ?1";
        let row = self.one(query, [member.as_bytes()], |row| {
            let queue = |from: usize| -> rusqlite::Result<Queue> {
                Ok(Queue {
                    last: told(row.get(from)?),
                    acked: told(row.get(from.saturating_add(1))?),
                    cursor: told(row.get(from.saturating_add(2))?),
                })
            };
            let seen: Option<i64> = row.get(7)?;
            Ok(PeerRow {
                queues: [queue(0)?, queue(3)?],
                version: row.get(6)?,
                seen: seen.map(Micros),
                skew_us: row.get(8)?,
                heads: read_heads(&row.get::<_, Vec<u8>>(9)?),
                life: told(row.get(10)?),
                heard_in: told(row.get(11)?),
                before: [told(row.get(12)?), told(row.get(13)?)],
                life_proof: row.get(14)?,
            })
        })?;
        Ok(row.unwrap_or_default())
    }

    fn recovery(&self) -> Read<Option<Recovery>> {
        let begun = self.one("SELECT first, since, stage FROM recovery", [], |row| {
            let stage =
                if row.get::<_, i64>(2)? == CATCHING_UP { Stage::CatchingUp } else { Stage::TakingBack };
            Ok((told(row.get(0)?), Micros(row.get(1)?), stage))
        })?;
        let Some((from, since, stage)) = begun else { return Ok(None) };
        let mut recovery = Recovery { from, since, stage, peers: BTreeMap::new(), without: BTreeSet::new() };
        let query = "SELECT member, next, flash, routine, without FROM recovery_peer";
        let rows = self.all(query, [], |row| {
            let sent: (Option<i64>, Option<i64>) = (row.get(2)?, row.get(3)?);
            let sent = sent.0.zip(sent.1).map(|(flash, routine)| [told(flash), told(routine)]);
            Ok((key(row, 0)?, Giving { next: told(row.get(1)?), sent }, row.get::<_, bool>(4)?))
        })?;
        for (member, giving, without) in rows {
            recovery.peers.insert(member, giving);
            if without {
                recovery.without.insert(member);
            }
        }
        Ok(Some(recovery))
    }

    /// A tile of the own ledger to which nothing is added any more; `None` while it is not full or not stored yet.
    fn own_full_tile(&self, path: TilePath) -> Read<Option<Tile>> {
        let tile = book::tile(self.sql, path).map_err(of_ours)?;
        Ok(tile.filter(|tile| tile.hashes().len() == usize::from(TILE_WIDTH)))
    }

    /// Own leaves, those of the present transaction too, which are in no tile yet.
    fn own_leaves(&self, from: u64, to: u64) -> Read<Vec<TreeHash>> {
        let query = "SELECT sequence, header, NULL, common FROM written_leaf WHERE sequence >= ?1 AND sequence < ?2 \
                     UNION ALL SELECT sequence, NULL, hash, NULL FROM bare_leaf \
                     WHERE sequence >= ?1 AND sequence < ?2 ORDER BY 1";
        let leaves = self.all(query, (stored(from), stored(to)), crate::leaves::leaf_hash)?;
        if u64::try_from(leaves.len()).ok() != to.checked_sub(from) {
            return Err(StoreFailed(format!("no leaves {from} to {to}")));
        }
        Ok(leaves)
    }

    /// A tile as wide as it is stored.
    fn stored_tile(&self, member: &KeyId, path: TilePath) -> Read<Tile> {
        let tile = if *member == self.me { self.own_tile(path) } else { mirror_tile(self.sql, member, path) };
        tile.map_err(of_ours)?.ok_or_else(|| StoreFailed(format!("tile {path} is missing")))
    }

    /// A tile of the own ledger, or of it and the leaves held ahead of it.
    fn own_tile(&self, path: TilePath) -> Done<Option<Tile>> {
        let ahead = if ends_within(path, self.next) { None } else { mirror_tile(self.sql, &self.me, path)? };
        ahead.map_or_else(|| book::tile(self.sql, path), |tile| Ok(Some(tile)))
    }
}

/// Whether all leaves under a tile are among the first `size`.
fn ends_within(path: TilePath, size: u64) -> bool {
    let TileKind::Hashes(level) = path.kind else { return true };
    let hashes = path.index.checked_mul(TILE).and_then(|first| first.checked_add(u64::from(path.width)));
    let leaves =
        TILE.checked_pow(u32::from(level)).zip(hashes).and_then(|(each, count)| each.checked_mul(count));
    leaves.is_some_and(|leaves| leaves <= size)
}

fn of_ours(fail: crate::error::Fail) -> StoreFailed {
    StoreFailed(store::StoreError::from(fail).to_string())
}

/// Sizes of ledgers from how they are stored.
fn read_heads(bytes: &[u8]) -> BTreeMap<KeyId, u64> {
    let one = |entry: &[u8; 40]| {
        let (key, size) = entry.split_first_chunk::<32>()?;
        Some((KeyId::from_bytes(*key), u64::from_be_bytes(*size.first_chunk()?)))
    };
    bytes.as_chunks::<40>().0.iter().filter_map(one).collect()
}

/// Sizes of ledgers as they are stored.
pub(crate) fn write_heads(heads: &BTreeMap<KeyId, u64>) -> Vec<u8> {
    heads.iter().flat_map(|(key, size)| key.as_bytes().iter().copied().chain(size.to_be_bytes())).collect()
}
