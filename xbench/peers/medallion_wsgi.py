"""medallion with its memory backend and one empty collection, for gunicorn.

Its own server closes every connection; under gunicorn it keeps them, which is to its advantage.
"""

import json
import os
import pathlib

from medallion import application_instance, register_blueprints, set_config

COLLECTION = "91a7b528-80eb-42ed-a74d-c6fbd5a26116"
directory = pathlib.Path(os.environ["BENCH_DIR"])
url = "http://localhost/bench/"
data = {
    "/discovery": {"title": "bench", "default": url, "api_roots": [url]},
    "bench": {
        "information": {
            "title": "bench",
            "versions": ["application/taxii+json;version=2.1"],
            "max_content_length": 104857600,
        },
        "status": [],
        "collections": [
            {
                "id": COLLECTION,
                "title": "bench",
                "can_read": True,
                "can_write": True,
                "media_types": ["application/stix+json;version=2.1"],
                "objects": [],
                "manifest": [],
            }
        ],
    },
}
filename = directory / "medallion.json"
filename.write_text(json.dumps(data))
configuration = {
    "users": {"bench": "bench"},
    "taxii": {"max_page_size": 1000},
    "backend": {
        "module": "medallion.backends.memory_backend",
        "module_class": "MemoryBackend",
        "filename": str(filename),
    },
}
for part in ("users", "taxii", "backend"):
    set_config(application_instance, part, configuration)
register_blueprints(application_instance)
app = application_instance
(directory / "collection").write_text(f"/bench/collections/{COLLECTION}/")
