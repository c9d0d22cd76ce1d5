//! A condition, prepared: what is asked of one object.

use std::collections::BTreeSet;
use std::collections::HashMap;

use crate::pattern::ast;
use crate::pattern::matching::compare::Check;
use crate::pattern::matching::observation::{Observations, Root};
use crate::pattern::regex::{Regex, Verdict};

/// What one `[ … ]` asks, and of which objects.
#[derive(Debug)]
pub(super) struct Leaf {
    root: Node,
    /// Types of objects that can meet it.
    types: Vec<Box<str>>,
    /// Whether there is a regular expression in it.
    searches: bool,
}

#[derive(Debug)]
enum Node {
    Check(Check),
    All(Vec<Node>),
    Any(Vec<Node>),
}

/// Asked before each comparison whose work is more than its subject's length: whether there is to be no more of it.
pub(super) type Halt<'h> = &'h dyn Fn() -> bool;

/// How far the answer can be relied on, and whether to go on.
#[derive(Clone, Copy)]
pub(super) struct Doubt<'h> {
    /// A comparison ran out of steps; it counted as not true.
    pub(super) cut: bool,
    pub(super) halt: Halt<'h>,
}

impl Leaf {
    pub(super) fn new(condition: &ast::Condition) -> Self {
        let root = Node::new(condition);
        let mut types = BTreeSet::new();
        root.collect_types(&mut types);
        let types = types.into_iter().map(Into::into).collect();
        let mut searches = false;
        root.each_regex(&mut |_| searches = true);
        Self { root, types, searches }
    }

    /// Moves what one leaf asks into another, which is then met by what meets either; the one is never met again.
    pub(super) fn merge(leaves: &mut [Self], from: usize, into: usize) {
        let Some(emptied) = leaves.get_mut(from) else { return };
        let moved = std::mem::replace(
            emptied,
            Self { root: Node::Any(Vec::new()), types: Vec::new(), searches: false },
        );
        let Some(kept) = leaves.get_mut(into) else { return };
        match &mut kept.root {
            Node::Any(all) => all.push(moved.root),
            other => {
                let first = std::mem::replace(other, Node::Any(Vec::new()));
                *other = Node::Any(vec![first, moved.root]);
            }
        }
        kept.types.extend(moved.types);
        kept.types.sort_unstable();
        kept.types.dedup();
        kept.searches |= moved.searches;
    }

    /// Gives back the memory of searches.
    pub(super) fn cool(&self) {
        if self.searches {
            self.root.each_regex(&mut Regex::cool);
        }
    }

    /// The first observation that holds an object which meets the condition.
    pub(super) fn first(&self, among: &Observations<'_>, doubt: &mut Doubt<'_>) -> Option<usize> {
        let counts =
            |root: &Root<'_>| among.observed().get(root.observation).is_some_and(|one| one.count > 0);
        let firsts = self.types.iter().filter_map(|object_type| {
            let roots = among.of_type(object_type);
            let holds = |root: &&Root<'_>| self.holds(object_type, **root, among, doubt) && counts(root);
            roots.iter().find(holds).map(|root| root.observation)
        });
        firsts.min()
    }

    /// All observations that hold such an object, in order; `None` when there are more than `most`.
    pub(super) fn all(
        &self,
        among: &Observations<'_>,
        most: usize,
        doubt: &mut Doubt<'_>,
    ) -> Option<Vec<usize>> {
        let mut found = Vec::new();
        for object_type in &self.types {
            for root in among.of_type(object_type) {
                if found.last() != Some(&root.observation) && self.holds(object_type, *root, among, doubt) {
                    found.push(root.observation);
                }
            }
            if found.len() > most {
                doubt.cut = true;
                return None;
            }
        }
        if self.types.len() > 1 {
            found.sort_unstable();
            found.dedup();
        }
        Some(found)
    }

    fn holds(
        &self,
        object_type: &str,
        root: Root<'_>,
        among: &Observations<'_>,
        doubt: &mut Doubt<'_>,
    ) -> bool {
        let Some(observed) = among.observed().get(root.observation) else { return false };
        let halt = doubt.halt;
        self.root.holds(doubt, &|check| {
            if *check.object_type == *object_type {
                check.run(root.object, &observed.scope, halt)
            } else {
                Verdict::NoMatch
            }
        })
    }
}

impl Node {
    fn new(condition: &ast::Condition) -> Self {
        match condition {
            ast::Condition::Comparison(one) => Self::Check(Check::new(one)),
            ast::Condition::And(all) => Self::All(all.iter().map(Self::new).collect()),
            ast::Condition::Or(all) => Self::Any(with_equalities_joined(all.iter().map(Self::new).collect())),
        }
    }

    fn collect_types<'n>(&'n self, types: &mut BTreeSet<&'n str>) {
        match self {
            Self::Check(check) => drop(types.insert(&check.object_type)),
            Self::All(all) | Self::Any(all) => all.iter().for_each(|one| one.collect_types(types)),
        }
    }

    fn each_regex(&self, visit: &mut dyn FnMut(&Regex)) {
        match self {
            Self::Check(check) => check.regex().into_iter().for_each(visit),
            Self::All(all) | Self::Any(all) => all.iter().for_each(|one| one.each_regex(visit)),
        }
    }

    fn holds(&self, doubt: &mut Doubt<'_>, run: &dyn Fn(&Check) -> Verdict) -> bool {
        match self {
            Self::Check(check) => match run(check) {
                Verdict::Match => true,
                Verdict::NoMatch => false,
                Verdict::Exhausted => {
                    doubt.cut = true;
                    false
                }
            },
            Self::All(all) => all.iter().all(|one| one.holds(doubt, run)),
            Self::Any(all) => all.iter().any(|one| one.holds(doubt, run)),
        }
    }
}

/// Turns equalities of one path that stand side by side in an OR into one look-up: indicators with thousands of hashes
/// are written so.
fn with_equalities_joined(nodes: Vec<Node>) -> Vec<Node> {
    let mut texts: HashMap<_, Vec<Box<str>>> = HashMap::new();
    for node in &nodes {
        if let Node::Check(check) = node
            && let Some((object_type, steps, text)) = check.plain_equality()
        {
            texts.entry((object_type.to_owned(), steps.to_vec())).or_default().push(text.into());
        }
    }
    texts.retain(|_, texts| texts.len() > 1);
    if texts.is_empty() {
        return nodes;
    }
    let join = |node: Node| {
        let Node::Check(check) = &node else { return Some(node) };
        let Some((object_type, steps, _)) = check.plain_equality() else { return Some(node) };
        let key = (object_type.to_owned(), steps.to_vec());
        match texts.get_mut(&key) {
            None => Some(node),
            Some(texts) if texts.is_empty() => None,
            Some(texts) => Some(Node::Check(check.or_equal_to(std::mem::take(texts)))),
        }
    };
    nodes.into_iter().filter_map(join).collect()
}
