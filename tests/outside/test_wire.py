"""TAXII 2.1 on the wire: what the standard says about headers, statuses and bodies, asked for byte by byte."""

import gzip
import json

import pytest
import requests

from node import TAXII
from stixmade import indicator


@pytest.fixture(scope="module")
def filled(node):
    assert node.post("alpha", [indicator(n) for n in range(40)]).status_code == 202
    return node


def title_of(response):
    """The title of a TAXII error body, with everything the standard says about it checked."""
    assert response.headers["Content-Type"].replace(" ", "") == TAXII
    body = response.json()
    assert body["title"]
    if "http_status" in body:
        assert body["http_status"] == str(response.status_code)
    return body["title"]


def test_no_login_gets_nothing_but_health(node):
    for path in ("/taxii2/", "/api1/", "/api1/collections/", "/api1/collections/alpha/objects/"):
        response = requests.get(node.url + path, headers={"Accept": TAXII}, timeout=10)
        assert response.status_code == 401, path
        assert "www-authenticate" in response.headers
        title_of(response)
    for path in ("/healthz", "/readyz", "/openapi.json"):
        assert requests.get(node.url + path, timeout=10).status_code == 200, path
    assert requests.get(node.url + "/metrics", timeout=10).status_code in (401, 403)
    for path in ("/api/v1/objects", "/api/v1/search?q=made"):
        assert requests.get(node.url + path, timeout=10).status_code in (401, 404), path
    for path in ("/ledger/checkpoint", "/ledger/tile/0/000.p/1"):
        assert requests.get(node.url + path, timeout=10).status_code == 401, path


@pytest.mark.parametrize(
    "accept",
    [
        "application/taxii+json;version=2.1",
        "application/taxii+json; version=2.1",
        "application/taxii+json",
        "application/json;q=0.1, application/taxii+json ; version=2.1;q=0.9",
        "*/*",
        "application/*",
    ],
)
def test_accept_forms_that_are_served(filled, accept):
    response = filled.session().get(filled.objects_url("alpha"), headers={"Accept": accept}, timeout=10)
    assert response.status_code == 200
    assert response.headers["Content-Type"].replace(" ", "") == TAXII


@pytest.mark.parametrize("accept", ["text/html", "application/taxii+json;version=2.0", "application/taxii+json;version=9"])
def test_accept_forms_that_are_refused(filled, accept):
    response = filled.session().get(filled.objects_url("alpha"), headers={"Accept": accept}, timeout=10)
    assert response.status_code == 406
    title_of(response)


@pytest.mark.parametrize("content_type", ["text/plain", "application/json", "application/taxii+json;version=2.0"])
def test_content_types_that_are_refused(filled, content_type):
    response = filled.session().post(
        filled.objects_url("alpha"), data=b"{}", headers={"Content-Type": content_type}, timeout=10
    )
    assert response.status_code == 415
    title_of(response)


def test_body_type_without_version_is_served(filled):
    body = json.dumps({"objects": [indicator(60)]})
    headers = {"Content-Type": "application/taxii+json"}
    response = filled.session().post(filled.objects_url("alpha"), data=body, headers=headers, timeout=10)
    assert response.status_code == 202


def test_gzip_both_ways(filled):
    body = gzip.compress(json.dumps({"objects": [indicator(n) for n in range(61, 90)]}).encode())
    headers = {"Content-Type": TAXII, "Content-Encoding": "gzip"}
    session = filled.session()
    response = session.post(filled.objects_url("alpha"), data=body, headers=headers, timeout=10)
    assert response.status_code == 202 and response.json()["success_count"] == 29
    packed = session.get(filled.objects_url("alpha"), headers={"Accept-Encoding": "gzip"}, timeout=10)
    assert packed.headers.get("Content-Encoding") == "gzip"
    plain = session.get(filled.objects_url("alpha"), headers={"Accept-Encoding": "identity"}, timeout=10)
    assert "Content-Encoding" not in plain.headers
    assert packed.content == plain.content


def test_dates_added_stand_in_the_headers(filled):
    session = filled.session()
    response = session.get(filled.objects_url("alpha"), params={"limit": 5}, timeout=10)
    manifest = session.get(filled.objects_url("alpha").replace("/objects/", "/manifest/"), params={"limit": 5}, timeout=10)
    rows = manifest.json()["objects"]
    for answer in (response, manifest):
        assert answer.headers["X-TAXII-Date-Added-First"] == rows[0]["date_added"]
        assert answer.headers["X-TAXII-Date-Added-Last"] == rows[-1]["date_added"]
    assert all(len(row["date_added"]) == len("2024-01-01T00:00:00.000000Z") for row in rows)


def test_nothing_is_an_empty_object(node):
    session = node.session()
    for part in ("objects", "manifest"):
        url = node.objects_url("empty").replace("/objects/", f"/{part}/")
        assert session.get(url, timeout=10).content == b"{}"


