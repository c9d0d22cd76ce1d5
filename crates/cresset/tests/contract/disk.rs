//! A disk that fails under the running node. A process whose files may not grow gets an I/O error for what it writes beyond (EFBIG, once
//! the signal is ignored), and the bound may be set and lifted from outside, without privileges.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::scene::{ONE, Running, Scene, TWO, after, bundle, indicator, run_with};

/// Has writes beyond a bound fail instead of ending the process.
const FAIL_INSTEAD: &str = "trap '' XFSZ";

/// Sets how far the files of a process may reach.
fn bound(running: &Running, bytes: &str) {
    let pid = running.child.id().to_string();
    let set = Command::new("prlimit").args(["--pid", &pid, &format!("--fsize={bytes}:unlimited")]).status();
    assert!(set.unwrap().success());
}

#[test]
fn a_node_whose_disk_fails_says_so_and_goes_on_when_it_works() {
    let scene = Scene::new();
    // Without being told to: the signal that the system has for this would end the process.
    let mut running = scene.serve();
    let file = |uuid| scene.file(uuid, bundle(&[indicator(uuid, "[domain-name:value = 'a.example']")]));
    let (first, second) = (file(ONE), file(TWO));
    let id = |uuid| format!("indicator--{uuid}");
    running.there(&["import", &first]).exits(0);

    bound(&running, "4096");
    let refused = running.there(&["import", &second]);
    assert_eq!(refused.code, 4, "{} {}", refused.stdout, refused.stderr);
    assert!(refused.stderr.contains("store-read-only"), "{}", refused.stderr);
    assert!(refused.stderr.contains("nothing of this request was acknowledged"), "{}", refused.stderr);
    assert_eq!(running.there(&["node", "state"]).exits(0).json()["status"], json!("read-only"));
    running.there(&["get", &id(ONE)]).exits(0);
    running.there(&["get", &id(TWO)]).exits(1);
    assert!(running.child.try_wait().unwrap().is_none(), "it goes on");

    bound(&running, "unlimited");
    let since = Instant::now();
    while running.there(&["node", "state"]).exits(0).json()["status"] != json!("ok") {
        assert!(since.elapsed() < Duration::from_secs(60), "it takes no writes again");
        std::thread::sleep(Duration::from_millis(100));
    }
    let again = running.there(&["import", &second]).exits(0).lines();
    assert_eq!(again[0]["outcome"], json!("accepted"));
    running.dies();
    let running = scene.serve();
    running.there(&["get", &id(ONE)]).exits(0);
    running.there(&["get", &id(TWO)]).exits(0);
    assert_eq!(running.terminate(), 0);
    assert_eq!(scene.here(&["rebuild", "--check"]).exits(0).json()["equal"], json!(true));
}

/// A backup that could not be written whole has neither its name nor a part left behind, and the one before it stays.
#[test]
fn a_backup_whose_disk_fails_is_not_there() {
    let scene = Scene::new();
    let copy = scene.path("copy");
    let (data, to) = (scene.data().to_str().unwrap().to_owned(), copy.to_str().unwrap().to_owned());
    let backup = |blocks: u32| -> Output {
        let bounded = format!("{FAIL_INSTEAD}; ulimit -f {blocks}");
        after(&bounded).args(["backup", &to, "--data", &data, "--json"]).output().unwrap()
    };
    let rest = || {
        let names = copy.parent().unwrap().read_dir().unwrap().map(|entry| entry.unwrap().file_name());
        names.filter(|name| *name != "data").collect::<Vec<_>>()
    };
    for blocks in [0, 1, 8, 64, 256] {
        let failed = backup(blocks);
        let told = String::from_utf8_lossy(&failed.stderr).into_owned();
        assert_eq!(failed.status.code(), Some(4), "{blocks} blocks: {told}");
        assert!(rest().is_empty(), "{blocks} blocks: {:?} {told}", rest());
    }
    run_with(&["backup", &to, "--data", &data], &[], b"").exits(0);
    let whole = std::fs::read(&copy).unwrap();
    assert_eq!(backup(8).status.code(), Some(4), "what is there is not written over");
    assert_eq!(std::fs::read(&copy).unwrap(), whole);
}
