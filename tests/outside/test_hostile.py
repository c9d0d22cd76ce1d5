"""Hostile bytes on every door: a clear 4xx, or a status that lists the refusal; never a 5xx, never a dead node."""

import gzip
import json
import socket
import time
import zlib

import pytest
import requests

from node import TAXII
from stixmade import identity, indicator

WRITE = {"Content-Type": TAXII}


@pytest.fixture(autouse=True)
def lives(node):
    """After each attack the node answers, and takes what is good."""
    yield
    assert node.healthy()
    assert node.post("alpha", [identity(1)]).json()["success_count"] == 1


def post(node, body, **headers):
    return node.session().post(node.objects_url("alpha"), data=body, headers={**WRITE, **headers}, timeout=120)


def refused(response, *statuses):
    """A TAXII error body with a title, and one of the statuses."""
    assert response.status_code in (statuses or (400, 422)), f"{response.status_code}: {response.text[:300]}"
    assert response.json()["title"]


def told(response):
    """Refused as a whole, or accepted with every object listed as a failure that has a message."""
    assert 200 <= response.status_code < 500, f"{response.status_code}: {response.text[:300]}"
    body = response.json()
    if response.status_code != 202:
        assert body["title"]
        return
    assert body["success_count"] == 0, body
    assert body["failure_count"] == body["total_count"] > 0
    assert all(one["message"] for one in body["failures"])


