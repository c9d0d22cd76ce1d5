//! The memory of long jobs: where a pull from another server goes on after an interruption.
//!
//! Each user has their own; nobody reads another's.

use base::limit::{JOB_STATE_BYTES_MAX, JOBS_PER_USER_MAX, NAME_CHARS_MAX};
use handling::{Principal, Refusal, Scope};
use store::{Fault, Job, StoreError};

use crate::Node;

/// Why a job's memory was neither read nor written.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// Not with this credential.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Not a name a job can have.
    #[error("a job has a name of 1 to {NAME_CHARS_MAX} characters")]
    NameUnfit,
    /// More than a job may remember.
    #[error("a job remembers at most {JOB_STATE_BYTES_MAX} bytes")]
    TooLong,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl JobError {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.rule.code(),
            Self::NameUnfit => "name-unfit",
            Self::TooLong => "job-state-too-long",
            Self::Store(error) => error.code(),
        }
    }

    /// Whose fault it is.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Store(error) => error.fault(),
            _ => Fault::Caller,
        }
    }
}

impl Node {
    /// What one of this principal's jobs remembers; `None` before it has written anything down.
    ///
    /// # Errors
    /// See [`JobError`].
    pub async fn job(&self, who: &Principal, name: &str) -> Result<Option<String>, JobError> {
        handling::may_use(who, Scope::Read)?;
        Ok(self.store().job(&own(who, name)?).await?.map(|job| job.state))
    }

    /// Writes down what one of this principal's jobs remembers. Of more than [`JOBS_PER_USER_MAX`] the one that wrote longest ago is
    /// forgotten: names follow from logins, and a new token is a new name for the rest of its life.
    ///
    /// # Errors
    /// See [`JobError`]; the old memory stays.
    pub async fn put_job(&self, who: &Principal, name: &str, state: String) -> Result<(), JobError> {
        handling::may_use(who, Scope::Write)?;
        if state.len() > JOB_STATE_BYTES_MAX {
            return Err(JobError::TooLong);
        }
        let (name, all) = (own(who, name)?, format!("{}:", who.user.0));
        let is_new = self.store().job(&name).await?.is_none();
        self.store().put_job(Job { name, state, at: self.now() }).await?;
        if is_new {
            self.store().forget_jobs(&all, JOBS_PER_USER_MAX).await?;
        }
        Ok(())
    }
}

fn own(who: &Principal, name: &str) -> Result<String, JobError> {
    if !(1..=NAME_CHARS_MAX).contains(&name.chars().count()) {
        return Err(JobError::NameUnfit);
    }
    Ok(format!("{}:{name}", who.user.0))
}
