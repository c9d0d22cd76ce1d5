//! Full-text search: what is called so before what mentions it, and each newest first.
//!
//! The three classes of an answer ([`Class`]) are three questions to the index that exclude each other, asked in turn until a page is full:
//! none of them is sorted or counted, and each ends where the page does. Which class an object is in follows from its own words alone, so
//! that the order tells nothing of what is withheld, and stays while others write.

use base::limit;
use handling::Viewer;
use index::{Asked, FingerprintKey};
use rusqlite::{Connection, ToSql};
use store::{Found, LookupRow, SearchRequest, StoreError};

use crate::cursor::Question;
use crate::error::Done;
use crate::look_up::{row_columns, told};
use crate::runs::Runs;
use crate::sight::{Exact, Sight};
use crate::text::TEXT_UNNAMED;
use crate::undated::Undated;
use crate::writer::{name_no, number};

/// How what is found stands to the question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// It bears a name that begins with the question.
    Begins,
    /// Its names have all words of the question.
    Named,
    /// It has all words.
    Mentions,
    /// All of them in one: while text of an earlier build is not written again, what is would change its class under who pages, and be missed.
    Any,
}

impl Class {
    const ALL: [Self; 3] = [Self::Begins, Self::Named, Self::Mentions];

    /// The classes from the one with this number in a cursor on.
    fn from(no: i64) -> Option<&'static [Self]> {
        if no == Self::Any as i64 {
            return Some(&[Self::Any]);
        }
        Self::ALL.get(usize::try_from(no).ok()?..).filter(|classes| !classes.is_empty())
    }
}

/// Objects whose latest version holds all words; without words, all objects.
pub(crate) fn search(
    connection: &Connection,
    viewer: &Viewer,
    key: &FingerprintKey,
    request: &SearchRequest,
) -> Done<Found> {
    let question = Question::of(&("search", &request.words, request.open_ended, &request.types));
    let place = request.next.as_ref().map(|next| question.place::<2>(key, next)).transpose()?;
    let Some(sight) = Sight::of(connection, viewer)? else {
        return Ok(Found::default());
    };
    let mut before = match place {
        None => i64::MAX,
        Some([_, arrived]) => match sight.version_at(connection, arrived)? {
            (version, Exact::Yes) => version,
            (version, Exact::No) => version.saturating_add(1),
        },
    };
    let Some(kinds) = kinds(connection, &request.types)? else {
        return Ok(Found::default());
    };
    let words = Words::of(request);
    if words.is_none() && !request.words.is_empty() {
        return Ok(Found::default());
    }
    let are_told = words.is_some() && number(connection, TEXT_UNNAMED)? == 0;
    let all: &[Class] = if are_told { &Class::ALL } else { &[Class::Any] };
    let classes = match place {
        None => all,
        Some([class, _]) => Class::from(class).ok_or(StoreError::BadCursor)?,
    };
    let most = request.limit.clamp(1, limit::PAGE_MAX);
    let found_by = if words.is_some() { HAS_WORDS } else { "1" };
    let mut undated = Undated::found_by(connection, &sight, found_by);
    let mut found: Vec<(Class, i64, LookupRow)> = Vec::new();
    for class in classes {
        let room = (most + 1).saturating_sub(found.len());
        let rows = match &words {
            Some(words) => {
                let asked = Asking { words: words.asking(*class), any: words.any(), kinds: &kinds };
                rows(connection, (&sight, &mut undated), &asked, (before, room))?
            }
            None => newest(connection, (&sight, &mut undated), &kinds, (before, room))?,
        };
        found.extend(rows.into_iter().map(|(version, row)| (*class, version, row)));
        if found.len() > most {
            break;
        }
        before = i64::MAX;
    }
    let more = found.len() > most;
    found.truncate(most);
    let next = match found.last().filter(|_| more) {
        None => None,
        Some((class, version, _)) => {
            let arrived = sight.arrival_of(connection, *version)?;
            Some(question.cursor(key, &[*class as i64, arrived]))
        }
    };
    Ok(Found { rows: found.into_iter().map(|(_, _, row)| row).collect(), next })
}

/// Whether a version has all words, in whichever class.
const HAS_WORDS: &str = "EXISTS (SELECT 1 FROM text t WHERE t.text MATCH ?4 AND t.rowid = l.version)";

/// What is asked of the index.
struct Asking<'a> {
    /// One class, in its language.
    words: String,
    /// Whichever class.
    any: String,
    /// The numbers of the types; empty = whatever type.
    kinds: &'a [i64],
}

