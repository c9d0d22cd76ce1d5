//! Effects of a step, written into its transaction.

use std::collections::{BTreeMap, BTreeSet};

use base::limit::ACK_REFUSALS_MAX;
use base::signed::Signed;
use base::signing::KeyId;
use federation::{
    AckRefusal, ActRow, Again, ConsentRow, Content, Covered, Effect, FateRow, HolderRow, Lane, LaterRow,
    ObjectName, OutboxRow, PayloadRow, PeerRow, ReceiptRow, ReceiptState, Recovery, RefusalRow, RevokedRow,
    Stage, VersionRow,
};
use handling::{MemberId, Originator};
use ledger::TreeHash;
use ledger::act::Act;
use ledger::commitment::Salt;
use rusqlite::{Connection, OptionalExtension};
use store::{RefusedBy, StoreError};

use super::mirror::{put_ahead, put_mirror, take_back};
use super::rows::{CATCHING_UP, lane_no, stored, write_heads};
use crate::answers;
use crate::book::Book;
use crate::error::{Done, Fail};
use crate::gone;
use crate::keys;
use crate::text::TEXT_PURGE;
use crate::writer::{Desk, object_no, set_number};

/// Refusals kept in the log: older ones go.
const REFUSALS_KEPT: i64 = 10_000;
/// Files of evidence kept: more than enough to prove anything of anybody.
const EVIDENCE_KEPT: i64 = 1_000;

/// Applies effects in order. Leaves of the own ledger are placed with their acts and salts, which must be among them.
pub(super) fn apply(desk: &mut Desk<'_>, me: KeyId, effects: Vec<Effect>) -> Done<()> {
    let mut own = Own::of(me, &effects);
    for effect in effects {
        match effect {
            Effect::Leaf { sequence, leaf } => {
                own.leaves.insert(sequence, leaf);
            }
            Effect::Act(row) => {
                if row.author == me {
                    own.place(desk, &row)?;
                }
                put_act(desk, &row)?;
            }
            Effect::TakenBack { leaves, note } => take_back(desk, me, &leaves, &note)?,
            Effect::Ahead { member, from, leaves } => {
                put_ahead(desk.sql(), (me, member), (from, &leaves))?;
            }
            Effect::Recovery(recovery) => {
                put_recovery(desk.sql(), recovery.as_ref())?;
                let connection = desk.sql();
                kept(desk)?.look_again(connection)?;
            }
            Effect::Payload(row) => {
                put_payload(desk, &row)?;
                if row.author == me {
                    answers::note(desk.sql(), &row)?;
                    if kept(desk)?.takes_back() {
                        know_salt(desk.sql(), &row)?;
                    }
                }
            }
            Effect::DropPayload { author, sequence } => {
                forget_replaced(desk.sql(), me, (author, sequence))?;
                drop_payload(desk.sql(), author, sequence)?;
                if author == me {
                    forget_salt(desk.sql(), sequence)?;
                }
            }
            Effect::Replaced { name, version, sequence } => {
                keep_salt(desk, (&name, &version), sequence)?;
                drop_payload(desk.sql(), name.author, sequence)?;
                if name.author == me {
                    forget_salt(desk.sql(), sequence)?;
                }
            }
            Effect::Besides { name, version, sequence } => keep_salt(desk, (&name, &version), sequence)?,
            Effect::BesidesOver { name, version, sequence } => {
                let object = desk.object(&name.id)?.no;
                run(
                    desk.sql(),
                    "DELETE FROM replaced WHERE author = ?1 AND object = ?2 AND version = ?3 AND sequence = ?4",
                    (name.author.as_bytes(), object, version, stored(sequence)),
                )?;
                drop_payload(desk.sql(), name.author, sequence)?;
                if name.author == me {
                    forget_salt(desk.sql(), sequence)?;
                }
            }
            Effect::DropVersion { name, version } => drop_version(desk.sql(), me, (&name, &version))?,
            Effect::Fate(row) => {
                if row.erased.is_some() {
                    // Another member's erasure leaves this one's own acts about an object of the same name provable.
                    if row.name.author == me {
                        forget_salts_of(desk.sql(), &row.name.id)?;
                    }
                    set_number(desk.sql(), TEXT_PURGE, 1)?;
                }
                void(desk, me, &row)?;
                put_fate(desk, &row)?;
            }
            Effect::Version(row) => put_version(desk, &row)?,
            Effect::Holder(row) => put_holder(desk, &row)?,
            Effect::Receipt(row) => put_receipt(desk, &row)?,
            Effect::Outbox(row) => put_outbox(desk, &row)?,
            other => put(desk.sql(), other)?,
        }
    }
    match own.leaves.first_key_value() {
        None => Ok(()),
        Some((sequence, _)) => Err(contradiction(&format!("leaf {sequence} has no act"))),
    }
}

