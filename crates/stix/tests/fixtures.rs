//! Our own documents under `fixtures/objects/`, each with the findings that are due, one a line: severity, path, code.
//!
//! `CRESSET_WRITE_FIXTURES=1 cargo test -p stix --test fixtures` writes what is found; read the difference before keeping it.

use std::path::PathBuf;

use stix::validate;

#[test]
fn documents_have_the_findings_that_are_due() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/objects");
    let mut wrong = Vec::new();
    let mut count = 0;
    for entry in std::fs::read_dir(&root).expect("fixtures") {
        let folder = entry.expect("entry").path();
        let text = std::fs::read(folder.join("input.json")).expect("input");
        let verdict = validate(&text, false);
        let mut found = String::new();
        for finding in verdict.errors.iter().chain(&verdict.warnings) {
            found.push_str(&format!("{:?} {} {}\n", finding.severity, finding.path, finding.code));
        }
        let due = folder.join("findings.txt");
        if std::env::var_os("CRESSET_WRITE_FIXTURES").is_some() {
            std::fs::write(&due, &found).expect("written");
        }
        if std::fs::read_to_string(&due).unwrap_or_default() != found {
            wrong.push(format!("{}:\n{found}", folder.display()));
        }
        count += 1;
    }
    assert!(count >= 16, "only {count} fixtures");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn whole_families_are_without_remark() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/objects");
    for name in
        ["every-domain-and-relationship-object", "every-observable", "every-meta-object", "extensions"]
    {
        let text = std::fs::read(root.join(name).join("input.json")).expect("input");
        let verdict = validate(&text, true);
        let found: Vec<String> = verdict.errors.iter().map(ToString::to_string).collect();
        assert!(verdict.valid, "{name}: {}", found.join("\n"));
    }
}

/// What goes against a SHOULD alone is valid for everybody but those who ask for strictness.
#[test]
fn what_goes_against_advice_is_refused_by_strict_alone() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/objects/against-advice");
    let text = std::fs::read(root.join("input.json")).expect("input");
    let plain = validate(&text, false);
    assert!(plain.valid && plain.errors.is_empty(), "{:?}", plain.errors);
    let strict = validate(&text, true);
    let codes: std::collections::BTreeSet<&str> = strict.errors.iter().map(|finding| finding.code).collect();
    for code in ["dictionary-key-case", "external-hashes", "mime-type", "protocol-name"] {
        assert!(codes.contains(code), "{code}: {codes:?}");
    }
    let environment = strict.errors.iter().find(|finding| finding.path.contains("environment_variables"));
    assert_eq!(environment, None, "its keys keep their case");
}

/// A reference is an identifier, so its UUID is one: an error that is kept, as in the object's own identifier.
#[test]
fn a_reference_to_no_uuid_is_an_error() {
    let finding = |uuid: &str| {
        let text = format!(
            r#"{{"type":"identity","spec_version":"2.1","id":"identity--d038c3a9-e45d-460c-a9ba-7925d439cca0","created":"2024-01-01T00:00:00.000Z","modified":"2024-01-01T00:00:00.000Z","name":"n","created_by_ref":"identity--{uuid}"}}"#
        );
        let verdict = validate(text.as_bytes(), false);
        verdict.errors.iter().map(|error| format!("{} {}", error.path, error.code)).collect::<Vec<_>>()
    };
    for odd in ["335e30d8-8421-4f59-0215-972803302266", "335e30d8-8421-0f59-b215-972803302266"] {
        assert_eq!(finding(odd), ["created_by_ref id-uuid"], "{odd}");
    }
    for right in ["335e30d8-8421-4f59-b215-972803302266", "335e30d8-8421-5f59-8215-972803302266"] {
        assert_eq!(finding(right), [""; 0], "{right}");
    }
}
