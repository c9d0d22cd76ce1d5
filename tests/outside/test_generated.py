"""Differential tests over thousands of inputs made from a seed: stix2-patterns and stix2-validator beside ours.

The text decides. Where the two disagree, a rule must say why, with the sentence of the text that one of them goes against; what a rule
says is looked up in the input, not in anybody's message. A rule that explains nothing any more must go, so that the table cannot outlive
its cause. Where an oracle crashes it has said nothing, and ours must have refused.
"""

import ipaddress
import json
import logging
import pathlib
import random
import re

import pytest
from stix2patterns.validator import validate as oracle_pattern
from stix2validator import ValidationOptions, validate_string

import generated
from node import Node

logging.disable(logging.CRITICAL)

ROOT = pathlib.Path(__file__).resolve().parents[2]
PATTERNS, OBJECTS = 4000, 4000
IDENTIFIER = re.compile(r"[a-z0-9-]+--[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
NAME = re.compile(r"[a-z][a-z0-9_]{2,249}")
OBSERVABLES = {
    "artifact", "autonomous-system", "directory", "domain-name", "email-addr", "email-message", "file", "ipv4-addr", "ipv6-addr",
    "mac-addr", "mutex", "network-traffic", "process", "software", "url", "user-account", "windows-registry-key", "x509-certificate",
}  # fmt: skip


def ask(binary, room, verb, questions):
    """Asks a `stix` verb all questions at once; the answers in order."""
    lines = "".join(json.dumps({"id": at, **one}) + "\n" for at, one in enumerate(questions))
    done = Node(binary, room / "none").run("stix", verb, stdin=lines.encode())
    answers = {one["id"]: one for one in map(json.loads, done.stdout.splitlines())}
    return [answers[at] for at in range(len(questions))]


# --- patterns

SUBSET = re.compile(r"([\w.:'\[\]*-]+?)\s+(?:NOT\s+)?IS(?:SUBSET|SUPERSET)\s*'([^']*)'")
SET = re.compile(r"\bIN\s*\(([^()]*)\)")


def is_range(path, value):
    """Whether a value is an address or a range of the family that a path is of."""
    families = {"ipv4-addr:value": ipaddress.IPv4Network, "ipv6-addr:value": ipaddress.IPv6Network}
    family = families.get(path.lstrip("["))
    try:
        return family is not None and family(value, strict=False) is not None
    except ValueError:
        return False


def is_elsewhere(pattern):
    """Whether ISSUBSET or ISSUPERSET is used on anything but addresses."""
    return any(not is_range(path, value) for path, value in SUBSET.findall(pattern))


def kind_of(literal):
    literal = literal.strip()
    kinds = [("t'", "moment"), ("b'", "bytes"), ("h'", "bytes"), ("'", "string"), ("true", "bool"), ("false", "bool")]
    return next((kind for start, kind in kinds if literal.startswith(start)), "number")


def is_mixed(pattern):
    """Whether a set has values of several kinds."""
    return any(len({kind_of(one) for one in values.split(",")}) > 1 for values in SET.findall(pattern))


def joins_types(pattern):
    """Whether what stands in one pair of brackets is about several types."""
    return any(len(set(re.findall(r"([\w-]+):[\w'-]", inside))) > 1 for inside in re.findall(r"\[([^\[\]]*(?:\[[^\]]*\][^\[\]]*)*)\]", pattern))


# What ours refuses and the oracle takes: name, what the pattern must show, the sentence that the oracle goes against.
PATTERN_OURS = [
    ("subset", is_elsewhere, "9.6.1: ISSUBSET and ISSUPERSET compare IPv4 and IPv6 addresses and ranges"),
    ("set", is_mixed, "9.6.1, grammar: a set has literals of one kind"),
    ("integer", lambda text: "9007199254740992" in text, "2.10: integers end at 2^53 - 1"),
    ("repeats", lambda text: re.search(r"REPEATS\s+0+\s+TIMES", text), "9.5.1: the number is positive"),
    ("within", lambda text: re.search(r"WITHIN\s+0+(\.0+)?\s+SECONDS", text), "9.5.1: the number is positive"),
    ("types", joins_types, "9.5: AND inside brackets is about one object"),
]
# What the oracle refuses and ours takes.
PATTERN_ORACLE = [
    ("hash", lambda text: re.search(r"hashes\.(MD5|'SHA-256')", text), "9.6: a comparison is with any constant; the oracle wants a whole hash"),
    ("binary", lambda text: "b''" in text, "9.2: a binary constant is base64 of octets, of which there may be none, as in h''"),
]


@pytest.fixture(scope="module")
def pattern_verdicts(binary, tmp_path_factory):
    made = list(dict.fromkeys(generated.patterns(random.Random(20260), PATTERNS)))
    ours = ask(binary, tmp_path_factory.mktemp("patterns"), "pattern", [{"pattern": one} for one in made])
    return [(one, answer["valid"], verdict_of(oracle_pattern, one, stix_version="2.1")) for one, answer in zip(made, ours, strict=True)]


def verdict_of(oracle, *args, **more):
    try:
        return oracle(*args, **more)
    except Exception:
        return None


def explained(verdicts, rules, name_of):
    """The verdicts that no rule explains, and the rules that explain nothing."""
    left, idle = [], {name for name, _, _ in rules}
    for verdict in verdicts:
        names = {name for name, shows, _ in rules if shows(*name_of(verdict))}
        idle -= names
        if not names:
            left.append(verdict)
    return left, idle


def test_patterns_disagree_only_where_a_rule_says_why(pattern_verdicts):
    for ours, oracle, rules in [(False, True, PATTERN_OURS), (True, False, PATTERN_ORACLE)]:
        differing = [verdict for verdict in pattern_verdicts if verdict[1:] == (ours, oracle)]
        assert explained(differing, rules, lambda verdict: verdict[:1]) == ([], set())
    assert [text for text, ours, oracle in pattern_verdicts if oracle is None and ours] == []
    agreed = [ours for _, ours, oracle in pattern_verdicts if ours == oracle]
    assert min(agreed.count(True), agreed.count(False)) > PATTERNS // 5


def test_what_loosens_is_what_the_rules_are_about(pattern_verdicts):
    """With another property and another constant in their place the oracle takes the pattern too."""
    differing = [text for text, ours, oracle in pattern_verdicts if (ours, oracle) == (True, False)]
    plain = [re.sub(r"hashes\.(MD5|'SHA-256')", "name", text).replace("b''", "h''") for text in differing]
    assert [text for text in plain if verdict_of(oracle_pattern, text, stix_version="2.1") is not True] == []


# --- objects


def at(made, path):
    """What stands at a path as findings write it; None where nothing does."""
    for step in [step for step in path.split(".") if step]:
        if step.startswith("[") and isinstance(made, list):
            place = int(step[1:-1])
            made = made[place] if place < len(made) else None
        elif isinstance(made, dict):
            made = made.get(step)
        else:
            return None
    return made


def last(path):
    names = [step for step in path.split(".") if step and not step.startswith("[")]
    return names[-1] if names else ""


def first(path):
    return path.split(".")[0]


def is_observable(made):
    return str(made.get("type")) in OBSERVABLES


def no_identifier(value):
    return not (isinstance(value, str) and IDENTIFIER.fullmatch(value))


def kind(value):
    return value.rpartition("--")[0] if isinstance(value, str) else ""


def beyond(value, low=-(2**53) + 1, high=2**53 - 1):
    return isinstance(value, int) and not low <= value <= high


# Common properties that are no business of observables: the oracle's schema of an observable does not know them.
NOT_OF_OBSERVABLES = {"created_by_ref", "created", "modified", "revoked", "labels", "confidence", "lang", "external_references"}
TARGETS = {"created_by_ref": {"identity"}, "object_marking_refs": {"marking-definition"}, "marking_ref": {"marking-definition"}}

# What ours refuses and the oracle takes: code of ours, what must stand at the path, the sentence that the oracle goes against.
OBJECT_OURS = [
    ("property-name", lambda made, path: not NAME.fullmatch(last(path)), "3.1: property names have 3 to 250 characters a-z, 0-9 and _"),
    ("reference-form", lambda made, path: no_identifier(at(made, path)), "2.9: an identifier is type--UUID"),
    ("id-type", lambda made, path: kind(made.get("id")) != made.get("type"), "2.9: the identifier begins with the type of the object"),
    (
        "reference-target",
        lambda made, path: kind(at(made, path)) not in TARGETS.get(last(path), ()),
        "3.2 and the table of the type: what a reference is to",
    ),
    ("not-applicable", lambda made, path: first(path) in {"defanged", *NOT_OF_OBSERVABLES}, "3.2: not applicable to this kind of object"),
    (
        "value-kind",
        lambda made, path: is_observable(made) and (first(path) in NOT_OF_OBSERVABLES or first(path) == "additional_header_fields"),
        "3.2: a common property has its own type wherever it stands; 6.6: the value of a header field is a list of strings",
    ),
    (
        "number-range",
        lambda made, path: beyond(at(made, path)) or beyond(at(made, path), 0, 100),
        "2.2, 2.10: confidence is 0 to 100, integers end at 2^53 - 1, and no number of a system or of bytes is below zero",
    ),
    ("tlp-look-alike", lambda made, path: made.get("type") == "marking-definition", "7.2.1.4: no other TLP markings may be used or created"),
    ("spec-version", lambda made, path: made.get("spec_version") != "2.1", "3.2: an object of this specification says 2.1"),
    ("extension-key", lambda made, path: path.startswith("extensions."), "6: a predefined extension belongs to one type"),
    ("dictionary-key", lambda made, path: len(last(path)) > 250, "2.3: keys have at most 250 characters"),
    ("url", lambda made, path: made.get("type") == "url" and not re.match(r"\w+://[^/]", str(at(made, path))), "6.15, RFC 3986: this scheme has a host"),
    (
        "extension-properties",
        lambda made, path: not NAME.fullmatch(str(at(made, path))),
        "7.3.1: these are names of properties, which have 3 to 250 characters a-z, 0-9 and _",
    ),
    ("null-value", lambda made, path: at(made, path) is None, "2.3: there is no null in STIX; the oracle does not look into a TLP marking"),
    ("empty-dictionary", lambda made, path: at(made, path) == {}, "2.3: a dictionary has at least one member"),
    (
        "required-property",
        lambda made, path: at(made, path) is None and path in ("created_by_ref", "definition.tlp"),
        "7.3.1: an extension definition has a creator; 7.2.1.4: a TLP marking says its level",
    ),
]  # fmt: skip
# What the oracle refuses and ours takes: in the oracle's own words, for it alone says where.
OBJECT_ORACLE = [
    ("header fields", r"additional_header_fields", "6.6: each value is a list of strings, of one too"),
    ("languages of contents", r"property must be an RFC 5646 code", "7.1: keys are RFC 5646 codes, which may have a script and a region"),
    ("languages of software", r"languages\[\d+\]: .* does not match '\^\[a-z\]\{3\}\$'|invalid ISO 639-2", "6.14: languages are RFC 5646 codes"),
    ("CVE", r"If the external reference is a CVE", "4.19: the exact CVE identifier, whose own schema takes four and more digits of any kind"),
    ("addresses of e-mail", r"is not a 'email'", "6.5: an addr-spec of RFC 5322: a quoted string, a literal, a domain without a dot"),
    ("language of a part", r"granular_markings\[\d+\]: 'marking_ref' is a required", "7.2.3: a granular marking has lang or marking_ref"),
    ("hashes in patterns", r"is not a valid (SHA-|MD5).* hash", "9.6: a comparison is with any constant"),
    (
        "names in patterns",
        r"is not a valid observable (type|property) name",
        "9.7, grammar: the names in a path are identifiers, with `_` and capitals; of custom objects anything may be asked",
    ),
    ("types in identifiers", r"'[a-z0-9-]+---[0-9a-f-]{36}' does not match the id format", "3.1: a type is of a-z, 0-9 and hyphens, at its end too"),
    ("tags", r"exif_tags.* does not match any of the regexes", "6.7.5: the list of names of tags is not closed, and keys are those of 2.3"),
    ("custom parts", r"optional_header: Custom extension keys", "11.1: structures of the specification may have custom properties"),
    ("TLP without its name", r"TLP marking definitions must match", "7.2.1: a marking definition MAY have a name; it is the published one by id and content"),
    ("media types", r"mime_type: .* does not match|must be an IANA registered MIME Type", "6.1: this SHOULD be a registered media type"),
]


@pytest.fixture(scope="module")
def object_verdicts(binary, tmp_path_factory):
    made = list({json.dumps(one): one for one in generated.objects(random.Random(20261), ROOT, OBJECTS)}.values())
    questions = [{"input": json.dumps(one), "strict": False} for one in made]
    ours = ask(binary, tmp_path_factory.mktemp("objects"), "validate", questions)
    verdicts = []
    for one, answer in zip(made, ours, strict=True):
        said = verdict_of(validate_string, json.dumps(one), ValidationOptions(version="2.1"))
        verdicts.append((one, answer, said))
    return verdicts


def test_objects_disagree_only_where_a_rule_says_why(object_verdicts):
    left, idle = [], {code for code, _, _ in OBJECT_OURS} | {name for name, _, _ in OBJECT_ORACLE}
    for made, answer, said in object_verdicts:
        if said is None or said.is_valid == answer["valid"]:
            continue
        if said.is_valid:
            why = {code for code, shows, _ in OBJECT_OURS for one in answer["errors"] if one["code"] == code and shows(made, one["path"])}
        else:
            each = [{name for name, words, _ in OBJECT_ORACLE if re.search(words, str(one), re.S)} for one in said.errors]
            why = set().union(*each) if all(each) else set()
        idle -= why
        if not why:
            left.append((made, answer["errors"], [] if said.is_valid else [str(one)[:300] for one in said.errors]))
    assert (left, idle) == ([], set())


def test_where_the_oracle_crashes_ours_refuses_and_they_mostly_agree(object_verdicts):
    assert [made for made, answer, said in object_verdicts if said is None and answer["valid"]] == []
    agreed = [answer["valid"] for _, answer, said in object_verdicts if said is not None and said.is_valid == answer["valid"]]
    assert min(agreed.count(True), agreed.count(False)) > OBJECTS // 5
