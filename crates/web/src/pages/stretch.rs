//! A stretch of a long list that stands on a page of something else: which rows it is, and where the rows before and behind it are.

use super::words::many;

/// So many rows of a list, beginning at a multiple of their number.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// Behind how many rows it begins.
    pub(crate) behind: usize,
    /// The first, the last and how many there are, in words, where that is not all of them.
    pub(crate) between: Option<[String; 3]>,
    /// Where the rows before and behind it stand.
    pub(crate) before: Option<String>,
    pub(crate) next: Option<String>,
}

impl Stretch {
    /// The stretch of `rows` that begins behind about so many of `total`, the first where there are not so many; `page` is the address of
    /// the one that begins behind a number.
    pub(crate) fn of((total, rows): (usize, usize), behind: usize, page: impl Fn(usize) -> String) -> Self {
        let behind = if behind < total { behind - behind % rows.max(1) } else { 0 };
        let end = behind.saturating_add(rows).min(total);
        Self {
            behind,
            between: (end < total || behind > 0).then(|| [behind.saturating_add(1), end, total].map(many)),
            before: (behind > 0).then(|| page(behind.saturating_sub(rows))),
            next: (end < total).then(|| page(end)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_stands_in_one_stretch_and_all_are_led_to() {
        let at = |total, behind| Stretch::of((total, 10), behind, |behind| behind.to_string());
        let whole = Stretch { behind: 0, between: None, before: None, next: None };
        for (total, behind) in [(0, 0), (1, 0), (10, 0), (10, 10), (3, usize::MAX)] {
            assert_eq!(at(total, behind), whole, "{total} {behind}");
        }
        let between = |first: &str, last: &str| Some([first.to_owned(), last.to_owned(), "25".to_owned()]);
        let first = Stretch { behind: 0, between: between("1", "10"), before: None, next: Some("10".into()) };
        assert_eq!((at(25, 0), at(25, 25)), (at(25, 3), first));
        let middle = Stretch {
            behind: 10,
            between: between("11", "20"),
            before: Some("0".into()),
            next: Some("20".into()),
        };
        assert_eq!(at(25, 17), middle);
        let last =
            Stretch { behind: 20, between: between("21", "25"), before: Some("10".into()), next: None };
        assert_eq!(at(25, 24), last);
    }
}