pub(super) fn kept<'d>(desk: &'d mut Desk<'_>) -> Done<&'d mut Book> {
    desk.book().ok_or_else(|| Fail::from(StoreError::Backend("the ledger is not kept".into())))
}

pub(super) fn contradiction(what: &str) -> Fail {
    StoreError::Backend(format!("a step of exchange contradicts itself: {what}")).into()
}

/// Own leaves on their way into the ledger.
struct Own {
    leaves: BTreeMap<u64, TreeHash>,
    salts: BTreeMap<u64, Salt>,
}

impl Own {
    fn of(me: KeyId, effects: &[Effect]) -> Self {
        let salts = effects.iter().filter_map(|effect| match effect {
            Effect::Payload(row) if row.author == me => Some((row.sequence, row.salt)),
            _ => None,
        });
        Self { leaves: BTreeMap::new(), salts: salts.collect() }
    }

    fn place(&mut self, desk: &mut Desk<'_>, row: &ActRow) -> Done<()> {
        // Without a leaf it was placed before: its row is only told anew, but where so far only its hash had come back.
        let leaf = self.leaves.remove(&row.sequence);
        if leaf.is_none() && !kept(desk)?.takes_back() {
            return Ok(());
        }
        let signed =
            Signed::parse(row.signed.as_bytes()).map_err(|error| contradiction(&error.to_string()))?;
        let act = Act::peek(&signed).map_err(|error| contradiction(&error.to_string()))?;
        if leaf.is_some_and(|leaf| act.leaf() != leaf) || act.header().sequence != row.sequence {
            return Err(contradiction("an act is not its leaf"));
        }
        let object = row.object.as_ref().map(|name| desk.object(&name.id)).transpose()?.map(|known| known.no);
        let salt = self.salts.get(&row.sequence);
        let connection = desk.sql();
        if leaf.is_none() {
            return Book::fill(connection, &act, (object, salt));
        }
        let salt = salt.ok_or_else(|| contradiction("an act has no salt"))?;
        kept(desk)?.place(connection, &act, (object, salt))
    }
}

