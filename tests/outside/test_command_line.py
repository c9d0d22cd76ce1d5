"""The commands as scripts use them: exit codes, JSON on stdout, words on stderr."""

import json

import pytest

from stixmade import indicator, identity


def test_usage_errors_exit_2(fresh):
    assert fresh.run("no-such-command").returncode == 2
    assert fresh.run("get").returncode == 2


def test_init_twice_is_refused(fresh):
    again = fresh.run("init", "--name", "Again", "--json")
    assert again.returncode == 1
    assert again.stderr.strip()


def test_import_receipts_and_summary(fresh):
    bad = indicator(2)
    del bad["pattern"]
    bundle = {"type": "bundle", "id": "bundle--" + indicator(1)["id"][11:], "objects": [indicator(1), bad, identity(1)]}
    lines = fresh.lines("import", "-", stdin=json.dumps(bundle).encode(), codes=(0, 1))
    outcomes = {one["id"]: one for one in lines[:-1]}
    assert outcomes[indicator(1)["id"]]["outcome"] == "accepted"
    assert outcomes[bad["id"]]["outcome"] == "refused" and outcomes[bad["id"]]["reason"]
    assert "summary" in lines[-1]
    again = fresh.lines("import", "-", stdin=json.dumps(bundle).encode(), codes=(0, 1))
    assert {one["id"]: one["outcome"] for one in again[:-1]}[indicator(1)["id"]] == "known"


def test_get_search_and_look_up_of_a_stopped_node(fresh):
    objects = [indicator(1), indicator(2, pattern="[domain-name:value = 'evil.example']", name="Фишинговая кампания")]
    bundle = {"type": "bundle", "id": "bundle--" + indicator(1)["id"][11:], "objects": objects}
    fresh.lines("import", "-", stdin=json.dumps(bundle).encode())
    got = fresh.ask("get", indicator(1)["id"])
    assert indicator(1)["id"] in json.dumps(got)
    assert fresh.run("get", "indicator--00000000-0000-4000-8000-000000000000", "--json").returncode == 1
    values = ["198.51.0.1", "203.0.113.9", "www.evil[.]example", "hxxp://evil.example/x"]
    answers = {one["value"]: one for one in fresh.lines("lookup", *values, codes=(0, 1))}
    assert answers["198.51.0.1"]["known"] and not answers["203.0.113.9"]["known"]
    assert answers["198.51.0.1"]["matches"][0]["id"] == indicator(1)["id"]
    assert answers["www.evil[.]example"]["known"], "parents of a domain are looked up"
    found = fresh.run("search", "фишинговая", "--json")
    assert indicator(2)["id"].encode() in found.stdout


def test_tokens_are_scoped_and_revocable(fresh):
    fresh.add_user("writer", "analyst")
    fresh.add_collection("alpha", "user:writer=rw")
    read = fresh.ask("token", "create", "--user", "writer", "--scope", "read")
    write = fresh.ask("token", "create", "--user", "writer", "--scope", "read", "--scope", "write")
    assert read["scopes"] == ["read"]
    fresh.serve()
    fresh.token = read["token"]
    assert fresh.post("alpha", [indicator(1)]).status_code == 403
    assert fresh.session().get(fresh.objects_url("alpha"), timeout=10).status_code == 200
    fresh.token = write["token"]
    assert fresh.post("alpha", [indicator(1)]).status_code == 202
    fresh.stop()
    assert fresh.run("token", "revoke", write["id"], "--json").returncode == 0
    fresh.serve()
    assert fresh.session().get(fresh.objects_url("alpha"), timeout=10).status_code == 401


def test_every_code_can_be_explained(fresh):
    validated = fresh.run("stix", "validate", stdin=b'{"id":1,"input":"{}","strict":false}\n')
    code = json.loads(validated.stdout)["errors"][0]["code"]
    explained = fresh.run("explain", code)
    assert explained.returncode == 0 and explained.stdout.strip()
    assert fresh.run("explain", "no-such-code").returncode == 1


@pytest.mark.parametrize("verb", ["validate", "pattern", "match", "id", "latest", "markings"])
def test_line_verbs_answer_junk_and_go_on(fresh, verb):
    done = fresh.run("stix", verb, stdin=b'junk\n{"id":7}\n[]\n\n{"id":8}\n')
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert {7, 8} <= {one.get("id") for one in answers if isinstance(one, dict)}
    assert done.returncode in (0, 1)
