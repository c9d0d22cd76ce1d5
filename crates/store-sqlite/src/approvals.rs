//! Requests for a second person as rows.

use base::Micros;
use handling::{CollectionNo, Holds, Means, Shown, UserNo};
use rusqlite::{Connection, OptionalExtension, Row, Rows};
use store::{Answer, ApprovalRow, Spending, StoreError, Verdict};

use crate::accounts::{numbers, users_of};
use crate::error::{Done, damaged};
use crate::writer::Desk;

const APPROVAL: &str = "SELECT id, deed, words, requester, asked, expires, verdict, decider, decided, reason, leaf, spent, \
                        asked_with, decided_with FROM approval";

/// A credential as a text: its kind, and the numbers of the users who have had it.
fn text_of(shown: &Shown) -> String {
    format!("{} {}", shown.means.name(), numbers(&shown.known_to))
}

fn shown(row: &Row<'_>, at: usize) -> Done<Option<Shown>> {
    let Some(text) = row.get::<_, Option<String>>(at)? else { return Ok(None) };
    let (means, known_to) = text.split_once(' ').ok_or_else(|| damaged("a credential shown"))?;
    let means = Means::ALL.into_iter().find(|one| one.name() == means);
    let means = means.ok_or_else(|| damaged("an unknown kind of credential"))?;
    Ok(Some(Shown { means, known_to: users_of(known_to)? }))
}

fn row(row: &Row<'_>) -> Done<ApprovalRow> {
    let deed: String = row.get(1)?;
    let verdict: Option<String> = row.get(6)?;
    let answer = match verdict {
        None => None,
        Some(name) => {
            let verdict = Verdict::ALL.into_iter().find(|verdict| verdict.name() == name);
            let leaf: Option<i64> = row.get(10)?;
            Some(Answer {
                verdict: verdict.ok_or_else(|| damaged("an unknown answer to a request"))?,
                by: UserNo(row.get(7)?),
                with: shown(row, 13)?,
                at: Micros(row.get(8)?),
                reason: row.get(9)?,
                leaf: leaf.and_then(|leaf| u64::try_from(leaf).ok()),
            })
        }
    };
    Ok(ApprovalRow {
        id: row.get(0)?,
        deed: deed.parse().map_err(|_| damaged("an unknown kind of deed"))?,
        words: row.get(2)?,
        requester: UserNo(row.get(3)?),
        asked_with: shown(row, 12)?,
        asked: Micros(row.get(4)?),
        expires: Micros(row.get(5)?),
        answer,
        spent: row.get::<_, Option<i64>>(11)?.map(Micros),
    })
}

fn found(connection: &Connection, sql: &str, params: impl rusqlite::Params) -> Done<Option<ApprovalRow>> {
    let mut select = connection.prepare_cached(sql)?;
    let mut rows = select.query(params)?;
    rows.next()?.map(row).transpose()
}

/// Files a request, or finds the one that is open already.
pub(crate) fn ask(desk: &Desk<'_>, wanted: &ApprovalRow, open_max: usize) -> Done<Option<ApprovalRow>> {
    let sql = desk.sql();
    if wanted.answer.is_none() {
        let open = "spent IS NULL AND expires > ?2 AND (verdict IS NULL OR verdict <> 'refused')";
        let same = format!(
            "{APPROVAL} WHERE requester = ?1 AND {open} AND deed = ?3 AND words = ?4 AND asked_with IS ?5"
        );
        let (requester, at) = (wanted.requester.0, wanted.asked.0);
        let with = wanted.asked_with.as_ref().map(text_of);
        if let Some(held) = found(sql, &same, (requester, at, wanted.deed.name(), &wanted.words, with))? {
            return Ok(Some(held));
        }
        let counted = format!("SELECT count(*) FROM approval WHERE requester = ?1 AND {open}");
        let count: i64 = sql.query_row(&counted, (requester, at), |row| row.get(0))?;
        if usize::try_from(count).is_ok_and(|count| count >= open_max) {
            return Ok(None);
        }
    }
    let answer = wanted.answer.as_ref();
    sql.execute(
        "INSERT INTO approval (id, deed, words, requester, asked, expires, verdict, decider, decided, reason, leaf, spent, \
         asked_with, decided_with) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        rusqlite::params![
            wanted.id,
            wanted.deed.name(),
            wanted.words,
            wanted.requester.0,
            wanted.asked.0,
            wanted.expires.0,
            answer.map(|answer| answer.verdict.name()),
            answer.map(|answer| answer.by.0),
            answer.map(|answer| answer.at.0),
            answer.map_or("", |answer| answer.reason.as_str()),
            answer.and_then(|answer| leaf_no(answer.leaf)),
            wanted.spent.map(|at| at.0),
            wanted.asked_with.as_ref().map(text_of),
            answer.and_then(|answer| answer.with.as_ref()).map(text_of),
        ],
    )?;
    Ok(Some(wanted.clone()))
}