fn put(sql: &Connection, effect: Effect) -> Done<()> {
    match effect {
        Effect::Leaf { .. }
        | Effect::Ahead { .. }
        | Effect::TakenBack { .. }
        | Effect::Act(_)
        | Effect::Payload(_)
        | Effect::DropPayload { .. }
        | Effect::Replaced { .. }
        | Effect::Besides { .. }
        | Effect::BesidesOver { .. }
        | Effect::DropVersion { .. }
        | Effect::Recovery(_)
        | Effect::Version(_)
        | Effect::Holder(_)
        | Effect::Receipt(_)
        | Effect::Outbox(_)
        | Effect::Fate(_) => Ok(()),
        Effect::OwnHead(note) => run(sql, "UPDATE head SET note = ?1 WHERE one = 1", [note]),
        Effect::Life(life) => begin_life(sql, life),
        Effect::Covered { author, sequence } => run(
            sql,
            "UPDATE act SET awaited = NULL WHERE author = ?1 AND sequence = ?2",
            (author.as_bytes(), stored(sequence)),
        ),
        Effect::Later(row) => put_later(sql, &row),
        Effect::NoLater { object, version, member } => run(
            sql,
            "DELETE FROM later WHERE object = ?1 AND version = ?2 AND member = ?3",
            (object, version, member.as_bytes()),
        ),
        Effect::NoneLater(object) => run(sql, "DELETE FROM later WHERE object = ?1", [object]),
        Effect::LookAgain(again) => look_again(sql, &again),
        Effect::Consent(row) => put_consent(sql, &row),
        Effect::Revoked(row) => put_revoked(sql, &row),
        Effect::MoveLines { peer, lane, after, upto, by } => move_lines(sql, (peer, lane), (after, upto), by),
        Effect::Peer(member, row) => put_peer(sql, member, &row),
        Effect::Mirror { row, leaves } => put_mirror(sql, &row, &leaves),
        Effect::Witnessed(row) => run(
            sql,
            "INSERT OR REPLACE INTO witnessed (member, note) VALUES (?1, ?2)",
            (row.member.as_bytes(), &row.note),
        ),
        Effect::Refusal(row) => put_refusal(sql, RefusedBy::Here, &row),
        Effect::RefusedThere(row) => put_refusal(sql, RefusedBy::There, &row),
        Effect::Owe(peer, refused) => put_owed(sql, peer, &refused),
        Effect::OweAgain(peer) => owe_again(sql, peer),
        Effect::Paid { peer, upto } => {
            run(sql, "DELETE FROM owed WHERE peer = ?1 AND no <= ?2", (peer.as_bytes(), stored(upto)))
        }
        Effect::Evidence { origin, text } => put_evidence(sql, origin, &text),
    }
}

/// Runs what is run for each of many objects.
fn run_again(desk: &Desk<'_>, statement: &'static str, params: impl rusqlite::Params) -> Done<()> {
    desk.plans().run(statement, params)?;
    Ok(())
}

pub(super) fn run(sql: &Connection, statement: &str, params: impl rusqlite::Params) -> Done<()> {
    sql.prepare_cached(statement)?.execute(params)?;
    Ok(())
}

fn put_act(desk: &mut Desk<'_>, row: &ActRow) -> Done<()> {
    let object = row.object.as_ref().map(|name| desk.object(&name.id)).transpose()?;
    let awaited = match row.covered {
        Covered::Yes => None,
        Covered::Awaited(since) => Some(since.0),
    };
    run_again(
        desk,
        "INSERT OR REPLACE INTO act (author, sequence, leaf, kind, object, signed, awaited) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        (
            row.author.as_bytes(),
            stored(row.sequence),
            row.leaf.0,
            row.kind.name(),
            object.map(|known| known.no),
            &row.signed,
            awaited,
        ),
    )
}

fn put_payload(desk: &Desk<'_>, row: &PayloadRow) -> Done<()> {
    run_again(
        desk,
        "INSERT OR REPLACE INTO payload (author, sequence, salt, bytes) VALUES (?1, ?2, ?3, ?4)",
        (row.author.as_bytes(), stored(row.sequence), row.salt.as_bytes(), &row.bytes),
    )
}

fn drop_payload(sql: &Connection, author: KeyId, sequence: u64) -> Done<()> {
    run(sql, "DELETE FROM payload WHERE author = ?1 AND sequence = ?2", (author.as_bytes(), stored(sequence)))
}

/// A backup of before has the payload that an act carried until another took its place: its key goes with the version. What it said of the
/// version is known for as long.
fn keep_salt(desk: &mut Desk<'_>, (name, version): (&ObjectName, &str), sequence: u64) -> Done<()> {
    let object = desk.object(&name.id)?.no;
    let payload: Option<Vec<u8>> = desk
        .sql()
        .prepare_cached("SELECT bytes FROM payload WHERE author = ?1 AND sequence = ?2")?
        .query_row((name.author.as_bytes(), stored(sequence)), |row| row.get(0))
        .optional()?;
    let said = payload.as_deref().and_then(|bytes| Content::parse(bytes).ok());
    let shared = said.as_ref().and_then(Content::shared_again).map(|at| at.0);
    run(
        desk.sql(),
        "INSERT OR REPLACE INTO replaced (author, object, version, sequence, salt, rules, shared) \
         SELECT author, ?3, ?4, sequence, salt, ?5, ?6 FROM payload WHERE author = ?1 AND sequence = ?2",
        (name.author.as_bytes(), stored(sequence), object, version, said.map(|said| said.rules), shared),
    )
}

