//! Pages, manifests and versions of one collection, in order of `date_added`.
//!
//! A page is found in the narrow table of holdings first; then the bytes of its objects are copied once, straight from
//! SQLite's pages into one buffer of the right size. A page ends at its limit of objects, or of bytes
//! (`base::limit::PAGE_BYTES_MAX`), whichever comes first; one object always fits.
//!
//! Where objects are asked for by their identifiers, their bytes are held against the digest that was noted when they came in: what was
//! changed is left out, and one that is asked for alone is refused by name. Long walks through a collection are not held against anything,
//! which would cost them dearly: `doctor --deep` looks at everything.

use std::collections::BTreeMap;

use base::{Micros, limit};
use bytes::{BufMut, Bytes, BytesMut};
use handling::{CollectionNo, Viewer};
use index::FingerprintKey;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ToSql};
use sha2::{Digest, Sha256};
use stix::Timestamp;
use store::{Filter, Manifest, ManifestRow, ObjectPage, Order, Page, PageRequest, StoreError, VersionPick};

use crate::cursor::Question;
use crate::editions::{self, Picking, spec_text};
use crate::error::{Done, damaged};
use crate::ids;
use crate::sight::{End, Sight};
use crate::writer::{name_no, object_no};

/// A question for a page: whose, where, what.
pub(crate) struct Ask<'a> {
    /// Who asks.
    pub(crate) viewer: &'a Viewer,
    /// Of which collection.
    pub(crate) collection: CollectionNo,
    /// For what.
    pub(crate) request: &'a PageRequest,
    /// With which key cursors are made.
    pub(crate) key: &'a FingerprintKey,
}

/// One holding that a page shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    added: i64,
    version: i64,
    size: i64,
}

/// What a page holds, and whether more follows.
struct Lines {
    lines: Vec<Line>,
    more: bool,
}

/// A page of objects, and what was left out of it since its bytes were changed ([`StoreError::Altered`]).
pub(crate) fn objects(connection: &Connection, ask: &Ask<'_>) -> Done<(ObjectPage, Vec<StoreError>)> {
    let mut lines = ask.lines(connection, "objects", limit::PAGE_BYTES_MAX)?;
    // The cursor and the dates are those of what was found: whoever pages on passes by what is left out.
    let page = ask.page(&lines, "objects");
    let mut altered = Vec::new();
    match ask.request.filter.ids.len() {
        0 => {}
        1 => {
            if let Some(error) = leave_out_altered(connection, &mut lines.lines)?.pop() {
                return Err(error.into());
            }
        }
        _ => altered = leave_out_altered(connection, &mut lines.lines)?,
    }
    let objects = concatenated(connection, &lines.lines)?;
    Ok((ObjectPage { page, count: lines.lines.len(), objects }, altered))
}

/// The same page as a manifest.
pub(crate) fn manifest(connection: &Connection, ask: &Ask<'_>) -> Done<Manifest> {
    let lines = ask.lines(connection, "manifest", usize::MAX)?;
    Ok(Manifest { page: ask.page(&lines, "manifest"), rows: rows(connection, &lines.lines)? })
}

/// The versions of one object as a manifest.
pub(crate) fn versions(connection: &Connection, ask: &Ask<'_>, id: &str) -> Done<Manifest> {
    let filter = Filter { ids: vec![id.to_owned()], versions: vec![VersionPick::All], ..Filter::default() };
    let any =
        Ask { request: &PageRequest { limit: 1, filter: filter.clone(), ..PageRequest::default() }, ..*ask };
    if any.lines(connection, "any", usize::MAX)?.lines.is_empty() {
        return Err(StoreError::NotFound { what: "object" }.into());
    }
    let filter = Filter { spec_versions: ask.request.filter.spec_versions.clone(), ..filter };
    let request = PageRequest { filter, ..ask.request.clone() };
    manifest(connection, &Ask { request: &request, ..*ask })
}

