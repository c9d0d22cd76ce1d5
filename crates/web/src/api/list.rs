//! Lists: one shape for all of them, paged by cursor.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use utoipa::ToSchema;

use super::params::Params;
use crate::Problem;

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct List<T> {
    /// The rows.
    pub(crate) items: Vec<T>,
    /// Where to go on: send it as `next` with the same question; null when nothing remains.
    pub(crate) next: Option<String>,
}

impl<T> List<T> {
    /// The page that a request asks for of a list that is held whole, in its order; `key` names a row for good.
    pub(crate) fn page(rows: Vec<T>, key: impl Fn(&T) -> &str, mut params: Params) -> Result<Self, Problem> {
        let limit = params.limit()?;
        let after = params.one("next")?;
        params.end()?;
        let start = match after {
            None => 0,
            Some(cursor) => {
                let last = URL_SAFE_NO_PAD.decode(&cursor).ok();
                let at = last.and_then(|last| rows.iter().position(|row| key(row).as_bytes() == last));
                at.ok_or_else(bad_cursor)?.saturating_add(1)
            }
        };
        let more = rows.len() > start.saturating_add(limit);
        let items: Vec<T> = rows.into_iter().skip(start).take(limit).collect();
        let next = items.last().filter(|_| more).map(|row| URL_SAFE_NO_PAD.encode(key(row)));
        Ok(Self { items, next })
    }
}

/// The cursor of a list that the store pages by digest.
pub(crate) fn cursor_of(digest: &[u8; 32]) -> String {
    URL_SAFE_NO_PAD.encode(digest)
}

/// The digest that such a cursor names.
pub(crate) fn digest_of(cursor: &str) -> Result<[u8; 32], Problem> {
    let digest = URL_SAFE_NO_PAD.decode(cursor).ok();
    digest.and_then(|digest| digest.try_into().ok()).ok_or_else(bad_cursor)
}

fn bad_cursor() -> Problem {
    let detail = "the cursor does not belong to this question: start again without it";
    Problem::bad_request("bad-cursor", detail).at("next")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(query: &str) -> Result<List<&'static str>, Problem> {
        List::page(vec!["a", "b", "в"], |row| row, Params::of_query(query))
    }

    #[test]
    fn pages_follow_each_other_without_gap() {
        let first = page("limit=2").unwrap();
        assert_eq!(first.items, ["a", "b"]);
        let second = page(&format!("limit=2&next={}", first.next.unwrap())).unwrap();
        assert_eq!((second.items, second.next), (vec!["в"], None));
        assert_eq!(page("").unwrap().items.len(), 3);
        assert_eq!(page("limit=3").unwrap().next, None);
    }

    #[test]
    fn foreign_cursors_are_refused() {
        assert_eq!(page("next=!").unwrap_err().code(), "bad-cursor");
        assert_eq!(page("next=eHh4").unwrap_err().code(), "bad-cursor");
        for bad in ["!", "eHh4", &format!("{}AA", cursor_of(&[0xab; 32]))] {
            assert_eq!(digest_of(bad).unwrap_err().code(), "bad-cursor", "{bad}");
        }
        assert_eq!(digest_of(&cursor_of(&[0xab; 32])).unwrap(), [0xab; 32]);
    }
}
