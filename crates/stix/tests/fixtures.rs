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