/// Whether a page with this filter is found without looking at much that it does not show: one object, or everything in
/// order.
pub(crate) fn is_short(filter: &Filter) -> bool {
    let Filter { ids, types, versions, spec_versions } = filter;
    let no_exact = !versions.iter().any(|pick| matches!(pick, VersionPick::Exact(_)));
    ids.len() == 1 || (ids.is_empty() && types.is_empty() && spec_versions.is_empty() && no_exact)
}

impl Ask<'_> {
    /// Spelled out only where a cursor is taken or given.
    fn question(&self, list: &str) -> Question {
        let asked = (list, self.collection, self.request.added_after, &self.request.filter);
        match self.request.order {
            Order::OldestFirst => Question::of(&asked),
            Order::NewestFirst => Question::of(&("newest", asked)),
        }
    }

    fn page(&self, lines: &Lines, list: &str) -> Page {
        let last = lines.lines.last().map(|line| line.added);
        Page {
            next: last.filter(|_| lines.more).map(|added| self.question(list).cursor(self.key, &[added])),
            first_added: lines.lines.first().map(|line| Micros(line.added)),
            last_added: last.map(Micros),
        }
    }

    fn lines(&self, connection: &Connection, list: &str, bytes_max: usize) -> Done<Lines> {
        let Some(sight) = Sight::of_one(connection, self.viewer, self.collection)? else {
            return Err(StoreError::NotFound { what: "collection" }.into());
        };
        let place = match &self.request.next {
            Some(next) => Some(self.question(list).place::<1>(self.key, next)?[0]),
            None => None,
        };
        let added_after = self.request.added_after.map_or(i64::MIN, |after| after.0);
        let order = self.request.order;
        let (after, before) = match order {
            Order::OldestFirst => (place.unwrap_or(added_after), i64::MAX),
            Order::NewestFirst => (added_after, place.unwrap_or(i64::MAX)),
        };
        let limit = self.request.limit.clamp(1, limit::PAGE_MAX);
        let between = (after, before);
        let filter = &self.request.filter;
        let between_editions =
            editions::matter(connection, self.collection.0, (filter, self.request.editions))?;
        let picks = Picks::of(&sight, filter, between_editions);
        let picking = Picking::of(filter, self.request.editions);
        let (collection, most) = (self.collection, limit + 1);
        let finder = Finder { connection, sight, collection, between, order, most, picking };
        let mut lines = finder.find(filter, &picks)?;
        let mut more = lines.len() > limit;
        lines.truncate(limit);
        let mut room = i64::try_from(bytes_max).unwrap_or(i64::MAX);
        let fits = lines.iter().take_while(|line| {
            let first = room == i64::try_from(bytes_max).unwrap_or(i64::MAX);
            room = room.saturating_sub(line.size.saturating_add(1));
            first || room >= 0
        });
        let fits = fits.count();
        more |= fits < lines.len();
        lines.truncate(fits);
        Ok(Lines { lines, more })
    }
}

/// Finds the first holdings between two places that a filter lets through.
struct Finder<'a> {
    connection: &'a Connection,
    sight: Sight,
    collection: CollectionNo,
    /// Neither of them is among these.
    between: (i64, i64),
    order: Order,
    most: usize,
    picking: Picking<'a>,
}

/// Lines that are found, and what is picked of objects with many versions by the numbers of these objects.
#[derive(Default)]
struct Gathered {
    lines: Vec<Line>,
    picked: BTreeMap<i64, Vec<i64>>,
}

