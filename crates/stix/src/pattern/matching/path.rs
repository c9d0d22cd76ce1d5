//! From an object to the values at the end of a path.
//!
//! A path without `[*]` leads to one value at most and is walked without allocating. With `[*]` a set of values goes
//! from step to step; a value that is reached twice (references may form circles) is kept once, and
//! [`base::limit::PATH_VALUES_MAX`] bounds how many values one walk may look at.

use base::limit::PATH_VALUES_MAX;

use crate::Json;
use crate::pattern::ast::Step;
use crate::pattern::matching::observation::Scope;

/// The path needs more looking than is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Exhausted;

/// The value at the end of a path that has no `[*]`; `None` when it is absent.
pub(super) fn single<'j>(steps: &[Step], object: &'j Json<'j>, scope: &Scope<'j>) -> Option<&'j Json<'j>> {
    let mut value = object;
    let mut name = "";
    let mut is_item = false;
    for step in steps {
        value = match step {
            Step::Key(key) => member(target(value, name, is_item, scope)?, key)?,
            Step::Index(at) => value.as_list()?.get(usize::try_from(*at).ok()?)?,
            Step::Any => return None,
        };
        (name, is_item) = after(step, name);
    }
    (!matches!(value, Json::Null)).then_some(value)
}

/// All values at the end of a path; none when it is absent.
pub(super) fn all<'j>(
    steps: &[Step],
    object: &'j Json<'j>,
    scope: &Scope<'j>,
) -> Result<Vec<&'j Json<'j>>, Exhausted> {
    let mut values = vec![object];
    let mut name = "";
    let mut is_item = false;
    let mut left = PATH_VALUES_MAX;
    for step in steps {
        match step {
            Step::Key(key) => {
                let next = |value| member(target(value, name, is_item, scope)?, key);
                values = values.into_iter().filter_map(next).collect();
            }
            Step::Index(at) => {
                let at = usize::try_from(*at).unwrap_or(usize::MAX);
                values = values.into_iter().filter_map(|value| value.as_list()?.get(at)).collect();
            }
            Step::Any => {
                let lists = values.into_iter().filter_map(Json::as_list);
                values = lists.flatten().take(left.saturating_add(1)).collect();
            }
        }
        left = left.checked_sub(values.len()).ok_or(Exhausted)?;
        distinct(&mut values);
        if values.is_empty() {
            break;
        }
        (name, is_item) = after(step, name);
    }
    values.retain(|value| !matches!(value, Json::Null));
    Ok(values)
}

/// The key last passed, and whether items of its list have been passed since.
fn after<'s>(step: &'s Step, name: &'s str) -> (&'s str, bool) {
    if let Step::Key(key) = step { (key, false) } else { (name, true) }
}

/// The object that holds the next key: the value itself, or what it refers to.
fn target<'j>(value: &'j Json<'j>, name: &str, is_item: bool, scope: &Scope<'j>) -> Option<&'j Json<'j>> {
    match value {
        Json::String(id) if name.ends_with(if is_item { "_refs" } else { "_ref" }) => scope.get(id),
        other => Some(other),
    }
}

fn member<'j>(holder: &'j Json<'j>, key: &str) -> Option<&'j Json<'j>> {
    holder.as_object()?.get(key)
}

/// Keeps each value once, in any order.
fn distinct(values: &mut Vec<&Json<'_>>) {
    if values.len() > 1 {
        values.sort_by_key(|value| std::ptr::from_ref(*value));
        values.dedup_by_key(|value| std::ptr::from_ref(*value));
    }
}
