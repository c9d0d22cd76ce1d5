//! The members of a JSON object: in order of appearance, and found quickly however many there are.

use std::borrow::Cow;

use crate::json::Json;

/// Objects with more members than this are searched by a sorted index instead of one by one.
pub(crate) const LINEAR_MEMBERS_MAX: usize = 32;

type Member<'a> = (Cow<'a, str>, Json<'a>);

/// Members of a JSON object in order of appearance, keys unique.
#[derive(Clone, Debug, Default)]
pub struct Members<'a> {
    list: Vec<Member<'a>>,
    /// Positions in order of keys; absent where there are few members or the list was changed. Boxed twice, so that the
    /// many small objects stay small.
    index: Option<Box<Box<[u32]>>>,
}

impl PartialEq for Members<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.list == other.list
    }
}

impl<'a> Members<'a> {
    /// Members whose keys the caller knows to be unique.
    pub(crate) fn from_unique(list: Vec<Member<'a>>) -> Self {
        Self { list, index: None }
    }

    /// Members as they were read; tells a key that stands there twice.
    ///
    /// Few members must have been compared by the caller already.
    pub(crate) fn from_read(list: Vec<Member<'a>>) -> Result<Self, Cow<'a, str>> {
        if list.len() <= LINEAR_MEMBERS_MAX {
            return Ok(Self::from_unique(list));
        }
        let Ok(count) = u32::try_from(list.len()) else {
            return Err(Cow::Borrowed(""));
        };
        let mut index: Box<[u32]> = (0..count).collect();
        let key = |at: u32| list.get(at as usize).map_or("", |(key, _)| key.as_ref());
        index.sort_unstable_by(|one, other| key(*one).cmp(key(*other)));
        let twice = index.windows(2).find_map(|pair| match pair {
            [one, other] if key(*one) == key(*other) => Some(*one as usize),
            _ => None,
        });
        match twice.and_then(|at| list.get(at)) {
            Some((key, _)) => Err(key.clone()),
            None => Ok(Self { list, index: Some(Box::new(index)) }),
        }
    }

    /// The value of `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Json<'a>> {
        let Some(index) = &self.index else {
            return self.list.iter().find(|(name, _)| name == key).map(|(_, value)| value);
        };
        let name = |at: u32| self.list.get(at as usize).map_or("", |(name, _)| name.as_ref());
        let place = index.binary_search_by(|at| name(*at).cmp(key)).ok()?;
        let at = *index.get(place)?;
        self.list.get(at as usize).map(|(_, value)| value)
    }

    /// All members in order of appearance.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Json<'a>)> {
        self.list.iter().map(|(name, value)| (name.as_ref(), value))
    }

    /// How many members there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is no member.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Sets `key` to `value` in its place, or appends it.
    pub fn set(&mut self, key: &'a str, value: Json<'a>) {
        match self.list.iter_mut().find(|(name, _)| name == key) {
            Some((_, old)) => *old = value,
            None => self.list_mut().push((Cow::Borrowed(key), value)),
        }
    }

    /// Takes `key` out, keeping the order of the others.
    pub fn remove(&mut self, key: &str) -> Option<Json<'a>> {
        let at = self.list.iter().position(|(name, _)| name == key)?;
        Some(self.list_mut().remove(at).1)
    }

    /// The members to be changed; the caller keeps their keys unique.
    pub(crate) fn list_mut(&mut self) -> &mut Vec<Member<'a>> {
        self.index = None;
        &mut self.list
    }

    /// The members themselves.
    pub(crate) fn into_list(self) -> Vec<Member<'a>> {
        self.list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn many(count: usize) -> Vec<Member<'static>> {
        (0..count).rev().map(|at| (Cow::Owned(format!("k{at}")), Json::Integer(0))).collect()
    }

    #[test]
    fn members_are_found_however_many() {
        for count in [0, 1, LINEAR_MEMBERS_MAX, LINEAR_MEMBERS_MAX + 1, 1000] {
            let mut members = Members::from_read(many(count)).unwrap();
            for at in 0..count {
                assert!(members.get(&format!("k{at}")).is_some(), "{at} of {count}");
            }
            assert!(members.get("absent").is_none() && members.get("").is_none());
            members.set("new", Json::Null);
            assert_eq!((members.get("new"), members.len()), (Some(&Json::Null), count + 1));
            assert_eq!(members.remove("new"), Some(Json::Null));
            assert_eq!(members.remove("new"), None);
        }
    }

    #[test]
    fn a_key_that_stands_twice_is_told() {
        let mut list = many(100);
        list.push((Cow::Borrowed("k7"), Json::Null));
        assert_eq!(Members::from_read(list).map(|_| ()), Err(Cow::Borrowed("k7")));
    }
}
