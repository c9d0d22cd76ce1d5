//! The commands, one file each: what they take, what they ask, how they answer.

pub(crate) mod backup;
pub(crate) mod circle;
pub(crate) mod collection;
pub(crate) mod community;
pub(crate) mod distant;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod init;
pub(crate) mod ledger;
pub(crate) mod lookup;
pub(crate) mod object;
pub(crate) mod observed;
pub(crate) mod passing;
pub(crate) mod pull;
pub(crate) mod push;
pub(crate) mod restore;
pub(crate) mod search;
pub(crate) mod serve;
pub(crate) mod sight;
pub(crate) mod stix;
pub(crate) mod token;
pub(crate) mod upkeep;
pub(crate) mod user;
pub(crate) mod validate;
pub(crate) mod verify;
