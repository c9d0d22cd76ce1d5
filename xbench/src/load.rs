//! What is measured with: ATT&CK where the data stands beside the workspace, and indicators made from a number.
//!
//! Objects stay raw text; an envelope is their concatenation. Nothing here is random: the n-th made object is always the same.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context, Result};
use flate2::read::GzDecoder;
use serde_json::value::RawValue;

/// Objects a request carries.
pub(crate) const ENVELOPE_OBJECTS: usize = 1000;

/// Raw objects and where they are from.
pub(crate) struct Load {
    pub(crate) name: &'static str,
    pub(crate) objects: Vec<String>,
}

/// ATT&CK Enterprise, or as many made objects when it is not there.
pub(crate) fn attack(root: &Path) -> Result<Load> {
    let path = root.join("../shared/data/attack/enterprise-attack.json.gz");
    if !path.is_file() {
        eprintln!("no ATT&CK data beside the workspace: measuring with made indicators instead");
        return Ok(Load { name: "made indicators", objects: (0..24_771).map(indicator).collect() });
    }
    let mut text = String::new();
    let file = std::fs::File::open(&path).with_context(|| format!("cannot open {}", path.display()))?;
    GzDecoder::new(file).read_to_string(&mut text).context("the ATT&CK data is not gzip")?;
    Ok(Load { name: "ATT&CK Enterprise", objects: bundle_objects(&text)? })
}

/// A bundle or an envelope, its objects unread.
#[derive(serde::Deserialize)]
struct Bundle<'a> {
    #[serde(borrow)]
    objects: Vec<&'a RawValue>,
}

/// The raw objects of a bundle, each with its bytes.
pub(crate) fn bundle_objects(text: &str) -> Result<Vec<String>> {
    let bundle: Bundle<'_> = serde_json::from_str(text).context("not a bundle")?;
    Ok(bundle.objects.iter().map(|object| object.get().to_owned()).collect())
}

/// How many objects a bundle splits into; keeps nothing.
pub(crate) fn split_count(text: &str) -> Result<usize> {
    let bundle: Bundle<'_> = serde_json::from_str(text).context("not a bundle")?;
    Ok(bundle.objects.len())
}

/// The `n`-th made indicator: one address pattern, about 480 bytes. Addresses are distinct up to 16 million.
pub(crate) fn indicator(n: usize) -> String {
    let (id, address) = (indicator_id(n), address(n));
    let (day, second) = (1 + n / 86_400 % 28, n % 86_400);
    let time = format!(
        "2024-03-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
        second / 3600,
        second / 60 % 60,
        second % 60,
        n % 1000
    );
    format!(
        r#"{{"type":"indicator","spec_version":"2.1","id":"{id}","created_by_ref":"identity--7d0c3a7e-6e3e-4b0e-9f61-3d1f5f2f9a10","created":"{time}","modified":"{time}","name":"Loader contact point {n}","description":"Seen as a contact point of a loader in the exercise data set, batch {}.","indicator_types":["malicious-activity"],"pattern":"[ipv4-addr:value = '{address}']","pattern_type":"stix","valid_from":"{time}","confidence":{}}}"#,
        n / ENVELOPE_OBJECTS,
        n % 101
    )
}

/// The id of the `n`-th made indicator, distinct up to four thousand million. Neighbours in time are strangers by id, as real ones are:
/// what is sorted by id is written to in a place of its own for each.
pub(crate) fn indicator_id(n: usize) -> String {
    let spread = n.wrapping_mul(0x9E37_79B1) & 0xFFFF_FFFF;
    format!("indicator--{spread:08x}-5a1b-4c3d-8e2f-0123456789ab")
}

/// The address of the `n`-th made indicator.
pub(crate) fn address(n: usize) -> String {
    // an odd multiplier permutes the 24 bits, so neighbours in time are not neighbours in the address space
    let spread = n.wrapping_mul(0x9E_3779) & 0xFF_FFFF;
    format!("{}.{}.{}.{}", 11 + n % 3, spread >> 16, spread >> 8 & 0xFF, spread & 0xFF)
}

/// A bundle of `objects`.
pub(crate) fn bundle(objects: &[String]) -> String {
    format!(
        "{{\"type\":\"bundle\",\"id\":\"bundle--5d0092c5-5f74-4287-9642-33f4c354e56d\",\"objects\":[{}]}}",
        objects.join(",")
    )
}

/// TAXII envelopes over `objects`.
pub(crate) fn envelopes(objects: &[String]) -> Vec<Vec<u8>> {
    objects
        .chunks(ENVELOPE_OBJECTS)
        .map(|chunk| format!("{{\"objects\":[{}]}}", chunk.join(",")).into_bytes())
        .collect()
}

/// The string value of a top-level member of a raw object.
pub(crate) fn string_of(object: &str, name: &str) -> Result<String> {
    let value: serde_json::Value = serde_json::from_str(object)?;
    let text = value.get(name).and_then(serde_json::Value::as_str);
    Ok(text.with_context(|| format!("no {name} in an object"))?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn made_indicators_are_distinct_json() {
        let mut addresses = HashSet::new();
        for n in (0..200_000).step_by(7) {
            assert!(addresses.insert(address(n)), "{n}");
        }
        let object = indicator(123_456);
        assert_eq!(string_of(&object, "id").unwrap(), indicator_id(123_456));
        assert!(string_of(&object, "nothing").is_err());
    }

    #[test]
    fn envelopes_hold_every_object_once() {
        let objects: Vec<String> = (0..2_500).map(indicator).collect();
        let envelopes = envelopes(&objects);
        assert_eq!(envelopes.len(), 3);
        let back: Vec<String> = envelopes
            .iter()
            .flat_map(|envelope| bundle_objects(std::str::from_utf8(envelope).unwrap()).unwrap())
            .collect();
        assert_eq!(back, objects);
    }
}
