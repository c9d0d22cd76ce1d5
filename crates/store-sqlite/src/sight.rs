//! The predicate under every read: which holdings a viewer may know of.
//!
//! The decision is [`handling::Viewer::demands`], a list; here the same list is rendered as a condition over the table of
//! rules, so that no second place decides. The tests compare the two over generated rules, viewers and actions.
//! A restricted holding stands beside the open ones and leaves no trace in what others are told: `is_last` and `is_first`
//! are kept over open holdings only, and a viewer who has restricted holdings of their own gets them counted in here.
//!
//! Parameters: `?1` is the viewer, `?2` to `?9` belong to the query, `?10` is the moment, collections start at `?11`.

use handling::{Action, Addressee, CollectionNo, Demand, MemberId, Originator, Person, Test, Viewer, pap_no};
use rusqlite::{CachedStatement, Connection, ToSql};

use crate::dates;
use crate::error::Done;
use crate::lineage;
use crate::undated;

/// The parameter of the moment.
pub(crate) const NOW: usize = 10;
/// Where the collections' parameters start.
const COLLECTIONS_FROM: usize = 11;

/// A viewer's eyes on one connection: the collections in a fixed order, padded so that few statements are enough.
#[derive(Debug)]
pub(crate) struct Sight {
    user: i64,
    now: i64,
    collections: Vec<i64>,
    /// The condition on rules `r`; empty where there are none.
    admits: String,
    /// Which holdings are seen whatever their rules.
    open: Open,
    /// How what is not open is looked at.
    ruled: Ruled,
}

/// How holdings under rules that are not open are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ruled {
    /// No such rules let this viewer see anything: they are not looked at.
    Never,
    /// By a list of the rules that do, which a statement makes once.
    Listed,
    /// Each holding by its own rules: there are so many that a list of them would cost more than the question.
    Each,
}

/// Most rules, open ones too, that are gone through for a question.
const LISTED_MAX: i64 = 64;

/// Which holdings need no look at their rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    /// Those that are not restricted; the marks of last and first versions hold for them.
    Unrestricted,
    /// Those without rules of their own.
    Unruled,
}

impl Sight {
    /// The eyes of `viewer`; `None` where there is nothing to see.
    pub(crate) fn of(connection: &Connection, viewer: &Viewer) -> Done<Option<Self>> {
        Self::over(connection, viewer, viewer.collections().iter().map(|no| no.0).collect())
    }

    /// The eyes of `viewer` on one collection; `None` where it is not the viewer's.
    pub(crate) fn of_one(
        connection: &Connection,
        viewer: &Viewer,
        collection: CollectionNo,
    ) -> Done<Option<Self>> {
        if !viewer.collections().contains(&collection) {
            return Ok(None);
        }
        Self::over(connection, viewer, vec![collection.0])
    }

    fn over(connection: &Connection, viewer: &Viewer, mut collections: Vec<i64>) -> Done<Option<Self>> {
        let Some(last) = collections.last().copied() else {
            return Ok(None);
        };
        collections.resize(collections.len().next_power_of_two(), last);
        let (user, now) = (viewer.user().0, viewer.standing().now.0);
        let open = if reads_only(viewer.action()) { Open::Unrestricted } else { Open::Unruled };
        let mut sight = Self { user, now, collections, admits: String::new(), open, ruled: Ruled::Never };
        let mut newest = connection.prepare_cached("SELECT coalesce(max(no), 0) FROM rules")?;
        let newest: i64 = newest.query_row([], |row| row.get(0))?;
        if newest == 0 {
            return Ok(Some(sight));
        }
        sight.admits = all_of(&viewer.demands(), viewer);
        if newest > LISTED_MAX {
            sight.ruled = Ruled::Each;
            return Ok(Some(sight));
        }
        let which = if open == Open::Unrestricted { "r.open = 0 AND " } else { "" };
        let mut any = connection.prepare_cached(&format!(
            "SELECT EXISTS (SELECT 1 FROM rules r WHERE {which}{} AND ?1 = ?1 AND ?{NOW} = ?{NOW})",
            sight.admits
        ))?;
        sight.bind(&mut any, &[])?;
        let mut rows = any.raw_query();
        let any = rows.next()?.is_some_and(|row| row.get(0).unwrap_or(true));
        sight.ruled = if any { Ruled::Listed } else { Ruled::Never };
        Ok(Some(sight))
    }

