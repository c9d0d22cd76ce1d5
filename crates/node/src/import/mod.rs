//! Files come in: STIX 2.1 and 2.0, CSV, free text. Each object gets a receipt.
//!
//! A file is recognised (`sniff`), taken apart, and goes the same way as objects over TAXII: examined, given its handling,
//! stored. Values in lists and texts become indicators by this node's member (`produce`).

mod csv;
#[cfg(fuzzing)]
pub mod fuzzing;
mod made;
mod old;
mod sniff;
mod values;

use std::collections::{BTreeSet, HashMap};

use base::limit::IMPORT_OBJECTS_MAX;
use bytes::Bytes;
use handling::{Principal, may_read};
use serde::Deserialize;
use stix::Timestamp;
use store::{Fault, OwnWord, StoreError};

use crate::accept::Place;
use crate::blocking::offload;
use crate::derive::Bar;
use crate::directory::Directory;
use crate::produce::{Author, Draft};
use crate::receipts::{Outcome, Receipt, Summary, Unread};
use crate::{AcceptError, Node, Options};

use made::Said;
pub(crate) use made::listed;
use sniff::{Document, StixVersion};

/// What a file is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// To be found out from its content.
    #[default]
    Auto,
    /// STIX 2.1: a bundle, an object, or a list of objects.
    Stix,
    /// STIX 2.0: as above; upgraded, ids kept.
    Stix20,
    /// CSV with a header line.
    Csv,
    /// Free text in which values are looked for.
    Text,
    /// MISP JSON.
    Misp,
    /// CSAF 2.0 or 2.1.
    Csaf,
}

impl Format {
    /// The name in commands and the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Stix => "stix",
            Self::Stix20 => "stix20",
            Self::Csv => "csv",
            Self::Text => "text",
            Self::Misp => "misp",
            Self::Csaf => "csaf",
        }
    }
}

/// Not the name of a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a format is one of auto, stix, stix20, csv, text, misp, csaf")]
pub struct UnknownFormat;

impl std::str::FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        [Self::Auto, Self::Stix, Self::Stix20, Self::Csv, Self::Text, Self::Misp, Self::Csaf]
            .into_iter()
            .find(|format| format.name() == name)
            .ok_or(UnknownFormat)
    }
}

/// A file to be imported.
#[derive(Clone, Debug)]
pub struct ImportRequest<'a> {
    /// Id, alias or readable name of the collection.
    pub collection: &'a str,
    /// The file's content.
    pub bytes: Bytes,
    /// What it is.
    pub format: Format,
    /// How its objects are to be taken.
    pub options: Options,
}

/// With what a format is made STIX, where there is a program for that; a part of a sentence.
fn converter_of(format: &str) -> &'static str {
    if format == sniff::MISP {
        " (with `misp_stix_converter export -f FILE -v 2.1`, of the package misp-stix on PyPI)"
    } else {
        ""
    }
}

/// Why an import stopped. What receipts were given out before this is stored.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A format that is recognised and not read yet.
    #[error(
        "{0} is not read yet: convert the file to STIX 2.1 or 2.0, which keep markings and context{converter}; of CSV the values, their TLP \
         tags and to_ids are read, and of plain text the values alone",
        converter = converter_of(.0)
    )]
    NotSupportedYet(&'static str),
    /// Not in any format that is read.
    #[error("cannot read the file: {0}")]
    Unreadable(String),
    /// More objects or values than one import takes. Nothing of it was stored.
    #[error("the file holds more than {IMPORT_OBJECTS_MAX} objects or values: send it in parts")]
    TooMany,
    /// The node has no member whose objects they could be.
    #[error("the node has no member yet: run `cresset init`")]
    NotInitialised,
    /// The objects were not taken.
    #[error(transparent)]
    Accept(#[from] AcceptError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ImportError {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotSupportedYet(_) => "format-not-supported-yet",
            Self::Unreadable(_) => "format-unknown",
            Self::TooMany => "import-objects-max",
            Self::NotInitialised => "not-initialised",
            Self::Accept(error) => error.code(),
            Self::Store(error) => error.code(),
        }
    }

    /// Whose fault it is.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self {
            Self::NotSupportedYet(_) | Self::Unreadable(_) | Self::TooMany => Fault::Caller,
            Self::NotInitialised => Fault::Operator,
            Self::Accept(error) => error.fault(),
            Self::Store(error) => error.fault(),
        }
    }
}

/// Receives the receipts of an import as its parts are committed.
pub type Receipts<'a> = &'a mut (dyn FnMut(Vec<Receipt>) + Send);

/// Objects in one commit of an import.
const COMMIT_OBJECTS_MAX: usize = 5_000;
/// Bytes after which a commit is closed, so that memory beside the file stays bounded.
const COMMIT_BYTES: usize = 16 * 1024 * 1024;
/// Values that are counted before an import of text or CSV begins: one more than it may hold.
const ONE_TOO_MANY: usize = IMPORT_OBJECTS_MAX + 1;

