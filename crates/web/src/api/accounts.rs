//! People and tokens over the JSON API.

use axum::Json;
use axum::extract::{Path, State};
use base::limit::TOKEN_SECONDS_MAX;
use base::{Micros, Redacted};
use handling::{Role, Scope};
use http::StatusCode;
use node::{Expiry, Lasting, NewUser, Standing, TokenRequest, TokenView, UserView};
use serde::{Deserialize, Serialize};
use stix::Timestamp;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::list::List;
use super::params::Params;
use crate::{App, Caller, JsonBody, Problem};

/// Who the credential in use belongs to.
#[derive(Serialize, ToSchema)]
pub(crate) struct Me {
    /// User name.
    #[schema(example = "ann")]
    user: String,
    /// Roles.
    roles: Vec<&'static str>,
    /// What the credential may be used for.
    scopes: Vec<&'static str>,
}

/// A user.
#[derive(Serialize, ToSchema)]
pub(crate) struct User {
    /// Unique name.
    name: String,
    /// Roles.
    roles: Vec<&'static str>,
    /// Whether signing in is off.
    disabled: bool,
    /// Whether the user has a password, or signs in by token only.
    has_password: bool,
    /// When created (RFC 3339).
    created: String,
    /// Who created them; null for whoever held the directory, and where it was not kept yet.
    made_by: Option<String>,
    /// Who set the password last; null as for made_by.
    password_by: Option<String>,
    /// When (RFC 3339).
    password_at: Option<String>,
}

impl From<UserView> for User {
    fn from(view: UserView) -> Self {
        let UserView { name, roles, disabled, has_password, created, made_by, password_by, password_at } =
            view;
        Self { name, roles, disabled, has_password, created, made_by, password_by, password_at }
    }
}

/// A user to be created.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserToAdd {
    /// Unique name.
    name: String,
    /// At least one of reader, analyst, approver, admin, auditor, contact.
    roles: Vec<String>,
    /// Password; without it the user signs in by token only.
    password: Option<String>,
}

/// Changes to a user; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserChange {
    /// Whether signing in is off.
    disabled: Option<bool>,
    /// Every role the user is to have.
    roles: Option<Vec<String>>,
}

/// A new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPassword {
    /// At least 10 characters.
    password: String,
}

/// A token as its user and administrators see it; what it is is not shown.
#[derive(Serialize, ToSchema)]
pub(crate) struct Token {
    /// Public id, for listing and revoking.
    id: String,
    /// Whose.
    user: String,
    /// What for.
    scopes: Vec<&'static str>,
    /// When it was made (RFC 3339).
    created: String,
    /// When it ends (RFC 3339); null = when it is revoked.
    expires: Option<String>,
    /// When it was revoked (RFC 3339).
    revoked: Option<String>,
    /// Who made it; null for whoever held the directory, and where it was not kept yet.
    made_by: Option<String>,
    /// To whom besides its user it is known: who made it, and who has had what it was made with.
    known_to: Vec<String>,
}

impl From<TokenView> for Token {
    fn from(view: TokenView) -> Self {
        let TokenView { id, user, scopes, created, expires, revoked, made_by, known_to } = view;
        Self { id, user, scopes, created, expires, revoked, made_by, known_to }
    }
}

/// A token to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenToMake {
    /// Whose.
    user: String,
    /// Of read, write, admin; none = read.
    #[serde(default)]
    scopes: Vec<String>,
    /// When it ends (RFC 3339); none = when it is revoked.
    expires: Option<String>,
    /// In place of it: how many seconds it lasts, by the clock of the node. At most 100 years.
    expires_in: Option<i64>,
}

/// A new token, shown this once.
#[derive(Serialize, ToSchema)]
pub(crate) struct MadeToken {
    /// Public id.
    id: String,
    /// The token.
    token: String,
    /// What for.
    scopes: Vec<&'static str>,
    /// When it ends (RFC 3339).
    expires: Option<String>,
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(me))
        .routes(routes!(users, add_user))
        .routes(routes!(change_user))
        .routes(routes!(set_password))
        .routes(routes!(tokens, make_token))
        .routes(routes!(revoke_token))
}

/// Who the credential in use belongs to
#[utoipa::path(get, path = "/api/v1/me", tag = "accounts", responses((status = 200, body = Me)))]
async fn me(Caller(who): Caller, params: Params) -> Result<Json<Me>, Problem> {
    params.end()?;
    Ok(Json(Me {
        user: who.name.clone(),
        roles: who.roles.iter().map(|role| role.name()).collect(),
        scopes: who.scopes.iter().map(|scope| scope.name()).collect(),
    }))
}

/// Everybody, by name
#[utoipa::path(get, path = "/api/v1/users", tag = "accounts",
    params(("limit" = Option<usize>, Query), ("next" = Option<String>, Query)),
    responses((status = 200, body = List<User>)))]
async fn users(
    State(app): State<App>,
    Caller(who): Caller,
    params: Params,
) -> Result<Json<List<User>>, Problem> {
    let users: Vec<User> = app.node().users(&who).await?.into_iter().map(User::from).collect();
    List::page(users, |user| &user.name, params).map(Json)
}

/// Add a user
#[utoipa::path(post, path = "/api/v1/users", tag = "accounts", request_body = UserToAdd,
    responses((status = 201, body = User), (status = 409, description = "the name is taken")))]
