"""OpenTAXII with SQLite, one account and one empty collection, for gunicorn.

Its answers to a POST hold UUID values that the standard json module refuses to write; without the line below every POST
is a 500.
"""

import json
import os
import pathlib
import uuid

plain = json.JSONEncoder.default
json.JSONEncoder.default = lambda self, value: str(value) if isinstance(value, uuid.UUID) else plain(self, value)

directory = pathlib.Path(os.environ["BENCH_DIR"])
configuration = directory / "opentaxii.yml"
configuration.write_text(
    f"""---
domain: localhost
support_basic_auth: yes
logging: {{opentaxii: error, root: error}}
auth_api:
  class: opentaxii.auth.sqldb.SQLDatabaseAPI
  parameters:
    db_connection: sqlite:///{directory}/auth.db
    create_tables: yes
    secret: a-secret-for-measuring-and-nothing-else
taxii1: null
taxii2:
  title: bench
  contact: bench@example.com
  description: bench
  max_content_length: 104857600
  public_discovery: true
  allow_custom_properties: true
  persistence_api:
    class: opentaxii.persistence.sqldb.Taxii2SQLDatabaseAPI
    parameters:
      db_connection: sqlite:///{directory}/data.db
      create_tables: yes
"""
)
os.environ["OPENTAXII_CONFIG"] = str(configuration)

from opentaxii.http import app, server  # noqa: E402

with app.app_context():
    server.auth.api.create_account(username="bench", password="bench", is_admin=True)
    api = server.servers.taxii2.persistence.api
    root = api.add_api_root(title="bench", description="", default=True)
    collection = api.add_collection(
        api_root_id=root.id, title="bench", description="", alias=None, is_public=True, is_public_write=True
    )
(directory / "collection").write_text(f"/taxii2/{root.id}/collections/{collection.id}/")