impl Node {
    /// Imports a file into a collection, in commits of at most 5,000 objects; `receipts` hears of each when it is durable.
    ///
    /// Each object (each value of a list or text) gets one receipt, in order. Importing a file twice changes nothing.
    ///
    /// # Errors
    /// See [`ImportError`]. What receipts were given out before the error is stored, nothing else.
    ///
    /// # Limits
    /// Memory: the file, and about four times the bytes of one commit (16 MiB, or one object if that is larger).
    pub async fn import(
        &self,
        who: &Principal,
        request: ImportRequest<'_>,
        receipts: Receipts<'_>,
    ) -> Result<Summary, ImportError> {
        let directory = self.directory().await?;
        let place = self.place(who, &directory, request.collection, &request.options)?;
        let (bytes, format) = (request.bytes, request.format);
        let (document, bytes) = offload(move || (sniff::recognise(&bytes, format), bytes)).await;
        let mut summary = Summary::default();
        let mut unread = Unread::default();
        let mut tell = |told: Vec<Receipt>| {
            told.iter().for_each(|receipt| summary.count(receipt));
            receipts(told);
        };
        match document? {
            Document::Stix { objects, version } => {
                let place = Place { coming: definitions_in(&objects), ..place };
                self.import_stix(&place, objects, version, &mut tell).await?;
            }
            Document::Csv => {
                unread = must_be_bounded(&bytes, csv::survey).await?;
                let drafts = csv::drafts(utf8(&bytes)?, place.passing.pap);
                self.import_drafts((&place, &directory), drafts, &mut tell).await?;
            }
            Document::Text => {
                unread = must_be_bounded(&bytes, values::survey).await?;
                let found = values::in_text(utf8(&bytes)?).map(Ok);
                self.import_drafts((&place, &directory), Box::new(found), &mut tell).await?;
            }
        }
        summary.unread = unread;
        Ok(summary)
    }

    async fn import_stix(
        &self,
        place: &Place,
        objects: Vec<Bytes>,
        version: StixVersion,
        tell: Receipts<'_>,
    ) -> Result<(), ImportError> {
        let mut rest = objects.as_slice();
        let mut patience = self.patience();
        while !rest.is_empty() {
            let (part, later) = rest.split_at(commit_len(rest));
            rest = later;
            let (part, bar) = (part.to_vec(), place.bar);
            let derived = match version {
                StixVersion::Current => self.derive_for(part, bar, &mut patience).await,
                StixVersion::Old => {
                    self.derive_by(move |may_go_on| old::derive(&part, bar, may_go_on), &mut patience).await
                }
            };
            let derived = derived.map_err(AcceptError::from)?;
            tell(self.commit(place, derived, None).await?.receipts);
        }
        Ok(())
    }

    async fn import_drafts(
        &self,
        (place, directory): (&Place, &Directory),
        mut drafts: Box<dyn Iterator<Item = Result<Draft, csv::Unfit>> + Send + '_>,
        tell: Receipts<'_>,
    ) -> Result<(), ImportError> {
        let author =
            Author::of(self.store(), self.member().await?).await?.ok_or(ImportError::NotInitialised)?;
        let mut first = true;
        loop {
            let part = part_of(&mut drafts);
            if part.is_empty() {
                return Ok(());
            }
            let said = self.said((place, directory), &author, &part).await?;
            let now = self.now();
            let (made, unfit) = made::objects(&author, part, (place, said), now);
            let mut derived = self.derive_all(made, place.bar).await;
            made::put_back(&mut derived, unfit);
            let extra = first;
            if extra {
                derived.insert(0, crate::derive::derive(&author.identity(), Bar::Store));
            }
            let mut accepted = self.commit(place, derived, None).await?.receipts;
            if extra {
                // the author's own object came along unasked: only worth telling when something is wrong with it
                let identity = accepted.remove(0);
                if identity.outcome == Outcome::Refused {
                    tracing::warn!(code = identity.code, "the member's identity was refused");
                }
            }
            first = false;
            if !place.writer.reads() {
                // A version that is known, or goes on from a later one, would tell that it is.
                accepted.iter_mut().filter_map(|one| one.version.as_mut()).for_each(|version| {
                    *version = Timestamp::text_of(now);
                });
            }
            tell(accepted);
        }
    }