impl Finder<'_> {
    fn find(&self, filter: &Filter, picks: &Picks) -> Done<Vec<Line>> {
        let kinds = self.numbers(&filter.types, name_no)?;
        let objects = self.numbers(&filter.ids, object_no)?;
        if kinds.as_deref() == Some(&[]) || objects.as_deref() == Some(&[]) {
            return Ok(Vec::new());
        }
        let mut gathered = Gathered::default();
        match (&objects, &kinds) {
            (Some(objects), kinds) => {
                for object in objects {
                    let lead = Lead {
                        from: "INDEXED BY holding_object",
                        only: "h.object = ?5",
                        of: *object,
                        order: "",
                    };
                    self.collect(&mut gathered, &lead, picks, kinds.as_deref())?;
                }
            }
            (None, Some(kinds)) => {
                for kind in kinds {
                    let lead = Lead {
                        from: "INDEXED BY holding_kind",
                        only: "h.kind = ?5",
                        of: *kind,
                        order: in_order(self.order),
                    };
                    self.collect(&mut gathered, &lead, picks, None)?;
                }
            }
            (None, None) => {
                let lead = Lead { from: "NOT INDEXED", only: "?5 = 0", of: 0, order: in_order(self.order) };
                self.collect(&mut gathered, &lead, picks, None)?;
            }
        }
        self.cut(&mut gathered.lines);
        Ok(gathered.lines)
    }

    /// The numbers of names given in a filter; `None` where the filter gives none.
    fn numbers(
        &self,
        names: &[String],
        number: fn(&Connection, &str) -> Done<Option<i64>>,
    ) -> Done<Option<Vec<i64>>> {
        if names.is_empty() {
            return Ok(None);
        }
        let mut numbers = Vec::with_capacity(names.len());
        for name in names {
            numbers.extend(number(self.connection, name)?);
        }
        numbers.sort_unstable();
        numbers.dedup();
        Ok(Some(numbers))
    }

    fn collect(
        &self,
        gathered: &mut Gathered,
        lead: &Lead,
        picks: &Picks,
        kinds: Option<&[i64]>,
    ) -> Done<()> {
        let sees = self.sight.sees("h");
        let Lead { from, only, of, order } = lead;
        let Picks { condition, places, by_object } = picks;
        // Of what is picked only here nobody knows beforehand how much it takes.
        let limit = if order.is_empty() || by_object != "0" { "" } else { "LIMIT ?4" };
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT h.added, h.version, h.size, h.kind, h.object, {by_object} FROM holding h {from} \
             WHERE h.collection = ?2 AND h.added > ?3 AND h.added < ?7 AND {only} AND {sees} \
             AND {condition} {order} {limit}"
        ))?;
        let most = i64::try_from(self.most).unwrap_or(i64::MAX);
        let (after, before) = self.between;
        let own: [&dyn ToSql; 6] = [&self.collection.0, &after, &most, of, places, &before];
        self.sight.bind(&mut statement, &own)?;
        let mut found = statement.raw_query();
        let mut count = 0;
        while let Some(row) = found.next()? {
            let (version, kind) = (row.get(1)?, row.get(3)?);
            if !kinds.is_none_or(|kinds| kinds.contains(&kind))
                || (row.get(5)? && !self.is_picked(gathered, (row.get(4)?, version))?)
            {
                continue;
            }
            gathered.lines.push(Line { added: row.get(0)?, version, size: row.get(2)? });
            if gathered.lines.len() > self.most.saturating_mul(LINES_OVER) {
                self.cut(&mut gathered.lines);
            }
            count += 1;
            if count == self.most && !order.is_empty() {
                break;
            }
        }
        Ok(())
    }

    /// Whether a version is picked among those of its object.
    fn is_picked(&self, gathered: &mut Gathered, (object, version): (i64, i64)) -> Done<bool> {
        if let Some(picked) = gathered.picked.get(&object) {
            return Ok(picked.binary_search(&version).is_ok());
        }
        let seen = editions::seen(self.connection, &self.sight, object)?;
        let picked = self.picking.among(&seen);
        let is_picked = picked.binary_search(&version).is_ok();
        if seen.len() > FEW_VERSIONS {
            gathered.picked.insert(object, picked);
        }
        Ok(is_picked)
    }

    /// What is left of lines found by several leads, or in no order: the first, each once.
    fn cut(&self, lines: &mut Vec<Line>) {
        lines.sort_unstable();
        if self.order == Order::NewestFirst {
            lines.reverse();
        }
        lines.dedup();
        lines.truncate(self.most);
    }
}

