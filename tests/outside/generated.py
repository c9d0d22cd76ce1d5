"""Patterns and objects made from a seed: right ones by the grammar and the tables of STIX 2.1, and ones with something done to them.

Nothing here knows a verdict. `test_generated.py` asks ours and the oracles and compares.
"""

import copy
import json
import string

from stixmade import object_id

PATHS = [
    "file:size", "file:name", "file:hashes.MD5", "file:hashes.'SHA-256'", "file:created", "file:content_ref.hashes.MD5",
    "ipv4-addr:value", "ipv6-addr:value", "domain-name:value", "domain-name:resolves_to_refs[*].value", "url:value",
    "email-message:from_ref.value", "email-message:to_refs[0].value", "email-message:is_multipart",
    "network-traffic:src_ref.value", "network-traffic:dst_port", "network-traffic:protocols[*]",
    "process:command_line", "process:pid", "process:environment_variables.Path", "windows-registry-key:values[*].data",
    "user-account:account_login", "x-made-up:some_thing", "file:extensions.'windows-pebinary-ext'.sections[*].entropy",
]  # fmt: skip
WORDS = ["a", "evil.example", "198.51.100.7", "198.51.100.0/24", "2001:db8::/32", "2001:db8::1", "C:\\\\Windows", "it\\'s", "ёж", "恶意", ""]


def string_of(rng):
    return "'" + rng.choice(WORDS) + "'"


def literal(rng):
    """A value of any kind."""
    return rng.choice(
        [
            lambda: string_of(rng),
            lambda: str(rng.choice([0, 1, -1, 443, 65535, 2**31, 2**53])),
            lambda: rng.choice(["0.5", "-1.25", "1024.0", "3.0"]),
            lambda: rng.choice(["true", "false"]),
            lambda: rng.choice(["b'AAAA'", "b'YQ=='", "b''"]),
            lambda: rng.choice(["h'00ff'", "h'AB'", "h''"]),
            lambda: moment(rng),
        ]
    )()


def moment(rng):
    day, hour = rng.randint(1, 28), rng.randint(0, 23)
    fraction = rng.choice(["", "", ".5", ".123456", ".000"])
    return f"t'{rng.choice([1970, 1999, 2016, 2024, 2099])}-{rng.randint(1, 12):02}-{day:02}T{hour:02}:00:59{fraction}Z'"


def comparison(rng, kind):
    """One test of a property of objects of a kind."""
    path = rng.choice([path for path in PATHS if path.split(":")[0] == kind])
    negated = rng.choice(["", "", "", "NOT "])
    what = rng.randrange(8)
    if what < 3:
        return f"{path} {negated}{rng.choice(['=', '!=', '==', '<>'] if what == 0 else ['=', '!='])} {literal(rng)}"
    if what == 3:
        return f"{path} {negated}{rng.choice(['<', '<=', '>', '>='])} {literal(rng)}"
    if what == 4:
        values = ", ".join(string_of(rng) if rng.random() < 0.7 else literal(rng) for _ in range(rng.randint(1, 3)))
        return f"{path} {negated}IN ({values})"
    if what == 5:
        return f"{path} {negated}{rng.choice(['LIKE', 'MATCHES'])} {string_of(rng)}"
    if what == 6:
        return f"{path} {negated}{rng.choice(['ISSUBSET', 'ISSUPERSET'])} {string_of(rng)}"
    return f"EXISTS {path}"


def test_of(rng, kind, depth=0):
    """What stands inside brackets."""
    if depth < 2 and rng.random() < 0.35:
        left, right = test_of(rng, kind, depth + 1), test_of(rng, kind, depth + 1)
        whole = f"{left} {rng.choice(['AND', 'OR'])} {right}"
        return f"({whole})" if rng.random() < 0.5 else whole
    return comparison(rng, kind)


def observation(rng, depth=0):
    if depth < 2 and rng.random() < 0.4:
        left, right = observation(rng, depth + 1), observation(rng, depth + 1)
        whole = f"{left} {rng.choice(['AND', 'OR', 'FOLLOWEDBY'])} {right}"
        whole = f"({whole})" if rng.random() < 0.6 else whole
    else:
        whole = f"[{test_of(rng, rng.choice(PATHS).split(':')[0])}]"
    if rng.random() < 0.2:
        whole += " " + rng.choice(
            [
                f"WITHIN {rng.choice(['5', '0.5', '300', '0', '1.0'])} SECONDS",
                f"REPEATS {rng.choice(['1', '5', '0', '2.5'])} TIMES",
                f"START {moment(rng)} STOP {moment(rng)}",
            ]
        )
    return whole


