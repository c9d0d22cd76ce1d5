//! Where an object came from: whose word it is, by which road, under whose signature, for whom, and who has signed for it.

use handling::Principal;
use node::HolderView;
use store::StoredObject;

use super::words::Tag;
use crate::{App, Problem};

/// What a page says of an object's origin.
pub(crate) struct Origin {
    /// The member whose word it is.
    pub(crate) member: String,
    /// Whether that is this node's own member.
    pub(crate) own: bool,
    /// The members it went through.
    pub(crate) road: String,
    /// How its signature stands, where there is one.
    pub(crate) signature: Option<Tag>,
    /// Its place in the originator's ledger.
    pub(crate) leaf: Option<u64>,
    /// For whom it is, where it is not for everybody.
    pub(crate) addressees: Vec<String>,
    /// Who has it, and since when; of an own object.
    pub(crate) holders: Vec<Holder>,
}

/// A member that holds an own object, or was to have it.
pub(crate) struct Holder {
    pub(crate) member: String,
    pub(crate) received: String,
    pub(crate) receipt: Tag,
}

impl Origin {
    /// What is known of an object that the reader may see; `None` while this node's member is in no community.
    pub(crate) async fn of(
        app: &App,
        who: &Principal,
        stored: &StoredObject,
    ) -> Result<Option<Self>, Problem> {
        let provenance = app.node().provenance(who, stored).await?;
        let Some(member) = provenance.origin else { return Ok(None) };
        let own = provenance.path.len() == 1;
        let handling = app.node().handling_of(stored.tlp, &stored.places).await?;
        let mut holders = if own { app.node().holders(who, &stored.id).await? } else { Vec::new() };
        holders.sort_by(|one, other| one.member.cmp(&other.member));
        Ok(Some(Self {
            own,
            road: provenance.path.join(" → "),
            signature: provenance.signature.map(sealed),
            leaf: provenance.leaf,
            addressees: handling.to.iter().map(|clause| names(clause, &member)).collect(),
            holders: holders.into_iter().map(holder).collect(),
            member,
        }))
    }
}

fn sealed(signature: &'static str) -> Tag {
    Tag::new(if signature == "valid" { "good" } else { "bad" }, format!("signature {signature}"))
}

/// Everybody in a list of addressees, as people name them.
fn names(clause: &[String], origin: &str) -> String {
    let name = |written: &String| match written.as_str() {
        "originator" => origin.to_owned(),
        other => other.strip_prefix("member:").unwrap_or(other).to_owned(),
    };
    let mut names: Vec<String> = clause.iter().map(name).collect();
    names.sort_unstable();
    names.dedup();
    names.join(", ")
}

fn holder(view: HolderView) -> Holder {
    let receipt = match (view.taking_back.unwrap_or(view.receipt), view.waits) {
        (_, Some(waits)) => Tag::new("warn", format!("waits: {waits}")),
        ("valid", None) => Tag::new("good", "receipt valid"),
        (other, None) => Tag::new("warn", format!("receipt {other}")),
    };
    let received = view.received_at.map_or_else(String::new, |at| {
        let whole = at.split('.').next().unwrap_or(&at);
        format!("{} UTC", whole.trim_end_matches('Z').replace('T', " "))
    });
    Holder { member: view.member, received, receipt }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addressees_are_named_as_people_name_them() {
        let clause = ["originator", "member:cert-b", "circle:banks", "user:ann"].map(str::to_owned);
        assert_eq!(names(&clause, "cert-a"), "cert-a, cert-b, circle:banks, user:ann");
    }

    #[test]
    fn who_has_not_signed_yet_is_told_apart() {
        let view = |received_at: Option<&str>, receipt| HolderView {
            member: "cert-b".to_owned(),
            rule: "released".to_owned(),
            received_at: received_at.map(str::to_owned),
            receipt,
            taking_back: None,
            waits: None,
        };
        let (signed, waiting) =
            (holder(view(Some("2026-11-22T04:36:54.6Z"), "valid")), holder(view(None, "missing")));
        assert_eq!((signed.received.as_str(), signed.receipt.class), ("2026-11-22 04:36:54 UTC", "good"));
        assert_eq!((waiting.received.as_str(), waiting.receipt.class), ("", "warn"));
        assert_eq!((sealed("valid").class, sealed("invalid").class), ("good", "bad"));
    }
}
