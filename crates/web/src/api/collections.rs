//! Collections and grants over the JSON API.

use axum::Json;
use axum::extract::{Path, State};
use handling::Access;
use http::StatusCode;
use node::{CollectionView, GrantView, GranteeName, NewCollection};
use serde::{Deserialize, Serialize};
use stix::Timestamp;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::list::List;
use super::params::Params;
use crate::{App, Caller, JsonBody, Object, Problem};

/// A collection as the caller may know it.
#[derive(Serialize, ToSchema)]
pub(crate) struct Collection {
    /// Identifier in addresses: a UUID.
    id: String,
    /// Readable name for addresses.
    alias: Option<String>,
    /// Title.
    title: String,
    /// Description.
    description: Option<String>,
    /// Whether objects with any error finding are refused.
    strict: bool,
    /// Whether the caller may read it.
    can_read: bool,
    /// Whether the caller may write to it.
    can_write: bool,
    /// When something was last added (RFC 3339); null where the caller may not read.
    last_added: Option<String>,
}

impl From<CollectionView> for Collection {
    fn from(view: CollectionView) -> Self {
        Self {
            id: view.id,
            alias: view.alias,
            title: view.title,
            description: view.description,
            strict: view.strict,
            can_read: view.can_read,
            can_write: view.can_write,
            last_added: view.last_added.map(Timestamp::text_of),
        }
    }
}

/// A collection to be added.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CollectionToAdd {
    /// A UUID, or a readable name from which it is derived; none = a random UUID.
    id: Option<String>,
    /// Readable name for addresses.
    alias: Option<String>,
    /// Title.
    title: String,
    /// Description.
    description: Option<String>,
    /// Whether to refuse objects with any error finding.
    #[serde(default)]
    strict: bool,
    /// Who may do what, from the start.
    #[serde(default)]
    #[schema(value_type = Vec<GrantToSet>)]
    grants: Vec<Object<GrantToSet>>,
}

/// A grant to be set.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GrantToSet {
    /// `user:NAME` or `role:ROLE`.
    grantee: String,
    /// `rw`, `r`, `w`, or `none` to take the grant back.
    access: String,
}

impl GrantToSet {
    fn read(&self) -> Result<(GranteeName, Access), Problem> {
        let grantee: GranteeName = self.grantee.parse().map_err(Problem::from)?;
        let access = self.access.parse::<Access>();
        let access =
            access.map_err(|error| Problem::bad_request("access-unknown", error.to_string()).at("access"))?;
        Ok((grantee, access))
    }
}

/// One line of an access list.
#[derive(Serialize, ToSchema)]
pub(crate) struct Grant {
    /// Id of the collection.
    collection: String,
    /// `user:NAME` or `role:ROLE`.
    grantee: String,
    /// `rw`, `r` or `w`.
    access: &'static str,
}

impl From<GrantView> for Grant {
    fn from(view: GrantView) -> Self {
        let GrantView { collection, grantee, access } = view;
        Self { collection, grantee, access }
    }
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(collections, add_collection))
        .routes(routes!(collection, remove_collection))
        .routes(routes!(grants, set_grant))
}

/// Collections the caller may know of
#[utoipa::path(get, path = "/api/v1/collections", tag = "collections",
    params(("limit" = Option<usize>, Query), ("next" = Option<String>, Query)),
    responses((status = 200, body = List<Collection>)))]
async fn collections(
    State(app): State<App>,
    Caller(who): Caller,
    params: Params,
) -> Result<Json<List<Collection>>, Problem> {
    let found = app.node().collections(&who).await?;
    let found: Vec<Collection> = found.into_iter().map(Collection::from).collect();
    List::page(found, |collection| &collection.id, params).map(Json)
}

/// Add a collection
#[utoipa::path(post, path = "/api/v1/collections", tag = "collections", request_body = CollectionToAdd,
    responses((status = 201, body = Collection), (status = 409, description = "the id or alias is taken")))]
async fn add_collection(
    State(app): State<App>,
    Caller(who): Caller,
    JsonBody(wanted): JsonBody<CollectionToAdd>,
) -> Result<(StatusCode, Json<Collection>), Problem> {
    let grants = wanted.grants.iter().map(|Object(grant)| grant.read()).collect::<Result<Vec<_>, _>>()?;
    let new = NewCollection {
        id: wanted.id,
        alias: wanted.alias,
        title: wanted.title,
        description: wanted.description,
        strict: wanted.strict,
        grants,
    };
    let view = app.node().add_collection(&who, new).await?;
    Ok((StatusCode::CREATED, Json(view.into())))
}

/// One collection, by id or alias
#[utoipa::path(get, path = "/api/v1/collections/{collection}", tag = "collections",
    params(("collection" = String, Path)), responses((status = 200, body = Collection)))]
async fn collection(
    State(app): State<App>,
    Caller(who): Caller,
    Path(name): Path<String>,
) -> Result<Json<Collection>, Problem> {
    Ok(Json(app.node().collection(&who, &name).await?.into()))
}

/// Remove a collection with everything that stands only in it
#[utoipa::path(delete, path = "/api/v1/collections/{collection}", tag = "collections",
    params(("collection" = String, Path)), responses((status = 204)))]
async fn remove_collection(
    State(app): State<App>,
    Caller(who): Caller,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    app.node().remove_collection(&who, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who may do what with a collection
#[utoipa::path(get, path = "/api/v1/collections/{collection}/grants", tag = "collections",
    params(("collection" = String, Path), ("limit" = Option<usize>, Query), ("next" = Option<String>, Query)),
    responses((status = 200, body = List<Grant>)))]
async fn grants(
    State(app): State<App>,
    Caller(who): Caller,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<List<Grant>>, Problem> {
    let found = app.node().grants(&who, Some(&name)).await?;
    let found: Vec<Grant> = found.into_iter().map(Grant::from).collect();
    List::page(found, |grant| &grant.grantee, params).map(Json)
}

/// Set one grant
#[utoipa::path(put, path = "/api/v1/collections/{collection}/grants", tag = "collections",
    params(("collection" = String, Path)), request_body = GrantToSet, responses((status = 204)))]
async fn set_grant(
    State(app): State<App>,
    Caller(who): Caller,
    Path(name): Path<String>,
    JsonBody(grant): JsonBody<GrantToSet>,
) -> Result<StatusCode, Problem> {
    let (grantee, access) = grant.read()?;
    app.node().grant(&who, &name, grantee, access).await?;
    Ok(StatusCode::NO_CONTENT)
}
