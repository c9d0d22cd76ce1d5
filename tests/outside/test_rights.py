"""Who may do what: every role allowed and refused, collections by right and strictness, lock-out and rates by identity."""

import json
import time

import pytest
import requests

from node import TAXII, Node
from stixmade import indicator

ROLES = ["reader", "analyst", "approver", "admin", "auditor", "contact"]
KNOWN = indicator(1, name="seen wards")


@pytest.fixture(scope="module")
def people(binary, tmp_path_factory):
    """One person of each role, all with the same grants, and an object to be allowed or refused."""
    node = Node(binary, tmp_path_factory.mktemp("people") / "data")
    node.init()
    node.add_user("nobody", "reader")
    for role in ROLES:
        node.add_user(f"a-{role}", role)
    node.add_collection("open", *(f"role:{role}=rw" for role in ROLES))
    node.serve()
    assert node.post("open", [KNOWN], node.session("a-analyst")).json()["success_count"] == 1
    yield node
    node.close()


def api(node, user, method, path, **more):
    session = node.session(user)
    session.headers["Accept"] = "application/json"
    return session.request(method, f"{node.url}/api/v1/{path}", timeout=30, **more)


# What is asked, and the roles that may: the same question is refused to all others.
READS = {"reader", "analyst", "approver", "admin"}
DEEDS = [
    ("read over TAXII", READS, lambda node, who: node.session(who).get(node.objects_url("open") + KNOWN["id"] + "/", timeout=30)),
    ("read over the API", READS, lambda node, who: api(node, who, "GET", f"objects/{KNOWN['id']}")),
    ("export", READS, lambda node, who: api(node, who, "GET", "export?collection=open")),
    ("write over TAXII", {"analyst"}, lambda node, who: node.post("open", [indicator(2)], node.session(who))),
    ("import", {"analyst"}, lambda node, who: api(node, who, "POST", "collections/open/import?format=stix", data=json.dumps(indicator(3)))),
    ("sight", {"analyst"}, lambda node, who: api(node, who, "POST", "sightings", json={"of": KNOWN["id"], "collection": "open"})),
    ("list people", {"admin", "auditor"}, lambda node, who: api(node, who, "GET", "users")),
    ("add a collection", {"admin"}, lambda node, who: api(node, who, "POST", "collections", json={"id": f"of-{who}", "title": "T"})),
    ("grant", {"admin"}, lambda node, who: api(node, who, "PUT", "collections/open/grants", json={"grantee": "user:nobody", "access": "none"})),
    ("make a token for somebody else", {"admin"}, lambda node, who: api(node, who, "POST", "tokens", json={"user": "nobody", "scopes": ["read"]})),
    ("disable somebody", {"admin"}, lambda node, who: api(node, who, "PATCH", "users/nobody", json={"disabled": False})),
    ("read metrics", {"admin", "auditor"}, lambda node, who: node.session(who).get(f"{node.url}/metrics", timeout=30)),
    ("examine the node", {"admin"}, lambda node, who: api(node, who, "GET", "doctor")),
    ("rebuild", {"admin"}, lambda node, who: api(node, who, "POST", "rebuild?check=true")),
    ("know oneself", set(ROLES), lambda node, who: api(node, who, "GET", "me")),
    ("discover", set(ROLES), lambda node, who: node.session(who).get(f"{node.url}/taxii2/", timeout=30)),
]  # fmt: skip


@pytest.mark.parametrize(("deed", "allowed", "ask"), DEEDS, ids=[deed[0] for deed in DEEDS])
def test_every_role_does_what_it_is_for_and_no_more(people, deed, allowed, ask):
    said = {role: ask(people, f"a-{role}").status_code for role in ROLES}
    wrong = {role: status for role, status in said.items() if (200 <= status < 300) != (role in allowed)}
    assert not wrong, f"{deed}: {wrong}"
    assert all(status in (403, 404) for role, status in said.items() if role not in allowed), said


@pytest.mark.parametrize("role", ROLES)
def test_what_a_role_may_not_read_it_does_not_find_either(people, role):
    """Look-up, search and lists show an object to those who may read it, and its absence to the others."""
    who, sees = f"a-{role}", role in READS
    for method, path, more in (
        ("POST", "lookup", {"json": {"values": ["198.51.0.1"]}}),
        ("GET", "search?q=seen+wards", {}),
        ("GET", "collections/open/objects", {}),
    ):
        response = api(people, who, method, path, **more)
        assert response.status_code < 500
        assert (KNOWN["id"] in response.text) == sees, (role, path, response.text[:300])
        assert response.status_code == 200 or not sees, (role, path, response.text[:300])


# -- collections -------------------------------------------------------------------------------------------------------


def test_collections_that_are_read_only_write_only_and_invisible(node):
    """The three kinds beside each other for one user, as the standard's table of statuses says."""
    admin = f"user:{node.admin}=rw"
    node.add_collection("r-only", "user:writer=r", admin)
    node.add_collection("w-only", "user:writer=w", admin)
    node.add_collection("none", admin)
    for name in ("r-only", "w-only", "none"):
        assert node.post(name, [indicator(40)]).status_code == 202
    session = node.session("writer")
    listed = {one["alias"]: one for one in session.get(f"{node.url}/api1/collections/", timeout=30).json()["collections"] if "alias" in one}
    rights = {name: (listed[name]["can_read"], listed[name]["can_write"]) for name in ("r-only", "w-only") if name in listed}
    assert rights == {"r-only": (True, False), "w-only": (False, True)}
    assert "none" not in listed
    assert node.ids["none"] not in {one["id"] for one in listed.values()}

    def statuses(name):
        url = node.objects_url(node.ids[name])
        one = url + indicator(40)["id"] + "/"
        asked = [
            session.get(f"{node.url}/api1/collections/{node.ids[name]}/", timeout=30), session.get(url, timeout=30),
            session.get(url.replace("/objects/", "/manifest/"), timeout=30), session.get(one, timeout=30),
            session.get(one + "versions/", timeout=30), node.post(name, [indicator(41)], session), session.delete(one, timeout=30),
        ]  # fmt: skip
        return [answer.status_code for answer in asked]

    assert statuses("r-only") == [200, 200, 200, 200, 200, 403, 403]
    assert statuses("w-only") == [200, 403, 403, 403, 403, 202, 403]
    assert statuses("none") == [404] * 7


