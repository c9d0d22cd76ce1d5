//! Which road a request came by, and whose node calls: asked before a body is read, and again for every request, since a
//! member may be put aside while a connection lasts.

use std::sync::Arc;

use community::{MemberId, Road};
use http::StatusCode;
use node::RoadError;
use rustls::pki_types::CertificateDer;

use crate::app::MembersTls;
use crate::{App, Problem, Trail};

/// The road a request came by.
#[derive(Clone, Debug, Default)]
pub enum Came {
    /// Anybody's: nothing was asked of who calls.
    #[default]
    Open,
    /// That of members' nodes: the certificates that were shown, of which nothing is known but that who showed them holds the
    /// key of the first. There may be none.
    AsMember(Arc<[CertificateDer<'static>]>),
}

/// Who takes a turn must show whose node it is, where this node's member has told the others to come that way.
///
/// # Errors
/// A certificate that does not count, or none where one is asked for; the store failed.
pub(crate) async fn of_turn(app: &App, trail: &Trail) -> Result<Option<MemberId>, Problem> {
    match &trail.road {
        Came::AsMember(shown) => Ok(Some(judged(app, shown).await?.map_err(|error| refused(error, None))?)),
        Came::Open => {
            let asked = app.options().members_tls == MembersTls::Required
                && app.node().own_road().await? == Some(Road::Mutual);
            if asked { Err(refused(RoadError::Missing, None)) } else { Ok(None) }
        }
    }
}

/// Who asks about the registry may be a stranger that wants to join, or a member whose new key is not known here yet: what it
/// says speaks for itself. `None` where it cannot be told whose node calls.
///
/// # Errors
/// A certificate out of its time, or none that can be read; the store failed.
pub(crate) async fn of_question(app: &App, trail: &Trail) -> Result<Option<MemberId>, Problem> {
    let Came::AsMember(shown) = &trail.road else { return Ok(None) };
    match judged(app, shown).await? {
        Ok(caller) => Ok(Some(caller)),
        Err(RoadError::Missing | RoadError::Unknown | RoadError::Revoked) => Ok(None),
        Err(error) => Err(refused(error, None)),
    }
}

/// The member whose node shows these certificates, where they count now.
pub(crate) async fn caller(app: &App, shown: &[CertificateDer<'static>]) -> Option<MemberId> {
    judged(app, shown).await.ok()?.ok()
}

async fn judged(
    app: &App,
    shown: &[CertificateDer<'static>],
) -> Result<Result<MemberId, RoadError>, Problem> {
    let chain: Vec<&[u8]> = shown.iter().map(AsRef::as_ref).collect();
    Ok(app.node().caller_of(&chain).await?)
}

/// A refusal that the operator reads of as well: it is a fault of a member's node, or an attempt.
pub(crate) fn refused(error: RoadError, caller: Option<MemberId>) -> Problem {
    let member = caller.map(|caller| caller.to_string());
    tracing::warn!(code = error.code(), member, "a node that called was refused: {error}");
    Problem::of_fault(error.fault(), StatusCode::FORBIDDEN, error.code(), &error)
}
