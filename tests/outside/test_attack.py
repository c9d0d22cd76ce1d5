"""ATT&CK, Enterprise and ICS: imported, polled back byte for byte, found by look-up and search."""

import gzip
import json

import pytest

from conftest import data
from node import key, raw_objects
from stixmade import indicator

SETS = ["enterprise-attack.json.gz", "ics-attack-18.1.json.gz"]


@pytest.mark.parametrize("name", SETS)
def test_every_object_comes_back_byte_for_byte(fresh, tmp_path, name):
    text = gzip.decompress((data("data/attack") / name).read_bytes()).decode()
    original = {key(raw): raw for raw in raw_objects(text)}
    bundle = tmp_path / "bundle.json"
    bundle.write_text(text, newline="")
    fresh.add_collection("attack", f"user:{fresh.admin}=rw")
    lines = fresh.lines("import", str(bundle), "--collection", "attack")
    summary, receipts = lines[-1]["summary"], lines[:-1]
    refused = [one for one in receipts if one["outcome"] == "refused"]
    assert refused == [], refused[:3]
    assert len(receipts) == len(raw_objects(text)), summary
    fresh.serve()
    back = {}
    for envelope in fresh.poll("attack", **{"match[version]": "all"}):
        for raw in raw_objects(envelope):
            assert key(raw) not in back, "an object came back twice"
            back[key(raw)] = raw
    assert back.keys() == original.keys()
    different = [one for one in original if back[one] != original[one]]
    assert different == []


def test_importing_twice_changes_nothing(fresh, tmp_path):
    text = gzip.decompress((data("data/attack") / SETS[1]).read_bytes())
    bundle = tmp_path / "bundle.json"
    bundle.write_bytes(text)
    fresh.add_collection("attack", f"user:{fresh.admin}=rw")
    fresh.lines("import", str(bundle), "--collection", "attack")
    again = fresh.lines("import", str(bundle), "--collection", "attack")
    assert {one["outcome"] for one in again[:-1]} == {"known"}


def test_reports_of_the_older_version_are_upgraded(fresh):
    """STIX 2.0 bundles keep their ids. One publisher gives an id another `created` in each report: all are kept, in one collection."""
    fresh.add_collection("reports", f"user:{fresh.admin}=rw")
    versions, beside = set(), 0
    for report in sorted(data("data/stix2-reports").glob("*.json.gz")):
        text = gzip.decompress(report.read_bytes())
        lines = fresh.lines("import", "-", "--collection", "reports", stdin=text)
        assert [one for one in lines[:-1] if one["outcome"] == "refused"] == [], report.name
        beside += lines[-1]["summary"].get("beside", 0)
        versions |= {(one["id"], one["modified"]) for one in json.loads(text)["objects"] if "modified" in one}
        again = fresh.lines("import", "-", "--collection", "reports", stdin=text)
        assert {one["outcome"] for one in again[:-1]} == {"known"}, report.name
    assert beside > 0
    fresh.serve()
    back = [one for page in fresh.poll("reports", **{"match[version]": "all"}) for one in json.loads(page).get("objects", [])]
    assert versions <= {(one["id"], one.get("modified")) for one in back}


def test_another_created_for_a_known_id_is_kept_beside_with_the_rule(fresh):
    """`created` does not change between versions (STIX 2.1, section 3.6): no later version of the first, told, and not lost."""
    first = indicator(1)
    second = indicator(1, second=5, created="2024-04-30T00:00:00.000Z")
    bundle = {"type": "bundle", "id": "bundle--" + first["id"].removeprefix("indicator--"), "objects": [first, second]}
    lines = fresh.lines("import", "-", stdin=json.dumps(bundle).encode())
    assert [one["outcome"] for one in lines[:-1]] == ["accepted", "accepted"]
    assert "created-changed" in {one["code"] for one in lines[1]["findings"]}
    got = fresh.ask("get", first["id"])
    assert (got["object"], got["contradictions"]) == (first, 1)
