//! What the door's own codes mean: `cresset explain CODE`. Codes of deeds are `node`'s.

/// Every code that this crate gives, in alphabetical order, with what it means and what to do.
#[must_use]
pub const fn codes() -> &'static [(&'static str, &'static str)] {
    CODES
}

/// What `code` means, whichever crate gives it; `None` for a code this program never gives.
#[must_use]
pub fn explain(code: &str) -> Option<&'static str> {
    node::explain(code).or_else(|| CODES.iter().find(|(known, _)| *known == code).map(|(_, text)| *text))
}

/// Every code this program gives, in alphabetical order, with its explanation.
#[must_use]
pub fn all_codes() -> Vec<(&'static str, &'static str)> {
    let mut all = node::all_codes();
    all.extend_from_slice(CODES);
    all.sort_unstable();
    all.dedup_by_key(|(code, _)| *code);
    all
}

static CODES: &[(&str, &str)] = &[
    ("access-unknown", "A grant is `rw`, `r`, `w`, or `none` to take it back."),
    (
        "bad-host",
        "A request of HTTP/1.1 names the server it is for in one head field Host. Every HTTP client does so by itself: look at what stands between it and the node.",
    ),
    (
        "body-broken",
        "The request body ended early or its framing is wrong. Nothing of it was kept; send it again.",
    ),
    (
        "body-coding",
        "Bodies are taken as they are or compressed once with gzip; other content codings are not understood.",
    ),
    ("body-decoder", "The node could not decode the body for a reason of its own; its log tells more."),
    ("body-gzip", "The body says it is compressed with gzip but is not a whole gzip stream."),
    (
        "body-json",
        "The body is not JSON of the form this address takes; the answer says where it went wrong.",
    ),
    (
        "body-places-taken",
        "Too many large bodies are being read at the same time. Wait as long as the answer says and send again.",
    ),
    ("body-slow", "The body came too slowly and was given up."),
    (
        "body-too-large",
        "The body is larger than the node takes, counted after decoding. TAXII tells the limit as max_content_length; send the objects in several requests.",
    ),
    ("body-type", "The body's Content-Type is none that this address takes."),
    (
        "circle-change",
        "A change of a circle names members to be taken in, or members to be taken out, at least one.",
    ),
    (
        "csrf-token-missing",
        "A browser session writes only with the session's own token in X-CSRF-Token, so that no other site can act for its user.",
    ),
    ("envelope-empty", "The TAXII envelope holds no objects; a list in TAXII has at least one value."),
    ("envelope-json", "The body is not a JSON document: wrong syntax, not UTF-8, or cut off."),
    (
        "envelope-objects-max",
        "The envelope holds more objects than one request may bring. Send them in several.",
    ),
    ("envelope-reader", "The node could not read the envelope for a reason of its own; its log tells more."),
    (
        "envelope-shape",
        "The body is JSON but not a TAXII envelope: an object with a list called objects, each property at most once.",
    ),
    (
        "form-from-elsewhere",
        "The form was sent from a page of another site, so that a browser acts for its user without their knowing. Open the page on this node and send it there.",
    ),
    (
        "form-malformed",
        "The form does not have the fields that this page sends, or a field has a value that it cannot have. Load the page again.",
    ),
    ("frame-missing", "A defect of the program: a request lost what the frame notes about it."),
    ("method-not-allowed", "This address does not take this method; Allow tells which it takes."),
    (
        "not-acceptable",
        "Accept does not allow the media type of this address. TAXII is application/taxii+json;version=2.1.",
    ),
    (
        "pages-under-way",
        "So many answers are under way to this account and not read that another one found no place in time. Read them first, or ask for fewer at once.",
    ),
    (
        "panic",
        "A defect of the program: a handler gave up. Nothing of the request was kept; the log tells more.",
    ),
    (
        "query-encoding",
        "The address holds a % that is not followed by two hexadecimal digits, or text that is not UTF-8.",
    ),
    ("query-field-twice", "A field of the query that may stand once stands more than once."),
    ("query-malformed", "A field of the query does not have the form that TAXII 2.1, section 3.4, gives it."),
    ("request-refused", "The request does not have the form that this address takes."),
    ("role-unknown", "A role is reader, analyst, approver, admin, auditor or contact."),
    ("scope-unknown", "A scope of a token is read, write or admin."),
    ("status-missing", "A defect of the program: a request to add objects left no status resource."),
    (
        "stored-job-unreadable",
        "What the node keeps of this pull or push cannot be read: stored data is damaged, or of another version. `cresset doctor --deep` tells more.",
    ),
    (
        "stored-object-unreadable",
        "A stored object cannot be read as JSON: stored data is damaged. `cresset doctor --deep` tells which.",
    ),
    (
        "target-too-long",
        "The address with its query is longer than the node takes. Ask for fewer values at once.",
    ),
    (
        "witness-ledger-unknown",
        "The checkpoint is of no ledger that this member is a witness of: those of the other members of its community that take part.",
    ),
    (
        "witness-proof",
        "The proof does not show that the checkpoint continues the one that was cosigned last, whose size the request names.",
    ),
    (
        "witness-request",
        "The request is not one to cosign: an old size, up to 63 hashes, an empty line, a checkpoint no smaller than the old size (C2SP tlog-witness).",
    ),
    ("witness-signature", "The checkpoint is signed by none of its ledger's keys."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_and_unique() {
        assert!(codes().is_sorted_by(|left, right| left.0 < right.0));
    }
}