    /// The predicate over the table alias `h` of `holding`. The plus sign keeps SQLite from walking a whole collection
    /// where the query names an object.
    pub(crate) fn sees(&self, h: &str) -> String {
        let mut list = String::with_capacity(self.collections.len() * 5);
        for at in 0..self.collections.len() {
            let comma = if at == 0 { "" } else { "," };
            list.push_str(&format!("{comma}?{}", COLLECTIONS_FROM + at));
        }
        let open = match self.open {
            Open::Unrestricted => format!("{h}.restricted = 0"),
            Open::Unruled => format!("{h}.rules = 0"),
        };
        let admits = &self.admits;
        let ruled = match self.ruled {
            Ruled::Never => return format!("+{h}.collection IN ({list}) AND {open}"),
            Ruled::Listed => format!("+{h}.rules IN (SELECT r.no FROM rules r WHERE {admits})"),
            Ruled::Each => format!("EXISTS (SELECT 1 FROM rules r WHERE r.no = {h}.rules AND {admits})"),
        };
        format!("+{h}.collection IN ({list}) AND ({open} OR {ruled})")
    }

    /// The viewer's collections, each once.
    pub(crate) fn collections(&self) -> Vec<i64> {
        let mut distinct = self.collections.clone();
        distinct.dedup();
        distinct
    }

    /// Whether what stands in these collections under the rules with this number is seen: what [`Sight::sees`] says of each holding under
    /// them, asked once for all.
    pub(crate) fn sees_under(&self, connection: &Connection, rules: i64) -> Done<bool> {
        if rules == 0 {
            return Ok(true);
        }
        let open = match self.open {
            Open::Unrestricted => "r.open = 1",
            Open::Unruled => "0",
        };
        let admits = if self.ruled == Ruled::Never { "0" } else { &self.admits };
        let mut select = connection.prepare_cached(&format!(
            "SELECT EXISTS (SELECT 1 FROM rules r WHERE r.no = ?2 AND ({open} OR {admits}) AND ?1 = ?1 AND ?{NOW} = ?{NOW})"
        ))?;
        self.bind(&mut select, &[&rules])?;
        let mut rows = select.raw_query();
        Ok(match rows.next()? {
            Some(row) => row.get(0)?,
            None => false,
        })
    }

    /// The predicate over the table alias `h` of `holding`, of what is seen of them by the word of this node's own member.
    pub(crate) fn sees_own(&self, h: &str, home: Option<MemberId>) -> String {
        let own: Vec<Originator> =
            std::iter::once(Originator::Here).chain(home.map(Originator::Member)).collect();
        let word = originators(&own);
        format!(
            "{} AND ({h}.rules = 0 OR EXISTS (SELECT 1 FROM rules r WHERE r.no = {h}.rules AND {word}))",
            self.sees(h)
        )
    }

    /// Whether `h`, which is seen, is the latest (`>`) or earliest (`<`) version in its own collection for this viewer: of the lineage
    /// that stands there longest.
    pub(crate) fn ends(&self, h: &str, end: End) -> String {
        let (flag, [of_n, of_h], beyond) = match end {
            End::Last => ("is_last", ["n.place".to_owned(), format!("{h}.place")], ">"),
            End::First => ("is_first", [key_of_place("n"), key_of_place(h)], "<"),
        };
        if self.ruled == Ruled::Never && self.open == Open::Unrestricted {
            return format!("{h}.{flag} = 1");
        }
        format!(
            "({h}.lone = 1 OR (NOT EXISTS (SELECT 1 FROM holding n WHERE n.object = {h}.object \
             AND +n.collection = {h}.collection AND n.lineage = {h}.lineage \
             AND ({of_n} {beyond} {of_h} OR (n.place = {h}.place AND n.version < {h}.version)) AND {}) \
             AND ({h}.lineage = 0 OR {h}.lineage = (SELECT f.lineage FROM holding f WHERE f.object = {h}.object \
             AND +f.collection = {h}.collection AND {} ORDER BY f.version LIMIT 1))))",
            self.sees("n"),
            self.sees("f")
        )
    }

    /// Whether the version `v` is what this viewer knows as the latest of its lineage. Where several lineages have come to the same
    /// content, it is told of the one that came to it first.
    pub(crate) fn latest(&self, v: &str) -> String {
        let latest = |h: &str, of: &str| {
            let sees = self.sees(h);
            format!(
                "(SELECT {h}.version FROM holding {h} WHERE {h}.object = {of}.object AND {h}.lineage = {of}.lineage AND {sees} \
                 ORDER BY {h}.place DESC, {h}.version LIMIT 1)"
            )
        };
        // What asks for the other's latest goes by `w` and not by `o`, so that it is asked only where the content is the same.
        format!(
            "{v}.no = {} AND ({v}.lineage = 0 OR NOT EXISTS \
             (SELECT 1 FROM holding o CROSS JOIN version w ON w.no = o.version WHERE o.object = {v}.object \
             AND o.lineage <> {v}.lineage AND o.version < {v}.no AND {} \
             AND w.content_digest = {v}.content_digest AND w.no = {}))",
            latest("l", v),
            self.sees("o"),
            latest("n", "w")
        )
    }

