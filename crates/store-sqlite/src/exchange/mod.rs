//! Exchange between members: its rows, read and changed in one transaction with the objects they are about.
//!
//! What is to be changed is decided by `federation`; here it is only written, and an effect that contradicts what is stored
//! gives up the whole step.

mod effects;
mod mirror;
mod rows;
mod seen;
mod unfinished;

use std::collections::BTreeSet;
use std::rc::Rc;

use base::Micros;
use base::signing::KeyId;
use federation::{Effect, Lane, Recovery, RefusalRow, Rows};
use handling::{Addressee, CollectionNo, MemberId, Narrower, Originator, Rules, Writer};
use rusqlite::{Connection, OptionalExtension, Row};
use stix::ObjectId;
use store::{
    Batch, ExchangeDesk, Landed, LeavesBy, NoticeRow, OwnCopy, PaperWork, Refused, RefusedBy, Retired,
    Settled, StoreError, Unfinished, VersionsOf,
};

use crate::error::{Done, Fail};
use crate::plans::Plans;
use crate::text::TEXT_PURGE;
use crate::writer::{Desk, set_number};
use crate::{accept, book, copies, papers, remove, retention, settle};

pub(crate) use rows::{SqlRows, consent_of, consents, stored};

/// The desk of a step. What a step takes away is overwritten in the file and not only given free: it may have been called back
/// or erased.
pub(crate) struct SqlDesk<'d, 'c> {
    desk: &'d mut Desk<'c>,
    rows: SqlRows<'c>,
}

impl<'d, 'c> SqlDesk<'d, 'c> {
    /// A desk inside a transaction, once the ledger is kept.
    pub(crate) fn open(desk: &'d mut Desk<'c>) -> Done<Self> {
        let (sql, plans) = (desk.sql(), Rc::clone(desk.plans()));
        let kept = desk.book().map(|book| (book.member(), book.size()));
        let (me, next) =
            kept.ok_or_else(|| Fail::from(StoreError::Backend("the ledger is not kept".into())))?;
        sql.pragma_update_and_check(None, "secure_delete", true, |_| Ok(()))?;
        Ok(Self { desk, rows: SqlRows::new(plans, me, next) })
    }

    /// Writes what a step that did not fail has left for its end.
    pub(crate) fn close(mut self) -> Done<()> {
        accept::tell_added(self.desk)?;
        self.put_peers()
    }

    fn put_peers(&mut self) -> Done<()> {
        for (member, row) in self.rows.seen.changed_peers() {
            effects::put_peer(self.rows.sql, member, &row)?;
        }
        Ok(())
    }

    /// Leaves and numbers may have been given.
    fn written(&mut self) {
        self.rows.seen.forget_object();
        if let Some(book) = self.desk.book() {
            self.rows.next = book.size();
        }
    }
}

impl Drop for SqlDesk<'_, '_> {
    fn drop(&mut self) {
        // Where this fails, what others delete is overwritten as well.
        let _ = self.rows.sql.pragma_update_and_check(None, "secure_delete", false, |_| Ok(()));
    }
}

impl ExchangeDesk for SqlDesk<'_, '_> {
    fn rows(&self) -> &dyn Rows {
        &self.rows
    }

    fn apply(&mut self, effects: Vec<Effect>) -> Result<(), StoreError> {
        if let Some(life) = effects.iter().position(|effect| matches!(effect, Effect::Life(_))) {
            // It changes the rows of peers where they stand.
            let peer = effects.iter().position(|effect| matches!(effect, Effect::Peer(..)));
            if peer.is_some_and(|peer| peer < life) {
                return Err(effects::contradiction("a peer is known in a life before that has begun").into());
            }
            self.put_peers()?;
            self.rows.seen.forget_peers();
        }
        let seen = &mut self.rows.seen;
        let effects = effects.into_iter().filter_map(|effect| seen.note(effect)).collect();
        effects::apply(self.desk, self.rows.me, effects)?;
        self.written();
        Ok(())
    }

    fn file(&mut self, work: &PaperWork) -> Result<(), StoreError> {
        Ok(papers::file_papers(self.desk, work)?)
    }

    fn add(&mut self, batch: &Batch, leaves: LeavesBy) -> Result<Vec<Landed>, StoreError> {
        let landed = accept::add_with(self.desk, batch, leaves)?;
        self.written();
        Ok(landed)
    }

    fn retire(&mut self, now: Micros, most: usize) -> Result<Vec<Retired>, StoreError> {
        Ok(retention::retire(self.desk, self.rows.me, now, most)?)
    }

    fn stands(&self, versions: &VersionsOf<'_>) -> Result<bool, StoreError> {
        Ok(remove::stands(self.desk, versions)?)
    }

    fn unfinished(&mut self) -> Result<Vec<Unfinished>, StoreError> {
        Ok(unfinished::name(self.desk.sql(), self.rows.me)?)
    }

    fn take_away(&mut self, versions: &VersionsOf<'_>) -> Result<u64, StoreError> {
        let object = self.rows.object_no(versions.id).map_err(|failed| StoreError::Backend(failed.0))?;
        Ok(object.map_or(Ok(0), |object| remove::take_away(self.desk, object, versions))?)
    }

    fn take_away_every(&mut self, id: &str, originator: &Originator) -> Result<u64, StoreError> {
        Ok(remove::take_away_every(self.desk, id, originator)?)
    }

    fn own_copies(&self, writer: &Writer, id: &str) -> Result<Vec<OwnCopy>, StoreError> {
        Ok(copies::own(self.desk.sql(), writer, id)?)
    }

    fn widen_copies(
        &mut self,
        writer: &Writer,
        version: (&str, &[u8; 32]),
        (more, out): (&BTreeSet<Addressee>, &Rules),
    ) -> Result<u64, StoreError> {
        Ok(copies::widen(self.desk, writer, version, (more, out))?)
    }