def test_head_and_options(filled):
    session = filled.session()
    head = session.head(filled.objects_url("alpha"), timeout=10)
    assert head.status_code == 200 and head.content == b""
    options = session.options(filled.objects_url("alpha"), timeout=10)
    assert options.status_code in (200, 204) and "GET" in options.headers["Allow"]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_other_methods_are_refused(filled, method):
    response = filled.session().request(method, filled.objects_url("alpha"), timeout=10)
    assert response.status_code == 405
    assert "GET" in response.headers["Allow"]
    title_of(response)


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=-1", "limit=x", "limit=1&limit=2", "added_after=yesterday", "added_after=2024-13-01T00:00:00Z",
        "match[version]=newest", "match[id]=indicator--x&match[id]=indicator--y", "match[version]=all,first", "next=%00%ff",
        "next=not-a-cursor", "match[spec_version]=%00", "added_after=2024-01-01T00:00:00Z&added_after=2025-01-01T00:00:00Z",
    ],
)  # fmt: skip
def test_malformed_questions_are_400(filled, query):
    response = filled.session().get(f"{filled.objects_url('alpha')}?{query}", timeout=10)
    assert response.status_code == 400, response.text
    title_of(response)


def test_unknown_things_are_404(filled):
    session = filled.session()
    for path in (
        "/api1/collections/no-such-collection/",
        "/api1/collections/no-such-collection/objects/",
        "/api1/collections/alpha/objects/indicator--00000000-0000-4000-8000-000000000000/",
        "/api1/status/00000000-0000-4000-8000-000000000000/",
        "/no-such-root/",
    ):
        response = session.get(filled.url + path, timeout=10)
        assert response.status_code == 404, path


def test_absent_and_withheld_answer_alike(filled):
    """What a user may not see is answered byte for byte like what is not there."""
    session = filled.session("nobody")
    answers = []
    for name in ("alpha", "omega"):
        for part in ("", "objects/", "manifest/", f"objects/{indicator(1)['id']}/"):
            response = session.get(f"{filled.url}/api1/collections/{name}/{part}", timeout=10)
            body = response.text.replace(name, "NAME").replace(response.headers.get("X-Request-Id", "-"), "REQUEST")
            answers.append((part, response.status_code, body))
    assert answers[:4] == answers[4:]
    assert all(status == 404 for _, status, _ in answers)


def test_a_status_is_private_to_its_poster(filled):
    posted = filled.post("alpha", [indicator(200)], filled.session("writer")).json()
    url = f"{filled.url}/api1/status/{posted['id']}/"
    assert filled.session("writer").get(url, timeout=10).json()["success_count"] == 1
    assert filled.session("reader").get(url, timeout=10).status_code == 404


def test_good_and_bad_in_one_envelope_are_told_apart(filled):
    bad = indicator(301)
    del bad["pattern"]
    status = filled.post("alpha", [indicator(300), bad, {"type": "indicator"}, indicator(302)]).json()
    assert status["total_count"] == 4
    assert (status["success_count"], status["failure_count"], status["pending_count"]) == (2, 2, 0)
    assert {one["id"] for one in status["successes"]} == {indicator(300)["id"], indicator(302)["id"]}
    assert any(one["id"] == bad["id"] and one["message"] for one in status["failures"])


def test_a_duplicate_is_a_success_and_keeps_its_date(filled):
    url = filled.objects_url("alpha").replace("/objects/", "/manifest/")
    session = filled.session()
    question = {"match[id]": indicator(5)["id"]}
    before = session.get(url, params=question, timeout=10).json()["objects"]
    assert filled.post("alpha", [indicator(5)]).json()["success_count"] == 1
    assert session.get(url, params=question, timeout=10).json()["objects"] == before


def test_paging_is_stable_while_others_write(filled):
    session = filled.session()
    seen, question, writes = [], {"limit": 7}, 0
    while True:
        page = session.get(filled.objects_url("alpha"), params=question, timeout=10).json()
        seen += [one["id"] for one in page.get("objects", [])]
        if writes < 10:
            assert filled.post("alpha", [indicator(1000 + writes)]).status_code == 202
            writes += 1
        if not page.get("more"):
            break
        question = {"limit": 7, "next": page["next"]}
    assert len(seen) == len(set(seen))
    assert {indicator(n)["id"] for n in range(40)} <= set(seen)
    assert {indicator(1000 + n)["id"] for n in range(10)} <= set(seen)


def test_next_works_again_after_a_retry(filled):
    session = filled.session()
    first = session.get(filled.objects_url("alpha"), params={"limit": 3}, timeout=10).json()
    question = {"limit": 3, "next": first["next"]}
    once = session.get(filled.objects_url("alpha"), params=question, timeout=10).content
    assert session.get(filled.objects_url("alpha"), params=question, timeout=10).content == once