async fn add_user(
    State(app): State<App>,
    Caller(who): Caller,
    JsonBody(user): JsonBody<UserToAdd>,
) -> Result<(StatusCode, Json<User>), Problem> {
    let new = NewUser {
        name: user.name,
        roles: roles_of(&user.roles)?,
        password: user.password.map(Redacted::new),
    };
    let view = app.node().add_user(&who, new).await?;
    Ok((StatusCode::CREATED, Json(view.into())))
}

/// Change a user's standing or roles
#[utoipa::path(patch, path = "/api/v1/users/{name}", tag = "accounts", request_body = UserChange,
    params(("name" = String, Path)), responses((status = 200, body = User)))]
async fn change_user(
    State(app): State<App>,
    Caller(who): Caller,
    Path(name): Path<String>,
    JsonBody(change): JsonBody<UserChange>,
) -> Result<Json<User>, Problem> {
    let roles = change.roles.as_deref().map(roles_of).transpose()?;
    let standing =
        change.disabled.map(|disabled| if disabled { Standing::Disabled } else { Standing::Enabled });
    app.node().change_user(&who, &name, roles, standing).await?;
    let users = app.node().users(&who).await?;
    let user = users.into_iter().find(|user| user.name.to_lowercase() == name.to_lowercase());
    user.map(|user| Json(user.into())).ok_or_else(|| node::AccountError::UserUnknown.into())
}

/// Replace a password and end the user's sessions
#[utoipa::path(put, path = "/api/v1/users/{name}/password", tag = "accounts", request_body = NewPassword,
    params(("name" = String, Path)), responses((status = 204)))]
async fn set_password(
    State(app): State<App>,
    Caller(who): Caller,
    Path(name): Path<String>,
    JsonBody(new): JsonBody<NewPassword>,
) -> Result<StatusCode, Problem> {
    app.node().set_password(&who, &name, &Redacted::new(new.password)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Tokens: one's own, or everybody's for administrators
#[utoipa::path(get, path = "/api/v1/tokens", tag = "accounts",
    params(("user" = Option<String>, Query), ("limit" = Option<usize>, Query), ("next" = Option<String>, Query)),
    responses((status = 200, body = List<Token>)))]
async fn tokens(
    State(app): State<App>,
    Caller(who): Caller,
    mut params: Params,
) -> Result<Json<List<Token>>, Problem> {
    let user = params.one("user")?;
    let tokens = app.node().tokens(&who, user.as_deref()).await?;
    let tokens: Vec<Token> = tokens.into_iter().map(Token::from).collect();
    List::page(tokens, |token| &token.id, params).map(Json)
}

/// Make a token
#[utoipa::path(post, path = "/api/v1/tokens", tag = "accounts", request_body = TokenToMake,
    responses((status = 201, body = MadeToken)))]
async fn make_token(
    State(app): State<App>,
    Caller(who): Caller,
    JsonBody(wanted): JsonBody<TokenToMake>,
) -> Result<(StatusCode, Json<MadeToken>), Problem> {
    let scopes = wanted.scopes.iter().map(|name| name.parse::<Scope>());
    let scopes = scopes.collect::<Result<Vec<_>, _>>();
    let scopes =
        scopes.map_err(|error| Problem::bad_request("scope-unknown", error.to_string()).at("scopes"))?;
    let expires = expiry(&wanted)?;
    let request = TokenRequest { user: wanted.user, scopes, expires };
    let made = app.node().issue_token(&who, request).await?;
    let made = MadeToken {
        id: made.id,
        token: made.token.expose().clone(),
        scopes: made.scopes.iter().map(|scope| scope.name()).collect(),
        expires: made.expires.map(Timestamp::text_of),
    };
    Ok((StatusCode::CREATED, Json(made)))
}

/// Revoke a token; twice is no error
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", tag = "accounts",
    params(("id" = String, Path)), responses((status = 204)))]
async fn revoke_token(
    State(app): State<App>,
    Caller(who): Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    app.node().revoke_token(&who, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn expiry(wanted: &TokenToMake) -> Result<Option<Expiry>, Problem> {
    let wrong = |detail: String| Problem::bad_request("timestamp", detail).at("expires_in");
    match (&wanted.expires, wanted.expires_in) {
        (None, None) => Ok(None),
        (Some(at), None) => Ok(Some(Expiry::At(moment(at)?))),
        (None, Some(seconds)) => {
            let lasting = Lasting::of(seconds).ok_or_else(|| {
                wrong(format!("expires_in is a number of seconds, 1 to {TOKEN_SECONDS_MAX}"))
            })?;
            Ok(Some(Expiry::After(lasting)))
        }
        (Some(_), Some(_)) => Err(wrong("a token ends by expires or by expires_in, not by both".to_owned())),
    }
}

fn roles_of(names: &[String]) -> Result<Vec<Role>, Problem> {
    let roles = names.iter().map(|name| name.parse::<Role>()).collect::<Result<Vec<_>, _>>();
    roles.map_err(|error| Problem::bad_request("role-unknown", error.to_string()).at("roles"))
}

fn moment(text: &str) -> Result<Micros, Problem> {
    let at = stix::Timestamp::from_rfc3339(text);
    let at = at.map_err(|error| Problem::bad_request("timestamp", error.to_string()).at("expires"))?;
    Ok(at.micros())
}