/// Where a version's content goes, so do the salts of acts that gave the same before, and what stands beside it.
fn forget_replaced(sql: &Connection, me: KeyId, (author, sequence): (KeyId, u64)) -> Done<()> {
    let of = "(object, version) IN (SELECT object, version FROM held WHERE author = ?1 AND sequence = ?2)";
    forget(sql, me, (author, of), (author.as_bytes(), stored(sequence)))
}

/// Destroys payloads and salts of acts that gave a version before the one by which it is held, and what is remembered of these.
fn forget(
    sql: &Connection,
    me: KeyId,
    (author, of): (KeyId, &str),
    params: impl rusqlite::Params + Copy,
) -> Done<()> {
    let acts = format!("SELECT sequence FROM replaced WHERE author = ?1 AND {of}");
    if author == me {
        run(sql, &format!("UPDATE leaf SET salt = NULL WHERE sequence IN ({acts})"), params)?;
    }
    run(sql, &format!("DELETE FROM payload WHERE author = ?1 AND sequence IN ({acts})"), params)?;
    run(sql, &format!("DELETE FROM replaced WHERE author = ?1 AND {of}"), params)
}

/// Without its salt nobody can find out by trying what an act committed to; its leaf and every proof of it stay.
fn forget_salt(sql: &Connection, sequence: u64) -> Done<()> {
    run(sql, "UPDATE leaf SET salt = NULL WHERE sequence = ?1", [stored(sequence)])
}

/// The salt of an own act whose payload somebody gave back, once the act itself has come.
fn know_salt(sql: &Connection, row: &PayloadRow) -> Done<()> {
    run(
        sql,
        "UPDATE leaf SET salt = ?2 WHERE sequence = ?1 AND salt IS NULL",
        (stored(row.sequence), row.salt.as_bytes()),
    )
}

/// The same for every act about an object that is erased, those by which it came in here too.
fn forget_salts_of(sql: &Connection, object: &str) -> Done<()> {
    let Some(no) = object_no(sql, object)? else { return Ok(()) };
    run(sql, "UPDATE leaf SET salt = NULL WHERE object = ?1", [no])
}

/// Begins a recovery in a life.
pub(super) fn begin(sql: &Connection, me: KeyId, (life, recovery): (u64, &Recovery)) -> Done<()> {
    put_ahead(sql, (me, me), (recovery.from, &[]))?;
    begin_life(sql, life)?;
    put_recovery(sql, Some(recovery))
}

fn begin_life(sql: &Connection, life: u64) -> Done<()> {
    run(
        sql,
        "UPDATE peer SET flash_before = flash_last, routine_before = routine_last \
         WHERE heard_in = (SELECT value FROM number WHERE name = 'life')",
        [],
    )?;
    set_number(sql, "life", stored(life))
}

/// What was deleted here before it was called back must not come out of a backup either; of what is erased no copy comes in again. Which of
/// this member's own was given the deed says, and does with it ([`crate::copies::destroy_deleted`]): here goes only that of which nobody knows.
fn void(desk: &Desk<'_>, me: KeyId, fate: &FateRow) -> Done<()> {
    if fate.recalled.is_none() && fate.erased.is_none() {
        return Ok(());
    }
    let sql = desk.sql();
    let Some(object) = object_no(sql, &fate.name.id)? else { return Ok(()) };
    let upto = fate.recalled.filter(|_| fate.erased.is_none()).map_or(i64::MAX, stored);
    let of = "object = ?2 AND sequence <= ?3";
    forget(sql, me, (fate.name.author, of), (fate.name.author.as_bytes(), object, upto))?;
    let own = fate.name.author == me;
    let word =
        if own { Originator::Here } else { Originator::Member(MemberId(*fate.name.author.as_bytes())) };
    if fate.erased.is_some() {
        gone::forbid(desk.sql(), object, &word)?;
    }
    keys::destroy_deleted(desk, (object, &word), |deleted| !own || deleted.is_none())
}

