"""A node as the outside sees it: a command, a process, a URL."""

import json
import os
import queue
import signal
import subprocess
import threading

import requests

TAXII = "application/taxii+json;version=2.1"
START_SECONDS = 60


class Node:
    """One node directory and, while it is served, its process."""

    def __init__(self, binary, directory):
        self.binary = str(binary)
        self.directory = str(directory)
        self.process = None
        self.url = None
        self.passwords = {}
        self.ids = {}
        self.admin = self.token = self.recovery_key = None

    # -- the command line ------------------------------------------------------------------------------------------

    def run(self, *arguments, stdin=None, remote=False, timeout=600):
        """Runs a command; `remote` names the running node instead of the directory."""
        where = ["--url", self.url, "--token", self.token] if remote else ["--data", self.directory]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("CRESSET_")}
        return subprocess.run(
            [self.binary, *arguments, *where],
            input=stdin if stdin is not None else b"",
            capture_output=True,
            timeout=timeout,
            env=environment,
            check=False,
        )

    def ask(self, *arguments, stdin=None, remote=False):
        """Runs a command that must succeed, and reads its one JSON document."""
        done = self.run(*arguments, "--json", stdin=stdin, remote=remote)
        assert done.returncode == 0, f"{arguments}: exit {done.returncode}: {done.stderr.decode()}"
        return json.loads(done.stdout)

    def lines(self, *arguments, stdin=None, remote=False, codes=(0,)):
        """Runs a command that prints one JSON document a line."""
        done = self.run(*arguments, "--json", stdin=stdin, remote=remote)
        assert done.returncode in codes, f"{arguments}: exit {done.returncode}: {done.stderr.decode()}"
        return [json.loads(line) for line in done.stdout.splitlines() if line.strip()]

    def init(self):
        made = self.ask("init", "--name", "Outside")
        self.admin, self.token = made["admin"]["user"], made["admin"]["token"]
        self.passwords[self.admin] = made["admin"]["password"]
        self.recovery_key = made["recovery_key"]
        return made

    def add_user(self, name, role):
        password = f"{name}-of-the-outside-tests-1"
        self.ask("user", "add", name, "--role", role, "--password-stdin", stdin=f"{password}\n".encode())
        self.passwords[name] = password

    def add_collection(self, name, *grants):
        """Adds a collection: in the directory, or to the running node when there is one."""
        options = [word for grant in grants for word in ("--grant", grant)]
        remote = self.process is not None
        made = self.ask("collection", "add", name, "--title", name.capitalize(), *options, remote=remote)
        self.ids[name] = made["id"]
        return made

    # -- the process -----------------------------------------------------------------------------------------------

    def serve(self, *options, prefix=()):
        """Starts the node and waits for the line that says it answers."""
        command = [*prefix, self.binary, "--data", self.directory, "serve", "--listen", "127.0.0.1:0", "--json", *options]
        with open(self.directory + ".log", "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        lines = queue.Queue()
        threading.Thread(target=self._read, args=(self.process.stdout, lines), daemon=True).start()
        try:
            line = lines.get(timeout=START_SECONDS)
        except queue.Empty:
            raise AssertionError(f"the node said nothing in {START_SECONDS} s; see {self.directory}.log") from None
        assert line, f"the node ended before it listened; see {self.directory}.log"
        said = json.loads(line)
        assert "error" not in said, f"the node ended before it listened: {said}"
        self.url = said["listening"]
        assert said["taxii"].endswith("/taxii2/") and said["pid"] == self.process.pid
        return said

    @staticmethod
    def _read(stream, lines):
        for line in stream:
            lines.put(line)
        lines.put(b"")

    def stop(self):
        """SIGTERM, and the exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=60)
        self.process = None
        return code

    def kill(self):
        """SIGKILL: no last words."""
        self.process.kill()
        self.process.wait(timeout=60)
        self.process = None

    def close(self):
        if self.process is not None:
            self.kill()

    # -- HTTP ------------------------------------------------------------------------------------------------------

    def session(self, user=None):
        """A session that speaks TAXII as `user`, the administrator's token when none is named."""
        session = requests.Session()
        session.headers["Accept"] = TAXII
        if user is None:
            session.headers["Authorization"] = f"Bearer {self.token}"
        else:
            session.auth = (user, self.passwords[user])
        return session

    def objects_url(self, collection):
        return f"{self.url}/api1/collections/{collection}/objects/"

    def post(self, collection, objects, session=None):
        """Adds objects; the response."""
        session = session or self.session()
        body = json.dumps({"objects": objects})
        return session.post(self.objects_url(collection), data=body, headers={"Content-Type": TAXII}, timeout=120)

    def poll(self, collection, session=None, limit=1000, **filters):
        """Every raw envelope of a full poll, as text."""
        session = session or self.session()
        question = {"limit": limit, **filters}
        while True:
            response = session.get(self.objects_url(collection), params=question, timeout=120)
            assert response.status_code == 200, response.text[:400]
            response.encoding = "utf-8"
            yield response.text
            envelope = json.loads(response.text)
            if not envelope.get("more"):
                assert "next" not in envelope, "next although nothing remains"
                return
            question["next"] = envelope["next"]

    def healthy(self):
        """Whether the node still answers."""
        return requests.get(f"{self.url}/healthz", timeout=10).status_code == 200


def raw_objects(text):
    """The raw slices of `"objects":[...]` of a bundle or envelope, in order."""
    decoder = json.JSONDecoder()
    envelope = json.loads(text)
    if not envelope.get("objects"):
        return []
    at = text.index('"objects"') + len('"objects"')
    at = text.index("[", at) + 1
    slices = []
    while True:
        while text[at] in " \t\r\n,":
            at += 1
        if text[at] == "]":
            return slices
        _, end = decoder.raw_decode(text, at)
        slices.append(text[at:end])
        at = end


def key(raw):
    """What names a version of an object."""
    parsed = json.loads(raw)
    return parsed["id"], parsed.get("modified") or parsed.get("created") or ""
