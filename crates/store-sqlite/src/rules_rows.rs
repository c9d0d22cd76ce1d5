//! The rows of handling rules: each set of rules is kept once, as its line of text, with columns for queries beside it.

use std::collections::BTreeSet;

use handling::{Control, MemberId, Originator, Rules, pap_no};
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
pub(crate) fn keep(desk: &mut Desk<'_>, rules: &Rules, home: Option<MemberId>) -> Done<Under> {
    if let Some(under) = desk.rules_kept_last(rules, home) {
        return Ok(under);
    }
    let under = write(desk, rules, home)?;
    desk.note_rules(rules, home, under);
    Ok(under)
}

fn write(desk: &Desk<'_>, rules: &Rules, home: Option<MemberId>) -> Done<Under> {
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
    let columns = Columns::of(rules);
    desk.sql()
        .prepare_cached(
            "INSERT INTO rules (no, form, open, level, pap, originator, controlled, embargo, keep, purposes, \
             awaited) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(rusqlite::params![
            no,
            form,
            !restricted,
            columns.level,
            columns.pap,
            columns.originator,
            columns.controlled,
            columns.embargo,
            columns.keep,
            columns.purposes,
            columns.awaited,
        ])?;
    let mut insert =
        desk.sql().prepare_cached("INSERT INTO addressee (rules, clause, addressee) VALUES (?1, ?2, ?3)")?;
    for (clause, addressee) in columns.addressees {
        insert.execute((no, clause, addressee))?;
    }
    let mut insert = desk.sql().prepare_cached("INSERT INTO named (rules, person) VALUES (?1, ?2)")?;
    for person in columns.named {
        insert.execute((no, person))?;
    }
    let mut insert = desk.sql().prepare_cached("INSERT INTO awaits (rules, definition) VALUES (?1, ?2)")?;
    for definition in columns.awaits {
        insert.execute((no, definition))?;
    }
    Ok(Under { no, restricted })
}

/// What queries go by.
#[derive(Debug, PartialEq, Eq)]
struct Columns {
    level: u8,
    pap: u8,
    originator: String,
    controlled: bool,
    embargo: Option<i64>,
    keep: Option<i64>,
    purposes: u8,
    awaited: bool,
    /// By clause; an empty clause has the addressee ''.
    addressees: BTreeSet<(i64, String)>,
    named: BTreeSet<String>,
    /// Marking definitions that are awaited by name.
    awaits: BTreeSet<String>,
}

impl Columns {
    fn of(rules: &Rules) -> Self {
        let mut addressees = BTreeSet::new();
        for (clause, held) in (0_i64..).zip(rules.audience().clauses()) {
            if held.is_empty() {
                addressees.insert((clause, String::new()));
            }
            addressees.extend(held.iter().map(|addressee| (clause, addressee.to_string())));
        }
        Self {
            level: rules.level().number(),
            pap: pap_no(rules.pap()),
            originator: rules.originator().to_string(),
            controlled: rules.control() == Control::Originator,
            embargo: rules.embargo().map(|at| at.0),
            keep: rules.retain().map(|at| at.0),
            purposes: rules.purposes().bits(),
            awaited: !rules.markings().are_known(),
            addressees,
            named: rules.named().into_iter().flatten().map(ToString::to_string).collect(),
            awaits: rules.markings().awaited().map(ToString::to_string).collect(),
        }
    }

    fn stored(sql: &Connection, no: i64) -> Done<Self> {
        let mut select = sql.prepare_cached(
            "SELECT level, pap, originator, controlled, embargo, keep, purposes, awaited FROM rules WHERE no = ?1",
        )?;
        let mut columns = select.query_row([no], |row| {
            Ok(Self {
                level: row.get(0)?,
                pap: row.get(1)?,
                originator: row.get(2)?,
                controlled: row.get(3)?,
                embargo: row.get(4)?,
                keep: row.get(5)?,
                purposes: row.get(6)?,
                awaited: row.get(7)?,
                addressees: BTreeSet::new(),
                named: BTreeSet::new(),
                awaits: BTreeSet::new(),
            })
        })?;
        let mut select = sql.prepare_cached("SELECT clause, addressee FROM addressee WHERE rules = ?1")?;
        for row in select.query_map([no], |row| Ok((row.get(0)?, row.get(1)?)))? {
            columns.addressees.insert(row?);
        }
        let mut select = sql.prepare_cached("SELECT person FROM named WHERE rules = ?1")?;
        for row in select.query_map([no], |row| row.get(0))? {
            columns.named.insert(row?);
        }
        let mut select = sql.prepare_cached("SELECT definition FROM awaits WHERE rules = ?1")?;
        for row in select.query_map([no], |row| row.get(0))? {
            columns.awaits.insert(row?);
        }
        Ok(columns)
    }
}

/// How many sets of rules there are, and for how many the columns say something else than the line of text.
pub(crate) fn compare(sql: &Connection) -> Done<(u64, u64)> {
    let mut select = sql.prepare("SELECT no, form FROM rules")?;
    let mut rows = select.query([])?;
    let (mut read, mut wrong) = (0, 0);
    while let Some(row) = rows.next()? {
        let (no, form): (i64, String) = (row.get(0)?, row.get(1)?);
        let agree = match form.parse::<Rules>() {
            Ok(rules) => Columns::of(&rules) == Columns::stored(sql, no)?,
            Err(_) => false,
        };
        read += 1;
        wrong += u64::from(!agree);
    }
    Ok((read, wrong))
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

/// The rules that a version is under, by the number of its rules, where it has some of its own.
pub(crate) fn of_version(sql: &Connection, (rules, version): (i64, i64)) -> Done<Rules> {
    read(sql, rules)?.map_or_else(|| of_level(sql, version), Ok)
}

/// The rules of a version that has none of its own: those of its TLP level, by this node's member.
pub(crate) fn of_level(sql: &Connection, version: i64) -> Done<Rules> {
    let level: Option<u8> = sql
        .prepare_cached("SELECT tlp FROM version WHERE no = ?1")?
        .query_row([version], |row| row.get(0))?;
    Ok(of_number(level))
}

/// The rules of a TLP level by its number, by this node's member.
pub(crate) fn of_number(level: Option<u8>) -> Rules {
    let level = level.map(|no| TlpLevel::from_number(no).unwrap_or(TlpLevel::Red));
    Rules::marked(level, Originator::Here)
}

/// Whether rules are what is under them by default, and neither its own markings nor an option spoke of it: it bears nothing, or what it
/// bears is awaited or asks nothing. `level` is what its version was stored with.
pub(crate) fn say_nothing(level: Option<u8>, rules: &Rules) -> bool {
    level.is_none() && rules.apart_from_markings() == of_number(None)
}

/// Forgets rules that nothing is under any more.
pub(crate) fn release(desk: &mut Desk<'_>, no: i64) -> Done<()> {
    let sql = desk.sql();
    let used: bool = sql
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM holding WHERE rules = ?1 AND rules <> 0)")?
        .query_row([no], |row| row.get(0))?;
    if no != 0 && !used {
        for table in ["addressee", "named", "awaits"] {
            sql.prepare_cached(&format!("DELETE FROM {table} WHERE rules = ?1"))?.execute([no])?;
        }
        sql.prepare_cached("DELETE FROM rules WHERE no = ?1")?.execute([no])?;
        desk.forget_rules();
    }
    Ok(())
}
