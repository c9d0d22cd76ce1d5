"""Every door that takes a body, with a real collection behind it: hostile bytes are refused clearly, and what is not refused is told.

`test_hostile.py` is about TAXII. Here are all others: the JSON API as `/openapi.json` describes it, the forms of the pages,
and what nodes say to each other.
"""

import gzip
import json
import zlib

import pytest
import requests

from node import raw_objects
from stixmade import indicator

DEEP = 10_000
JSON = "application/json"


@pytest.fixture(scope="module")
def doors(node):
    """Address, media type and login of every endpoint that takes a body."""
    description = requests.get(f"{node.url}/openapi.json", timeout=10).json()
    api = []
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            for media in operation.get("requestBody", {}).get("content", {}):
                filled = path.format(collection="alpha", id=indicator(1)["id"], name="nobody", circle="c")
                api.append((method, node.url + filled, media))
    assert len(api) >= 15, "the description has lost its bodies"
    assert any(media == "application/octet-stream" for _, _, media in api), "and its imports"
    forms = [("post", f"{node.url}{path}", "application/x-www-form-urlencoded") for path in ("/sign-in", "/sign-out", "/look-up")]
    forms += [("post", f"{node.url}/federation/v1/registry", JSON), ("post", f"{node.url}/ledger/add-checkpoint", "text/plain")]
    return api + forms


def refused(response):
    """A 4xx; a page sends those who have not signed in to do so, without a look at the body."""
    return 400 <= response.status_code < 500 or response.headers.get("Location", "").startswith("/sign-in")


def held(node):
    """Everything in the collection, as a set of raw objects."""
    return {raw for text in node.poll("alpha") for raw in raw_objects(text)}


@pytest.fixture
def nothing_is_stored(node):
    before = held(node)
    yield
    assert held(node) == before, "something of a refused body was stored"
    assert node.healthy()


def knock(node, door, body, **headers):
    """Sends a body; what came back was an answer of the node, with a code where it refuses."""
    method, url, media = door
    head = {"Authorization": f"Bearer {node.token}", "Content-Type": media, "Accept": JSON, **headers}
    response = requests.request(method, url, data=body, headers=head, timeout=120, allow_redirects=False)
    assert response.status_code < 500, (door, response.status_code, response.text[:300])
    if response.status_code >= 400 and "problem+json" in response.headers.get("Content-Type", ""):
        problem = response.json()
        assert problem["code"] and problem["detail"] and problem["status"] == response.status_code, (door, problem)
    return response


def bomb():
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(b" " * (1 << 20)) for _ in range(256)) + packer.flush()


def one(raw_value):
    text = json.dumps(indicator(900_001))
    return text[:-1].encode() + b',"x_hostile":' + raw_value + b"}"


