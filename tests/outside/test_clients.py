"""Clients nobody here wrote read and write a node: taxii2-client, cytaxii2 and stix2."""

import json

import pytest
import stix2
import taxii2client.v21 as taxii
from cytaxii2 import cytaxii2

from stixmade import address, indicator


@pytest.fixture(scope="module")
def client(node):
    return taxii.Server(f"{node.url}/taxii2/", user="writer", password=node.passwords["writer"])


@pytest.fixture(scope="module")
def alpha(client):
    found = [one for one in client.default.collections if one.title == "Alpha"]
    assert len(found) == 1
    return found[0]


def test_discovery_names_a_default_root(client):
    assert client.title
    assert client.default is not None
    assert client.default.url in [root.url for root in client.api_roots]
    assert "application/taxii+json;version=2.1" in client.default.versions
    assert client.default.max_content_length >= 1_000_000


def test_collections_say_what_this_user_may(client):
    seen = {one.title: (one.can_read, one.can_write) for one in client.default.collections}
    assert seen["Alpha"] == (True, True)
    assert seen["Dropbox"] == (False, True)
    assert "Empty" not in seen, "a collection without any right shows"


def test_objects_go_in_and_come_back_in_pages(alpha):
    objects = [indicator(n) for n in range(250)]
    status = alpha.add_objects({"objects": objects})
    assert status.status == "complete"
    assert (status.total_count, status.success_count, status.failure_count) == (250, 250, 0)
    pages = list(taxii.as_pages(alpha.get_objects, per_request=100))
    assert [len(page["objects"]) for page in pages] == [100, 100, 50]
    assert [one["id"] for page in pages for one in page["objects"]] == [one["id"] for one in objects]
    manifest = [row for page in taxii.as_pages(alpha.get_manifest, per_request=100) for row in page["objects"]]
    assert [row["id"] for row in manifest] == [one["id"] for one in objects]
    dates = [row["date_added"] for row in manifest]
    assert dates == sorted(set(dates)), "date_added is not unique and increasing"


def test_added_after_is_exclusive(alpha):
    manifest = alpha.get_manifest(limit=10)["objects"]
    rest = alpha.get_manifest(limit=9, added_after=manifest[0]["date_added"])["objects"]
    assert [row["id"] for row in rest] == [row["id"] for row in manifest[1:]]


def test_versions_and_matches(alpha):
    for second in (1, 2, 3):
        assert alpha.add_objects({"objects": [indicator(1, second)]}).success_count == 1
    key = indicator(1)["id"]
    assert alpha.get_object(key)["objects"][0]["modified"].startswith("2024-05-01T00:00:03")
    assert len(alpha.object_versions(key)["versions"]) == 4
    first = alpha.get_object(key, version="first")["objects"]
    assert [one["modified"] for one in first] == ["2024-05-01T00:00:00.000Z"]
    assert len(alpha.get_object(key, version="all")["objects"]) == 4
    exact = alpha.get_object(key, version="2024-05-01T00:00:02.000Z")["objects"]
    assert [one["modified"] for one in exact] == ["2024-05-01T00:00:02.000Z"]
    two = alpha.get_objects(id=[key, indicator(2)["id"]])["objects"]
    assert len(two) == 2
    assert alpha.get_objects(type="malware") == {}
    assert alpha.add_objects({"objects": [address("203.0.113.7")]}).success_count == 1
    assert [one["type"] for one in alpha.get_objects(type="ipv4-addr")["objects"]] == ["ipv4-addr"]


def test_deleting_removes_all_versions_or_one(alpha):
    key = indicator(3)["id"]
    alpha.add_objects({"objects": [indicator(3, 5)]})
    alpha.delete_object(key, version="2024-05-01T00:00:05.000Z")
    assert [one["modified"] for one in alpha.get_object(key)["objects"]] == ["2024-05-01T00:00:00.000Z"]
    alpha.delete_object(key)
    with pytest.raises(Exception, match="404"):
        alpha.get_object(key)


def test_a_status_can_be_asked_for_later(node, client, alpha):
    status = alpha.add_objects({"objects": [indicator(900)]}, wait_for_completion=False)
    again = client.default.get_status(status.id)
    assert again.status == "complete" and again.success_count == 1


def test_rights_are_enforced(node):
    def collection(user, name):
        url = f"{node.url}/api1/collections/{node.ids[name]}/"
        return taxii.Collection(url, user=user, password=node.passwords[user])

    with pytest.raises(Exception, match="403|not authorized|does not allow"):
        collection("reader", "alpha").add_objects({"objects": [indicator(901)]})
    with pytest.raises(Exception, match="403|does not allow"):
        collection("writer", "dropbox").get_objects()
    with pytest.raises(Exception, match="404"):
        collection("nobody", "alpha").get_objects()
    wrong = taxii.Server(f"{node.url}/taxii2/", user="reader", password="not the password")
    with pytest.raises(Exception, match="401"):
        _ = wrong.api_roots


def test_cytaxii2_walks_the_same_road(node):
    client = cytaxii2.cytaxii2(
        f"{node.url}/taxii2/", "writer", node.passwords["writer"], version=2.1
    )
    discovered = client.discovery_request()
    assert discovered["status"], discovered
    roots = client.root_discovery()
    assert roots["status"], roots
    collections = client.collection_request()
    assert collections["status"], collections
    found = [one for one in collections["response"]["collections"] if one["title"] == "Alpha"]
    polled = client.poll_request(found[0]["id"], limit=20)
    assert polled["status"], polled
    assert len(polled["response"]["objects"]) == 20
    sent = client.inbox_request(found[0]["id"], json.dumps({"objects": [indicator(950)]}))
    assert sent["status"], sent


def test_stix2_source_and_sink(node):
    url = f"{node.url}/api1/collections/{node.ids['alpha']}/"
    collection = taxii.Collection(url, user="writer", password=node.passwords["writer"])
    store = stix2.TAXIICollectionStore(collection)
    made = stix2.Indicator(
        pattern="[domain-name:value = 'outside.example']", pattern_type="stix", name="through stix2"
    )
    store.add(made)
    back = store.get(made.id)
    assert back == made
    assert [one.id for one in store.query([stix2.Filter("id", "=", made.id)])] == [made.id]
    later = made.new_version(name="through stix2 again")
    store.add(later)
    assert store.get(made.id).name == "through stix2 again"
    assert len(store.all_versions(made.id)) == 2
