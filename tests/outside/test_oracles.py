"""Differential tests: stix2-validator and stix2-patterns beside ours, over cases labelled from the text of STIX 2.1.

The text decides. Where an oracle says otherwise, the case names the section it goes against; such an entry must really be a
deviation, so that the table cannot outlive its cause. The same table stands behind docs/CONFORMANCE.md.
"""

import copy
import json
import logging

import pytest
from stix2patterns.validator import validate as oracle_pattern
from stix2validator import ValidationOptions, validate_string

from node import Node
from stixmade import address, identity, indicator, object_id

logging.disable(logging.ERROR)

VALID, INVALID = True, False

# pattern, verdict of the text, and the section that the oracle goes against (None: it agrees)
PATTERNS = [
    ("[file:size = 0]", VALID, None),
    ("[file:size != 0]", VALID, None),
    ("[file:name LIKE '%.exe']", VALID, None),
    ("[file:name MATCHES '^a+$' AND file:size > 3]", VALID, None),
    ("[ipv4-addr:value ISSUBSET '198.51.100.0/24']", VALID, None),
    ("[ipv6-addr:value ISSUPERSET '2001:db8::/32']", VALID, None),
    ("[network-traffic:src_ref.value = '192.0.2.1']", VALID, None),
    ("[email-message:to_refs[*].value = 'a@example.org']", VALID, None),
    ("[file:hashes.'SHA-256' IN ('aa', 'bb')]", VALID, "9.6: a comparison is with any string; the oracle reads the set as one hash"),
    ("[EXISTS windows-registry-key:values]", VALID, None),
    ("[a:b = 1] FOLLOWEDBY [a:b = 2] WITHIN 5 SECONDS", VALID, None),
    ("([a:b = 1] AND [a:b = 2]) REPEATS 5 TIMES WITHIN 1800 SECONDS", VALID, None),
    ("[a:b = 1] START t'2024-01-01T00:00:00Z' STOP t'2024-01-02T00:00:00Z'", VALID, None),
    ("[x-custom:thing_a = b'AAAA' OR x-custom:thing_b = h'00ff']", VALID, None),
    ("[a:b NOT = 1]", VALID, None),
    ("[a:b = true AND a:c = 1.5e0]", INVALID, None),
    ("[]", INVALID, None),
    ("[a:b = 'c'", INVALID, None),
    ("[a:b = \"c\"]", INVALID, None),
    ("[a = 'b']", INVALID, None),
    ("[a:b = 'c'] WITHIN 5 MINUTES", INVALID, None),
    ("[a:b = 'c'] REPEATS -1 TIMES", INVALID, None),
    ("[a:b = 'c'] AND", INVALID, None),
    ("[a:b = t'yesterday']", INVALID, None),
    ("[a:b = h'0']", INVALID, None),
    ("", INVALID, "9.4: an empty text is no pattern expression; the oracle crashes"),
    ("[file:size = 9223372036854775808]", INVALID, "2.10: integers end at 2^53 - 1"),
    ("[file:created = t'2014-02-30T00:00:00Z']", INVALID, "2.16: RFC 3339 knows no 30 February"),
    ("[file:created = t'2016-05-05T12:00:60Z']", INVALID, "2.16: no leap second can be there"),
    ("[file:size = 1 AND ipv4-addr:value = 'a']", INVALID, "9.5: AND inside brackets is about one object"),
    ("[file:size = 1] WITHIN 0 SECONDS", INVALID, "9.5.1: the number is positive"),
    ("[ipv4-addr:value ISSUBSET 'not-an-ip']", INVALID, "9.6.1: the right side is an address or a range"),
]


def without(made, *names):
    return {name: value for name, value in made.items() if name not in names}


def marked(selector, **marking):
    return indicator(1, granular_markings=[{"selectors": [selector], **marking}])


GREEN = "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da"
LOCATION = {
    "type": "location", "spec_version": "2.1", "id": object_id("location", 1), "created": "2024-05-01T00:00:00.000Z",
    "modified": "2024-05-01T00:00:00.000Z", "latitude": 48.8, "longitude": 2.3,
}  # fmt: skip
FILE = {"type": "file", "spec_version": "2.1", "id": object_id("file", 1), "name": "a"}

