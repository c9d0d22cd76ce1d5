//! What the server says of itself, its collections and the fate of requests: TAXII 2.1, sections 4, 5.1 and 5.2.

use http::header::HOST;
use node::CollectionView;
use taxii::resource::to_json;
use taxii::{ApiRoot, Collection, Collections, Discovery};

use super::{Asked, convert, ok};
use crate::Problem;
use crate::reply::Reply;

/// Longest `Host` that is put into an address, in bytes.
const HOST_BYTES_MAX: usize = 255;

pub(super) fn discovery(asked: &Asked<'_>) -> Reply {
    let options = asked.app.options();
    let root = format!("{}/{}/", base_url(asked), options.api_root);
    ok(to_json(&Discovery {
        title: options.title.clone(),
        description: Some("STIX 2.1 intelligence over TAXII 2.1".to_owned()),
        contact: options.contact.clone(),
        default: Some(root.clone()),
        api_roots: vec![root],
    }))
}

/// The address of this server as the client reached it; empty (so that addresses are relative) when the client did not say.
fn base_url(asked: &Asked<'_>) -> String {
    let options = asked.app.options();
    if let Some(url) = &options.public_url {
        return url.trim_end_matches('/').to_owned();
    }
    let host = asked.parts.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let plain = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte));
    if host.is_empty() || host.len() > HOST_BYTES_MAX || !plain {
        return String::new();
    }
    let scheme = if options.tls.is_some() { "https" } else { "http" };
    format!("{scheme}://{host}")
}

pub(super) fn api_root(asked: &Asked<'_>) -> Reply {
    let options = asked.app.options();
    ok(to_json(&ApiRoot {
        title: options.title.clone(),
        description: Some("the collections of this node".to_owned()),
        versions: vec![taxii::MEDIA_TYPE.to_owned()],
        max_content_length: u64::try_from(options.body_bytes_max).unwrap_or(u64::MAX),
    }))
}

pub(super) async fn status(asked: &Asked<'_>, id: &str) -> Result<Reply, Problem> {
    let status = asked.app.node().status_of(&asked.caller, id).await?;
    Ok(ok(to_json(&convert::status(status.into_inner()))))
}

pub(super) async fn collections(asked: &Asked<'_>) -> Result<Reply, Problem> {
    let views = asked.app.node().collections(&asked.caller).await?;
    let known = views.into_iter().filter(|view| view.can_read || view.can_write);
    Ok(ok(to_json(&Collections { collections: known.map(described).collect() })))
}

pub(super) async fn collection(asked: &Asked<'_>, id: &str) -> Result<Reply, Problem> {
    let view = asked.app.node().collection(&asked.caller, id).await?;
    if !view.can_read && !view.can_write {
        return Err(Problem::collection_unknown());
    }
    Ok(ok(to_json(&described(view))))
}

fn described(view: CollectionView) -> Collection {
    Collection {
        id: view.id,
        title: view.title,
        description: view.description,
        alias: view.alias,
        can_read: view.can_read,
        can_write: view.can_write,
        media_types: [taxii::STIX_MEDIA_TYPE, taxii::STIX_2_0_MEDIA_TYPE].map(str::to_owned).to_vec(),
    }
}