def test_a_strict_collection_refuses_on_the_wire_what_an_ordinary_one_keeps(node):
    """An unreadable pattern: kept with its finding, or refused with its code, as the collection says. Same bytes, same person."""
    made = node.ask("collection", "add", "strict", "--title", "S", "--strict", "--grant", f"user:{node.admin}=rw", remote=True)
    wrong = indicator(50, pattern="[ipv4-addr:value = ")
    kept = node.post("alpha", [wrong]).json()
    assert (kept["success_count"], kept["failure_count"]) == (1, 0)
    status = node.post("strict", [wrong, indicator(51)]).json()
    assert (status["success_count"], status["failure_count"]) == (1, 1)
    assert status["failures"][0]["id"] == wrong["id"] and "pattern" in status["failures"][0]["message"]
    url = node.objects_url(made["id"])
    assert node.session().get(url + wrong["id"] + "/", timeout=30).status_code == 404
    assert node.session().get(url + indicator(51)["id"] + "/", timeout=30).status_code == 200


# -- lock-out and rates ------------------------------------------------------------------------------------------------


def sign_in(node, user, password):
    return requests.get(f"{node.url}/taxii2/", auth=(user, password), headers={"Accept": TAXII}, timeout=30)


def test_a_lock_out_is_of_one_name_and_ends(fresh):
    """Wrong passwords for one name hold back that name: 429 with the time to wait. Others at the same address sign in."""
    fresh.add_user("ann", "reader")
    fresh.add_user("bob", "reader")
    fresh.serve()
    said = [sign_in(fresh, "ann", "not the password") for _ in range(30)]
    statuses = [one.status_code for one in said]
    assert statuses[0] == 401 and 429 in statuses
    first = statuses.index(429)
    assert set(statuses[:first]) == {401}
    refusal = said[first]
    assert int(refusal.headers["Retry-After"]) >= 1
    assert refusal.json()["title"] and refusal.json()["error_code"] == "credential-locked"
    right = sign_in(fresh, "ann", fresh.passwords["ann"])
    assert right.status_code == 429, "a right password in the middle of a lock-out is no way to guess on"
    assert sign_in(fresh, "bob", fresh.passwords["bob"]).status_code == 200, "ann's lock-out locks out bob"
    assert fresh.session().get(f"{fresh.url}/taxii2/", timeout=30).status_code == 200, "or a token"
    for _ in range(60):
        wait = right.headers.get("Retry-After")
        if wait is None:
            break
        time.sleep(int(wait))
        right = sign_in(fresh, "ann", fresh.passwords["ann"])
    assert right.status_code == 200, "the wait that was told is over, and the right password is refused"


def test_the_sign_in_page_tells_the_wait_and_opens_no_window(fresh):
    """A person's way in: a sentence and `Retry-After` when locked out, and never the challenge that makes a browser ask by itself."""
    fresh.add_user("ann", "reader")
    fresh.serve()
    said = [requests.post(f"{fresh.url}/sign-in", data={"user": "ann", "password": "wrong-password-1"}, timeout=30) for _ in range(8)]
    assert said[0].status_code == 401 and "The user name or the password is wrong." in said[0].text
    assert said[-1].status_code == 429 and int(said[-1].headers["Retry-After"]) >= 1
    assert f"Try again in {said[-1].headers['Retry-After']} s." in said[-1].text
    assert not any("WWW-Authenticate" in one.headers for one in said)


def test_a_name_that_does_not_exist_is_locked_like_one_that_does(fresh):
    """Otherwise the lock-out would tell who has an account here."""
    fresh.add_user("ann", "reader")
    fresh.serve()
    existing = [sign_in(fresh, "ann", "wrong-password-1").status_code for _ in range(8)]
    absent = [sign_in(fresh, "nobody-here", "wrong-password-1").status_code for _ in range(8)]
    assert existing == absent and 429 in existing


def test_a_rate_is_one_users_own(fresh):
    """Who asks too much gets 429 with `Retry-After`; the next person at the same address does not notice."""
    fresh.add_user("ann", "reader")
    fresh.add_user("bob", "reader")
    fresh.serve("--rate-per-second", "2")
    ann, bob = fresh.session("ann"), fresh.session("bob")
    statuses = []
    for _ in range(200):
        answer = ann.get(f"{fresh.url}/taxii2/", timeout=30)
        statuses.append(answer.status_code)
        if answer.status_code == 429:
            break
    assert statuses[:20] == [200] * 20 and statuses[-1] == 429, statuses
    assert int(answer.headers["Retry-After"]) >= 1 and answer.json()["error_code"]
    assert bob.get(f"{fresh.url}/taxii2/", timeout=30).status_code == 200
    time.sleep(int(answer.headers["Retry-After"]) + 0.2)
    assert ann.get(f"{fresh.url}/taxii2/", timeout=30).status_code == 200