BODIES = {
    "nothing": b"",
    "NUL": b"\0",
    "bytes that are no UTF-8": b"\xff\xfe\xc0\x80",
    "cut off": one(b"1")[:-20],
    "depth": b"[" * DEEP + b"]" * DEEP,
    "depth in an object": one(b'{"a":' * DEEP + b"1" + b"}" * DEEP),
    "a number beyond doubles": one(b"1e999999999"),
    "a number of many digits": one(b"9" * 100_000),
    "a lone surrogate": one(b'"\\ud800"'),
    "a NUL in a text": one(b'"a\0b"'),
    "a key twice": one(b'1,"x_hostile":2'),
    "another type": b'{"values":5,"name":[],"roles":{},"user":null,"of":{},"state":{"a":1},"grantee":0,"access":9}',
    "year 10000": json.dumps(indicator(900_002, created="10000-01-01T00:00:00.000Z")).encode(),
    "no id": b'{"type":"indicator"}',
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_hostile_bodies_are_refused_at_every_door(node, doors, body, nothing_is_stored):
    for door in doors:
        response = knock(node, door, body)
        if response.status_code < 300 and door[1].endswith("/import"):
            receipts = response.json()["receipts"]
            assert all(each["outcome"] == "refused" and each["code"] and each["reason"] for each in receipts), receipts


def test_broken_packing_is_refused_at_every_door(node, doors, nothing_is_stored):
    whole = gzip.compress(json.dumps(indicator(900_003)).encode())
    for door in doors:
        for body in (whole[: len(whole) // 2], whole[:-1], b"no gzip at all"):
            assert refused(knock(node, door, body, **{"Content-Encoding": "gzip"})), door
        assert refused(knock(node, door, whole, **{"Content-Encoding": "rot13"})), door


def test_a_bomb_is_refused_at_every_door(node, doors, nothing_is_stored):
    packed = bomb()
    assert len(packed) < 1_000_000
    for door in doors:
        assert refused(knock(node, door, packed, **{"Content-Encoding": "gzip"})), door


def test_200_megabytes_are_refused_at_every_door(node, doors, nothing_is_stored):
    """With the length told in advance, nobody waits for the bytes; the answer may come while they are still being sent."""
    for method, url, media in doors:
        head = {"Authorization": f"Bearer {node.token}", "Content-Type": media, "Accept": JSON, "Content-Length": str(200 << 20)}
        try:
            pieces = (b" " * (1 << 20) for _ in range(200))
            told = Told(pieces, 200 << 20)
            response = requests.request(method, url, data=told, headers=head, timeout=120, allow_redirects=False)
        except requests.ConnectionError:
            continue  # it hung up, which is a refusal too; that it lives is asked at the end
        assert refused(response), (url, response.status_code)


class Told:
    """A body that is made while it is sent, with a length that is known."""

    def __init__(self, pieces, size):
        self.pieces, self.size = pieces, size

    def __len__(self):
        return self.size

    def read(self, _size=-1):
        return next(self.pieces, b"")


def test_an_import_tells_of_every_object_whatever_it_holds(node):
    """Good between bad: as many receipts as objects, in their order, and exactly what they say is there."""
    number = 900_100
    good = [indicator(number + at) for at in range(6)]
    edges = [
        indicator(number + 10, created="0000-01-01T00:00:00.000Z", modified="0000-01-01T00:00:00.000Z"),
        indicator(number + 11, created="9999-12-31T23:59:59.999999999Z", modified="9999-12-31T23:59:59.999999999Z"),
        indicator(number + 12, pattern="[file:name MATCHES '(a+)+$']"),
        indicator(number + 13, pattern="[file:name MATCHES '((((((((((']"),
    ]
    bad = [{"type": "indicator"}, {**good[0], "id": "indicator--x"}, {**good[1], "created": "yesterday"}, 7, None, []]
    mixed = [part for pair in zip(good, bad, strict=True) for part in pair] + edges
    body = json.dumps({"type": "bundle", "id": "bundle--" + indicator(1)["id"][11:], "objects": mixed})
    door = ("post", f"{node.url}/api/v1/collections/alpha/import?format=stix", "application/octet-stream")
    response = knock(node, door, body)
    assert response.status_code == 200, response.text[:300]
    receipts = response.json()["receipts"]
    assert len(receipts) == len(mixed)
    outcomes = [each["outcome"] for each in receipts]
    assert outcomes == ["accepted", "refused"] * 6 + ["accepted"] * 4
    assert all(each["code"] and each["reason"] for each in receipts if each["outcome"] == "refused")
    parsed = [json.loads(raw) for raw in held(node)]
    for made in good + edges:
        assert made in parsed
    summary = response.json()["summary"]
    assert (summary["accepted"], summary["refused"]) == (10, 6)


def test_catastrophic_patterns_do_not_stall_the_question_what_would_have_matched(node):
    """The patterns are in the store, and somebody asks about a victim: an answer in time, and the other patterns are still found."""
    victim = "a" * 5_000 + "!"
    for at, expression in enumerate([r"(a+)+$", r"(a|aa)+$", r"(.*a){25}", r"((a{0,100}){0,100}){0,100}b"]):
        assert node.post("alpha", [indicator(900_200 + at, pattern=f"[file:name MATCHES '{expression}']")]).status_code == 202
    assert node.post("alpha", [indicator(900_210, pattern=f"[file:name = '{victim}']")]).status_code == 202
    file = {"type": "file", "spec_version": "2.1", "id": "file--26aaa0d9-cdd5-5b44-b275-f8010cb6846d", "name": victim}
    seen = {
        "type": "observed-data", "spec_version": "2.1", "id": "observed-data--5e7ab1cb-4172-4ed4-8ade-81fa091c999d",
        "created": "2025-05-01T00:00:00.000Z", "modified": "2025-05-01T00:00:00.000Z", "number_observed": 1,
        "first_observed": "2025-05-01T00:00:00.000Z", "last_observed": "2025-05-01T00:00:00.000Z", "object_refs": [file["id"]],
    }  # fmt: skip
    bundle = {"type": "bundle", "id": "bundle--" + indicator(1)["id"][11:], "objects": [file, seen]}
    door = ("post", f"{node.url}/api/v1/observed", JSON)
    response = knock(node, door, json.dumps(bundle))
    assert response.status_code == 200, response.text[:300]
    assert indicator(900_210)["id"] in response.text
