//! Browser sessions that no row was written for, since the store takes no writes: they live in this process alone.
//!
//! A session is a row, so that it outlives the process; where the disk is full there is none to be had, and reading, which goes on, would
//! be for those who were signed in before. So who signs in meanwhile is remembered here. It ends as any: with its time, its password, its
//! account; and with the process. Memory is bounded: of one user the oldest goes, and of all.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use base::limit::SESSIONS_PER_USER_MAX;
use handling::UserNo;
use store::{NewSession, SessionRow};

/// Sessions that are remembered at once.
const SESSIONS_MAX: usize = 1_024;

/// By the digest of the cookie's secret.
#[derive(Debug, Default)]
pub(crate) struct ShortSessions(RwLock<HashMap<[u8; 32], Arc<SessionRow>>>);

impl ShortSessions {
    /// Remembers a session.
    pub(crate) fn keep(&self, session: NewSession) {
        let NewSession { digest, user, csrf, at, expires } = session;
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        held.retain(|_, row| row.expires > at);
        // All last equally long, so that the one that ends first is the oldest.
        let of_user = held.iter().filter(|(_, row)| row.user == user);
        let oldest = |of: &mut dyn Iterator<Item = (&[u8; 32], &Arc<SessionRow>)>| {
            of.min_by_key(|(_, row)| row.expires).map(|(digest, _)| *digest)
        };
        let gone = if of_user.clone().count() >= SESSIONS_PER_USER_MAX {
            oldest(&mut of_user.into_iter())
        } else if held.len() >= SESSIONS_MAX {
            oldest(&mut held.iter())
        } else {
            None
        };
        gone.map(|digest| held.remove(&digest));
        held.insert(digest, Arc::new(SessionRow { user, csrf, expires }));
    }

    /// The session with this digest.
    pub(crate) fn find(&self, digest: &[u8; 32]) -> Option<Arc<SessionRow>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(digest).cloned()
    }

    /// Ends a session; whether there was one.
    pub(crate) fn end(&self, digest: &[u8; 32]) -> bool {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(digest).is_some()
    }

    /// Ends every session of a user.
    pub(crate) fn end_of(&self, user: UserNo) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).retain(|_, row| row.user != user);
    }
}

#[cfg(test)]
mod tests {
    use base::Micros;

    use super::*;

    fn session(user: i64, number: usize, at: i64) -> NewSession {
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&number.to_be_bytes());
        digest[8..16].copy_from_slice(&user.to_be_bytes());
        NewSession {
            digest,
            user: UserNo(user),
            csrf: String::new(),
            at: Micros(at),
            expires: Micros(at + 10_000),
        }
    }

    #[test]
    fn they_are_bounded_and_the_oldest_goes() {
        let held = ShortSessions::default();
        for at in 0..=SESSIONS_PER_USER_MAX {
            held.keep(session(1, at, at as i64));
        }
        let found = |user, number| held.find(&session(user, number, 0).digest).is_some();
        assert_eq!((found(1, 0), found(1, 1), found(1, SESSIONS_PER_USER_MAX)), (false, true, true));
        for user in 2..=SESSIONS_MAX as i64 {
            held.keep(session(user, 0, 200 + user));
        }
        assert_eq!(held.0.read().unwrap().len(), SESSIONS_MAX);
        assert!(!found(1, 1) && found(SESSIONS_MAX as i64, 0));
        held.end_of(UserNo(5));
        assert!(!found(5, 0) && held.end(&session(6, 0, 0).digest) && !held.end(&session(6, 0, 0).digest));
        held.keep(session(3, 1, 1_000_000));
        assert_eq!(held.0.read().unwrap().len(), 1, "what is over goes");
    }
}
