"""Objects made for the tests, from a number."""

import uuid

SPACE = uuid.UUID("5d1f0c1e-0b53-4d0c-9d58-9a0f6b0c7a11")


def object_id(kind, n):
    """A version-4-shaped id that is always the same for `n`."""
    value = uuid.uuid5(SPACE, f"{kind}/{n}").int
    value = value & ~(0xF << 76) | (4 << 76)
    return f"{kind}--{uuid.UUID(int=value)}"


def indicator(n, second=0, **more):
    """An indicator; `second` makes later versions."""
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": object_id("indicator", n),
        "created": "2024-05-01T00:00:00.000Z",
        "modified": f"2024-05-01T00:00:{second:02}.000Z",
        "name": f"made {n}",
        "indicator_types": ["malicious-activity"],
        "pattern": f"[ipv4-addr:value = '198.51.{n // 256 % 256}.{n % 256}']",
        "pattern_type": "stix",
        "valid_from": "2024-05-01T00:00:00Z",
        **more,
    }


def identity(n, **more):
    return {
        "type": "identity",
        "spec_version": "2.1",
        "id": object_id("identity", n),
        "created": "2024-05-01T00:00:00.000Z",
        "modified": "2024-05-01T00:00:00.000Z",
        "name": f"made {n}",
        **more,
    }


def address(value, **more):
    """An observable with its deterministic id."""
    import json

    space = uuid.UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")
    name = json.dumps({"value": value}, separators=(",", ":"), ensure_ascii=False)
    return {"type": "ipv4-addr", "spec_version": "2.1", "id": f"ipv4-addr--{uuid.uuid5(space, name)}", "value": value, **more}
