"""TLS with a given certificate, the clock under test, and what the log holds: the process from outside."""

import json
import pathlib
import re
import shutil
import socket
import subprocess
import time
import warnings

import pytest
import requests

from node import TAXII
from stixmade import indicator

HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "content-security-policy": "frame-ancestors 'none'",
    "cache-control": "no-store",
}


@pytest.fixture
def certificate(tmp_path):
    """A certificate for `localhost` and 127.0.0.1, signed by itself, and its key."""
    if shutil.which("openssl") is None:
        missing = "no openssl: TLS through the binary is NOT tested"
        warnings.warn(missing, stacklevel=2)
        pytest.skip(missing)
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "basicConstraints=critical,CA:FALSE", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(key), "-out", str(chain)],
        check=True, capture_output=True,
    )  # fmt: skip
    return chain, key


def test_tls_with_the_operators_certificate(fresh, certificate, tmp_path):
    """Only TLS is spoken on that port, with this certificate, hardened; the command line talks to it when told whom to trust."""
    chain, key = certificate
    said = fresh.serve("--tls-cert", str(chain), "--tls-key", str(key))
    assert said["listening"].startswith("https://") and said["taxii"].startswith("https://")
    session = fresh.session()
    session.trust_env, session.verify = False, str(chain)  # no other authorities, whatever this machine's environment says
    answer = session.get(f"{fresh.url}/taxii2/", timeout=10)
    assert answer.status_code == 200 and answer.json()["default"].startswith("https://")
    assert int(answer.headers["Strict-Transport-Security"].split("max-age=")[1].split(";")[0]) >= 31_536_000
    sign_in = requests.get(f"{fresh.url}/sign-in", verify=str(chain), timeout=10)
    assert sign_in.status_code == 200 and "Strict-Transport-Security" in sign_in.headers
    for name, value in HEADERS.items():
        assert value in answer.headers[name] and value in sign_in.headers[name], name
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(f"{fresh.url}/healthz", timeout=10)
    with pytest.raises(requests.RequestException):
        requests.get(f"{fresh.url}/healthz".replace("https://", "http://"), timeout=10)
    host, port = fresh.url.removeprefix("https://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as plain:
        plain.sendall(f"GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        assert not plain.recv(4096).startswith(b"HTTP/"), "plain HTTP gets an answer from a port that speaks TLS"
    unknown = fresh.run("node", "state", "--json", remote=True)
    assert unknown.returncode == 4, "an unknown certificate is taken"
    assert b"--ca" in unknown.stderr, unknown.stderr
    assert fresh.run("node", "state", "--json", "--ca", str(chain), remote=True).returncode == 0
    tls, fresh.url = fresh.url, fresh.url.replace("https://", "http://")
    without = fresh.run("node", "state", "--json", remote=True)
    assert without.returncode == 4 and b"try https://" in without.stderr, without.stderr
    fresh.url = tls
    assert fresh.stop() == 0


def test_a_certificate_that_ends_is_told_of(fresh, certificate):
    """By a line of the log at the start, by `doctor`, and by a figure: the node serves with it all the same."""
    chain, key = certificate
    started = time.time()

    def told(offset):
        log = pathlib.Path(fresh.directory + ".log")
        seen = log.stat().st_size if log.exists() else 0
        tls = ["--tls-cert", str(chain), "--tls-key", str(key)]
        fresh.serve(*tls, "--allow-test-controls", prefix=["env", f"CRESSET_CLOCK_OFFSET={offset}"])
        done = fresh.run("doctor", "--json", "--ca", str(chain), remote=True)
        line = next(line for line in json.loads(done.stdout)["checks"] if line["name"] == "certificate")
        assert (done.returncode == 0) == line["ok"], done.stdout
        session = fresh.session()
        session.trust_env, session.verify = False, str(chain)
        figure = re.search(r"^cresset_certificate_not_after_seconds (\d+)$", session.get(f"{fresh.url}/metrics", timeout=10).text, re.M)
        assert abs(int(figure[1]) - started - 2 * 86_400) < 600, figure
        assert fresh.stop() == 0
        return line, log.read_bytes()[seen:]

    line, log = told("+0d")
    assert line["ok"] and "holds until" in line["detail"] and b"certificate" not in log
    line, log = told("+40h")
    assert not line["ok"] and "ends at" in line["detail"] and b"ends at" in log
    line, log = told("+3d")
    assert not line["ok"] and "ended at" in line["detail"] and b"ended at" in log
    line, log = told("-2d")
    assert not line["ok"] and "begins at" in line["detail"] and b"begins at" in log


def test_the_cookie_of_a_session_is_out_of_reach(fresh, certificate):
    chain, key = certificate
    fresh.serve("--tls-cert", str(chain), "--tls-key", str(key))
    browser = requests.Session()
    browser.trust_env, browser.verify = False, str(chain)
    fields = {"user": fresh.admin, "password": fresh.passwords[fresh.admin], "to": "/"}
    answer = browser.post(f"{fresh.url}/sign-in", data=fields, timeout=30, allow_redirects=False)
    assert answer.status_code == 303, answer.text[:500]
    cookie = answer.headers["Set-Cookie"].lower()
    for word in ("httponly", "secure", "samesite=", "path=/"):
        assert word in cookie, cookie
    assert browser.get(f"{fresh.url}/", timeout=10).status_code == 200


def test_a_certificate_without_its_key_or_of_another_key_is_told_before_serving(fresh, certificate, tmp_path):
    chain, key = certificate
    other = tmp_path / "other.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(other)], check=True, capture_output=True)
    serve = ["serve", "--listen", "127.0.0.1:0", "--json"]
    assert fresh.run(*serve, "--tls-cert", str(chain)).returncode == 2
    for wrong in (other, chain, tmp_path / "absent.pem"):
        done = fresh.run(*serve, "--tls-cert", str(chain), "--tls-key", str(wrong), timeout=30)
        assert done.returncode == 4 and done.stderr.startswith(b"error: "), (wrong, done)
        assert list(json.loads(done.stdout)) == ["error"], "it says that it does not serve, and no address"


# -- the clock and the log ---------------------------------------------------------------------------------------------


def test_an_indicator_expires_when_its_time_has_come(fresh):
    """Look-up says of each match how it stands now; the clock moves under test and nowhere else."""
    import datetime

    soon = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    objects = [
        indicator(1, valid_until=soon), indicator(2, valid_until="2024-06-01T00:00:00Z"), indicator(3), indicator(3, second=5, revoked=True),
    ]  # fmt: skip
    bundle = {"type": "bundle", "id": "bundle--" + indicator(1)["id"][11:], "objects": objects}
    fresh.lines("import", "-", stdin=json.dumps(bundle).encode())

    def standing():
        answers = fresh.lines("lookup", "198.51.0.1", "198.51.0.2", "198.51.0.3", remote=True, codes=(0, 1))
        return [[(match["revoked"], match["expired"]) for match in one["matches"]] for one in answers]

    fresh.serve()
    assert standing() == [[(False, False)], [(False, True)], [(True, False)]]
    page = fresh.session().get(f"{fresh.url}/api/v1/search?q=made", headers={"Accept": "application/json"}, timeout=10).json()
    assert {one["id"]: (one["revoked"], one["expired"]) for one in page["items"]}[indicator(3)["id"]] == (True, False)
    fresh.stop()
    env = ["env", "CRESSET_CLOCK_OFFSET=+3d"]
    fresh.serve("--allow-test-controls", prefix=env)
    assert standing() == [[(False, True)], [(False, True)], [(True, False)]]
    fresh.stop()
    fresh.serve(prefix=env)
    assert standing() == [[(False, False)], [(False, True)], [(True, False)]]
    fresh.close()


def test_the_log_is_json_and_holds_no_content_and_no_secret(fresh):
    fresh.add_user("ann", "analyst")
    fresh.add_collection("alpha", "user:ann=rw", f"user:{fresh.admin}=rw")
    fresh.serve("--log", "debug")
    assert fresh.post("alpha", [indicator(7, name="unspeakable wards")]).status_code == 202
    requests.get(f"{fresh.url}/taxii2/", auth=("ann", "a-wrong-password-1"), headers={"Accept": TAXII}, timeout=30)
    assert fresh.session("ann").get(f"{fresh.url}/taxii2/", timeout=30).status_code == 200
    fresh.session().get(f"{fresh.url}/api/v1/search?q=unspeakable", timeout=30)
    fresh.lines("lookup", "198.51.0.7", remote=True)
    fresh.post("alpha", [{"type": "indicator", "id": "hostile-" + "198.51.0.7"}])
    assert fresh.stop() == 0
    with open(fresh.directory + ".log", encoding="utf-8") as log:
        text = log.read()
    lines = [json.loads(line) for line in text.splitlines()]
    assert lines and all("level" in line and "timestamp" in line for line in lines)
    assert "/{api-root}/collections/{id}/objects/" in {line.get("route") for line in lines}, "no request is logged"
    for secret in ("unspeakable", "198.51.0.7", fresh.token, "a-wrong-password-1", fresh.passwords["ann"], fresh.recovery_key):
        assert secret not in text, f"the log holds {secret[:12]}…"
