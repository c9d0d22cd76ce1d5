"""The demonstration: four nodes, a story, and what is left to go on with. Also how it ends when something fails."""

import html
import json
import os
import re
import resource
import signal
import socket
import subprocess
import time

import pytest
import requests

from node import TAXII

SLUGS = ["cert-aldermoor", "cert-brackwater", "cert-cinderholm", "secretariat"]
PATIENCE_SECONDS = 120


def demo(binary, directory, port=0, once=True, **more):
    """The demonstration, started."""
    command = [str(binary), "demo", "--json", "--dir", str(directory), "--port-base", str(port)]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command + ["--once"] * once, **pipes, **more)


def ended(process):
    """Its steps, its exit code and its words."""
    try:
        stdout, stderr = process.communicate(timeout=PATIENCE_SECONDS)
    finally:
        process.kill()
    return [json.loads(line) for line in stdout.splitlines()], process.returncode, stderr.decode()


def nodes_of(directory):
    return json.loads((directory / "demo.json").read_text())["nodes"]


def until(what, so):
    deadline = time.monotonic() + 30
    while not so():
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(0.05)


def is_deaf(node):
    try:
        requests.get(node["url"] + "/healthz", timeout=2)
    except requests.ConnectionError:
        return True
    return False


@pytest.fixture
def going_on(binary, tmp_path):
    """A demonstration whose story has been told and whose nodes go on running."""
    directory = tmp_path / "demo"
    process = demo(binary, directory, once=False)
    steps = []
    while not steps or "told" not in steps[-1]:
        line = process.stdout.readline()
        assert line, process.stderr.read().decode()
        steps.append(json.loads(line))
    assert steps[-1]["told"] is True
    yield process, nodes_of(directory)
    process.kill()
    process.communicate()


def command(binary, node, *words):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CRESSET_")}
    environment |= {"CRESSET_URL": node["url"], "CRESSET_TOKEN": node["admin"]["token"]}
    done = subprocess.run([str(binary), *words, "--json"], env=environment, capture_output=True, timeout=60, check=False)
    return done.returncode, done.stdout


def test_where_the_story_ends_one_can_go_on(binary, going_on, tmp_path):
    """Everybody in demo.json can sign in with password and token; exchange goes on; SIGTERM ends all and exits 0."""
    process, nodes = going_on
    assert [node["slug"] for node in nodes] == SLUGS
    registries = set()
    for node in nodes:
        admin = node["admin"]
        basic = requests.get(node["url"] + "/taxii2/", auth=(admin["user"], admin["password"]), headers={"accept": TAXII}, timeout=10)
        assert basic.status_code == 200, (node["slug"], basic.text)
        wrong = requests.get(node["url"] + "/taxii2/", auth=(admin["user"], "wrong"), headers={"accept": TAXII}, timeout=10)
        assert wrong.status_code == 401
        code, state = command(binary, node, "node", "state")
        assert code == 0 and json.loads(state)["status"] == "ok", (node["slug"], state)
        code, shown = command(binary, node, "community", "show")
        registries.add(json.loads(shown)["state_hash"])
    assert len(registries) == 1
    ours = {**json.loads((tmp_path / "demo" / "papers" / "second.json").read_text())["objects"][0]}
    ours |= {"id": "indicator--9d5c0b62-3f7a-4b1e-8a70-6d1f2c3b4a59", "pattern": "[domain-name:value = 'afterwards.example']"}
    path = tmp_path / "ours.json"
    path.write_text(json.dumps({"type": "bundle", "id": "bundle--9d5c0b62-3f7a-4b1e-8a70-6d1f2c3b4a58", "objects": [ours]}))
    _, b, c, desk = nodes
    code, told = command(binary, b, "import", str(path), "--tlp", "amber", "--to", "cert-cinderholm")
    assert code == 0, told
    until("what B sends reaches C", lambda: command(binary, c, "get", ours["id"])[0] == 0)
    assert command(binary, desk, "get", ours["id"])[0] == 1
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=PATIENCE_SECONDS) == 0
    assert all(is_deaf(node) for node in nodes)


