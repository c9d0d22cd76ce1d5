//! What an import passed over in a list or a text: in words, and as part of the last line.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::out::{counted, say, shown};

/// What was passed over in one file.
pub(crate) struct Unread {
    file: PathBuf,
    told: Value,
}

/// The same as it is told in words.
#[derive(Default, Deserialize)]
struct PassedOver {
    #[serde(default)]
    columns: Vec<String>,
    #[serde(default)]
    context: Option<Lines>,
    #[serde(default)]
    without_value: Option<Lines>,
}

#[derive(Deserialize)]
struct Lines {
    count: u64,
    first: u64,
}

impl Unread {
    /// What a node says that it passed over in a file.
    pub(crate) fn of(file: &Path, told: Value) -> Self {
        Self { file: file.to_owned(), told }
    }

    /// As the node told it, with the file.
    pub(crate) fn json(&self) -> Value {
        let mut told = self.told.clone();
        if let Some(told) = told.as_object_mut() {
            told.insert("file".to_owned(), self.file.display().to_string().into());
        }
        told
    }

    /// A sentence for each.
    pub(crate) fn say(&self) {
        // What a node of a later build says otherwise stands in the JSON all the same.
        let passed_over = PassedOver::deserialize(&self.told).unwrap_or_default();
        let file = self.file.display();
        if !passed_over.columns.is_empty() {
            let names: Vec<String> = passed_over.columns.iter().map(|name| shown(name)).collect();
            say(format_args!("{file}: columns that were not read: {}", names.join(", ")));
        }
        if let Some(Lines { count, first }) = passed_over.context {
            let lines = counted(count, "line");
            say(format_args!(
                "{file}: {lines} passed over as context, for to_ids says that they are nothing to look for; the first is line {first}"
            ));
        }
        if let Some(Lines { count, first }) = passed_over.without_value {
            let lines = counted(count, "line");
            say(format_args!(
                "{file}: {lines} passed over, in which no value was recognised; the first is line {first}"
            ));
        }
    }
}