fn put_recovery(sql: &Connection, recovery: Option<&Recovery>) -> Done<()> {
    set_number(sql, "restored", 0)?;
    run(sql, "DELETE FROM recovery_peer", [])?;
    let Some(recovery) = recovery else { return run(sql, "DELETE FROM recovery", []) };
    let stage = if recovery.stage == Stage::CatchingUp { CATCHING_UP } else { 1 };
    run(
        sql,
        "INSERT OR REPLACE INTO recovery (one, first, since, stage) VALUES (1, ?1, ?2, ?3)",
        (stored(recovery.from), recovery.since.0, stage),
    )?;
    let members: BTreeSet<&KeyId> = recovery.peers.keys().chain(&recovery.without).collect();
    for member in members {
        let giving = recovery.peers.get(member).copied().unwrap_or_default();
        run(
            sql,
            "INSERT INTO recovery_peer (member, next, flash, routine, without) VALUES (?1, ?2, ?3, ?4, ?5)",
            (
                member.as_bytes(),
                stored(giving.next),
                giving.sent.map(|[flash, _]| stored(flash)),
                giving.sent.map(|[_, routine]| stored(routine)),
                recovery.without.contains(member),
            ),
        )?;
    }
    Ok(())
}

fn put_version(desk: &mut Desk<'_>, row: &VersionRow) -> Done<()> {
    let object = desk.object(&row.name.id)?.no;
    run_again(
        desk,
        "INSERT OR REPLACE INTO held (author, object, version, sequence, kind, digest, rules, passed_by) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        (
            row.name.author.as_bytes(),
            object,
            &row.version,
            stored(row.sequence),
            row.kind.name(),
            row.digest.0,
            &row.rules,
            row.by.as_ref().map(KeyId::as_bytes),
        ),
    )
}

fn drop_version(sql: &Connection, me: KeyId, (name, version): (&ObjectName, &str)) -> Done<()> {
    let params = (name.author.as_bytes(), object_no(sql, &name.id)?, version);
    run(sql, "DELETE FROM held WHERE author = ?1 AND object = ?2 AND version = ?3", params)?;
    forget(sql, me, (name.author, "object = ?2 AND version = ?3"), params)
}

fn put_fate(desk: &mut Desk<'_>, row: &FateRow) -> Done<()> {
    let (author, object) = (row.name.author, desk.object(&row.name.id)?.no);
    let sql = desk.sql();
    run(
        sql,
        "INSERT OR REPLACE INTO fate (author, object, recalled, erased) VALUES (?1, ?2, ?3, ?4)",
        (author.as_bytes(), object, row.recalled.map(stored), row.erased.map(stored)),
    )?;
    run(sql, "DELETE FROM narrowing WHERE author = ?1 AND object = ?2", (author.as_bytes(), object))?;
    for (sequence, rules) in &row.narrowed {
        run(
            sql,
            "INSERT INTO narrowing (author, object, sequence, rules) VALUES (?1, ?2, ?3, ?4)",
            (author.as_bytes(), object, stored(*sequence), rules),
        )?;
    }
    Ok(())
}

fn put_holder(desk: &mut Desk<'_>, row: &HolderRow) -> Done<()> {
    let object = desk.object(&row.name.id)?.no;
    run_again(
        desk,
        "INSERT OR REPLACE INTO holder (author, object, member, ground, since) VALUES (?1, ?2, ?3, ?4, ?5)",
        (row.name.author.as_bytes(), object, row.member.as_bytes(), &row.ground, row.since.0),
    )
}

fn put_later(sql: &Connection, row: &LaterRow) -> Done<()> {
    let lane =
        lane_no(row.lane).ok_or_else(|| contradiction("something waits for a lane without a queue"))?;
    run(
        sql,
        "INSERT OR REPLACE INTO later (object, version, member, lane, rule, since, look) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        (&row.object, &row.version, row.member.as_bytes(), lane, &row.rule, row.since.0, row.look.0),
    )
}

