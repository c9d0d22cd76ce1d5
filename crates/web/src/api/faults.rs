//! From the errors of deeds to problems: which status each gets where it is the caller's fault.

use http::StatusCode;
use node::{
    AcceptError, AccountError, ImportError, JobError, LookUpError, ObservedError, SearchError, SightError,
    UpkeepError,
};

use crate::Problem;

/// A table from error to status where the caller is at fault; everything else is the frame's table.
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
    AccountError {
        AccountError::Refused(_) => FORBIDDEN,
        AccountError::UserUnknown | AccountError::TokenUnknown => NOT_FOUND,
        AccountError::NameTaken(_) | AccountError::LastAdmin => CONFLICT,
        AccountError::Crowded => TOO_MANY_REQUESTS,
        _ => UNPROCESSABLE_ENTITY,
    }
    ImportError {
        ImportError::Accept(AcceptError::Refused(_)) => FORBIDDEN,
        ImportError::Accept(AcceptError::NotFound) => NOT_FOUND,
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
    UpkeepError {
        UpkeepError::Refused(_) => FORBIDDEN,
        UpkeepError::Store(_) => NOT_FOUND,
    }
}