# object or text, verdict of the text, and the section that the oracle goes against (None: it agrees)
OBJECTS = [
    (indicator(1), VALID, None),
    (identity(1), VALID, None),
    (address("192.0.2.1"), VALID, None),
    (LOCATION, VALID, None),
    (FILE, VALID, None),
    (identity(1, identity_class="organization", sectors=["energy"], lang="en"), VALID, None),
    (indicator(1, object_marking_refs=[GREEN]), VALID, None),
    (marked("pattern", marking_ref=GREEN), VALID, None),
    (marked("indicator_types.[0]", marking_ref=GREEN), VALID, None),
    (without(indicator(1), "pattern"), INVALID, None),
    (without(indicator(1), "valid_from"), INVALID, None),
    (without(indicator(1), "created"), INVALID, None),
    (without(identity(1), "name"), INVALID, None),
    (without(LOCATION, "longitude"), INVALID, None),
    ({**LOCATION, "latitude": 91.0}, INVALID, None),
    (without(FILE, "name"), INVALID, None),
    (indicator(1, confidence=101), INVALID, None),
    (indicator(1, created_by_ref=object_id("malware", 1)), INVALID, "3.2: created_by_ref names an identity"),
    (indicator(1, id="indicator--x"), INVALID, None),
    (indicator(1, modified="2024-04-01T00:00:00.000Z"), INVALID, None),
    (indicator(1, created="2024-05-01T00:00:00.000+02:00"), INVALID, None),
    (indicator(1, valid_until="2024-01-01T00:00:00Z"), INVALID, None),
    (indicator(1, labels=[]), INVALID, None),
    (indicator(1, pattern="[a:b ="), INVALID, None),
    (marked("no_such_property", marking_ref=GREEN), INVALID, None),
    (identity(1, name=5), INVALID, None),
    (identity(1, external_references=[{"description": "no source"}]), INVALID, None),
    (marked("name", lang="en"), VALID, "7.2.3: a granular marking has lang or marking_ref"),
    (marked("type", marking_ref=GREEN), VALID, None),
]


@pytest.fixture(scope="module")
def ours(binary, tmp_path_factory):
    """Asks a `stix` verb all questions at once; the verdicts in order."""
    node = Node(binary, tmp_path_factory.mktemp("stix") / "none")

    def ask(verb, questions):
        lines = "".join(json.dumps({"id": at, **one}) + "\n" for at, one in enumerate(questions))
        done = node.run("stix", verb, stdin=lines.encode())
        answers = {one["id"]: one for one in map(json.loads, done.stdout.splitlines())}
        return [answers[at] for at in range(len(questions))]

    return ask


def test_our_patterns_follow_the_text(ours):
    answers = ours("pattern", [{"pattern": pattern} for pattern, _, _ in PATTERNS])
    wrong = [
        (pattern, answer.get("errors"))
        for (pattern, verdict, _), answer in zip(PATTERNS, answers, strict=True)
        if answer["valid"] != verdict
    ]
    assert wrong == []


def test_our_objects_follow_the_text(ours):
    answers = ours("validate", [{"input": json.dumps(made), "strict": False} for made, _, _ in OBJECTS])
    wrong = [
        (made, answer.get("errors"))
        for (made, verdict, _), answer in zip(OBJECTS, answers, strict=True)
        if answer["valid"] != verdict
    ]
    assert wrong == []


@pytest.mark.parametrize(("pattern", "verdict", "against"), PATTERNS)
def test_stix2_patterns_agrees_or_is_listed(pattern, verdict, against):
    try:
        said = oracle_pattern(pattern, stix_version="2.1")
    except Exception:
        said = None
    assert (said == verdict) == (against is None), f"the oracle says {said}, the text {verdict}: {against}"


@pytest.mark.parametrize(("made", "verdict", "against"), OBJECTS)
def test_stix2_validator_agrees_or_is_listed(made, verdict, against):
    said = validate_string(json.dumps(copy.deepcopy(made)), ValidationOptions(version="2.1")).is_valid
    assert (said == verdict) == (against is None), f"the oracle says {said}, the text {verdict}: {against}"
