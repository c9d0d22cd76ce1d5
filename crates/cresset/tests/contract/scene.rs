//! A directory, a binary, and running nodes that end with the test.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A command that has ended.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The one JSON document it printed.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {:?} {:?}", self.stdout, self.stderr))
    }

    /// The JSON documents it printed, one a line.
    #[track_caller]
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Expects an exit code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout {:?} stderr {:?}", self.stdout, self.stderr);
        self
    }
}

/// Variables of the environment that the binary listens to.
const VARIABLES: [&str; 5] =
    ["CRESSET_DATA", "CRESSET_URL", "CRESSET_TOKEN", "CRESSET_CONFIG", "CRESSET_CLOCK_OFFSET"];

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cresset"));
    for name in VARIABLES {
        command.env_remove(name);
    }
    command
}

/// The binary, after a shell has done something to the process that it becomes.
pub(crate) fn after(shell: &str) -> Command {
    let mut by = Command::new("sh");
    by.args(["-c", &format!("{shell}; exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_cresset")]);
    for name in VARIABLES {
        by.env_remove(name);
    }
    by
}

/// Runs the binary with input.
#[track_caller]
pub(crate) fn run_with(args: &[&str], envs: &[(&str, &str)], input: &[u8]) -> Ended {
    let mut child = command()
        .args(args)
        .envs(envs.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || {
        // A command that ends before it has read everything is judged by its answer.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Ended::of(output)
}

/// Runs the binary.
#[track_caller]
pub(crate) fn run(args: &[&str]) -> Ended {
    run_with(args, &[], b"")
}

/// A directory with a node in it.
pub(crate) struct Scene {
    room: TempDir,
    /// What `init --json` printed.
    pub(crate) init: Value,
}

impl Scene {
    /// Makes a node.
    #[track_caller]
    pub(crate) fn new() -> Self {
        let room = tempfile::tempdir().unwrap();
        let data = room.path().join("data");
        let init =
            run(&["init", "--name", "CERT A", "--json", "--data", data.to_str().unwrap()]).exits(0).json();
        Self { room, init }
    }

    /// The node's directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// A path in the scene's room.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.room.path().join(name)
    }

    /// Writes a file into the scene's room.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Runs a command on the directory, with --json.
    #[track_caller]
    pub(crate) fn here(&self, args: &[&str]) -> Ended {
        self.here_with(args, b"")
    }

    /// Runs a command on the directory, with --json and input.
    #[track_caller]
    pub(crate) fn here_with(&self, args: &[&str], input: &[u8]) -> Ended {
        let data = self.data();
        let all = [args, &["--json", "--data", data.to_str().unwrap()]].concat();
        run_with(&all, &[], input)
    }

    /// Starts the node.
    #[track_caller]
    pub(crate) fn serve(&self) -> Running {
        self.serve_at("127.0.0.1:0")
    }

    /// Starts the node at an address.
    #[track_caller]
    pub(crate) fn serve_at(&self, address: &str) -> Running {
        self.serve_as(address, &[], &[])
    }

    /// Starts the node with its warnings in a file, whose path comes with it.
    #[track_caller]
    pub(crate) fn serve_logged(&self) -> (Running, PathBuf) {
        let path = self.room.path().join("serve.log");
        let log = std::fs::File::create(&path).unwrap();
        let running = Running::telling(&self.data(), ("127.0.0.1:0", &[], &[]), ("warn", log.into()));
        (running.with_token(self.init["admin"]["token"].as_str().unwrap()), path)
    }

    /// Starts the node at an address, with more to say.
    #[track_caller]
    pub(crate) fn serve_as(&self, address: &str, more: &[&str], envs: &[(&str, &str)]) -> Running {
        let running = Running::start_at(&self.data(), address, more, envs);
        running.with_token(self.init["admin"]["token"].as_str().unwrap())
    }
}

/// A running node.
pub(crate) struct Running {
    pub(crate) child: Child,
    /// The line it printed.
    pub(crate) line: Value,
    token: String,
}

impl Running {
    /// Starts `serve` and reads its line.
    #[track_caller]
    pub(crate) fn start(data: &Path, more: &[&str], envs: &[(&str, &str)]) -> Self {
        Self::start_at(data, "127.0.0.1:0", more, envs)
    }

    /// The same at an address.
    #[track_caller]
    pub(crate) fn start_at(data: &Path, address: &str, more: &[&str], envs: &[(&str, &str)]) -> Self {
        Self::telling(data, (address, more, envs), ("error", Stdio::inherit()))
    }

    #[track_caller]
    fn telling(
        data: &Path,
        (address, more, envs): (&str, &[&str], &[(&str, &str)]),
        (level, log): (&str, Stdio),
    ) -> Self {
        let child = command()
            .args(["serve", "--listen", address, "--json", "--log", level, "--data"])
            .arg(data)
            .args(more)
            .envs(envs.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        Self::of(child)
    }

    /// A process that serves and is to print its line.
    #[track_caller]
    pub(crate) fn of(mut child: Child) -> Self {
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let line = serde_json::from_str(&line).unwrap_or(Value::Null);
        Self { child, line, token: String::new() }
    }

    /// The same for somebody.
    pub(crate) fn with_token(mut self, token: &str) -> Self {
        self.token = token.to_owned();
        self
    }

    /// Its administrator's token.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// Where it answers.
    pub(crate) fn url(&self) -> String {
        self.line["listening"].as_str().expect("a line").to_owned()
    }

    /// Runs a command on the running node as its administrator, with --json.
    #[track_caller]
    pub(crate) fn there(&self, args: &[&str]) -> Ended {
        self.there_as(&self.token, args, b"")
    }

    /// Runs a command on the running node as somebody, with --json and input.
    #[track_caller]
    pub(crate) fn there_as(&self, token: &str, args: &[&str], input: &[u8]) -> Ended {
        let url = self.url();
        run_with(&[args, &["--json"]].concat(), &[("CRESSET_URL", &url), ("CRESSET_TOKEN", token)], input)
    }

    /// Ends it as a power cut does.
    #[track_caller]
    pub(crate) fn dies(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Tells it to stop and waits for its exit code.
    #[track_caller]
    pub(crate) fn terminate(mut self) -> i32 {
        let told = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(told.success());
        self.child.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An indicator object.
pub(crate) fn indicator(uuid: &str, pattern: &str) -> Value {
    serde_json::json!({
        "type": "indicator", "spec_version": "2.1", "id": format!("indicator--{uuid}"),
        "created": "2025-01-01T00:00:00.000Z", "modified": "2025-01-01T00:00:00.000Z",
        "name": "Команда", "pattern": pattern, "pattern_type": "stix", "valid_from": "2025-01-01T00:00:00Z",
    })
}

/// A bundle of objects.
pub(crate) fn bundle(objects: &[Value]) -> String {
    serde_json::json!({"type": "bundle", "id": "bundle--7d3a1c86-61a2-4b0e-9d3b-0f4b9c0a5e11", "objects": objects}).to_string()
}

/// Ids to use.
pub(crate) const ONE: &str = "11111111-1111-4111-8111-111111111111";
/// Another.
pub(crate) const TWO: &str = "22222222-2222-4222-8222-222222222222";
