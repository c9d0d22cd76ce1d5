//! Changing one's own password. Whoever was given one by somebody else answers nothing that this somebody asks for, until then.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use base::Redacted;
use http::StatusCode;
use node::{Credential, UserView};
use serde::Deserialize;

use super::form::{Fields, same_session};
use super::{Frame, Reader, go_to, html};
use crate::caller::Peer;
use crate::{App, Problem};

#[derive(Template)]
#[template(path = "password.html")]
struct Page {
    frame: Frame,
    csrf: String,
    account: UserView,
}

/// The form.
pub(crate) async fn ask(State(app): State<App>, reader: Reader) -> Result<Response, Problem> {
    let account = app.node().own_account(&reader.who).await?;
    let page = Page { frame: Frame::of(&app, &reader, "/password").await, csrf: reader.csrf, account };
    Ok(html(StatusCode::OK, &page))
}

/// The password as it is and as it shall be.
#[derive(Deserialize)]
pub(crate) struct Change {
    csrf: String,
    present: String,
    new: String,
}

/// Changes the password, which ends every session, this one too.
pub(crate) async fn change(
    State(app): State<App>,
    reader: Reader,
    Peer(peer): Peer,
    Fields(change): Fields<Change>,
) -> Result<Response, Problem> {
    same_session(&reader, &change.csrf)?;
    // A session that was left open, or stolen, changes nothing: whoever sits there shows the password again.
    let credential =
        Credential::Password { user: reader.who.name.clone(), password: Redacted::new(change.present) };
    let owner = app.node().authenticate(credential, &peer).await?;
    app.node().set_password(&owner, &owner.name, &Redacted::new(change.new)).await?;
    Ok(go_to("/sign-in"))
}