def test_truncated_gzip(node):
    whole = gzip.compress(json.dumps({"objects": [indicator(n) for n in range(50)]}).encode())
    for cut in (0, 1, 9, 10, len(whole) // 2, len(whole) - 1):
        refused(post(node, whole[:cut], **{"Content-Encoding": "gzip"}))
    assert node.session().get(node.objects_url("alpha") + indicator(49)["id"] + "/", timeout=10).status_code == 404


def test_gzip_that_is_none_and_encodings_nobody_knows(node):
    refused(post(node, b"{}", **{"Content-Encoding": "gzip"}))
    refused(post(node, b"{}", **{"Content-Encoding": "br"}), 400, 415)
    refused(post(node, b"{}", **{"Content-Encoding": "gzip, gzip, gzip"}), 400, 415)


def test_gzip_bomb(node):
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    piece = b" " * (1 << 20)
    bomb = b"".join(packer.compress(piece) for _ in range(1024)) + packer.flush()
    assert len(bomb) < 2_000_000
    start = time.monotonic()
    refused(post(node, bomb, **{"Content-Encoding": "gzip"}), 413)
    assert time.monotonic() - start < 60, "a bomb of one gigabyte keeps the node busy"


def raw(node, head, pieces):
    """Sends as much as the node takes, and returns the status it answers with; None when it only hangs up."""
    host, port = node.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as stream:
        stream.sendall(head.encode())
        try:
            for piece in pieces:
                stream.sendall(piece)
        except OSError:
            pass
        answer = b""
        try:
            while b"\r\n" not in answer:
                got = stream.recv(4096)
                if not got:
                    break
                answer += got
        except OSError:
            pass
    return int(answer.split(b" ")[1]) if answer.startswith(b"HTTP/1.") else None


def head(node, *lines):
    path = node.objects_url("alpha").removeprefix(node.url)
    first = [f"POST {path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {node.token}", f"Accept: {TAXII}"]
    return "\r\n".join([*first, f"Content-Type: {TAXII}", *lines]) + "\r\n\r\n"


def test_a_body_of_200_megabytes(node):
    megabyte = b" " * (1 << 20)
    said = raw(node, head(node, f"Content-Length: {200 << 20}"), (megabyte for _ in range(200)))
    assert said in (413, None)
    chunk = f"{1 << 20:x}\r\n".encode() + megabyte + b"\r\n"
    said = raw(node, head(node, "Transfer-Encoding: chunked"), (chunk for _ in range(200)))
    assert said in (413, None)
    response = requests.post(
        node.objects_url("alpha"),
        data=b"",
        headers={**WRITE, "Authorization": f"Bearer {node.token}", "Accept": TAXII, "Content-Length": "0"},
        timeout=30,
    )
    refused(response)


def test_a_body_that_never_comes(node):
    """A promised body is cut off: nothing is stored, and the connection ends with a refusal or without a word."""
    body = json.dumps({"objects": [indicator(700)]}).encode()
    said = raw(node, head(node, f"Content-Length: {len(body)}", "Connection: close"), [body])
    assert said == 202
    host, port = node.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as stream:
        stream.sendall(head(node, f"Content-Length: {len(body) + 1000}").encode() + body)
    for line in ("Content-Length: -5", "Content-Length: 5\r\nContent-Length: 6", "Transfer-Encoding: rot13"):
        said = raw(node, head(node, line), [body])
        assert said is None or 400 <= said < 500, (line, said)


DEEP = 10_000


@pytest.mark.parametrize(
    "body",
    [
        b"", b" ", b"\0", b"{", b"[]", b"null", b"1", b'"x"', b"{}garbage", b"\xff\xfe{\0}\0", b"\xef\xbb\xbf{}",
        b'{"objects":}', b'{"objects":{}}', b'{"objects":"x"}', b'{"objects":[}', b'{"objects":[],}', b'{"objects":[1e400]',
        b'{"objects":[]', b'{"objects":[],"objects":[]}', b'{"objects":[{}]}}', b'{"objects": [NaN]}', b"[" * DEEP, b"{\"a\":" * DEEP,
        b'{"objects":' + b"[" * DEEP + b"]" * DEEP + b"}", b'{"more":"yes","objects":[]}',
    ],
)  # fmt: skip
def test_what_is_no_envelope(node, body):
    response = post(node, body)
    if response.status_code == 202:
        told(response)
    else:
        refused(response)


def with_field(name, raw_value):
    """An indicator with one raw JSON value more, which Python's writer would refuse to make."""
    number = 800_000 + sum(name + raw_value[:60])  # an object of its own: what is kept must not make others conflict
    text = json.dumps(indicator(number))
    return b'{"objects":[' + text[:-1].encode() + b',"' + name + b'":' + raw_value + b"}]}"


@pytest.mark.parametrize(
    "body",
    [
        with_field(b"x_deep", b"[" * DEEP + b"]" * DEEP),
        with_field(b"x_deep", b'{"a":' * DEEP + b"1" + b"}" * DEEP),
        with_field(b"x_big", b"1" + b"0" * 5000),
        with_field(b"x_big", b"1e999999999"),
        with_field(b"x_big", b"-" + b"9" * 400),
        with_field(b"x_surrogate", b'"\\ud800"'),
        with_field(b"x_surrogate", b'"\\udc00\\ud800"'),
        with_field(b"x_bytes", b'"\xff\xfe"'),
        with_field(b"x_bytes", b'"\xc0\x80"'),
        with_field(b"x_bytes", b'"\xed\xa0\x80"'),
        with_field(b"x_control", b'"a\0b"'),
        with_field(b"type", b'"malware"'),
    ],
)  # fmt: skip
def test_values_that_no_object_may_hold(node, body):
    told(post(node, body))


def test_an_escaped_nul_is_kept_or_refused_but_never_breaks(node):
    body = with_field(b"x_nul", b'"a\\u0000b"')
    response = post(node, body)
    assert response.status_code in (202, 400, 422)
    assert list(node.poll("alpha"))


@pytest.mark.parametrize(
    "change",
    [
        {"id": "indicator"}, {"id": ""}, {"id": 5}, {"id": "indicator--"}, {"id": "indicator--xyz"}, {"id": "malware--" + "0" * 36},
        {"id": indicator(1)["id"] + "\n"}, {"id": indicator(1)["id"].upper()}, {"id": "../../etc/passwd"}, {"id": "a" * 100_000},
        {"type": ""}, {"type": "Indicator"}, {"type": "a" * 300}, {"type": None},
        {"created": "10000-01-01T00:00:00.000Z"}, {"created": "2024-02-30T00:00:00.000Z"},
        {"created": "2024-01-01T00:00:00.000+00:00"}, {"created": "2024-01-01"}, {"created": 0}, {"created": "2024-01-01T00:00:00.000Z\n"},
        {"modified": "2024-01-01T24:00:00.000Z"}, {"modified": "x" * 100_000}, {"modified": ["x"]},
        {"created_by_ref": "indicator--" + "0" * 36}, {"created_by_ref": 7}, {"object_marking_refs": "x"}, {"object_marking_refs": [5]},
    ],
)  # fmt: skip
def test_objects_that_are_none(node, change):
    number = 810_000 + sum(json.dumps(change)[:60].encode())  # an object of its own, as above
    told(node.post("alpha", [{**indicator(number), **change}]))


@pytest.mark.parametrize(
    "change",
    [
        {"x_big": 9007199254740993}, {"x_null": None}, {"x_empty": []}, {"x_empty": {}}, {"spec_version": "9.9"}, {"spec_version": 2.1},
        {"modified": "2020-01-01T00:00:00.000Z"}, {"name": "n" * 300}, {"labels": [""] * 3 + [None]}, {"revoked": "yes"},
        {"confidence": 10**30}, {"granular_markings": [{"selectors": ["a.b.c"]}]},
    ],
)  # fmt: skip
def test_what_is_against_the_text_and_still_an_object(node, change):
    """Storing is lossless about what does not make an object one: kept byte for byte, and said to be invalid."""
    made = {**indicator(802), **change}
    assert node.post("alpha", [made]).json()["success_count"] == 1
    back = node.session().get(node.objects_url("alpha") + made["id"] + "/", timeout=10)
    assert json.dumps(made) in back.text
    question = json.dumps({"id": 1, "input": json.dumps(made), "strict": True})
    answer = json.loads(node.run("stix", "validate", stdin=question.encode() + b"\n").stdout)
    assert not answer["valid"] and answer["errors"][0]["message"] and answer["errors"][0]["code"]
    node.session().delete(node.objects_url("alpha") + made["id"] + "/", timeout=10)


@pytest.mark.parametrize(
    "moment",
    [
        "0000-01-01T00:00:00.000Z", "0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999999999Z", "2016-12-31T23:59:60.000Z",
        "2024-01-01T00:00:00.123456789Z", "2024-01-01T00:00:00." + "1" * 30 + "Z", "1969-12-31T23:59:59.999Z",
    ],
)  # fmt: skip
def test_moments_at_the_edges_are_kept_as_they_are(node, moment):
    number = 5000 + abs(hash(moment)) % 1000
    body = indicator(number, created=moment, modified=moment, valid_from=moment)
    response = node.post("alpha", [body])
    assert response.status_code == 202, response.text
    assert response.json()["success_count"] == 1, response.text
    back = node.session().get(node.objects_url("alpha") + body["id"] + "/", timeout=10)
    assert back.json()["objects"][0]["modified"] == moment
    exact = node.session().get(
        node.objects_url("alpha") + body["id"] + "/", params={"match[version]": moment}, timeout=10
    )
    assert exact.status_code == 200 and exact.json()["objects"][0]["created"] == moment
    node.session().delete(node.objects_url("alpha") + body["id"] + "/", timeout=10)


CATASTROPHES = [
    r"(a+)+$", r"(a|aa)+$", r"(a|a?)+$", r"(.*a){25}", r"^(([a-z])+.)+[A-Z]([a-z])+$", r"(x+x+)+y", r"((a{0,100}){0,100}){0,100}b",
]  # fmt: skip


def test_catastrophic_patterns_stall_nothing(node):
    """Patterns that make a backtracking matcher run for years are stored, matched within limits, and said not to match."""
    victim = "a" * 60 + "!"
    for at, expression in enumerate(CATASTROPHES):
        pattern = f"[file:name MATCHES '{expression}']"
        response = node.post("alpha", [indicator(820 + at, pattern=pattern)])
        assert response.status_code == 202, response.text
        bundle = {
            "type": "bundle",
            "id": "bundle--" + indicator(1)["id"].removeprefix("indicator--"),
            "objects": [
                {"type": "file", "spec_version": "2.1", "id": "file--26aaa0d9-cdd5-5b44-b275-f8010cb6846d", "name": victim},
                {
                    "type": "observed-data", "spec_version": "2.1", "id": "observed-data--5e7ab1cb-4172-4ed4-8ade-81fa091c999d",
                    "created": "2023-05-01T00:00:00.000Z", "modified": "2023-05-01T00:00:00.000Z",
                    "first_observed": "2023-05-01T00:00:00.000Z", "last_observed": "2023-05-01T00:00:00.000Z",
                    "number_observed": 1, "object_refs": ["file--26aaa0d9-cdd5-5b44-b275-f8010cb6846d"],
                },
            ],
        }  # fmt: skip
        question = json.dumps({"id": "1", "pattern": pattern, "bundle": bundle}).encode()
        start = time.monotonic()
        done = node.run("stix", "match", stdin=question + b"\n", timeout=30)
        assert time.monotonic() - start < 10, expression
        assert done.returncode in (0, 1), done.stderr
        assert json.loads(done.stdout)["matched"] in (True, False)


@pytest.mark.parametrize(
    "pattern",
    [
        "", "[", "]", "[]", "[a:b = 'c'", "[a:b = 'c'] AND", "[" * 10_000, "(" * 10_000 + "[a:b = 1]" + ")" * 10_000, "[a:b = 1] REPEATS 0 TIMES",
        "[a:b = 1] WITHIN -1 SECONDS", "[a:b[-1] = 1]", "[a:b MATCHES '(']", "[a:b = 1] AND " * 5_000 + "[a:b = 1]", "\0", "[a:b = '\ud7ff']" * 2,
    ],
)  # fmt: skip
def test_patterns_of_every_sort_are_kept_or_refused(node, pattern):
    """Storing is lossless: an unparsable pattern may be kept with its findings, or refused with a reason; never a 5xx."""
    response = node.post("alpha", [indicator(850, pattern=pattern)])
    assert response.status_code in (202, 400, 413, 422), response.text[:300]
    if response.status_code == 202:
        assert response.json()["pending_count"] == 0
    done = node.run("stix", "pattern", stdin=json.dumps({"id": 1, "pattern": pattern}).encode() + b"\n", timeout=60)
    answer = json.loads(done.stdout)
    assert answer["id"] == 1 and answer["valid"] in (True, False)
    if not answer["valid"]:
        assert answer["errors"][0]["message"]


JUNK = [
    "/%00", "/%ff%fe", "/..%2f..%2fetc/passwd", "/" + "a" * 20_000, "/taxii2/%0d%0aX: y", "/api1/collections/%F0%9F%94%A5/objects/",
    "/api1/collections/alpha/objects/%00/", "/api1/collections/alpha/objects/?" + "x=1&" * 5_000, "/api/v1/search?q=%00", "/api/v1/search?q=%ff",
    "/api/v1/search?q=" + "(" * 4_000, "/api/v1/search?q=%22%22%22%20OR%20NEAR(", "/api/v1/lookup?value=%00", "/feeds/../../x.plain",
    "/api/v1/objects/nothing--at-all", "/api/v1/collections/%27%3B--/objects", "/ledger/%00", "/.well-known/%00",
]  # fmt: skip


@pytest.mark.parametrize("path", JUNK, ids=range(len(JUNK)))
def test_junk_in_addresses(node, path):
    host, port = node.url.removeprefix("http://").split(":")
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {node.token}\r\nConnection: close\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=30) as stream:
        stream.sendall(request.encode("latin-1"))
        answer = b""
        while got := stream.recv(65536):
            answer += got
    assert answer == b"" or 200 <= int(answer.split(b" ")[1]) < 500, answer[:300]


