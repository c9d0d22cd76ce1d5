//! What somebody shows to say who they are, who made it, and who else can therefore show it.
//!
//! Whoever makes a credential for somebody else has had it in their hands, and can do in that name what it allows. So a
//! credential carries everybody who has had it ([`Shown::known_to`]), and what is made with it is known to them as well: a
//! further token launders nothing. The store takes a credential only with its [`Making`], which is made here alone.

use std::collections::BTreeSet;

use crate::{Principal, UserNo};

/// A kind of credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Means {
    /// Name and password, or a session that began with them.
    Password,
    /// A token.
    Token,
    /// The directory of a node that nobody serves: whoever has the disk in their hands.
    Directory,
}

impl Means {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Password, Self::Token, Self::Directory];

    /// The name in the API and the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Token => "token",
            Self::Directory => "directory",
        }
    }
}

/// What somebody showed to say who they are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shown {
    /// What kind of credential.
    pub means: Means,
    /// Who else has had it in their hands, or what it was made with.
    pub known_to: BTreeSet<UserNo>,
}

impl Shown {
    /// A credential that nobody but its user has had.
    #[must_use]
    pub const fn own(means: Means) -> Self {
        Self { means, known_to: BTreeSet::new() }
    }
}

/// Who made a credential, and to whom besides its user it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Making {
    by: Option<UserNo>,
    known_to: BTreeSet<UserNo>,
}

impl Making {
    /// Of a token for `owner`.
    #[must_use]
    pub fn token(maker: &Principal, owner: UserNo) -> Self {
        let mut known_to = maker.shown.known_to.clone();
        // Whoever holds the directory is nobody of this node, whatever name they act under.
        let by = (maker.shown.means != Means::Directory).then_some(maker.user);
        known_to.extend(by);
        known_to.remove(&owner);
        Self { by, known_to }
    }

    /// Of a password for `owner`. One that its owner changes, signed in by the one before, is known to nobody else: whoever
    /// had set the one before is locked out by this, and would lock the owner out by doing it.
    #[must_use]
    pub fn password(maker: &Principal, owner: UserNo) -> Self {
        if maker.user == owner && maker.shown.means == Means::Password {
            return Self { by: Some(owner), known_to: BTreeSet::new() };
        }
        Self::token(maker, owner)
    }

    /// By whom; `None` when whoever held the directory made it.
    #[must_use]
    pub const fn by(&self) -> Option<UserNo> {
        self.by
    }

    /// To whom besides its user it is known.
    #[must_use]
    pub const fn known_to(&self) -> &BTreeSet<UserNo> {
        &self.known_to
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Role, Scope};

    fn person(user: i64, means: Means, known_to: &[i64]) -> Principal {
        Principal {
            user: UserNo(user),
            name: format!("user {user}"),
            roles: [Role::Admin].into(),
            scopes: Scope::ALL.into(),
            shown: Shown { means, known_to: known_to.iter().copied().map(UserNo).collect() },
            access: std::collections::BTreeMap::new(),
        }
    }

    fn parts(making: &Making) -> (Option<i64>, Vec<i64>) {
        (making.by().map(|no| no.0), making.known_to().iter().map(|no| no.0).collect())
    }

    #[test]
    fn what_is_made_with_a_known_credential_is_known() {
        use Means::{Directory, Password, Token};
        let token = |who: &Principal, owner| parts(&Making::token(who, UserNo(owner)));
        assert_eq!(token(&person(1, Password, &[]), 1), (Some(1), vec![]));
        assert_eq!(token(&person(1, Password, &[]), 2), (Some(1), vec![1]));
        assert_eq!(token(&person(2, Token, &[1]), 2), (Some(2), vec![1]), "a further token launders nothing");
        assert_eq!(token(&person(2, Token, &[1]), 3), (Some(2), vec![1, 2]));
        assert_eq!(token(&person(2, Token, &[1]), 1), (Some(2), vec![2]), "one's own is one's own");
        assert_eq!(token(&person(1, Directory, &[]), 2), (None, vec![]));
        let password = |who: &Principal, owner| parts(&Making::password(who, UserNo(owner)));
        assert_eq!(password(&person(2, Password, &[1]), 2), (Some(2), vec![]), "changed by its owner");
        assert_eq!(password(&person(2, Token, &[1]), 2), (Some(2), vec![1]), "a token changes nothing");
        assert_eq!(password(&person(3, Password, &[1]), 2), (Some(3), vec![1, 3]));
    }
}