fn look_again(sql: &Connection, again: &Again) -> Done<()> {
    match again {
        Again::Member(member) => run(sql, "UPDATE later SET look = 0 WHERE member = ?1", [member.as_bytes()]),
        Again::Object(object) => run(sql, "UPDATE later SET look = 0 WHERE object = ?1", [object]),
        Again::ClockOf(member) => {
            let update = "UPDATE later SET look = 0 WHERE member = ?1 AND rule = ?2";
            run(sql, update, (member.as_bytes(), LaterRow::CLOCK_BEHIND))
        }
        Again::Clocks(beyond) => run(
            sql,
            "UPDATE later SET look = 0 WHERE rule = ?1 OR (look > ?2 AND look < ?3 AND rule <> ?4)",
            (LaterRow::CLOCK_BEHIND, beyond.0, i64::MAX, LaterRow::EMBARGO),
        ),
    }
}

fn put_receipt(desk: &Desk<'_>, row: &ReceiptRow) -> Done<()> {
    let (refused, receipt, outcome) = match &row.state {
        ReceiptState::Pending => (None, None, None),
        ReceiptState::Refused(code) => (Some(code), None, None),
        ReceiptState::Done { receipt, outcome } => (None, Some(stored(*receipt)), Some(outcome)),
    };
    run_again(
        desk,
        "INSERT OR REPLACE INTO receipt (sequence, member, refused, receipt, outcome) VALUES (?1, ?2, ?3, ?4, ?5)",
        (stored(row.sequence), row.member.as_bytes(), refused, receipt, outcome),
    )
}

fn put_consent(sql: &Connection, row: &ConsentRow) -> Done<()> {
    run(
        sql,
        "INSERT OR REPLACE INTO consent (id, author, object, digest, giver, recipient, until, signed) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        (
            row.id,
            row.name.author.as_bytes(),
            &row.name.id,
            row.digest.0,
            row.from.as_bytes(),
            row.to.as_bytes(),
            row.until.0,
            &row.signed,
        ),
    )
}

fn put_revoked(sql: &Connection, row: &RevokedRow) -> Done<()> {
    run(
        sql,
        "INSERT OR REPLACE INTO consent_revoked (author, id, sequence) VALUES (?1, ?2, ?3)",
        (row.author.as_bytes(), row.id, stored(row.sequence)),
    )
}

fn put_outbox(desk: &Desk<'_>, row: &OutboxRow) -> Done<()> {
    let lane = lane_no(row.lane).ok_or_else(|| contradiction("a line in a lane without a queue"))?;
    run_again(
        desk,
        "INSERT INTO outbox (peer, lane, place, author, sequence) VALUES (?1, ?2, ?3, ?4, ?5)",
        (row.peer.as_bytes(), lane, stored(row.place), row.author.as_bytes(), stored(row.sequence)),
    )
}

/// Writes what is known of a peer.
pub(super) fn put_peer(sql: &Connection, member: KeyId, row: &PeerRow) -> Done<()> {
    let ([flash, routine], [flash_before, routine_before]) = (row.queues, row.before);
    run(
        sql,
        "INSERT OR REPLACE INTO peer (member, flash_last, flash_acked, flash_cursor, routine_last, routine_acked, \
         routine_cursor, version, seen, skew_us, heads, life, heard_in, flash_before, routine_before, life_proof) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
        (
            member.as_bytes(),
            stored(flash.last),
            stored(flash.acked),
            stored(flash.cursor),
            stored(routine.last),
            stored(routine.acked),
            stored(routine.cursor),
            row.version,
            row.seen.map(|at| at.0),
            row.skew_us,
            write_heads(&row.heads),
            stored(row.life),
            stored(row.heard_in),
            stored(flash_before),
            stored(routine_before),
            &row.life_proof,
        ),
    )
}

