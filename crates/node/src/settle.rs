//! A marking definition arrives after objects that bear it: what they awaited is known now.
//!
//! Only a definition that every reader may see settles anything, and only objects that the one who brought it may know of: so
//! nobody can tell from the rules of what they see that something hidden has come.

use base::limit::PAGE_MAX;
use handling::{Markings, Rules, Writer};
use stix::TlpLevel;
use store::{Direction, Entry, Settled, StoreError};

use crate::Node;
use crate::derive::{Bar, derive};
use crate::markings::{MARKING_REFS, is_definition};

/// The definitions among entries that may settle something, each with its place among them.
pub(crate) fn definitions(entries: &[Entry], writer: &Writer) -> Vec<(usize, String)> {
    let home = writer.eyes().standing().home;
    let open = |rules: &Option<Rules>| rules.as_ref().is_none_or(|rules| rules.open_here(home));
    let all = entries.iter().enumerate();
    let definitions = all.filter(|(_, entry)| is_definition(entry) && open(&entry.rules));
    definitions.map(|(at, entry)| (at, entry.facts.id.as_str().to_owned())).collect()
}

impl Node {
    /// Puts on the objects that awaited `definition` what their markings ask.
    ///
    /// # Limits
    /// Reads every object that bears the marking once, a page at a time; one commit a page.
    pub(crate) async fn settle_marked(&self, writer: &Writer, definition: &str) -> Result<(), StoreError> {
        let (store, eyes) = (self.store(), writer.eyes());
        let mut next = None;
        loop {
            let page = (PAGE_MAX, next.take());
            let (edges, more) = store.edges(eyes, definition, Direction::Inward, page).await?;
            let mut settled = Vec::new();
            for edge in edges.into_iter().filter(|edge| edge.name == MARKING_REFS) {
                settled.extend(self.settled(writer, &edge.other).await?);
            }
            if !settled.is_empty() {
                store.settle(writer, settled.clone()).await?;
                self.settle_later(settled).await?;
            }
            next = more;
            if next.is_none() {
                return Ok(());
            }
        }
    }

    /// What the markings of an object ask, when it awaited one and awaits none any more.
    async fn settled(&self, writer: &Writer, id: &str) -> Result<Option<Settled>, StoreError> {
        let object = match self.store().object(writer.eyes(), id, None).await {
            Ok(object) => object,
            Err(StoreError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let awaits = |rules: &Rules| rules.markings() == Markings::Awaited;
        if !object.places.iter().any(|place| place.rules.as_ref().is_some_and(awaits)) {
            return Ok(None);
        }
        let Ok(derived) = derive(&object.bytes, Bar::Store) else { return Ok(None) };
        let read = self.0.markings.read(self.store(), writer.eyes(), &[derived.entry]).await?;
        let asked = read.into_iter().next().unwrap_or_default();
        let fits = !asked.awaited && asked.level < Some(TlpLevel::Red);
        Ok(fits.then(|| Settled { id: id.to_owned(), level: asked.level, pap: asked.pap }))
    }
}