@pytest.mark.parametrize(
    "junk", [b"", b"\0", b"{", b"[" * DEEP, b"null", b'{"values":5}', b'{"values":["\\ud800"]}', b"\xff", b'{"a":' * DEEP]
)
def test_junk_on_every_endpoint_of_the_api(node, junk):
    """Every path and method of the OpenAPI description, with every kind of junk as its body."""
    description = requests.get(f"{node.url}/openapi.json", timeout=10).json()
    session = node.session()
    for path, methods in description["paths"].items():
        for method in methods:
            if method not in ("get", "post", "put", "patch", "delete") or "logout" in path or "sign-out" in path:
                continue
            url = node.url + path.replace("{", "x").replace("}", "x")
            for content_type in ("application/json", TAXII):
                response = session.request(
                    method, url, data=junk, headers={"Content-Type": content_type}, timeout=60, stream=True
                )
                assert response.status_code < 500, (method, path, junk[:20], response.status_code, response.text[:300])
                response.close()


@pytest.mark.parametrize(
    "authorization",
    [
        "", "Basic", "Basic !!!", "Basic " + "QQ==", "Basic Og==", "Bearer", "Bearer \xff", "Bearer " + "x" * 50_000, "Digest x", "Basic " + "QUFB" * 20_000,
    ],
)  # fmt: skip
def test_junk_as_credentials(node, authorization):
    said = raw(
        node,
        f"GET /api1/ HTTP/1.1\r\nHost: localhost\r\nAccept: {TAXII}\r\nAuthorization: {authorization}\r\nConnection: close\r\n\r\n",
        [],
    )
    assert said in (400, 401, 431), said
