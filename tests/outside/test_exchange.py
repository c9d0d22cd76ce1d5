"""`pull` and `push` with servers nobody here wrote, killed in the middle, and what a person sees of long work meanwhile."""

import json
import os
import pty
import select
import subprocess
import threading

import pytest

from node import Node, raw_objects
from odd_server import OBJECTS, OddServer, date
from stixmade import indicator, object_id

WAIT_SECONDS = 60


@pytest.fixture
def odd():
    servers = []

    def start(objects=()):
        servers.append(OddServer(objects))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture(scope="module")
def medallion(tmp_path_factory):
    """OASIS's own TAXII server, with one empty collection; its discovery address."""
    import medallion as app
    from werkzeug.serving import make_server

    directory = tmp_path_factory.mktemp("medallion")
    server = make_server("127.0.0.1", 0, app.application_instance, threaded=True)
    url = f"http://127.0.0.1:{server.server_port}"
    collection = {
        "id": object_id("x", 1)[3:], "title": "Theirs", "can_read": True, "can_write": True,
        "media_types": ["application/stix+json;version=2.1"], "objects": [], "manifest": [],
    }  # fmt: skip
    information = {"title": "theirs", "versions": ["application/taxii+json;version=2.1"], "max_content_length": 10_000_000}
    data = {
        "/discovery": {"title": "theirs", "default": f"{url}/theirs/", "api_roots": [f"{url}/theirs/"]},
        "theirs": {"information": information, "status": [], "collections": [collection]},
    }
    filename = directory / "data.json"
    filename.write_text(json.dumps(data))
    backend = {"module": "medallion.backends.memory_backend", "module_class": "MemoryBackend", "filename": str(filename)}
    settings = {"users": {"cert": "of-the-tests-1"}, "taxii": {"max_page_size": 40}, "backend": backend}
    for part in settings:
        app.set_config(app.application_instance, part, settings)
    app.register_blueprints(app.application_instance)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"{url}/taxii2/"
    server.shutdown()


def bring(node, objects, collection):
    node.add_collection(collection, f"user:{node.admin}=rw")
    bundle = {"type": "bundle", "id": object_id("bundle", 1), "objects": objects}
    assert node.lines("import", "-", "--collection", collection, stdin=json.dumps(bundle).encode())


def held(node, collection):
    """The raw objects of a collection of a stopped node, by id."""
    text = node.run("export", "--collection", collection).stdout.decode()
    return {json.loads(raw)["id"]: raw for raw in raw_objects(text)}


def test_push_to_and_pull_from_the_server_of_oasis(fresh, tmp_path, medallion):
    made = [indicator(n) for n in range(130)] + [indicator(n, second=1, name="again") for n in range(5)]
    bring(fresh, made, "ours")
    login = ["--user", "cert", "--password-stdin"]
    push = [medallion, *login, "--collection", "ours", "--limit", "50"]
    wrong = fresh.run("push", *push, stdin=b"wrong\n")
    assert wrong.returncode == 1 and b"401" in wrong.stderr, wrong.stderr
    sent = fresh.ask("push", *push, stdin=b"of-the-tests-1\n")
    assert sent["summary"] == {"total": 135, "success": 135, "failure": 0, "pending": 0, "untold": 0, "refused_before": 0}
    assert fresh.ask("push", *push, stdin=b"of-the-tests-1\n")["summary"]["total"] == 0
    other = Node(fresh.binary, tmp_path / "other")
    other.init()
    got = other.ask("pull", medallion, *login, stdin=b"of-the-tests-1\n")
    assert got["summary"]["refused"] == 0
    assert got["pages"] >= 3, "more than one page, so that their cursor is followed"
    theirs = {one: json.loads(raw) for one, raw in held(other, "inbox").items()}
    newest = {one["id"]: one for one in made}  # later versions stand later in the list
    assert theirs == newest
    assert other.ask("pull", medallion, *login, stdin=b"of-the-tests-1\n")["summary"]["accepted"] == 0


