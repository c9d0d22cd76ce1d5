"""What is asked of somebody who sits at a terminal: a yes before what has no way back, and a password that nobody sees."""

import json
import os
import pty
import select
import signal
import subprocess
import termios
import time

import pytest

from stixmade import indicator

PATIENCE_SECONDS = 30


class Terminal:
    """A command at a terminal of its own: standard input and standard error are it, standard output is a pipe."""

    def __init__(self, node, *arguments):
        self.screen, self.side = pty.openpty()
        environment = {k: v for k, v in os.environ.items() if not k.startswith("CRESSET_")}
        self.process = subprocess.Popen(
            [node.binary, *arguments, "--data", node.directory],
            stdin=self.side,
            stderr=self.side,
            stdout=subprocess.PIPE,
            env=environment,
            preexec_fn=self._own_session,
        )
        self.shown = ""

    def _own_session(self):
        """Makes the terminal the command's own, so that Ctrl-C reaches it."""
        import fcntl

        os.setsid()
        fcntl.ioctl(self.side, termios.TIOCSCTTY, 0)

    def until(self, words):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while words not in self.shown:
            assert time.monotonic() < deadline, f"in vain for {words!r}: {self.shown!r}"
            self._read(0.1)

    def _read(self, seconds):
        if select.select([self.screen], [], [], seconds)[0]:
            self.shown += os.read(self.screen, 4096).decode()
            return True
        return False

    def type(self, text):
        os.write(self.screen, text.encode())

    def echoes(self):
        return bool(termios.tcgetattr(self.side)[3] & termios.ECHO)

    def ended(self):
        code = self.process.wait(timeout=PATIENCE_SECONDS)
        while self._read(0.2):
            pass
        self.process.stdout.close()
        os.close(self.screen)
        os.close(self.side)
        return code


def bring(node, one):
    bundle = {"type": "bundle", "id": "bundle--" + one["id"][11:], "objects": [one]}
    node.lines("import", "-", stdin=json.dumps(bundle).encode())
    return one["id"]


@pytest.fixture
def held(fresh):
    """A node with one object, and its id."""
    return fresh, bring(fresh, indicator(1))


def commands(key):
    return [
        (["delete", key, "--collection", "inbox"], "no way back but a backup"),
        (["recall", key], "call"),
        (["erase", key], "There is no way back."),
        (["community", "withdraw"], "in 90 days"),
        (["collection", "remove", "inbox"], "no way back but a backup"),
    ]


def test_what_has_no_way_back_is_asked_about(held):
    node, key = held
    for command, words in commands(key):
        for answer in ["\n", "n\n", "nonsense\n"]:
            terminal = Terminal(node, *command)
            terminal.until("[y/N]")
            assert words in terminal.shown, terminal.shown
            terminal.type(answer)
            assert terminal.ended() == 1, terminal.shown
            assert "was not" in terminal.shown or "no notice was given" in terminal.shown, terminal.shown
        assert node.run("get", key).returncode == 0
    # It is done on a yes, and not asked about with --yes or --json.
    terminal = Terminal(node, "recall", key, "--yes")
    assert terminal.ended() == 1 and "[y/N]" not in terminal.shown and "community-none" in terminal.shown
    other = bring(node, indicator(2))
    terminal = Terminal(node, "erase", other, "--json")
    assert terminal.ended() == 0 and "[y/N]" not in terminal.shown, terminal.shown
    assert node.run("get", other).returncode == 1
    terminal = Terminal(node, "delete", key, "--collection", "inbox")
    terminal.until("[y/N]")
    terminal.type("y\n")
    assert terminal.ended() == 0, terminal.shown
    assert node.run("get", key).returncode == 1


def test_a_password_is_not_shown_while_it_is_typed(fresh):
    secret = "a-password-that-nobody-sees-1"
    terminal = Terminal(fresh, "user", "add", "mira", "--role", "analyst", "--password-stdin")
    terminal.until("password: ")
    assert not terminal.echoes()
    terminal.type(secret + "\n")
    terminal.until("the same again: ")
    terminal.type(secret + "\n")
    assert terminal.process.wait(timeout=PATIENCE_SECONDS) == 0
    assert terminal.echoes()
    terminal.ended()
    assert secret not in terminal.shown and "added user mira" in terminal.shown

    terminal = Terminal(fresh, "user", "password", "mira", "--password-stdin")
    terminal.until("password: ")
    terminal.type(secret + "\n")
    terminal.until("the same again: ")
    terminal.type(secret + "-or-not\n")
    assert terminal.ended() == 1
    assert "the two passwords differ" in terminal.shown and secret not in terminal.shown

    fresh.passwords["mira"] = secret
    fresh.serve()
    assert fresh.session("mira").get(fresh.url + "/taxii2/", timeout=10).status_code == 200


def test_who_breaks_off_gets_the_terminal_back(fresh):
    terminal = Terminal(fresh, "user", "password", fresh.admin, "--password-stdin")
    terminal.until("password: ")
    assert not terminal.echoes()
    terminal.type("half a pass\x03")
    code = terminal.process.wait(timeout=PATIENCE_SECONDS)
    assert code in (130, -signal.SIGINT)
    assert terminal.echoes()
    terminal.ended()