def tokens(pattern):
    """A pattern in pieces that mean something."""
    pieces, piece, quoted = [], "", False
    for letter in pattern:
        if letter == "'":
            quoted = not quoted
        if not quoted and letter in " []()," and letter != "'":
            pieces += [piece, letter]
            piece = ""
        else:
            piece += letter
    return [piece for piece in [*pieces, piece] if piece]


def spoiled(rng, pattern):
    """A pattern to which something was done."""
    pieces = tokens(pattern)
    at = rng.randrange(len(pieces))
    other = tokens(observation(rng))
    what = rng.randrange(6)
    if what == 0:
        del pieces[at]
    elif what == 1:
        pieces.insert(at, pieces[at])
    elif what == 2:
        pieces[at] = rng.choice(other)
    elif what == 3:
        to = rng.randrange(len(pieces))
        pieces[at], pieces[to] = pieces[to], pieces[at]
    elif what == 4:
        piece = pieces[at]
        spot = rng.randrange(len(piece) + 1)
        pieces[at] = piece[:spot] + rng.choice("'\\[]()=<>:.*,_- \t09aZ\"é") + piece[spot:]
    else:
        piece = pieces[at]
        spot = rng.randrange(len(piece))
        pieces[at] = piece[:spot] + piece[spot + 1 :]
    return "".join(pieces)


def patterns(rng, count):
    """Half of them right by the grammar, half spoiled."""
    for at in range(count):
        made = observation(rng)
        yield made if at % 2 == 0 else spoiled(rng, made)


def seeds(root):
    """Objects that are right: our fixtures and the demonstration's campaign."""
    files = [
        *(root / "crates/stix/fixtures/objects").glob("every-*/input.json"),
        root / "crates/stix/fixtures/objects/extensions/input.json",
        *(root / "crates/cresset/demo").glob("*.json"),
    ]
    made = []
    for path in sorted(files):
        read = json.loads(path.read_text())
        made += read["objects"] if read.get("type") == "bundle" else [read]
    return [one for one in made if one.get("spec_version") == "2.1"]


def places(value, path=()):
    """Every place in an object, the whole of it left out."""
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in steps:
        yield (*path, step)
        yield from places(inner, (*path, step))


def changed(rng, made, others):
    """An object to which one thing was done."""
    made = copy.deepcopy(made)
    *way, last = rng.choice(list(places(made)))
    holder = made
    for step in way:
        holder = holder[step]
    old = holder[last]
    same = [other[last] for other in others if isinstance(last, str) and last in other]
    values = [
        None, True, 0, 1, -1, 101, 2**53, 1.5, "", "a", " ", "TRUE", "é", [], {}, [old], ["a"], [""], {"a": 1}, "2024-05-01T00:00:00Z",
        "2024-02-30T00:00:00.000Z", "2024-05-01T00:00:00", "2030-01-01T00:00:00.123456Z", "1969-01-01T00:00:00.000Z",
        object_id("identity", 1), object_id("malware", 1), object_id("ipv4-addr", 1), object_id("x-made-up", 1), "identity--x",
        "en", "amber", "unknown", rng.choice(string.ascii_letters),
    ]  # fmt: skip
    what = rng.randrange(6)
    if what == 0:
        del holder[last]
    elif what == 1 and same:
        holder[last] = copy.deepcopy(rng.choice(same))
    elif what == 2 and isinstance(old, str) and old:
        at = rng.randrange(len(old))
        holder[last] = old[:at] + rng.choice(["", "-", "0", "Z", "_", old[at] * 2]) + old[at + 1 :]
    elif what == 3 and isinstance(holder, dict):
        name = rng.choice(["x_made", "made", "Made", "x", "ab", "a" * 251, "lang", "defanged", "_a", "a-b", "labels", "confidence", "name"])
        holder[name] = copy.deepcopy(rng.choice([old, rng.choice(values)]))
    else:
        holder[last] = rng.choice(values)
    return made


def objects(rng, root, count):
    """The seeds, and what was made of them."""
    right = seeds(root)
    yield from right
    for _ in range(count):
        yield changed(rng, rng.choice(right), right)