def kill_when_stalled(node, server, *arguments):
    """Runs a command until the server holds back an answer, and ends it with SIGKILL."""
    process = subprocess.Popen(
        [node.binary, *arguments, "--data", node.directory], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        assert server.stalled.wait(WAIT_SECONDS), process.communicate(timeout=WAIT_SECONDS)
    finally:
        process.kill()
        process.wait(timeout=WAIT_SECONDS)
    server.stall_at = None
    server.go_on.set()


def test_a_pull_killed_in_the_middle_goes_on_there(fresh, odd):
    server = odd([indicator(n) for n in range(95)])
    server.stall_at = 5
    kill_when_stalled(fresh, server, "pull", f"{server.url}/taxii2/")
    assert len(held(fresh, "inbox")) == 40, "four pages were answered, and each was durable before the next was asked for"
    asked = len(server.questions)
    summary = fresh.ask("pull", f"{server.url}/taxii2/")["summary"]
    again = server.questions[asked]
    assert again["added_after"] == date(39) and "next" not in again, "it began somewhere else than where it was killed"
    assert summary["accepted"] == 55 and summary["known"] == 1
    assert list(held(fresh, "inbox").values()) == server.texts
    server.texts += [json.dumps(indicator(n)) for n in range(95, 98)]
    assert fresh.ask("pull", f"{server.url}/taxii2/")["summary"]["total"] == 3
    assert server.questions[-1]["added_after"].endswith(".000095Z")


def test_a_cursor_that_is_forgotten_on_the_way_loses_nothing(fresh, odd):
    server = odd([indicator(n) for n in range(35)])
    server.forget_at = 3
    summary = fresh.ask("pull", server.url + OBJECTS.removesuffix("objects/"))["summary"]
    assert summary["accepted"] == 35 and summary["refused"] == 0
    assert server.questions[3]["added_after"] == date(19) and "next" not in server.questions[3]
    assert list(held(fresh, "inbox").values()) == server.texts


def test_a_server_with_one_cursor_for_all_pages_is_read_to_its_end(fresh, odd):
    """As OASIS's server does it: the cursor moves with every answer, also with one that nobody received."""
    server = odd([indicator(n) for n in range(35)])
    server.one_cursor, server.stall_at = True, 3
    kill_when_stalled(fresh, server, "pull", f"{server.url}/taxii2/")
    assert fresh.ask("pull", f"{server.url}/taxii2/")["summary"]["accepted"] == 15
    assert list(held(fresh, "inbox").values()) == server.texts


def test_a_server_that_gives_one_page_for_ever_is_given_up(fresh, odd):
    server = odd([indicator(n) for n in range(35)])
    server.one_page = True
    done = fresh.run("pull", f"{server.url}/taxii2/")
    assert done.returncode == 4 and b"do not end" in done.stderr
    assert len(server.questions) < 20


def test_a_server_that_forgets_every_cursor_is_read_by_its_dates(fresh, odd):
    server = odd([indicator(n) for n in range(95)])
    server.cursors_valid = False
    assert fresh.ask("pull", f"{server.url}/taxii2/")["summary"]["accepted"] == 95


def test_a_server_that_gives_no_way_on_at_all_is_given_up(fresh, odd):
    server = odd([indicator(n) for n in range(95)])
    server.cursors_valid, server.one_date = False, True
    done = fresh.run("pull", f"{server.url}/taxii2/")
    assert done.returncode in (1, 4) and b"unknown cursor" in done.stderr
    assert len(server.questions) < 20


def test_a_server_that_asks_for_patience_gets_it(fresh, odd):
    server = odd([indicator(n) for n in range(15)])
    server.refusals = [(503, [("Retry-After", "1")]), (429, [("Retry-After", "1")])]
    assert fresh.ask("pull", f"{server.url}/taxii2/")["summary"]["accepted"] == 15


def test_what_is_not_taken_in_is_said(fresh, odd):
    bad = indicator(2)
    del bad["pattern"]
    server = odd([indicator(1), bad, indicator(3)])
    done = fresh.run("pull", f"{server.url}/taxii2/", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout.splitlines()[-1])["summary"]["refused"] == 1
    said = done.stdout + done.stderr
    assert bad["id"].encode() in said and b"pattern" in said, "which object was refused, and why, is told nowhere"


def test_a_push_killed_in_the_middle_goes_on_there(fresh, odd):
    made = [indicator(n) for n in range(95)]
    bring(fresh, made, "ours")
    server = odd()
    server.stall_at = 4
    push = ["push", f"{server.url}/taxii2/", "--collection", "ours", "--limit", "10"]
    kill_when_stalled(fresh, server, *push)
    assert len(server.posts) == 4
    summary = fresh.ask(*push)["summary"]
    assert summary == {"total": 65, "success": 65, "failure": 0, "pending": 0, "untold": 0, "refused_before": 0}, "only what was not acknowledged goes again"
    assert server.posts[4][0] == made[30]
    assert {one["id"] for post in server.posts for one in post} == {one["id"] for one in made}


def test_failures_that_a_server_only_counts_are_failures(fresh, odd):
    """TAXII 2.1, section 4.3: `failures` is optional beside `failure_count`."""
    bring(fresh, [indicator(n) for n in range(5)], "ours")
    server = odd()
    server.status = {"success_count": 3, "failure_count": 2}
    done = fresh.run("push", f"{server.url}/taxii2/", "--collection", "ours", "--json")
    assert json.loads(done.stdout.splitlines()[-1])["summary"] == {"total": 5, "success": 3, "failure": 2, "pending": 0, "untold": 0, "refused_before": 0}
    assert done.returncode == 1


# -- long work in a terminal -------------------------------------------------------------------------------------------


def in_a_terminal(node, *arguments):
    """Runs a command with standard error in a terminal; its exit code, standard output and what the terminal got."""
    ours, theirs = pty.openpty()
    environment = {**{k: v for k, v in os.environ.items() if not k.startswith("CRESSET_")}, "TERM": "xterm"}
    process = subprocess.Popen(
        [node.binary, *arguments, "--data", node.directory],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=theirs, env=environment,
    )  # fmt: skip
    os.close(theirs)
    out = []
    reader = threading.Thread(target=lambda: out.append(process.stdout.read()))
    reader.start()
    seen = b""
    while True:
        ready, _, _ = select.select([ours], [], [], WAIT_SECONDS)
        assert ready, "the command said nothing for a minute"
        try:
            got = os.read(ours, 65536)
        except OSError:
            break
        if not got:
            break
        seen += got
    os.close(ours)
    reader.join()
    return process.wait(timeout=WAIT_SECONDS), out[0], seen.decode()


def test_long_work_shows_progress_in_a_terminal_and_nowhere_else(fresh, odd, tmp_path):
    server = odd([indicator(n) for n in range(300)])
    bundle = tmp_path / "bundle.json"
    bundle.write_text(json.dumps({"type": "bundle", "id": object_id("bundle", 1), "objects": [indicator(n) for n in range(3000)]}))
    pull = ["pull", f"{server.url}/taxii2/", "--json"]
    bring_in = ["import", str(bundle), "--json"]
    for arguments, word in ((pull, "pulled"), (bring_in, "imported")):
        code, out, seen = in_a_terminal(fresh, *arguments)
        assert code == 0, seen
        drawn = [line for line in seen.replace("\r", "\n").split("\n") if word in line and "/s" in line]
        assert drawn, f"no progress of {arguments[0]} in a terminal: {seen[-400:]!r}"
        assert b"\x1b" not in out and all(json.loads(line) for line in out.splitlines())
        piped = fresh.run(*arguments)
        assert b"\x1b" not in piped.stderr and b"\r" not in piped.stderr and b"/s" not in piped.stderr, piped.stderr
