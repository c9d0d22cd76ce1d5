//! From the errors of deeds to problems, for every door: which status each gets where it is the caller's fault.

use http::StatusCode;
use node::{
    AcceptError, AccountError, ApprovalError, CollectionError, CommunityError, ImportError, JobError,
    LookUpError, NarrowError, ObservedError, ProveError, ReadError, SearchError, SightError, UpkeepError,
    WhyError,
};

use crate::Problem;

impl From<ApprovalError> for Problem {
    fn from(error: ApprovalError) -> Self {
        let status = match &error {
            ApprovalError::Refused(_) => StatusCode::FORBIDDEN,
            ApprovalError::Unknown => StatusCode::NOT_FOUND,
            ApprovalError::Pending { .. } | ApprovalError::Decided | ApprovalError::Expired => {
                StatusCode::CONFLICT
            }
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        let problem = Self::of_fault(error.fault(), status, error.code(), &error);
        match error {
            ApprovalError::Pending { id } => problem.awaiting(id),
            _ => problem,
        }
    }
}

/// A table from error to status where the caller is at fault; everything else is the table in `problem`.
macro_rules! statuses {
    ($($error:ident $(passing $inner:ident)? { $($pattern:pat => $status:ident,)* })*) => {
        $(impl From<$error> for Problem {
            fn from(error: $error) -> Self {
                $(let error = match error {
                    $error::$inner(inner) => return inner.into(),
                    error => error,
                };)?
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
        AcceptError::TooCostly(_) => UNPROCESSABLE_ENTITY,
        _ => BAD_REQUEST,
    }
    AccountError passing Second {
        AccountError::Refused(_) => FORBIDDEN,
        AccountError::UserUnknown | AccountError::TokenUnknown => NOT_FOUND,
        AccountError::NameTaken(_) | AccountError::LastAdmin | AccountError::TooManyTokens => CONFLICT,
        AccountError::Crowded => TOO_MANY_REQUESTS,
        _ => UNPROCESSABLE_ENTITY,
    }
    CollectionError passing Second {
        CollectionError::Refused(_) => FORBIDDEN,
        CollectionError::NotFound => NOT_FOUND,
        CollectionError::NameTaken(_) => CONFLICT,
        _ => BAD_REQUEST,
    }
    CommunityError passing Second {
        CommunityError::Refused(_) | CommunityError::Stranger | CommunityError::FormerKey | CommunityError::Misdirected => FORBIDDEN,
        CommunityError::Road(_) => FORBIDDEN,
        CommunityError::None | CommunityError::NothingPending | CommunityError::CircleUnknown => NOT_FOUND,
        CommunityError::NotInCircle(_) => NOT_FOUND,
        CommunityError::Rule(community::Rule::MemberUnknown) | CommunityError::MemberUnknown(_) => NOT_FOUND,
        CommunityError::Already | CommunityError::Pending | CommunityError::Ambiguous => CONFLICT,
        CommunityError::CircleExists | CommunityError::Crowded => CONFLICT,
        CommunityError::NoVote | CommunityError::LastVote => CONFLICT,
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
    ReadError passing Second {
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
    NarrowError {
        NarrowError::Read(ReadError::Refused(_)) => FORBIDDEN,
        NarrowError::Read(ReadError::NotFound(_) | ReadError::CollectionUnknown) => NOT_FOUND,
        _ => UNPROCESSABLE_ENTITY,
    }
    UpkeepError passing Second {
        UpkeepError::Refused(_) => FORBIDDEN,
        _ => NOT_FOUND,
    }
}
