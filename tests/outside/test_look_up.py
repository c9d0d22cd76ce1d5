"""Finding what is there: values in every spelling, words of three scripts, relationships, sightings, patterns, versions."""

import json

import pytest

from node import Node
from stixmade import address, identity, indicator, object_id

HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
PATTERNS = {
    "address": "[ipv4-addr:value = '198.51.100.7']",
    "range": "[ipv4-addr:value ISSUBSET '203.0.113.0/24']",
    "six": "[ipv6-addr:value = '2001:db8::1']",
    "domain": "[domain-name:value = 'lantern.example']",
    "url": "[url:value = 'http://lantern.example/a/b?q=1']",
    "hash": f"[file:hashes.'SHA-256' = '{HASH}']",
    "mail": "[email-addr:value = 'duty@lantern.example']",
}
NAMES = {"english": "Pale Lantern loader", "russian": "Бледный ФОНАРЬ: ёлочная рассылка", "chinese": "苍白灯笼行动针对医院"}
INDICATORS = {name: indicator(at, pattern=text, name=f"by {name}") for at, (name, text) in enumerate(PATTERNS.items())}
NAMED = {language: indicator(100 + at, name=name, pattern="[a:b = 1]") for at, (language, name) in enumerate(NAMES.items())}
MALWARE = {
    "type": "malware", "spec_version": "2.1", "id": object_id("malware", 1), "created": "2024-05-01T00:00:00.000Z",
    "modified": "2024-05-01T00:00:00.000Z", "name": "shuttered loader", "is_family": False,
}  # fmt: skip
INDICATES = {
    "type": "relationship", "spec_version": "2.1", "id": object_id("relationship", 1), "created": "2024-05-01T00:00:00.000Z",
    "modified": "2024-05-01T00:00:00.000Z", "relationship_type": "indicates", "source_ref": INDICATORS["address"]["id"],
    "target_ref": MALWARE["id"],
}  # fmt: skip


@pytest.fixture(scope="module")
def house(binary, tmp_path_factory):
    """A running node with everything above in one collection, and a person who reads it."""
    node = Node(binary, tmp_path_factory.mktemp("house") / "data")
    node.init()
    node.add_user("reader", "reader")
    node.add_collection("alpha", f"user:{node.admin}=rw", "user:reader=r")
    node.serve()
    objects = [*INDICATORS.values(), *NAMED.values(), MALWARE, INDICATES, identity(1, name="Hospital of Aldermoor")]
    assert node.post("alpha", objects).json()["failure_count"] == 0
    yield node
    node.close()


def api(node, method, path, user="reader", **more):
    session = node.session(user)
    session.headers["Accept"] = "application/json"
    response = session.request(method, f"{node.url}/api/v1/{path}", timeout=30, **more)
    assert response.status_code in (200, 201), response.text[:300]
    return response.json()


@pytest.mark.parametrize(
    ("value", "found", "how"),
    [
        ("198.51.100.7", "address", "exact"),
        ("198[.]51[.]100[.]7", "address", "exact"),
        ("::ffff:198.51.100.7", "address", "exact"),
        ("203.0.113.200", "range", "range"),
        ("203.0.113.0/24", "range", "exact"),
        ("2001:0DB8:0:0::0001", "six", "exact"),
        ("LANTERN.example.", "domain", "exact"),
        ("cdn.eu.lantern[.]example", "domain", "parent-domain"),
        ("hxxp://lantern[.]example:80/a/./b?q=1#top", "url", "exact"),
        ("HTTP://LANTERN.EXAMPLE/x/../a/b?q=1", "url", "exact"),
        ("https://www.lantern.example/elsewhere", "domain", "parent-domain"),
        (HASH.upper(), "hash", "exact"),
        ("mailto:Duty@Lantern.example", "mail", "exact"),
        ("198.51.100.8", None, None),
        ("203.0.114.1", None, None),
        ("lantern.example.org", None, None),
        ("notlantern.example", None, None),
    ],
)
def test_a_value_is_found_however_it_is_written(house, value, found, how):
    answer = api(house, "POST", "lookup", json={"values": [value]})["answers"][0]
    assert answer["value"] == value
    got = {match["id"]: match["how"] for match in answer["matches"]}
    if found is None:
        assert not answer["known"] and got == {}
        return
    assert answer["known"] and got.get(INDICATORS[found]["id"]) == how, answer


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("pale", "english"), ("LANTERN loader", "english"), ("фонарь", "russian"), ("БЛЕДНЫЙ", "russian"), ("елочная", "russian"),
        ("ЁЛОЧНАЯ фонарь", "russian"), ("灯笼", "chinese"), ("针对医院", "chinese"), ("苍白灯笼行动", "chinese"),
    ],
)  # fmt: skip
def test_words_of_three_scripts_are_found(house, question, language):
    """Letters of either case, `ё` as `е`, and Chinese, which puts no spaces, from any pair of characters."""
    found = [one["id"] for one in api(house, "GET", "search", params={"q": question})["items"]]
    assert found == [NAMED[language]["id"]], found
    lines = house.run("search", question, "--json", remote=True)
    assert [one["id"] for one in json.loads(lines.stdout)["items"]] == found


