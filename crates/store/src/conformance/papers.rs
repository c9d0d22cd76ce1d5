//! Papers of a community.

use super::Site;
use super::sample::START;
use crate::{Paper, PaperKind, PaperWork};

fn paper(kind: PaperKind, name: &str, text: &str) -> Paper {
    Paper { kind, name: name.into(), text: text.into(), at: START }
}

/// Papers are kept word for word over restarts, each kind by itself, in order of their names.
pub async fn papers_are_kept_word_for_word(site: Site) {
    let store = site.open();
    assert_eq!(store.papers(PaperKind::Entry).await.unwrap(), []);
    let text = "{\"a\": \"\u{1F525}\u{0}\", \"b\":1}\n";
    let (one, two) = (paper(PaperKind::Entry, "1", text), paper(PaperKind::Entry, "2", ""));
    let vote = paper(PaperKind::Vote, "1", "vote");
    let put = vec![two.clone(), vote.clone(), one.clone()];
    store.file_papers(PaperWork { put, remove: vec![] }).await.unwrap();
    drop(store);
    let store = site.open();
    assert_eq!(store.papers(PaperKind::Entry).await.unwrap(), [one, two]);
    assert_eq!(store.papers(PaperKind::Vote).await.unwrap(), [vote]);
    for kind in PaperKind::ALL.into_iter().filter(|kind| !matches!(kind, PaperKind::Entry | PaperKind::Vote))
    {
        assert_eq!(store.papers(kind).await.unwrap(), []);
    }
}

/// Writing replaces, removing removes, and removing what is not there is no error.
pub async fn papers_are_replaced_and_removed(site: Site) {
    let store = site.open();
    let before = paper(PaperKind::Subject, "s", "before");
    store.file_papers(PaperWork { put: vec![before], remove: vec![] }).await.unwrap();
    let after = paper(PaperKind::Subject, "s", "after");
    let gone = [(PaperKind::Subject, "none".to_owned()), (PaperKind::Vote, "s".to_owned())];
    store.file_papers(PaperWork { put: vec![after.clone()], remove: gone.to_vec() }).await.unwrap();
    assert_eq!(store.papers(PaperKind::Subject).await.unwrap(), [after]);
    let remove = vec![(PaperKind::Subject, "s".to_owned())];
    store.file_papers(PaperWork { put: vec![], remove }).await.unwrap();
    assert_eq!(store.papers(PaperKind::Subject).await.unwrap(), []);
}