fn leaf_no(leaf: Option<u64>) -> Option<i64> {
    leaf.and_then(|leaf| i64::try_from(leaf).ok())
}

/// One request.
pub(crate) fn one(connection: &Connection, id: &str) -> Done<ApprovalRow> {
    let held = found(connection, &format!("{APPROVAL} WHERE id = ?1"), [id])?;
    held.ok_or_else(|| StoreError::NotFound { what: "approval" }.into())
}

/// Requests, newest first.
pub(crate) fn newest(
    connection: &Connection,
    requester: Option<UserNo>,
    limit: usize,
) -> Done<Vec<ApprovalRow>> {
    let mut select = connection.prepare_cached(&format!(
        "{APPROVAL} WHERE ?1 IS NULL OR requester = ?1 ORDER BY asked DESC, id DESC LIMIT ?2"
    ))?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    all(select.query((requester.map(|user| user.0), limit))?)
}

/// Requests for which the glass was broken since, newest first.
pub(crate) fn glass_broken(connection: &Connection, since: Micros) -> Done<Vec<ApprovalRow>> {
    let mut select = connection.prepare_cached(&format!(
        "{APPROVAL} WHERE verdict = 'broken-glass' AND decided > ?1 ORDER BY decided DESC, id DESC"
    ))?;
    all(select.query([since.0])?)
}

fn all(mut rows: Rows<'_>) -> Done<Vec<ApprovalRow>> {
    let mut all = Vec::new();
    while let Some(found) = rows.next()? {
        all.push(row(found)?);
    }
    Ok(all)
}

/// Answers a request that waits for an answer.
pub(crate) fn answer(desk: &Desk<'_>, id: &str, answer: &Answer) -> Done<ApprovalRow> {
    desk.sql().execute(
        "UPDATE approval SET verdict = ?2, decider = ?3, decided = ?4, reason = ?5, leaf = ?6, decided_with = ?7 \
         WHERE id = ?1 AND verdict IS NULL AND expires > ?4",
        (
            id,
            answer.verdict.name(),
            answer.by.0,
            answer.at.0,
            &answer.reason,
            leaf_no(answer.leaf),
            answer.with.as_ref().map(text_of),
        ),
    )?;
    one(desk.sql(), id)
}

/// Uses up an approval.
pub(crate) fn spend(desk: &Desk<'_>, spending: &Spending<'_>) -> Done<Option<ApprovalRow>> {
    let sql = desk.sql();
    let open = format!(
        "{APPROVAL} WHERE requester = ?1 AND deed = ?2 AND words = ?3 AND spent IS NULL AND expires > ?4 \
         AND verdict IN ('granted', 'broken-glass') ORDER BY asked LIMIT 1"
    );
    let (requester, at) = (spending.requester.0, spending.at.0);
    let held = found(sql, &open, (requester, spending.deed.name(), spending.words, at))?;
    let Some(mut held) = held else { return Ok(None) };
    sql.execute("UPDATE approval SET spent = ?2 WHERE id = ?1", (&held.id, at))?;
    held.spent = Some(spending.at);
    Ok(Some(held))
}

/// Whether a collection holds what somebody has marked, or put under rules, for few. What nobody has said anything about has
/// neither a level nor rules of its own.
pub(crate) fn holds_marked(connection: &Connection, collection: CollectionNo) -> Done<bool> {
    let level = i64::from(Holds::FROM as u8);
    let mut select = connection.prepare_cached(
        "SELECT 1 FROM holding h JOIN version v ON v.no = h.version LEFT JOIN rules r ON r.no = h.rules \
         WHERE h.collection = ?1 AND (v.tlp >= ?2 OR r.level >= ?2) LIMIT 1",
    )?;
    Ok(select.query_row((collection.0, level), |_| Ok(())).optional()?.is_some())
}