    /// The same of versions that have a date of their own; the others pass, for [`crate::undated::Undated`] to tell.
    pub(crate) fn latest_dated(&self, v: &str) -> String {
        format!("({v}.modified IS NULL OR ({}))", self.latest(v))
    }

    /// In which order the holdings `h` of the object `?2` stand where one version is told of it: the latest first, and where it has
    /// several lineages those of the one that was here first before all others, among what `counts` of holdings `f`; where what was first has
    /// no date of its own, those of the collection in which that is. Numbers of versions tell what was here first; dates are given anew
    /// ([`crate::dates`]).
    pub(crate) fn told_first(
        &self,
        connection: &Connection,
        h: &str,
        (object, counts): (i64, &str),
    ) -> Done<String> {
        let latest = format!("{h}.place DESC, {h}.version");
        if undated::in_several(connection, self, (object, counts))? {
            return Ok(format!(
                "{h}.lineage <> (SELECT f.lineage FROM holding f WHERE f.object = ?2 AND {counts} ORDER BY f.version LIMIT 1), \
                 coalesce({h}.collection <> (SELECT CASE WHEN u.modified IS NULL THEN f.collection END FROM holding f \
                 CROSS JOIN version u ON u.no = f.version WHERE f.object = ?2 AND {counts} ORDER BY f.version LIMIT 1), 0), {latest}"
            ));
        }
        if !lineage::several(connection, object)? {
            return Ok(latest);
        }
        Ok(format!(
            "{h}.lineage <> (SELECT f.lineage FROM holding f WHERE f.object = ?2 AND {counts} ORDER BY f.version LIMIT 1), {latest}"
        ))
    }

    /// The version that came at `arrived`, as far as this viewer may know of it; otherwise the last one before.
    ///
    /// Cursors name a place by when it came, which depends on nothing that is withheld; numbers of versions do. Dates do not serve: they are
    /// given anew ([`crate::dates`]).
    pub(crate) fn version_at(&self, connection: &Connection, arrived: i64) -> Done<(i64, Exact)> {
        let distinct = self.collections();
        for (is, exact) in [("=", Exact::Yes), ("<", Exact::No)] {
            let mut last: Option<i64> = None;
            // Each has its index.
            for (came, only) in [("added", "h.arrived IS NULL"), ("arrived", "h.arrived IS NOT NULL")] {
                let mut select = connection.prepare_cached(&format!(
                    "SELECT h.version FROM holding h WHERE h.collection = ?3 AND h.{came} {is} ?2 AND {only} AND {} \
                     ORDER BY h.{came} DESC LIMIT 1",
                    self.sees("h")
                ))?;
                for collection in &distinct {
                    self.bind(&mut select, &[&arrived, collection])?;
                    let mut rows = select.raw_query();
                    if let Some(row) = rows.next()? {
                        last = last.max(Some(row.get(0)?));
                    }
                }
            }
            if let Some(version) = last {
                return Ok((version, exact));
            }
        }
        Ok((0, Exact::No))
    }

    /// When the viewer's first holding of a version came.
    pub(crate) fn arrival_of(&self, connection: &Connection, version: i64) -> Done<i64> {
        let mut select = connection.prepare_cached(&format!(
            "SELECT min({}) FROM holding h WHERE h.object = (SELECT v.object FROM version v WHERE v.no = ?2) \
             AND h.version = ?2 AND {}",
            dates::arrived("h"),
            self.sees("h")
        ))?;
        self.bind(&mut select, &[&version])?;
        let mut rows = select.raw_query();
        Ok(match rows.next()? {
            Some(row) => row.get::<_, Option<i64>>(0)?.unwrap_or(i64::MIN),
            None => i64::MIN,
        })
    }

    /// Binds viewer, moment and collections, and `own` from `?2` on.
    pub(crate) fn bind(&self, statement: &mut CachedStatement<'_>, own: &[&dyn ToSql]) -> Done<()> {
        debug_assert!(own.len() + 2 <= NOW, "invariant: at most eight parameters of its own");
        let used = statement.parameter_count();
        if used >= 1 {
            statement.raw_bind_parameter(1, self.user)?;
        }
        for (at, value) in own.iter().enumerate() {
            statement.raw_bind_parameter(at + 2, value)?;
        }
        if used >= NOW {
            statement.raw_bind_parameter(NOW, self.now)?;
        }
        for (at, collection) in self.collections.iter().enumerate() {
            if COLLECTIONS_FROM + at <= used {
                statement.raw_bind_parameter(COLLECTIONS_FROM + at, collection)?;
            }
        }
        Ok(())
    }
}

