//! Links beside a list that leave one type of it, or all.

/// Links that stand open where nothing says which types are near; the rest is behind a summary.
const OPEN: usize = 12;

/// The types of a list, and which of them is shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    /// All types, and the first of them; the one that is shown among them.
    pub(crate) open: Vec<Choice>,
    pub(crate) rest: Vec<Choice>,
}

/// One type, or all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) href: String,
    pub(crate) name: String,
    /// How many there are, where that is known.
    pub(crate) count: Option<String>,
    pub(crate) shown: bool,
}

impl Filter {
    /// The types of a list with the counts that are known, each with the address `of` which it alone is shown (`None`: all are). Nothing where
    /// there is nothing to choose.
    pub(crate) fn of(
        types: Vec<(String, Option<String>)>,
        shown: Option<&str>,
        of: impl Fn(Option<&str>) -> String,
    ) -> Self {
        let is_known = shown.is_none_or(|shown| types.iter().any(|(name, _)| name == shown));
        if types.len() < 2 && shown.is_none() {
            return Self::default();
        }
        let missing = shown.filter(|_| !is_known).map(|shown| (shown.to_owned(), None));
        let choices = types.into_iter().chain(missing).map(|(name, count)| Choice {
            href: of(Some(&name)),
            shown: shown == Some(name.as_str()),
            name,
            count,
        });
        let all =
            Choice { href: of(None), name: "all types".to_owned(), count: None, shown: shown.is_none() };
        let mut open = vec![all];
        let mut rest = Vec::new();
        for choice in choices {
            if open.len() <= OPEN || choice.shown { open.push(choice) } else { rest.push(choice) }
        }
        Self { open, rest }
    }

    /// Leaves open what is near, in this order, and puts the other types behind the summary, but for the one that is shown.
    pub(crate) fn near(mut self, near: &[&str]) -> Self {
        if self.open.is_empty() {
            return self;
        }
        let mut all = self.open.split_off(1);
        all.append(&mut self.rest);
        let place = |choice: &Choice| near.iter().position(|name| *name == choice.name);
        let (mut open, rest): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|choice| choice.shown || place(choice).is_some());
        open.sort_by_key(|choice| place(choice).unwrap_or(usize::MAX));
        self.open.extend(open);
        Self { open: self.open, rest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(choices: &[Choice]) -> Vec<&str> {
        choices.iter().map(|choice| choice.name.as_str()).collect()
    }

    #[test]
    fn the_type_that_is_shown_is_never_hidden_and_one_type_is_no_choice() {
        let types = |many: usize| -> Vec<_> { (0..many).map(|at| (format!("t{at:02}"), None)).collect() };
        let of = |name: Option<&str>| format!("?{}", name.unwrap_or_default());
        assert!(Filter::of(types(1), None, of).open.is_empty());
        let two = Filter::of(types(2), None, of);
        assert_eq!((names(&two.open), two.rest.len()), (vec!["all types", "t00", "t01"], 0));
        assert!(two.open[0].shown && !two.open[1].shown);
        let many = Filter::of(types(20), Some("t15"), of);
        assert_eq!((many.open.len(), many.rest.len()), (OPEN + 2, 20 - OPEN - 1));
        assert_eq!(many.open.last().map(|last| (last.name.as_str(), last.shown)), Some(("t15", true)));
        let near = Filter::of(types(20), Some("t15"), of).near(&["t19", "t03", "gone"]);
        assert_eq!((names(&near.open), near.rest.len()), (vec!["all types", "t19", "t03", "t15"], 17));
        assert!(names(&near.rest).is_sorted() && Filter::default().near(&["t01"]).open.is_empty());
        let unknown = Filter::of(types(0), Some("x"), of);
        assert_eq!((names(&unknown.open), unknown.open[1].shown), (vec!["all types", "x"], true));
    }
}
