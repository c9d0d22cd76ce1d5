"""Limits at their edge: the longest body to the byte, fifty thousand objects in one commit, look-ups in many batches."""

import gzip
import json
import threading

import pytest
import requests

from node import TAXII, Node
from stixmade import indicator, object_id

BODY_BYTES_MAX = 100 * 1024 * 1024


def padded(number, size):
    """An envelope with one object and white space up to `size` bytes."""
    body = json.dumps({"objects": [indicator(number)]}).encode()
    return body[:-1] + b" " * (size - len(body)) + b"}"


def in_chunks(body):
    """The same bytes without a length told in advance."""
    for at in range(0, len(body), 1 << 20):
        yield body[at : at + (1 << 20)]


@pytest.mark.parametrize("way", ["plain", "chunks", "gzip"])
@pytest.mark.parametrize("door", ["taxii", "api"])
def test_the_longest_body_is_exact_to_the_byte(node, way, door):
    """What `max_content_length` says is taken; one byte more is 413 and leaves nothing behind. Decoded bytes count."""
    session = node.session()
    assert session.get(f"{node.url}/api1/", timeout=10).json()["max_content_length"] == BODY_BYTES_MAX
    number = 600_000 + 10 * ["plain", "chunks", "gzip"].index(way) + (0 if door == "taxii" else 5)
    address = node.objects_url("alpha") if door == "taxii" else f"{node.url}/api/v1/collections/alpha/import?format=stix"
    headers = {"Content-Type": TAXII} if door == "taxii" else {"Content-Type": "application/octet-stream", "Accept": "application/json"}

    def send(number, size):
        body = padded(number, size)
        if way == "gzip":
            return session.post(address, data=gzip.compress(body, 1), headers={**headers, "Content-Encoding": "gzip"}, timeout=300)
        return session.post(address, data=in_chunks(body) if way == "chunks" else body, headers=headers, timeout=300)

    taken = send(number, BODY_BYTES_MAX)
    assert taken.status_code == (202 if door == "taxii" else 200), taken.text[:300]
    refused = send(number + 1, BODY_BYTES_MAX + 1)
    assert refused.status_code == 413, refused.text[:300]
    said = refused.json()
    assert said["title"] and str(BODY_BYTES_MAX) in refused.text, "the refusal does not say what the limit is"
    assert session.get(node.objects_url("alpha") + indicator(number)["id"] + "/", timeout=10).status_code == 200
    assert session.get(node.objects_url("alpha") + indicator(number + 1)["id"] + "/", timeout=10).status_code == 404


@pytest.fixture(scope="module")
def crowd(binary, tmp_path_factory):
    """A node that was given 50,000 objects in one envelope."""
    node = Node(binary, tmp_path_factory.mktemp("crowd") / "data")
    node.init()
    node.add_collection("alpha", f"user:{node.admin}=rw")
    node.serve()
    status = node.post("alpha", [indicator(n) for n in range(50_000)])
    assert status.status_code == 202, status.text[:300]
    assert status.json()["success_count"] == 50_000 and status.json()["failure_count"] == 0
    yield node
    node.close()


def test_fifty_thousand_of_one_commit_have_dates_of_their_own_and_page_stably(crowd):
    """Every page while somebody writes: unique microseconds that rise, in the order of the envelope, nothing twice, nothing lost."""
    session, stop = crowd.session(), threading.Event()

    def write():
        others, number = crowd.session(), 700_000
        while not stop.is_set():
            assert crowd.post("alpha", [indicator(number + at) for at in range(5)], others).status_code == 202
            number += 5

    writer = threading.Thread(target=write)
    writer.start()
    try:
        rows, question = [], {"limit": 777}
        url = crowd.objects_url("alpha").replace("/objects/", "/manifest/")
        while len(rows) < 50_000:
            page = session.get(url, params=question, timeout=60).json()
            rows += page["objects"]
            question = {"limit": 777, "next": page.get("next")}
    finally:
        stop.set()
        writer.join()
    first = rows[:50_000]
    assert [row["id"] for row in first] == [indicator(n)["id"] for n in range(50_000)]
    dates = [row["date_added"] for row in first]
    assert all(len(date) == len("2026-01-01T00:00:00.000000Z") for date in dates)
    assert dates == sorted(set(dates)), "two objects of one commit share a microsecond, or they do not rise"
    for at in (0, 1, 776, 24_999, 49_998):
        after = session.get(url, params={"added_after": dates[at], "limit": 1}, timeout=60).json()["objects"]
        assert after[0]["id"] == first[at + 1]["id"], "added_after in the middle of a commit"


def test_look_up_of_more_values_than_one_request_takes(crowd, tmp_path):
    """Answers come one a line, in the order of the values, whatever the number of requests they took."""
    values = [f"198.51.{n // 256 % 256}.{n % 256}" if n % 2 else f"203.0.{n // 256 % 256}.{n % 256}" for n in range(25_000)]
    file = tmp_path / "values"
    file.write_text("\n".join(values))
    answers = crowd.lines("lookup", "--file", str(file), remote=True)
    assert [one["value"] for one in answers] == values
    assert [one["known"] for one in answers] == [n % 2 == 1 for n in range(25_000)]
    matches = {match["id"] for match in answers[301]["matches"]}
    assert indicator(301)["id"] in matches


def test_an_import_of_one_object_too_many_is_refused_as_a_whole(crowd):
    body = b'{"objects":[' + b",".join(b'{"type":"x"}' for _ in range(100_001)) + b"]}"
    response = crowd.session().post(crowd.objects_url("alpha"), data=body, headers={"Content-Type": TAXII}, timeout=120)
    assert response.status_code in (413, 422) and response.json()["title"]


def test_the_figures_of_the_crowd_are_told_to_its_keeper_only(crowd):
    """`/metrics` counts what came in and names routes by template; nothing of the content stands in it."""
    response = crowd.session().get(f"{crowd.url}/metrics", timeout=10)
    assert response.status_code == 200
    lines = dict(line.rsplit(" ", 1) for line in response.text.splitlines() if line and not line.startswith("#"))
    assert int(lines["cresset_objects"]) >= 50_000
    assert int(lines['cresset_objects_received_total{outcome="accepted"}']) >= 50_000
    assert int(lines['cresset_objects_by_type{type="indicator"}']) == int(lines["cresset_objects"])
    assert any("{collection}" in name or "{id}" in name for name in lines)
    assert "198.51." not in response.text and "alpha" not in response.text and object_id("indicator", 1) not in response.text
    assert response.text.rstrip().endswith("# EOF")
    assert requests.get(f"{crowd.url}/metrics", timeout=10).status_code == 401