/// The moment of a version in its byte-ordered form, from its place among the versions.
pub(crate) fn key_of_place(h: &str) -> String {
    format!("ltrim({h}.place, '~')")
}

/// Whether a place is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exact {
    /// It is.
    Yes,
    /// It is gone, and this is the one before.
    No,
}

/// One of the two ends of an object's versions.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    /// The latest.
    Last,
    /// The earliest.
    First,
}

/// What only reads, and therefore passes whatever is open to every reader.
const fn reads_only(action: Action) -> bool {
    matches!(action, Action::See | Action::Search | Action::Count | Action::Export)
}

/// The demands as a condition over rules `r`.
fn all_of(demands: &[Demand], viewer: &Viewer) -> String {
    let all: Vec<String> = demands.iter().map(|demand| any_of(&demand.any, viewer)).collect();
    if all.is_empty() { "1".to_owned() } else { all.join(" AND ") }
}

fn any_of(tests: &[Test], viewer: &Viewer) -> String {
    let any: Vec<String> = tests.iter().map(|test| condition(test, viewer)).collect();
    if any.is_empty() { "0".to_owned() } else { format!("({})", any.join(" OR ")) }
}

/// One test over the columns that [`crate::rules_rows`] writes.
fn condition(test: &Test, viewer: &Viewer) -> String {
    match test {
        Test::LevelAtMost(level) => format!("r.level <= {}", level.number()),
        Test::PapAtMost(pap) => format!("r.pap <= {}", pap_no(*pap)),
        Test::Names(person) => format!(
            "EXISTS (SELECT 1 FROM named n WHERE n.rules = r.no AND n.person = {})",
            person_text(person, viewer)
        ),
        Test::NamesSomeoneOf(member) => format!(
            "EXISTS (SELECT 1 FROM named n WHERE n.rules = r.no AND n.person >= 'there:{member}/' \
             AND n.person < 'there:{member}0')"
        ),
        Test::Addressed { keys, own, whose } => {
            let keys: Vec<String> = keys.iter().map(|key| key_text(key, viewer)).collect();
            let people = whose.map_or_else(String::new, |member| {
                format!(" OR (a.addressee >= 'there:{member}/' AND a.addressee < 'there:{member}0')")
            });
            format!(
                "NOT EXISTS (SELECT 1 FROM addressee c WHERE c.rules = r.no AND NOT EXISTS \
                 (SELECT 1 FROM addressee a WHERE a.rules = r.no AND a.clause = c.clause AND \
                 (a.addressee IN ({}) OR (a.addressee = 'originator' AND {}){people})))",
                keys.join(","),
                originators(own)
            )
        }
        Test::OriginatorIs(own) => originators(own),
        Test::Free => "r.controlled = 0".to_owned(),
        Test::EmbargoOver(_) => format!("(r.embargo IS NULL OR r.embargo <= ?{NOW})"),
        Test::KeptAt(_) => format!("(r.keep IS NULL OR r.keep > ?{NOW})"),
        Test::For(purpose) => format!("r.purposes & {} <> 0", handling::Purposes::of([*purpose]).bits()),
        // Asked of others only, who read nothing here: no column is worth it.
        Test::AboutThings => "r.form NOT LIKE '% about=persons%'".to_owned(),
        Test::MarkingsKnown => "r.awaited = 0".to_owned(),
        Test::Always => "1".to_owned(),
    }
}

fn originators(own: &[Originator]) -> String {
    let own: Vec<String> = own.iter().map(|one| literal(&one.to_string())).collect();
    format!("r.originator IN ({})", own.join(","))
}

fn key_text(key: &Addressee, viewer: &Viewer) -> String {
    match key {
        Addressee::Person(person) => person_text(person, viewer),
        other => literal(&other.to_string()),
    }
}

/// The viewer is a parameter, so that one statement serves everybody.
fn person_text(person: &Person, viewer: &Viewer) -> String {
    if *person == Person::Here(viewer.user()) {
        "'here:' || ?1".to_owned()
    } else {
        literal(&person.to_string())
    }
}

/// Text as SQL writes it. What comes here is made of letters, digits and `:/`; the doubling keeps it so whatever comes.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
