//! Lists: one shape for all of them, paged by cursor.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use utoipa::ToSchema;

use super::params::Params;
use crate::Problem;

/// A page of a list.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct List<T> {
    /// The rows.
    pub(crate) items: Vec<T>,
    /// Where to go on: send it as `next` with the same question; null when nothing remains.
    pub(crate) next: Option<String>,
}

/// Rows that a cursor names: where the last has gone meanwhile, the list goes on behind the last of these that has not.
const NAMED_MAX: usize = 16;

impl<T> List<T> {
    /// The page that a request asks for of a list that is held whole, in its order; `key` names a row for good.
    pub(crate) fn page(rows: Vec<T>, key: impl Fn(&T) -> &str, params: Params) -> Result<Self, Problem> {
        let start = |rows: &[T], cursor: &str| {
            let behind = |name: &str| rows.iter().position(|row| key(row) == name);
            cursor.split('\n').find_map(behind).map(|at| at.saturating_add(1))
        };
        let end = |items: &[T]| {
            let last = items.iter().rev().take(NAMED_MAX).map(&key);
            last.collect::<Vec<_>>().join("\n")
        };
        Self::cut(rows, (start, end), params)
    }

    /// The same of a list in the order of its keys, which tell each row from the others, whatever comes and goes; `of` is whose list it is.
    pub(crate) fn page_in_order(
        rows: Vec<T>,
        (of, key): (&str, impl Fn(&T) -> &str),
        params: Params,
    ) -> Result<Self, Problem> {
        let start = |rows: &[T], cursor: &str| {
            let (list, last) = cursor.split_once('\n')?;
            (list == of).then(|| rows.partition_point(|row| key(row) <= last))
        };
        let end = |items: &[T]| format!("{of}\n{}", items.last().map(&key).unwrap_or_default());
        Self::cut(rows, (start, end), params)
    }

    /// `start` tells where a cursor goes on, and `end` makes the one behind a page.
    fn cut(
        rows: Vec<T>,
        (start, end): (impl Fn(&[T], &str) -> Option<usize>, impl Fn(&[T]) -> String),
        mut params: Params,
    ) -> Result<Self, Problem> {
        let limit = params.limit()?;
        let after = params.one("next")?;
        params.end()?;
        let start = match after {
            None => 0,
            Some(cursor) => {
                let text = URL_SAFE_NO_PAD.decode(&cursor).ok().and_then(|text| String::from_utf8(text).ok());
                text.and_then(|text| start(&rows, &text)).ok_or_else(bad_cursor)?
            }
        };
        let more = rows.len() > start.saturating_add(limit);
        let items: Vec<T> = rows.into_iter().skip(start).take(limit).collect();
        let next = more.then(|| URL_SAFE_NO_PAD.encode(end(&items)));
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

pub(crate) fn bad_cursor() -> Problem {
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

    /// A row may go while somebody pages, the one that the cursor names too: nothing of the others is missed or told twice.
    #[test]
    fn rows_may_go_between_pages() {
        let all: Vec<String> = (0..60).map(|no| format!("{:02}", no * 37 % 60)).collect();
        let shown = |page: &List<String>| page.items.clone();
        let by_key = |rows: &[String], query: &str| {
            List::page(rows.to_vec(), |row| row.as_str(), Params::of_query(query))
                .map_err(|error| error.code())
        };
        for limit in [1, 5, 20] {
            let first = by_key(&all, &format!("limit={limit}")).unwrap();
            let go_on = format!("limit=60&next={}", first.next.clone().unwrap());
            for gone in 1..=limit.min(NAMED_MAX - 1) {
                let left = [&all[..limit - gone], &all[limit..]].concat();
                if gone == limit {
                    assert_eq!(by_key(&left, &go_on), Err("bad-cursor"), "nothing it names is there");
                } else {
                    assert_eq!(shown(&by_key(&left, &go_on).unwrap()), all[limit..], "{limit} {gone}");
                }
            }
            let mut sorted = all.clone();
            sorted.sort_unstable();
            let in_order = |rows: &[String], of: &str, query: &str| {
                let key: fn(&String) -> &str = |row| row.as_str();
                List::page_in_order(rows.to_vec(), (of, key), Params::of_query(query))
                    .map_err(|error| error.code())
            };
            let first = in_order(&sorted, "a", &format!("limit={limit}")).unwrap();
            let go_on = format!("limit=60&next={}", first.next.clone().unwrap());
            for gone in 0..=limit + 1 {
                let left = [&sorted[..(limit + 1).saturating_sub(gone)], &sorted[limit + 1..]].concat();
                let rest = if gone == 0 { &sorted[limit..] } else { &sorted[limit + 1..] };
                assert_eq!(shown(&in_order(&left, "a", &go_on).unwrap()), rest, "{limit} {gone}");
            }
            assert_eq!(in_order(&sorted, "b", &go_on), Err("bad-cursor"));
        }
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