    fn take_copies(
        &mut self,
        writer: &Writer,
        id: &str,
        which: Option<&BTreeSet<[u8; 32]>>,
    ) -> Result<u64, StoreError> {
        Ok(copies::take(self.desk, writer, (id, which))?)
    }

    fn destroy_deleted(&mut self, id: &str, which: &BTreeSet<[u8; 32]>) -> Result<(), StoreError> {
        Ok(copies::destroy_deleted(self.desk, id, which)?)
    }

    fn overwrite_words(&mut self) -> Result<(), StoreError> {
        Ok(set_number(self.desk.sql(), TEXT_PURGE, 1)?)
    }

    fn narrow(&mut self, writer: &Writer, id: &str, asked: &Narrower) -> Result<u64, StoreError> {
        Ok(remove::narrow(self.desk, writer, id, asked)?)
    }

    fn settle(
        &mut self,
        definitions: &[ObjectId],
        home: Option<MemberId>,
    ) -> Result<Vec<Settled>, StoreError> {
        Ok(settle::settle(self.desk, definitions, home)?)
    }

    fn put_under(
        &mut self,
        versions: &VersionsOf<'_>,
        rules: &Rules,
        home: Option<MemberId>,
    ) -> Result<u64, StoreError> {
        Ok(remove::put_versions_under(self.desk, versions, rules, home)?)
    }

    fn places_of(&self, id: &str, originator: &Originator) -> Result<Vec<(CollectionNo, Rules)>, StoreError> {
        Ok(remove::places_of(self.desk.sql(), id, originator)?)
    }
}

/// The log of refusals, newest first.
pub(crate) fn refusals(
    sql: &Connection,
    peer: Option<KeyId>,
    limit: usize,
) -> Done<Vec<(RefusedBy, RefusalRow)>> {
    let mut select = sql.prepare_cached(
        "SELECT there, peer, lane, place, rule, at, object FROM refusal WHERE ?1 IS NULL OR peer = ?1 ORDER BY no DESC LIMIT ?2",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = select.query_map((peer.as_ref().map(KeyId::as_bytes), limit), |row| {
        let by = if row.get(0)? { RefusedBy::There } else { RefusedBy::Here };
        let peer: Option<[u8; 32]> = row.get(1)?;
        let lane: Option<i64> = row.get(2)?;
        let place: Option<i64> = row.get(3)?;
        let lane = lane.and_then(|no| Lane::QUEUES.into_iter().find(|lane| rows::lane_no(*lane) == Some(no)));
        let place = place.and_then(|place| u64::try_from(place).ok());
        let row = RefusalRow {
            peer: peer.map(KeyId::from_bytes),
            at_place: lane.zip(place),
            object: row.get(6)?,
            rule: row.get(4)?,
            at: Micros(row.get(5)?),
        };
        Ok((by, row))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// How often a peer and this node refused each other's acts.
pub(crate) fn refused(sql: &Connection, peer: KeyId) -> Done<Refused> {
    let mut select = sql.prepare_cached("SELECT here, there FROM refused WHERE peer = ?1")?;
    let count = |row: &Row<'_>, column| -> rusqlite::Result<u64> {
        Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or_default())
    };
    let found = select
        .query_row([peer.as_bytes()], |row| Ok(Refused { here: count(row, 0)?, there: count(row, 1)? }));
    Ok(found.optional()?.unwrap_or_default())
}

/// What members told everybody.
pub(crate) fn notices(sql: &Connection, limit: usize) -> Done<Vec<NoticeRow>> {
    let mut select = sql.prepare_cached(
        "SELECT a.author, a.sequence, a.signed, p.bytes FROM act a \
         JOIN payload p ON p.author = a.author AND p.sequence = a.sequence \
         WHERE a.kind = 'glass-broken' ORDER BY a.sequence DESC LIMIT ?1",
    )?;
    let rows = select.query_map([i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
        let sequence: i64 = row.get(1)?;
        Ok(NoticeRow {
            author: KeyId::from_bytes(row.get(0)?),
            sequence: u64::try_from(sequence).unwrap_or_default(),
            signed: row.get(2)?,
            payload: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Evidence, oldest first.
pub(crate) fn evidence(sql: &Connection) -> Done<Vec<(KeyId, String)>> {
    let mut select = sql.prepare_cached("SELECT origin, text FROM evidence ORDER BY no")?;
    let rows = select.query_map([], |row| Ok((KeyId::from_bytes(row.get(0)?), row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// A recovery that a step has begun in a transaction which cannot be committed.
#[derive(Debug)]
pub(crate) struct Begun {
    me: KeyId,
    life: u64,
    recovery: Recovery,
}

/// The recovery that has begun in the present transaction; `None` where none goes on.
pub(crate) fn begun(sql: &Connection, me: KeyId) -> Done<Option<Begun>> {
    let own = rows_of(sql, me)?.own().map_err(|failed| Fail::from(StoreError::Backend(failed.0)))?;
    let life = own.life;
    Ok(own.recovery.map(|recovery| Begun { me, life, recovery }))
}

/// Has a recovery begin by itself, without what was to be committed with it.
pub(crate) fn begin(sql: &Connection, begun: Begun) -> Done<()> {
    let from = begun.recovery.from.min(book::leaf_count(sql)?);
    let recovery = Recovery { from, ..begun.recovery };
    effects::begin(sql, begun.me, (begun.life, &recovery))
}

/// The rows as a reader sees them.
pub(crate) fn rows_of(sql: &Connection, me: KeyId) -> Done<SqlRows<'_>> {
    Ok(SqlRows::new(Rc::new(Plans::new(sql)), me, book::leaf_count(sql)?))
}
