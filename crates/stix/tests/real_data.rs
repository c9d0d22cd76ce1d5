//! Real feeds: ATT&CK as STIX 2.1, and reports as STIX 2.0 that are upgraded.
//!
//! The data lies beside the workspace and is no part of it; where it is absent the tests say so and pass.

use std::path::PathBuf;
use std::process::Command;

use stix::{Profile, Severity, examine, split, upgrade};

fn unpacked(folder: &str) -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(folder);
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("SKIPPED: the real data is not at {}", folder.display());
        return Vec::new();
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.expect("entry").path();
        if path.extension().is_some_and(|extension| extension == "gz") {
            let unpacking = Command::new("gzip").args(["-dc"]).arg(&path).output().expect("gzip runs");
            files.push((path.display().to_string(), unpacking.stdout));
        }
    }
    files
}

#[test]
fn attack_is_kept_whole() {
    for (name, text) in unpacked("attack") {
        let parts = split(&text).expect("a bundle");
        assert!(
            parts.findings.iter().all(|finding| finding.severity < Severity::Error),
            "{name}: {:?}",
            parts.findings
        );
        let mut broken = 0;
        for bytes in &parts.objects {
            let valid = examine(bytes, Profile::Store).unwrap_or_else(|refused| panic!("{name}: {refused}"));
            assert_eq!(valid.bytes(), *bytes);
            broken += usize::from(valid.findings().iter().any(|finding| finding.severity >= Severity::Error));
        }
        eprintln!("{name}: {} objects kept, {broken} of them with errors", parts.objects.len());
    }
}

#[test]
fn reports_of_2_0_are_upgraded() {
    for (name, text) in unpacked("stix2-reports") {
        let before = split(&text).expect("a bundle").objects.len();
        let answers = upgrade::from_2_0(&text);
        assert!(answers.len() >= before, "{name}: {} of {before}", answers.len());
        let mut broken = Vec::new();
        for answer in answers {
            let bytes = answer.unwrap_or_else(|refused| panic!("{name}: {refused}"));
            let valid = examine(&bytes, Profile::Store).expect("examined before");
            assert_eq!(valid.spec_version(), "2.1");
            broken.extend(
                valid.findings().iter().filter(|finding| finding.severity >= Severity::Error).cloned(),
            );
        }
        // identities with a list for a class are wrong in both editions, and kept as they are
        assert!(broken.iter().all(|finding| finding.path == "identity_class"), "{name}: {broken:?}");
    }
}
