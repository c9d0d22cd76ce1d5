//! A disk that fails under the running node. A process whose files may not grow gets an I/O error for what it writes beyond (EFBIG, once
//! the signal is ignored), and the bound may be set and lifted from outside, without privileges.

use std::io::{Read, Write};
use std::net::TcpStream;
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

/// Reading goes on for people too: who signs in to the pages has a session of the process, which ends as any does.
#[test]
fn a_full_disk_keeps_nobody_from_signing_in_to_read() {
    let scene = Scene::new();
    let running = scene.serve();
    let admin = &scene.init["admin"];
    let form = format!("user=admin&password={}", admin["password"].as_str().unwrap());
    let ask = |head: &str, cookie: &str, body: &str| -> (u16, String) {
        let address = running.url().trim_start_matches("http://").to_owned();
        let mut stream = TcpStream::connect(&address).unwrap();
        let request = format!(
            "{head} HTTP/1.1\r\nhost: {address}\r\ncookie: {cookie}\r\ncontent-type: application/x-www-form-urlencoded\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        (answer[9..12].parse().unwrap(), answer)
    };
    let sign_in = || {
        let (status, answer) = ask("POST /sign-in", "", &form);
        assert_eq!(status, 303, "{answer}");
        let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
        cookie.split(';').next().unwrap().to_owned()
    };
    let home = |cookie: &str| ask("GET /", cookie, "").0;
    let lasting = sign_in();
    assert_eq!((home(&lasting), home("")), (200, 303));

    bound(&running, "4096");
    let file = scene.file("one", bundle(&[indicator(ONE, "[domain-name:value = 'a.example']")]));
    assert_eq!(running.there(&["import", &file]).code, 4);
    let (short, other) = (sign_in(), sign_in());
    assert_eq!((home(&lasting), home(&short), home(&other)), (200, 200, 200));
    let page = ask("GET /", &other, "").1;
    let csrf = page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert_eq!(ask("POST /sign-out", &other, &format!("csrf={csrf}")).0, 303);
    assert_eq!((home(&short), home(&other)), (200, 303), "who signs out is out");

    bound(&running, "unlimited");
    let since = Instant::now();
    while running.there(&["node", "state"]).exits(0).json()["status"] != json!("ok") {
        assert!(since.elapsed() < Duration::from_secs(60), "it takes no writes again");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(home(&short), 200);
    running
        .there_as(
            running.token(),
            &["user", "password", "admin", "--password-stdin"],
            b"another password 2026\n",
        )
        .exits(0);
    assert_eq!((home(&lasting), home(&short)), (303, 303), "with the password");
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