/// How many pages of lines are gathered before they are cut.
const LINES_OVER: usize = 4;

/// As many versions of an object are looked through anew for each of them, so that what is kept in mind is of few objects.
const FEW_VERSIONS: usize = 8;

/// The filter's versions and specification versions as a condition, of which there are few, so that its statement is
/// prepared once; the moments asked for are bound to `?6` as one JSON list.
struct Picks {
    condition: String,
    places: Option<String>,
    /// Whether a holding `h`, which passes the condition by that, is picked only when all of its object are looked at: of what is held in
    /// several editions, and of what is asked for by its moment, under which several may stand.
    by_object: String,
}

impl Picks {
    /// `between_editions`: whether something in the collection is held in several editions, and the question goes by them.
    fn of(sight: &Sight, filter: &Filter, between_editions: bool) -> Self {
        let has = |pick: &VersionPick| filter.versions.contains(pick);
        let mut any: Vec<String> = Vec::new();
        let mut places = Vec::new();
        for pick in &filter.versions {
            if let VersionPick::Exact(key) = pick {
                places.extend([key.clone(), format!("~{key}")]);
            }
        }
        if has(&VersionPick::All) {
            any.push("1".into());
        }
        if has(&VersionPick::Last) || filter.versions.is_empty() {
            any.push(sight.ends("h", End::Last));
        }
        if has(&VersionPick::First) {
            any.push(sight.ends("h", End::First));
        }
        let mut of_several: Vec<&str> = Vec::new();
        if between_editions {
            of_several.push(editions::MAY_BE_MIXED);
        }
        const EXACT: &str = "h.place IN (SELECT value FROM json_each(?6))";
        let places = (!places.is_empty()).then(|| {
            any.push(EXACT.into());
            of_several.push(EXACT);
            json_list(&places)
        });
        let mut condition = format!("({})", any.join(" OR "));
        if !filter.spec_versions.is_empty() {
            condition.push_str(&format!(" AND h.spec IN ({})", editions::listed(&filter.spec_versions)));
        }
        let mut by_object = "0".to_owned();
        if !of_several.is_empty() {
            by_object = format!("(h.lone = 0 AND ({}))", of_several.join(" OR "));
            condition = format!("CASE WHEN {by_object} THEN 1 ELSE {condition} END");
        }
        Self { condition, places, by_object }
    }
}

/// Texts as a JSON list.
fn json_list(texts: &[String]) -> String {
    stix::Json::List(texts.iter().map(|text| stix::Json::String(text.into())).collect()).to_string()
}

/// By which index a list is walked.
struct Lead {
    from: &'static str,
    only: &'static str,
    of: i64,
    /// Nothing where the index has another order: a few versions of one object are sorted here, for which SQLite would make a table.
    order: &'static str,
}

/// The first in order of an index.
const fn in_order(order: Order) -> &'static str {
    match order {
        Order::OldestFirst => "ORDER BY h.added",
        Order::NewestFirst => "ORDER BY h.added DESC",
    }
}

/// The objects' bytes with commas between.
fn concatenated(connection: &Connection, lines: &[Line]) -> Done<Bytes> {
    let size: i64 = lines.iter().map(|line| line.size.saturating_add(1)).sum();
    let mut buffer = BytesMut::with_capacity(usize::try_from(size).unwrap_or_default());
    each_version(connection, lines, ("body", "version", "v.bytes"), |_, row| {
        if !buffer.is_empty() {
            buffer.put_u8(b',');
        }
        match row.get_ref(1)? {
            ValueRef::Blob(bytes) => buffer.put_slice(bytes),
            _ => return Err(damaged("an object has no bytes")),
        }
        Ok(())
    })?;
    Ok(buffer.freeze())
}