/// The newest `most` versions before one that the index gives for what is asked.
fn rows(
    connection: &Connection,
    (sight, undated): (&Sight, &mut Undated<'_>),
    asked: &Asking<'_>,
    (before, most): (i64, usize),
) -> Done<Vec<(i64, LookupRow)>> {
    let kinds = if asked.kinds.is_empty() {
        String::new()
    } else {
        let numbers: Vec<String> = asked.kinds.iter().map(ToString::to_string).collect();
        format!("AND v.kind IN ({})", numbers.join(","))
    };
    let mut select = connection.prepare_cached(&format!(
        "SELECT {} FROM text q CROSS JOIN version v ON v.no = q.rowid WHERE q.text MATCH ?2 AND q.rowid < ?3 {kinds} AND {} \
         ORDER BY q.rowid DESC",
        row_columns(sight),
        sight.latest_dated("v")
    ))?;
    let own: [&dyn ToSql; 2] = [&asked.words, &before];
    sight.bind(&mut select, &own)?;
    let mut found = Vec::new();
    let mut rows = select.raw_query();
    while found.len() < most
        && let Some(next) = rows.next()?
    {
        if let Some(row) = told(next, undated, (&[&asked.any], &[]))? {
            found.push((next.get(0)?, row));
        }
    }
    Ok(found)
}

/// The newest `most` versions before one that the viewer sees, of these types or of all, whatever they say: what is withheld, and what is
/// of other types, is not looked at.
fn newest(
    connection: &Connection,
    (sight, undated): (&Sight, &mut Undated<'_>),
    kinds: &[i64],
    (before, most): (i64, usize),
) -> Done<Vec<(i64, LookupRow)>> {
    let mut select = connection.prepare_cached(&format!(
        "SELECT {} FROM version v WHERE v.no = ?2 AND {}",
        row_columns(sight),
        sight.latest_dated("v")
    ))?;
    let mut runs = Runs::of(connection, sight);
    let mut newest = runs.newest(kinds, before)?;
    let mut found = Vec::new();
    while found.len() < most
        && let Some(version) = newest.next()?
    {
        sight.bind(&mut select, &[&version])?;
        let mut rows = select.raw_query();
        if let Some(next) = rows.next()?
            && let Some(row) = told(next, undated, (&[], &[]))?
        {
            found.push((version, row));
        }
    }
    Ok(found)
}

/// A question in the index's own language: every word quoted.
struct Words {
    /// All words are there.
    there: String,
    /// All of them are in names.
    named: String,
    /// A name begins with them.
    begins: String,
}

impl Words {
    /// `None` where nothing is left to ask for.
    fn of(request: &SearchRequest) -> Option<Self> {
        let words =
            request.words.iter().flat_map(|word| word.split(parts)).map(|word| word.replace('\0', ""));
        let words: Vec<String> = words.filter(|word| !word.is_empty()).collect();
        let last = words.len().checked_sub(1)?;
        let called = index::called(&words, request.open_ended);
        let there = words
            .into_iter()
            .enumerate()
            .map(|(at, word)| Asked { word, open: request.open_ended && at == last });
        Some(Self {
            there: joined(there, " AND "),
            named: joined(called.holds, " AND "),
            begins: joined(called.starts, " OR "),
        })
    }

    /// What finds any class.
    fn any(&self) -> String {
        format!("({}) OR ({})", self.there, self.named)
    }

    /// What finds one class and nothing of those before it. That a name begins with the question and has not all its words is so where
    /// it had to be cut.
    fn asking(&self, class: Class) -> String {
        let Self { there, named, begins } = self;
        match class {
            Class::Begins => format!("({begins}) AND ({named})"),
            Class::Named => format!("({named}) NOT ({begins})"),
            Class::Mentions => format!("({there}) NOT ({named})"),
            Class::Any => there.clone(),
        }
    }
}

fn joined(asked: impl IntoIterator<Item = Asked>, with: &str) -> String {
    let asked = asked.into_iter().map(|one| {
        let open = if one.open { "*" } else { "" };
        format!("\"{}\"{open}", one.word.replace('"', "\"\""))
    });
    asked.collect::<Vec<_>>().join(with)
}

/// Where the index parts words; SQLite counts the Mongolian vowel separator among the spaces.
fn parts(at: char) -> bool {
    at.is_whitespace() || at == '\u{180e}'
}

/// The numbers of these types, as far as they are held; `None` where some are named and none is.
fn kinds(connection: &Connection, types: &[String]) -> Done<Option<Vec<i64>>> {
    let mut kinds = Vec::new();
    for name in types {
        kinds.extend(name_no(connection, name)?);
    }
    kinds.sort_unstable();
    kinds.dedup();
    Ok((types.is_empty() || !kinds.is_empty()).then_some(kinds))
}

#[cfg(test)]
mod tests {
    use handling::CollectionNo;
    use store::Upkeep;
    use store::conformance::sample::viewer;

    use super::*;
    use crate::rebuild_tests::with_objects;

    /// Who pages while text of an earlier build is written again is told everything, in the order in which they began.
    #[tokio::test]
    async fn who_pages_while_names_are_being_marked_misses_nothing() {
        let room = tempfile::tempdir().unwrap();
        let store = with_objects(room.path()).await;
        let view = viewer(1, &[CollectionNo(1)]);
        let words = vec!["beacon".to_owned()];
        let mut request = SearchRequest { words, limit: 2, ..SearchRequest::default() };
        let all: Vec<String> = {
            let request = SearchRequest { limit: 9, ..request.clone() };
            store::Objects::search(&*store, &view, &request)
                .await
                .unwrap()
                .rows
                .into_iter()
                .map(|row| row.id)
                .collect()
        };
        assert_eq!(all.len(), 5);
        let sql = Connection::open(room.path().join(crate::open::DATABASE)).unwrap();
        let write = |words: &str, left: i64| {
            let text = "INSERT OR REPLACE INTO text (rowid, words) SELECT no, ?1 FROM version WHERE label LIKE 'Beacon%'";
            assert_eq!(sql.execute(text, [words]).unwrap(), 5);
            sql.execute("UPDATE number SET value = ?1 WHERE name = 'text_unnamed'", [left]).unwrap();
        };
        sql.execute_batch("BEGIN").unwrap();
        write("beacon", 9);
        let mut seen = Vec::new();
        loop {
            let found =
                search(&sql, &view, &store.fingerprint_key(), &request).map_err(StoreError::from).unwrap();
            seen.extend(found.rows.into_iter().map(|row| row.id));
            write("beacon ^beacon =beacon", 0);
            let Some(next) = found.next else { break };
            request.next = Some(next);
        }
        sql.execute_batch("ROLLBACK").unwrap();
        assert_eq!(seen, all);
    }
}