/// The places that lines leave and those they go to may overlap: they go by places that nothing has.
fn move_lines(sql: &Connection, (peer, lane): (KeyId, Lane), (after, upto): (u64, u64), by: u64) -> Done<()> {
    let Some(no) = lane_no(lane) else { return Ok(()) };
    run(
        sql,
        "UPDATE outbox SET place = -(place + ?5) WHERE peer = ?1 AND lane = ?2 AND place > ?3 AND place <= ?4",
        (peer.as_bytes(), no, stored(after), stored(upto), stored(by)),
    )?;
    run(
        sql,
        "UPDATE outbox SET place = -place WHERE peer = ?1 AND lane = ?2 AND place < 0",
        (peer.as_bytes(), no),
    )
}

fn put_owed(sql: &Connection, peer: KeyId, refused: &[AckRefusal]) -> Done<()> {
    for refusal in refused {
        run(
            sql,
            "INSERT INTO owed (peer, lane, place, rule) VALUES (?1, ?2, ?3, ?4)",
            (peer.as_bytes(), refusal.lane, stored(refusal.place), &refusal.rule),
        )?;
    }
    bound_owed(sql, peer)
}

/// Owes what the log has of the refusals of a peer's, the last of each place, in place of what it was still to be told.
fn owe_again(sql: &Connection, peer: KeyId) -> Done<()> {
    run(sql, "DELETE FROM owed WHERE peer = ?1", [peer.as_bytes()])?;
    run(
        sql,
        "INSERT INTO owed (peer, lane, place, rule) SELECT ?1, lane, place, rule FROM \
         (SELECT lane, place, rule, max(no) AS last FROM refusal \
         WHERE peer = ?1 AND NOT there AND lane IS NOT NULL GROUP BY lane, place) ORDER BY last",
        [peer.as_bytes()],
    )?;
    bound_owed(sql, peer)
}

fn bound_owed(sql: &Connection, peer: KeyId) -> Done<()> {
    let kept = i64::try_from(ACK_REFUSALS_MAX).unwrap_or(i64::MAX);
    run(
        sql,
        "DELETE FROM owed WHERE peer = ?1 AND no <= \
         (SELECT no FROM owed WHERE peer = ?1 ORDER BY no DESC LIMIT 1 OFFSET ?2)",
        (peer.as_bytes(), kept),
    )
}

/// Logs a refusal. What a peer has refused it says until that is known to have been heard, and is logged once.
fn put_refusal(sql: &Connection, by: RefusedBy, row: &RefusalRow) -> Done<()> {
    let (lane, place) =
        row.at_place.map_or((None, None), |(lane, place)| (lane_no(lane), Some(stored(place))));
    let (there, peer) = (by == RefusedBy::There, row.peer.as_ref().map(KeyId::as_bytes));
    let logged = sql
        .prepare_cached(
            "INSERT INTO refusal (no, there, peer, lane, place, rule, at, object) \
             SELECT (SELECT coalesce(max(no), 0) + 1 FROM refusal), ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE NOT (?1 AND EXISTS \
             (SELECT 1 FROM refusal WHERE there = 1 AND peer = ?2 AND lane = ?3 AND place = ?4 AND rule = ?5))",
        )?
        .execute((there, peer, lane, place, &row.rule, row.at.0, &row.object))?;
    if let Some(peer) = peer.filter(|_| logged > 0) {
        let count = "INSERT INTO refused (peer, here, there) VALUES (?1, NOT ?2, ?2) ON CONFLICT (peer) DO UPDATE SET \
                     here = here + excluded.here, there = there + excluded.there";
        run(sql, count, (peer, there))?;
    }
    let newest: i64 =
        sql.prepare_cached("SELECT coalesce(max(no), 0) FROM refusal")?.query_row([], |row| row.get(0))?;
    run(sql, "DELETE FROM refusal WHERE no <= ?1", [newest.saturating_sub(REFUSALS_KEPT)])
}

fn put_evidence(sql: &Connection, origin: KeyId, text: &str) -> Done<()> {
    run(
        sql,
        "INSERT INTO evidence (origin, text) SELECT ?1, ?2 WHERE (SELECT count(*) FROM evidence) < ?3 \
         AND NOT EXISTS (SELECT 1 FROM evidence WHERE origin = ?1 AND text = ?2)",
        (origin.as_bytes(), text, EVIDENCE_KEPT),
    )
}
