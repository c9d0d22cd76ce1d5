//! From the errors of deeds to problems, for every door: which status each gets where it is the caller's fault.

use http::StatusCode;
use node::{
    AcceptError, AccountError, CollectionError, CommunityError, ImportError, JobError, LookUpError,
    ObservedError, ProveError, ReadError, SearchError, SightError, UpkeepError, WhyError,
};

use crate::Problem;

/// A table from error to status where the caller is at fault; everything else is the table in `problem`.
macro_rules! statuses {
    ($($error:ident { $($pattern:pat => $status:ident,)* })*) => {
        $(impl From<$error> for Problem {
            fn from(error: $error) -> Self {
                let status = match &error { $($pattern => StatusCode::$status,)* };
                Self::of_fault(error.fault(), status, error.code(), &error)
            }
        })*
    };
}

statuses! {
    AcceptError {
        AcceptError::Refused(_) => FORBIDDEN,
        AcceptError::NotFound => NOT_FOUND,
        _ => BAD_REQUEST,
    }
    AccountError {
        AccountError::Refused(_) => FORBIDDEN,
        AccountError::UserUnknown | AccountError::TokenUnknown => NOT_FOUND,
        AccountError::NameTaken(_) | AccountError::LastAdmin | AccountError::TooManyTokens => CONFLICT,
        AccountError::Crowded => TOO_MANY_REQUESTS,
        _ => UNPROCESSABLE_ENTITY,
    }
    CollectionError {
        CollectionError::Refused(_) => FORBIDDEN,
        CollectionError::NotFound => NOT_FOUND,
        CollectionError::NameTaken(_) => CONFLICT,
        _ => BAD_REQUEST,
    }
    CommunityError {
        CommunityError::Refused(_) | CommunityError::Stranger | CommunityError::Misdirected => FORBIDDEN,
        CommunityError::Road(_) => FORBIDDEN,
        CommunityError::None | CommunityError::NothingPending | CommunityError::CircleUnknown => NOT_FOUND,
        CommunityError::Rule(community::Rule::MemberUnknown) => NOT_FOUND,
        CommunityError::Already | CommunityError::Pending | CommunityError::Ambiguous => CONFLICT,
        CommunityError::CircleExists | CommunityError::Crowded | CommunityError::NoVote => CONFLICT,
        _ => UNPROCESSABLE_ENTITY,
    }
    ImportError {
        ImportError::Accept(AcceptError::Refused(_)) => FORBIDDEN,
        ImportError::Accept(AcceptError::NotFound) => NOT_FOUND,
        ImportError::TooMany => PAYLOAD_TOO_LARGE,
        _ => UNPROCESSABLE_ENTITY,
    }
    JobError {
        JobError::Refused(_) => FORBIDDEN,
        _ => UNPROCESSABLE_ENTITY,
    }
    LookUpError {
        LookUpError::TooManyValues(_) => PAYLOAD_TOO_LARGE,
        _ => UNPROCESSABLE_ENTITY,
    }
    ProveError {
        ProveError::Read(ReadError::Refused(_)) => FORBIDDEN,
        _ => NOT_FOUND,
    }
    ReadError {
        ReadError::Refused(_) => FORBIDDEN,
        ReadError::CollectionUnknown | ReadError::NotFound(_) => NOT_FOUND,
        _ => BAD_REQUEST,
    }
    SearchError {
        _ => BAD_REQUEST,
    }
    ObservedError {
        _ => UNPROCESSABLE_ENTITY,
    }
    SightError {
        SightError::Unknown => NOT_FOUND,
        SightError::Accept(AcceptError::Refused(_)) => FORBIDDEN,
        SightError::Accept(AcceptError::NotFound) => NOT_FOUND,
        _ => UNPROCESSABLE_ENTITY,
    }
    WhyError {
        WhyError::Read(ReadError::Refused(_)) => FORBIDDEN,
        WhyError::Read(ReadError::NotFound(_) | ReadError::CollectionUnknown) => NOT_FOUND,
        WhyError::Accept(AcceptError::Refused(_)) => FORBIDDEN,
        WhyError::Accept(AcceptError::NotFound) => NOT_FOUND,
        _ => UNPROCESSABLE_ENTITY,
    }
    UpkeepError {
        UpkeepError::Refused(_) => FORBIDDEN,
        UpkeepError::Store(_) => NOT_FOUND,
    }
}
