//! The rows of handling rules: each set of rules is kept once, as its line of text, with columns for queries beside it.

use handling::{Control, Markings, MemberId, Originator, Rules, pap_no};
use rusqlite::{Connection, OptionalExtension};
use stix::TlpLevel;

use crate::error::{Done, damaged};
use crate::writer::Desk;

/// Rules as a holding has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Under {
    /// Their number; 0 = those of the version's TLP level.
    pub(crate) no: i64,
    /// Whether some reader of this node, at some time, may not see what is under them.
    pub(crate) restricted: bool,
}

impl Under {
    /// No rules but those of the TLP level.
    pub(crate) const NONE: Self = Self { no: 0, restricted: false };
}

/// The number of these rules, which are written down when they are new.
pub(crate) fn keep(desk: &Desk<'_>, rules: &Rules, home: Option<MemberId>) -> Done<Under> {
    let form = rules.to_string();
    let held: Option<(i64, bool)> = desk
        .sql()
        .prepare_cached("SELECT no, open FROM rules WHERE form = ?1")?
        .query_row([&form], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    if let Some((no, open)) = held {
        return Ok(Under { no, restricted: !open });
    }
    let restricted = !rules.open_here(home);
    let no = desk.next_number("rules")?;
    desk.sql()
        .prepare_cached(
            "INSERT INTO rules (no, form, open, level, pap, originator, controlled, embargo, keep, purposes, \
             awaited) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(rusqlite::params![
            no,
            form,
            !restricted,
            rules.level().number(),
            pap_no(rules.pap()),
            rules.originator().to_string(),
            rules.control() == Control::Originator,
            rules.embargo().map(|at| at.0),
            rules.retain().map(|at| at.0),
            rules.purposes().bits(),
            rules.markings() == Markings::Awaited,
        ])?;
    let mut insert =
        desk.sql().prepare_cached("INSERT INTO addressee (rules, clause, addressee) VALUES (?1, ?2, ?3)")?;
    for (clause, addressees) in (0_i64..).zip(rules.audience().clauses()) {
        if addressees.is_empty() {
            insert.execute((no, clause, ""))?;
        }
        for addressee in addressees {
            insert.execute((no, clause, addressee.to_string()))?;
        }
    }
    let mut insert = desk.sql().prepare_cached("INSERT INTO named (rules, person) VALUES (?1, ?2)")?;
    for person in rules.named().into_iter().flatten() {
        insert.execute((no, person.to_string()))?;
    }
    Ok(Under { no, restricted })
}

/// The rules with a number; `None` for 0.
pub(crate) fn read(sql: &Connection, no: i64) -> Done<Option<Rules>> {
    if no == 0 {
        return Ok(None);
    }
    let form: Option<String> = sql
        .prepare_cached("SELECT form FROM rules WHERE no = ?1")?
        .query_row([no], |row| row.get(0))
        .optional()?;
    let rules = form.and_then(|form| form.parse().ok());
    Ok(Some(rules.ok_or_else(|| damaged("an object's handling rules cannot be read"))?))
}

/// The rules of a version that has none of its own: those of its TLP level, by this node's member.
pub(crate) fn of_level(sql: &Connection, version: i64) -> Done<Rules> {
    let level: Option<u8> = sql
        .prepare_cached("SELECT tlp FROM version WHERE no = ?1")?
        .query_row([version], |row| row.get(0))?;
    let level = level.map(|no| TlpLevel::from_number(no).unwrap_or(TlpLevel::Red));
    Ok(Rules::marked(level, Originator::Here))
}

/// Forgets rules that nothing is under any more.
pub(crate) fn release(sql: &Connection, no: i64) -> Done<()> {
    let used: bool = sql
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM holding WHERE rules = ?1 AND rules <> 0)")?
        .query_row([no], |row| row.get(0))?;
    if no != 0 && !used {
        for table in ["addressee", "named"] {
            sql.prepare_cached(&format!("DELETE FROM {table} WHERE rules = ?1"))?.execute([no])?;
        }
        sql.prepare_cached("DELETE FROM rules WHERE no = ?1")?.execute([no])?;
    }
    Ok(())
}