    /// What this member says already of what these drafts are about, by id: in the collection, as far as what comes in is judged against
    /// it; or else, while it is not revoked, where everybody who reads the collection may read it too. So a value has one history wherever
    /// it is imported, and its dates tell no reader of a collection that they do not read.
    async fn said(
        &self,
        (place, directory): (&Place, &Directory),
        author: &Author,
        drafts: &[Result<Draft, csv::Unfit>],
    ) -> Result<HashMap<String, Result<Said, StoreError>>, StoreError> {
        let mut asked: Vec<_> = drafts.iter().flatten().map(|draft| draft.id(author)).collect();
        asked.sort_unstable();
        asked.dedup();
        let (here, standing) = (place.writer.collection(), self.standing());
        let others = directory.collections().iter().map(|collection| collection.no);
        let others = others.filter(|other| *other != here && directory.readers_of_one_read(here, *other));
        let others = others.filter_map(|other| may_read(&place.who, other, &standing).ok());
        let views = std::iter::once(place.writer.eyes().clone()).chain(others);
        let mut said = HashMap::with_capacity(asked.len());
        for view in views {
            let is_here = view.collections().contains(&here);
            let found = self.store().own_objects(&view, &asked).await?;
            said.extend(asked.iter().cloned().zip(found).filter_map(|(id, found)| match found {
                OwnWord::Stands(object) if is_here || !object.revoked => {
                    Some((id, Ok(Said { object, is_here })))
                }
                // Elsewhere there may be one that is whole; what stands here nothing goes on from.
                OwnWord::Altered(error) if is_here => Some((id, Err(error))),
                OwnWord::None | OwnWord::Stands(_) | OwnWord::Altered(_) => None,
            }));
            asked.retain(|id| !said.contains_key(id));
            if asked.is_empty() {
                break;
            }
        }
        Ok(said)
    }
}

/// A list (CSV) of more values than one import takes, in parts that are each a list of its own; `None` for what is none, or goes whole. Who
/// brings such a list sends the parts one after the other.
#[must_use]
pub fn list_in_parts(bytes: &[u8], format: Format) -> Option<Vec<Bytes>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let is_list = match format {
        Format::Csv => true,
        Format::Auto => !sniff::begins_like_json(text) && csv::has_header(text),
        _ => false,
    };
    let parts = if is_list { csv::parts(text) } else { None };
    parts.map(|parts| parts.into_iter().map(Bytes::from).collect())
}

/// The objects of a STIX 2.1 file; otherwise why it is none.
pub(crate) fn objects_in(bytes: Bytes) -> Result<Vec<Bytes>, String> {
    match sniff::recognise(&bytes, Format::Stix) {
        Ok(Document::Stix { objects, .. }) => Ok(objects),
        Ok(_) => Err("it is no STIX 2.1".to_owned()),
        // Who asks says that the file could not be read, and which.
        Err(ImportError::Unreadable(why)) => Err(why),
        Err(other) => Err(other.to_string()),
    }
}

/// The identifiers of the marking definitions of a file: what comes before one waits for it no longer than the file lasts.
fn definitions_in(objects: &[Bytes]) -> BTreeSet<String> {
    #[derive(Deserialize)]
    struct Head {
        id: String,
    }
    // Whatever refers to one has more behind the word.
    let is_one = |object: &&Bytes| memchr::memmem::find(object, br#""marking-definition""#).is_some();
    let heads =
        objects.iter().filter(is_one).filter_map(|object| serde_json::from_slice::<Head>(object).ok());
    heads.map(|head| head.id).collect()
}

/// What a list or a text holds, before the first of it is stored.
struct Survey {
    /// Values, and lines that are refused; [`ONE_TOO_MANY`] where there are more than one import takes.
    values: usize,
    /// What no object will be made of.
    unread: Unread,
}

/// Refuses a list or a text that holds more values than one import takes; tells what will be passed over in it.
async fn must_be_bounded(bytes: &Bytes, survey: fn(&str) -> Survey) -> Result<Unread, ImportError> {
    let bytes = bytes.clone();
    let Survey { values, unread } = offload(move || utf8(&bytes).map(survey)).await?;
    if values > IMPORT_OBJECTS_MAX { Err(ImportError::TooMany) } else { Ok(unread) }
}

fn utf8(bytes: &[u8]) -> Result<&str, ImportError> {
    std::str::from_utf8(bytes).map_err(|error| ImportError::Unreadable(format!("it is not UTF-8: {error}")))
}

/// The lines of a list, or values of a text, that go into the next commit. Each commit writes every page that it touches, and pages of ids
/// lie all over the store: few large ones cost less than many small ones.
fn part_of(drafts: &mut dyn Iterator<Item = Result<Draft, csv::Unfit>>) -> Vec<Result<Draft, csv::Unfit>> {
    let (mut part, mut bytes) = (Vec::new(), 0_usize);
    while part.len() < COMMIT_OBJECTS_MAX
        && bytes < COMMIT_BYTES
        && let Some(draft) = drafts.next()
    {
        bytes = bytes.saturating_add(draft.as_ref().map_or(0, Draft::bytes_about));
        part.push(draft);
    }
    part
}

/// How many of these go into one commit.
fn commit_len(objects: &[Bytes]) -> usize {
    let mut bytes = 0_usize;
    let mut fits = objects.iter().take(COMMIT_OBJECTS_MAX).take_while(|object| {
        let room = bytes < COMMIT_BYTES;
        bytes = bytes.saturating_add(object.len());
        room
    });
    fits.by_ref().count()
}