/// Holds the bytes of each version against what came in, and takes out those that are not.
fn leave_out_altered(connection: &Connection, lines: &mut Vec<Line>) -> Done<Vec<StoreError>> {
    let (mut whole, mut altered) = (Vec::with_capacity(lines.len()), Vec::new());
    let mut select = connection.prepare_cached(
        "SELECT b.bytes, v.digest, n.name, o.uuid, v.modified FROM version v JOIN body b ON b.version = v.no \
         JOIN object o ON o.no = v.object JOIN name n ON n.no = o.kind WHERE v.no = ?1",
    )?;
    for line in lines.drain(..) {
        let mut rows = select.query([line.version])?;
        let row = rows.next()?.ok_or_else(|| damaged("a version is missing"))?;
        let bytes = row.get_ref(0)?.as_blob().map_err(|_| damaged("an object has no bytes"))?;
        if Sha256::digest(bytes)[..] != row.get::<_, [u8; 32]>(1)? {
            let (id, version) = (ids::told(row, 2)?, version_text(row.get(4)?, line.added));
            altered.push(StoreError::Altered { id, version });
        } else {
            whole.push(line);
        }
    }
    *lines = whole;
    Ok(altered)
}

fn rows(connection: &Connection, lines: &[Line]) -> Done<Vec<ManifestRow>> {
    let mut rows = Vec::with_capacity(lines.len());
    let columns = "(SELECT n.name FROM name n WHERE n.no = v.kind), \
                   (SELECT o.uuid FROM object o WHERE o.no = v.object), v.modified, v.spec";
    each_version(connection, lines, ("version", "no", columns), |line, row| {
        let kind = row.get_ref(1)?.as_str().map_err(|_| damaged("a type has no name"))?;
        let uuid = row.get_ref(2)?.as_blob().map_err(|_| damaged("an object has no identifier"))?;
        rows.push(ManifestRow {
            id: ids::text(kind, uuid),
            added: Micros(line.added),
            version: version_text(row.get(3)?, line.added),
            spec_version: spec_text(row.get(4)?),
        });
        Ok(())
    })?;
    Ok(rows)
}

/// A version as TAXII tells it.
pub(crate) fn version_text(modified: Option<String>, added: i64) -> String {
    modified.unwrap_or_else(|| Timestamp::text_of(Micros(added)))
}

/// Hands out the rows of a table by version that `lines` name, in their order.
///
/// Versions mostly stand in the table in the order in which they were added: a walk over the table then beats looking up
/// each. Where they do not, each is looked up.
fn each_version(
    connection: &Connection,
    lines: &[Line],
    (table, no, columns): (&str, &str, &str),
    mut give: impl FnMut(&Line, &rusqlite::Row<'_>) -> Done<()>,
) -> Done<()> {
    let mut rest = lines;
    while let Some(first) = rest.first() {
        let rising = rest.windows(2).take_while(|pair| pair[0].version < pair[1].version).count() + 1;
        let (run, after) = rest.split_at(rising);
        rest = after;
        let last = run.last().unwrap_or(first);
        let span = last.version.saturating_sub(first.version);
        if span <= i64::try_from(run.len() * 2).unwrap_or(i64::MAX) {
            let mut walk = connection.prepare_cached(&format!(
                "SELECT v.{no}, {columns} FROM {table} v WHERE v.{no} BETWEEN ?1 AND ?2"
            ))?;
            let mut rows = walk.query((first.version, last.version))?;
            for line in run {
                loop {
                    let row = rows.next()?.ok_or_else(|| damaged("a version is missing"))?;
                    if row.get::<_, i64>(0)? == line.version {
                        give(line, row)?;
                        break;
                    }
                }
            }
        } else {
            let mut look = connection
                .prepare_cached(&format!("SELECT v.{no}, {columns} FROM {table} v WHERE v.{no} = ?1"))?;
            for line in run {
                let mut rows = look.query([line.version])?;
                give(line, rows.next()?.ok_or_else(|| damaged("a version is missing"))?)?;
            }
        }
    }
    Ok(())
}
