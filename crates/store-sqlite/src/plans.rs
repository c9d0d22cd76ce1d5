//! Prepared statements that a unit of work keeps in its hands.
//!
//! The connection's own cache finds a statement by its text: it digests the text, takes the statement out, notes the text anew, and
//! does the same on the way back. A step of exchange runs some twenty statements for each of a thousand objects, so that this was 4% of its
//! time. Here a statement is found by where its text stands in the program.
//!
//! Invariant: what is kept goes back to the connection's cache when the unit ends. While it is kept, whoever asks that cache for the same
//! text has it prepared anew: a text that is run from here is written in one place.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

use rusqlite::{CachedStatement, Connection, OptionalExtension, Params, Row, Statement};

/// See the module.
pub(crate) struct Plans<'c> {
    sql: &'c Connection,
    kept: RefCell<Kept<'c>>,
}

/// Statements beside where their texts stand. There are some thirty: a look along the list is cheaper than a digest.
#[derive(Default)]
struct Kept<'c> {
    texts: Vec<(usize, usize)>,
    statements: Vec<Option<CachedStatement<'c>>>,
}

impl<'c> Plans<'c> {
    /// None yet.
    pub(crate) fn new(sql: &'c Connection) -> Self {
        Self { sql, kept: RefCell::default() }
    }

    /// The transaction.
    pub(crate) const fn sql(&self) -> &'c Connection {
        self.sql
    }

    /// A statement, prepared the first time.
    pub(crate) fn of(&self, text: &'static str) -> rusqlite::Result<Plan<'_, 'c>> {
        let is_at = (text.as_ptr().addr(), text.len());
        let mut kept = self.kept.borrow_mut();
        let at = kept.texts.iter().position(|held| *held == is_at);
        let at = at.unwrap_or_else(|| {
            kept.texts.push(is_at);
            kept.statements.push(None);
            kept.texts.len().saturating_sub(1)
        });
        // In use by somebody who is not done with it: then there are two of it.
        let statement = match kept.statements.get_mut(at).and_then(Option::take) {
            Some(statement) => statement,
            None => self.sql.prepare_cached(text)?,
        };
        Ok(Plan { statement: Some(statement), at, of: self })
    }

    /// Runs a statement that answers nothing; how many rows it changed.
    pub(crate) fn run(&self, text: &'static str, params: impl Params) -> rusqlite::Result<usize> {
        self.of(text)?.execute(params)
    }

    /// The first row of what a statement answers.
    pub(crate) fn one<T>(
        &self,
        text: &'static str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Option<T>> {
        self.of(text)?.query_row(params, read).optional()
    }
}

/// A statement in use.
pub(crate) struct Plan<'p, 'c> {
    /// `None` once it is given back.
    statement: Option<CachedStatement<'c>>,
    at: usize,
    of: &'p Plans<'c>,
}

impl<'c> Deref for Plan<'_, 'c> {
    type Target = Statement<'c>;

    fn deref(&self) -> &Statement<'c> {
        self.statement.as_ref().expect("invariant: a statement is given back when its use ends")
    }
}

impl<'c> DerefMut for Plan<'_, 'c> {
    fn deref_mut(&mut self) -> &mut Statement<'c> {
        self.statement.as_mut().expect("invariant: a statement is given back when its use ends")
    }
}

impl Drop for Plan<'_, '_> {
    fn drop(&mut self) {
        if let Some(place) = self.of.kept.borrow_mut().statements.get_mut(self.at) {
            *place = self.statement.take();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADD: &str = "INSERT INTO t (a) VALUES (?1)";
    const UPTO: &str = "SELECT a FROM t WHERE a <= ?1 ORDER BY a DESC";

    #[test]
    fn a_statement_is_used_again_also_while_it_is_in_use_and_given_back() {
        let sql = Connection::open_in_memory().unwrap();
        sql.execute_batch("CREATE TABLE t (a INTEGER NOT NULL)").unwrap();
        let plans = Plans::new(&sql);
        for number in 1..=3 {
            assert_eq!(plans.run(ADD, [number]).unwrap(), 1);
        }
        assert!(plans.run(ADD, [None::<i64>]).is_err(), "what fails once");
        assert_eq!(plans.run(ADD, [4]).unwrap(), 1, "works the next time");
        let mut outer = plans.of(UPTO).unwrap();
        let mut rows = outer.query([3]).unwrap();
        let mut seen = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            let upto: i64 = row.get(0).unwrap();
            seen.push((upto, plans.one(UPTO, [upto - 1], |row| row.get::<_, i64>(0)).unwrap()));
        }
        assert_eq!(seen, [(3, Some(2)), (2, Some(1)), (1, None)]);
        drop(rows);
        drop(outer);
        assert_eq!(plans.kept.borrow().texts.len(), 2, "each text is kept once");
        assert!(plans.kept.borrow().statements.iter().all(Option::is_some));
    }
}
