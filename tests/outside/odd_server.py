"""A small TAXII 2.1 server of the tests' own: it does what servers out there do at bad moments, and remembers what it was asked.

One root, one collection, ten objects a page at most. It can hold back an answer, forget its cursors, ask for patience, and
say less than it could.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from node import TAXII

COLLECTION = "0b4f9c0a-5e11-4d0c-9d58-9a0f6b0c7a11"
OBJECTS = f"/odd/collections/{COLLECTION}/objects/"


class OddServer:
    """The server on a port of its own, until `close`."""

    def __init__(self, objects=()):
        self.texts = [one if isinstance(one, str) else json.dumps(one) for one in objects]
        self.page = 10
        self.questions = []  # the query of every page asked for
        self.posts = []  # the objects of every envelope that came in
        self.stall_at = None  # the number of the page or envelope whose answer is held back
        self.stalled, self.go_on = threading.Event(), threading.Event()
        self.cursors_valid = True
        self.forget_at = None  # the number of the page whose cursor is unknown
        self.one_cursor = self.one_page = False  # one cursor that moves; one page and one cursor for ever
        self.one_date = False  # everything was added at one moment
        self.cursor = 0
        self.refusals = []  # (status, headers) given to the next questions instead of answers
        self.status = {}  # laid over the status that a POST is answered with
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                outer.get(self)

            def do_POST(self):
                outer.take(self)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.go_on.set()
        self.server.shutdown()
        self.server.server_close()

    def answer(self, request, status, body, headers=()):
        data = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
        try:
            request.send_response(status)
            request.send_header("Content-Type", TAXII)
            request.send_header("Content-Length", str(len(data)))
            for name, value in headers:
                request.send_header(name, value)
            request.end_headers()
            request.wfile.write(data)
        except OSError:
            pass  # whoever asked has been killed

    def hold(self, number):
        if number == self.stall_at:
            self.stalled.set()
            self.go_on.wait(60)

    def get(self, request):
        address = urlsplit(request.path)
        if address.path == "/taxii2/":
            return self.answer(request, 200, {"title": "odd", "default": f"{self.url}/odd/", "api_roots": [f"{self.url}/odd/"]})
        if address.path == "/odd/":
            root = {"title": "odd", "versions": ["application/taxii+json;version=2.1"], "max_content_length": 10_000_000}
            return self.answer(request, 200, root)
        collection = {"id": COLLECTION, "title": "Odd", "can_read": True, "can_write": True}
        if address.path == "/odd/collections/":
            return self.answer(request, 200, {"collections": [collection]})
        if address.path == OBJECTS.removesuffix("objects/"):
            return self.answer(request, 200, collection)
        if address.path == OBJECTS:
            return self.get_objects(request, {name: value[0] for name, value in parse_qs(address.query).items()})
        return self.answer(request, 404, {"title": "nothing here"})

    def get_objects(self, request, question):
        self.questions.append(question)
        if self.refusals:
            status, headers = self.refusals.pop(0)
            return self.answer(request, status, {"title": "not now"}, headers)
        if "next" in question and (not self.cursors_valid or len(self.questions) == self.forget_at):
            return self.answer(request, 400, {"title": "unknown cursor"})
        after = int(question.get("added_after", "0:0.000000Z").rsplit(".", 1)[1].rstrip("Z"))
        start = int(question.get("next", after))
        if self.one_cursor and "next" in question:
            start = self.cursor
        if self.one_page:
            start = 0
        end = min(start + min(self.page, int(question.get("limit", self.page))), len(self.texts))
        more, self.cursor = end < len(self.texts), end
        cursor = 7 if self.one_cursor or self.one_page else end  # a number, which clients must forgive
        tail = f',"more":true,"next":{cursor}' if more else ',"more":false'
        self.hold(len(self.questions))
        body = '{"objects":[' + ",".join(self.texts[start:end]) + "]" + tail + "}" if end > start else "{}"
        first, last = (5, 5) if self.one_date else (start + 1, end)
        dates = [("X-TAXII-Date-Added-First", date(first)), ("X-TAXII-Date-Added-Last", date(last))] if end > start else []
        return self.answer(request, 200, body, dates)

    def take(self, request):
        body = request.rfile.read(int(request.headers["Content-Length"]))
        objects = json.loads(body)["objects"]
        self.posts.append(objects)
        self.hold(len(self.posts))
        status = {
            "id": "7d3a1c86-61a2-4b0e-9d3b-0f4b9c0a5e11", "status": "complete", "total_count": len(objects),
            "success_count": len(objects), "failure_count": 0, "pending_count": 0, **self.status,
        }  # fmt: skip
        return self.answer(request, 202, status)


def date(number):
    """When the object of this number was added: a microsecond for each."""
    return f"2026-01-01T00:00:00.{number:06}Z"
