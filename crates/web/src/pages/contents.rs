//! What a report, a grouping, a note or an observation is about, as a table: the objects that it lists, and how many of them are not here
//! or not for this reader, which nothing tells apart.
//!
//! The list is the object's own (`object_refs` of the very version that is shown), which its reader has anyway; what is said of each object
//! is what this reader is told of it elsewhere.

use std::collections::HashSet;

use base::limit::PAGE_MAX;
use handling::Principal;
use node::Brief;
use stix::Json;

use super::named;
use super::stretch::Stretch;
use super::words::{Tag, handled, many, moment, object, state};
use crate::{App, Problem};

/// The property in which the list stands.
pub(crate) const PROPERTY: &str = "object_refs";
/// Rows on one page.
const ROWS: usize = 50;
/// Identifiers told of what is not here or not for this reader.
const AWAY_TOLD: usize = 50;

/// The table, and what is said around it.
pub(crate) struct Contents {
    /// How many of the listed objects this reader sees.
    pub(crate) held: String,
    /// Those on this page.
    pub(crate) rows: Vec<Row>,
    /// Which of them these are.
    pub(crate) stretch: Stretch,
    /// What leads to nothing that this reader may see.
    pub(crate) away: Option<Away>,
    /// How many more are listed than are looked for.
    pub(crate) beyond: Option<String>,
}

/// One object of the table.
pub(crate) struct Row {
    pub(crate) href: String,
    pub(crate) label: String,
    pub(crate) kind: String,
    /// How it stands.
    pub(crate) tags: Vec<Tag>,
    /// How it is handled.
    pub(crate) level: Vec<Tag>,
    pub(crate) added: String,
}

/// References that lead to nothing here, as far as this reader may know.
pub(crate) struct Away {
    pub(crate) sentence: String,
    pub(crate) ids: Vec<String>,
    /// How many more there are than are named.
    pub(crate) more: Option<String>,
}

/// What an object lists, each once; `None` where it lists nothing.
pub(crate) fn listed<'j>(json: &'j Json<'_>) -> Option<Vec<&'j str>> {
    let items = json.get(PROPERTY)?.as_list().filter(|items| !items.is_empty())?;
    let ids: Option<Vec<&str>> = items.iter().map(Json::as_str).collect();
    let mut told = HashSet::new();
    ids.map(|ids| ids.into_iter().filter(|id| told.insert(*id)).collect())
}

impl Contents {
    /// The page of the contents that begins behind so many rows; `address` is the page without that, ready to be gone on with.
    ///
    /// # Errors
    /// The store failed.
    ///
    /// # Limits
    /// The first [`PAGE_MAX`] objects of a list are looked for, in two questions, and two more for each relationship or sighting of a page.
    pub(crate) async fn of(
        app: &App,
        who: &Principal,
        ids: &[&str],
        (behind, address): (usize, &str),
    ) -> Result<Self, Problem> {
        let (looked, beyond) = ids.split_at(ids.len().min(PAGE_MAX));
        let labels = app.node().labels(who, looked).await?.into_inner();
        let (mut held, mut away) = (Vec::new(), Vec::new());
        for (id, label) in looked.iter().zip(labels) {
            if label.is_some() { held.push(*id) } else { away.push(*id) }
        }
        // What ties the others together comes after them.
        held.sort_by_key(|id| ties(id));
        let page = |behind: usize| format!("{address}contents={behind}#contents");
        let stretch = Stretch::of((held.len(), ROWS), behind, page);
        let shown: Vec<&str> = held.iter().copied().skip(stretch.behind).take(ROWS).collect();
        let told = app.node().briefs(who, &shown).await?.into_inner();
        let now = app.node().clock().now();
        let mut rows = Vec::with_capacity(shown.len());
        for (id, told) in shown.iter().zip(told) {
            // What has gone since it was counted has no row.
            let Some(told) = told else { continue };
            let label = named::of_told(app, who, (id, &told)).await?;
            rows.push(row(id, label, &told, now));
        }
        Ok(Self {
            held: many(held.len()),
            rows,
            stretch,
            away: Away::of(&away),
            beyond: (!beyond.is_empty()).then(|| many(beyond.len())),
        })
    }
}

impl Away {
    fn of(ids: &[&str]) -> Option<Self> {
        let sentence = match ids.len() {
            0 => return None,
            1 => "1 reference leads to nothing that is here and that you may see.".to_owned(),
            all => format!("{} references lead to nothing that is here and that you may see.", many(all)),
        };
        let more = ids.len().saturating_sub(AWAY_TOLD);
        Some(Self {
            sentence,
            ids: ids.iter().take(AWAY_TOLD).map(|id| (*id).to_owned()).collect(),
            more: (more > 0).then(|| many(more)),
        })
    }
}

fn row(id: &str, label: String, told: &Brief, now: base::Micros) -> Row {
    let stands = &told.standing;
    Row {
        href: object(id),
        label,
        kind: stix::id::type_of(id).to_owned(),
        tags: state(stands.revoked, stands.not_yet(now), stands.expired(now)),
        level: handled(&told.mark),
        added: moment(told.added),
    }
}

fn ties(id: &str) -> bool {
    matches!(stix::id::type_of(id), "relationship" | "sighting")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reference_counts_once_and_what_is_no_list_of_them_is_none() {
        let read = |text: &'static str| Json::parse(text.as_bytes()).unwrap();
        let json = read(r#"{"object_refs":["a--1","b--2","a--1"]}"#);
        assert_eq!(listed(&json), Some(vec!["a--1", "b--2"]));
        for none in
            [r#"{"object_refs":[]}"#, r#"{"object_refs":["a--1",7]}"#, r#"{"object_refs":"a--1"}"#, "{}"]
        {
            assert_eq!(listed(&read(none)), None, "{none}");
        }
    }

    #[test]
    fn what_leads_nowhere_is_counted_whole_and_named_in_part() {
        assert!(Away::of(&[]).is_none());
        let one = Away::of(&["a--1"]).unwrap();
        assert_eq!((one.sentence.starts_with("1 reference leads"), one.more), (true, None));
        let many = Away::of(&vec!["a--1"; AWAY_TOLD + 1]).unwrap();
        assert_eq!((many.ids.len(), many.more.as_deref()), (AWAY_TOLD, Some("1")));
        assert!(many.sentence.starts_with("51 references lead"));
    }
}