def page(node, path):
    """A page as the node's administrator sees it, its text without the marks."""
    person = requests.Session()
    admin = {"user": node["admin"]["user"], "password": node["admin"]["password"]}
    assert person.post(node["url"] + "/sign-in", data=admin, timeout=10).status_code == 200
    answer = person.get(node["url"] + path, timeout=10)
    return answer.status_code, " ".join(re.sub(r"<[^>]*>", " ", html.unescape(answer.text)).split())


def test_the_page_of_an_object_tells_where_it_came_from(going_on):
    """Originator, road, signature, leaf and addressees at each who has it; receipts at its originator alone."""
    _, (a, b, c, desk) = going_on
    warned = "/objects/indicator--5b7f6f0a-92a4-4c55-9a3c-6a1de1c2f701"
    for node in (b, c):
        status, text = page(node, warned)
        assert status == 200 and f"road cert-aldermoor → {node['slug']} signed signature valid leaf " in text, text
        assert "for cert-aldermoor, cert-brackwater, cert-cinderholm" in text and "held by" not in text
    status, text = page(a, warned)
    assert "originator cert-aldermoor this node's own member road cert-aldermoor signed signature valid" in text
    assert re.search(r"held by cert-brackwater receipt valid 20\S+ \S+ UTC cert-cinderholm receipt valid", text), text
    assert page(desk, warned)[0] == 404
    recalled = "/objects/indicator--e81d3b97-05c6-4a1c-bd4c-94f2c0b6a504"
    assert [page(node, recalled)[0] for node in (a, b, c, desk)] == [404] * 4


def test_the_nodes_end_with_the_demonstration_however_it_ends(going_on):
    process, nodes = going_on
    assert not any(is_deaf(node) for node in nodes)
    process.kill()
    process.wait()
    until("every node has ended", lambda: all(is_deaf(node) for node in nodes))


def test_a_step_that_fails_ends_it_says_which_node_and_does_not_exit_0(binary, tmp_path):
    """A node is killed in the middle of the story."""
    directory = tmp_path / "demo"
    process = demo(binary, directory)
    assert json.loads(process.stdout.readline())["ok"] is True
    os.kill(nodes_of(directory)[2]["pid"], signal.SIGKILL)
    steps, code, words = ended(process)
    *_, failed, last = steps
    assert code == 1 and last["told"] is False, (code, last)
    assert failed["ok"] is False and "cert-cinderholm" in failed["reason"], failed
    assert words.startswith("error: step ") and "cert-cinderholm" in words, words
    assert all(is_deaf(node) for node in last["nodes"])


def test_without_room_it_does_not_exit_0(binary, tmp_path):
    """No room on the disk for what the story brings."""

    def cramped():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (600 * 1024, 600 * 1024))

    steps, code, words = ended(demo(binary, tmp_path / "cramped", preexec_fn=cramped))
    assert code not in (0, 2), steps[-1:]
    assert words.strip(), "it says nothing about it"
    assert not any(step.get("told") for step in steps)


def with_free_neighbours(place):
    """A socket on one of four ports in a row, of which the other three are free."""
    for _ in range(50):
        taken = socket.create_server(("127.0.0.1", 0))
        base = taken.getsockname()[1] - place
        try:
            for port in range(base, base + 4):
                if port != base + place:
                    socket.create_server(("127.0.0.1", port)).close()
            return taken, base
        except OSError:
            taken.close()
    raise AssertionError("no four free ports in a row")


def test_on_a_taken_port_it_does_not_exit_0(binary, tmp_path):
    """Whichever of the four it is."""
    for place in (0, 2):
        taken, base = with_free_neighbours(place)
        with taken:
            steps, code, words = ended(demo(binary, tmp_path / f"demo{place}", port=base))
        assert code == 4 and [list(step) for step in steps] == [["error"]] and f"port {base + place}" in words, words