@pytest.mark.parametrize("question", ["lanternx", "фонари", "笼灯", "医针", "pale фонарь", "苍白医院行动"])
def test_words_that_are_not_there_are_not_found(house, question):
    assert api(house, "GET", "search", params={"q": question})["items"] == []


def test_relationships_are_seen_from_both_ends(house):
    out = house.ask("edges", INDICATORS["address"]["id"], "--direction", "out", remote=True)
    back = house.ask("edges", MALWARE["id"], "--direction", "in", remote=True)
    for edges, other in ((out, MALWARE["id"]), (back, INDICATORS["address"]["id"])):
        text = json.dumps(edges)
        assert "indicates" in text and other in text, edges
    assert MALWARE["id"] not in json.dumps(house.ask("edges", INDICATORS["address"]["id"], "--direction", "in", remote=True))


def test_sightings_are_counted(house):
    asked = {"values": ["2001:db8::1"], "sightings": True}
    before = api(house, "POST", "lookup", json=asked)["answers"][0]["matches"][0]["sightings"]
    for count in ("3", "4"):
        house.ask("sight", "2001:db8::1", "--count", count, "--collection", "alpha", remote=True)
    after = api(house, "POST", "lookup", json=asked)["answers"][0]["matches"][0]["sightings"]
    assert after["count"] - (before["count"] if before else 0) == 7, (before, after)


def observed(value):
    seen = {
        "type": "observed-data", "spec_version": "2.1", "id": "observed-data--5e7ab1cb-4172-4ed4-8ade-81fa091c999d",
        "created": "2025-05-01T00:00:00.000Z", "modified": "2025-05-01T00:00:00.000Z", "number_observed": 1,
        "first_observed": "2025-05-01T00:00:00.000Z", "last_observed": "2025-05-01T00:00:00.000Z",
        "object_refs": [address(value)["id"]],
    }  # fmt: skip
    return json.dumps({"type": "bundle", "id": "bundle--" + indicator(1)["id"][11:], "objects": [address(value), seen]}).encode()


def test_patterns_that_would_have_matched_are_named(house):
    found = house.ask("observed", "-", stdin=observed("203.0.113.9"), remote=True)
    assert [one["id"] for one in found["items"]] == [INDICATORS["range"]["id"]]
    nothing = house.run("observed", "-", "--json", stdin=observed("192.0.2.1"), remote=True)
    assert nothing.returncode == 1 and json.loads(nothing.stdout)["items"] == []


def test_every_arrival_gets_the_receipt_it_deserves(fresh):
    """Version rules as receipts: accepted, known, newer, older, refused with a rule; the newest is what `get` shows."""

    def outcome(made):
        receipt = fresh.lines("import", "-", stdin=json.dumps(made).encode(), codes=(0, 1))[0]
        return receipt["outcome"] + (f" {receipt['code']}" if receipt["outcome"] == "refused" else "")

    reordered = dict(reversed(indicator(1, 10).items()))
    arrivals = [
        (indicator(1, 10), "accepted"), (reordered, "known"), (indicator(1, 20, name="later"), "newer"), (indicator(1, 5), "older"),
        (indicator(1, 10, name="other content"), "refused version-conflict"), (indicator(1, 30, revoked=True), "newer"),
        (indicator(1, 40), "refused revoked"),
    ]  # fmt: skip
    got = [outcome(made) for made, _ in arrivals]
    assert [one.split()[0] for one in got] == [expected.split()[0] for _, expected in arrivals], got
    assert all(" " in one for one in got if one.startswith("refused"))
    assert fresh.ask("get", indicator(1)["id"])["object"] == indicator(1, 30, revoked=True)
    assert len(fresh.ask("history", indicator(1)["id"])) == 4


@pytest.mark.parametrize(
    ("name", "text", "values"),
    [
        ("text", b"seen on Friday: hxxps://evil[.]lantern[.]example/x and 198.51.100[.]77.\n", ["198.51.100.77", "https://evil.lantern.example/x"]),
        ("csv", b"value,comment\nevil.lantern.example,seen\n198.51.100.78,too\n", ["198.51.100.78", "evil.lantern.example"]),
    ],
)
def test_files_that_are_no_stix_are_read_too(fresh, name, text, values):
    lines = fresh.lines("import", "-", "--format", name, stdin=text)
    assert lines[-1]["summary"]["accepted"] >= 2 and lines[-1]["summary"]["refused"] == 0
    answers = fresh.lines("lookup", *values)
    assert [one["known"] for one in answers] == [True, True]
