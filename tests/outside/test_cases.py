"""The labelled cases beside the workspace, through `cresset stix`. The labels were read off the specification's text."""

import json

import pytest

from conftest import data
from node import Node


# Labels that the text does not bear out: see docs/CONFORMANCE.md, and the same list in crates/stix/tests/labelled.rs.
DISPUTED = {"obj-05952"}


def cases(name):
    with open(data("cases/stix") / name, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def stix(binary, tmp_path_factory):
    """Asks a `stix` verb all questions at once; answers by id."""
    node = Node(binary, tmp_path_factory.mktemp("stix") / "none")

    def ask(verb, questions):
        done = node.run("stix", verb, stdin="".join(json.dumps(one) + "\n" for one in questions).encode())
        return {one["id"]: one for one in map(json.loads, done.stdout.splitlines())}

    return ask


def disagreements(labelled, answers, of):
    return [
        (one["id"], one.get("note") or one.get("tags"), one["spec"], of(answers.get(one["id"], {})))
        for one in labelled
        if one["spec"] is not None and one["id"] not in DISPUTED and of(answers.get(one["id"], {})) != one["spec"]
    ]


def test_objects(stix):
    labelled = cases("objects.jsonl")
    answers = stix("validate", [{"id": one["id"], "input": one["input"], "strict": False} for one in labelled])
    assert disagreements(labelled, answers, lambda answer: answer.get("valid")) == []


def test_patterns(stix):
    labelled = cases("patterns.jsonl")
    answers = stix("pattern", labelled)
    assert disagreements(labelled, answers, lambda answer: answer.get("valid")) == []


def test_matches(stix):
    labelled = cases("matches.jsonl")
    answers = stix("match", labelled)
    assert disagreements(labelled, answers, lambda answer: answer.get("matched")) == []
    for one in labelled:
        if one["spec"] and one.get("spec_bindings"):
            assert answers[one["id"]]["observations"] in one["spec_bindings"], one["id"]


def test_ids_of_observables(stix):
    labelled = cases("sco_ids.jsonl")
    answers = stix("id", labelled)
    for one in labelled:
        said = answers[one["id"]]["sco_id"]
        if one["spec"] == "random" or one["spec"] is None:
            assert said.split("--")[1][14] == "4", one["id"]
        else:
            assert said == one["spec"], one["id"]


def test_versions(stix):
    labelled = [one for one in cases("versions.jsonl") if one["spec"] and one["spec"]["latest"] is not None]
    answers = stix("latest", labelled)
    assert [(one["id"], one["note"]) for one in labelled if answers[one["id"]].get("latest") != one["spec"]["latest"]] == []


def test_selectors(stix):
    labelled = [one for one in cases("selectors.jsonl") if one["spec"] is not None]
    answers = stix("markings", labelled)
    for one in labelled:
        said = answers[one["id"]]
        assert said["valid"] == one["spec"]["valid"], one["id"]
        if one["spec"]["valid"]:
            assert sorted(said["effective"]) == sorted(one["spec"]["effective"]), one["id"]
