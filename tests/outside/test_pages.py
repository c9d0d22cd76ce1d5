"""The pages as a person meets them: in a real Chromium, with and without scripts, by keyboard alone, light and dark.

Every test has a browser profile of its own. Whatever it does, the pages may put nothing into the console, break no
line of their content security policy, and fetch nothing from another host; `screen` fails a test in which they do.
Without a browser on this machine the module is skipped, loudly.
"""

import contextlib
import json
import os
import re
import shutil
import warnings

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

from conftest import ROOT
from node import Node, raw_objects
from stixmade import indicator, object_id

BROWSERS = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"]
WCAG = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], "resultTypes": ["violations"]}
WAIT_MS = 20_000
expect.set_options(timeout=WAIT_MS)

CAMPAIGN = ROOT / "crates" / "cresset" / "demo" / "pale-lantern.json"
ACTOR = "threat-actor--71d6653a-3a70-477d-b21d-a128002a4c5c"
REPORT = "report--67e10161-f371-4d2f-8824-5968b408d1b7"
CHANGED = object_id("indicator", 1)
HOSTILE = "<img src=x onerror=alert(1)> & \"quoted\" wards"


# -- the browser, the node, one person's screen ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser():
    """A Chromium that the machine brings along; none is fetched."""
    named = [os.environ["CRESSET_BROWSER"]] if "CRESSET_BROWSER" in os.environ else BROWSERS
    path = next(filter(None, map(shutil.which, named)), None)
    if path is None:
        missing = f"no browser ({', '.join(named)}): the pages are NOT tested; install chromium or set CRESSET_BROWSER"
        warnings.warn(missing, stacklevel=2)
        pytest.skip(missing)
    with sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=path)
        yield running
        running.close()


@pytest.fixture(scope="module")
def campaign(node):
    """The sample campaign, an object in two versions, one with a hostile name, and one that the reader may not see."""
    bundle = CAMPAIGN.read_text(encoding="utf-8")
    objects = json.loads(bundle)["objects"]
    objects += [indicator(1, name="the first name"), indicator(1, 1, name="the second name"), indicator(2, name=HOSTILE)]
    status = node.post(node.ids["alpha"], objects).json()
    assert status["failure_count"] == 0, status
    node.add_collection("hidden", f"user:{node.admin}=rw")
    secret = indicator(3, name="unseen wards", pattern="[ipv4-addr:value = '203.0.113.99']")
    assert node.post(node.ids["hidden"], [secret]).json()["success_count"] == 1
    return node


class Screen:
    """One person's browser window on the node, and what it complained about."""

    def __init__(self, browser, node, **profile):
        self.node = node
        self.context = browser.new_context(base_url=node.url, **profile)
        self.context.set_default_timeout(WAIT_MS)
        self.page = self.context.new_page()
        self.complaints = []
        self.expected = []
        self.page.on("console", lambda said: self._complain(f"console {said.type}: {said.text}"))
        self.page.on("pageerror", lambda error: self._complain(f"script: {error}"))
        self.page.on("dialog", lambda dialog: (self._complain(f"dialog: {dialog.message}"), dialog.dismiss()))
        self.page.on("request", self._must_stay_here)

    def _complain(self, text):
        if not any(re.search(pattern, text) for pattern in self.expected):
            self.complaints.append(text)

    def _must_stay_here(self, request):
        if not request.url.startswith(self.node.url + "/"):
            self._complain(f"fetched from elsewhere: {request.url}")

    def go(self, path):
        response = self.page.goto(path)
        policy = response.headers.get("content-security-policy", "")
        assert "default-src 'none'" in policy and "unsafe" not in policy, policy
        return response

    def sign_in(self, user="reader", to="/"):
        self.go(to)
        self.page.get_by_label("User name").fill(user)
        self.page.get_by_label("Password").fill(self.node.passwords[user])
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("button", name="Sign out")).to_be_visible()
        return self.page


@contextlib.contextmanager
def opening(browser, node):
    """Opens screens; at the end none may have complained."""
    opened = []

    def open_screen(**profile):
        opened.append(Screen(browser, node, **profile))
        return opened[-1]

    yield open_screen
    complaints = [text for screen in opened for text in screen.complaints]
    for screen in opened:
        screen.context.close()
    assert not complaints, complaints


@pytest.fixture
def screens(browser, campaign):
    with opening(browser, campaign) as open_screen:
        yield open_screen


@pytest.fixture
def screen(screens):
    return screens()


def object_path(key):
    return f"/objects/{key}"


RELATED = f"{object_path(ACTOR)}/related?way=out&name=uses"


# -- signing in and out ------------------------------------------------------------------------------------------------


def test_a_stranger_signs_in_and_lands_where_they_wanted_to_go(screen):
    page = screen.page
    screen.expected.append("status of 401")
    screen.go(object_path(ACTOR))
    expect(page).to_have_title("Sign in · Cresset")
    assert "Pale Lantern" not in page.content()
    said = set()
    for user in ["reader", "no-such-person"]:
        page.get_by_label("User name").fill(user)
        page.get_by_label("Password").fill("not the password")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_be_visible()
        expect(page.get_by_label("Password")).to_have_value("")
        said.add(page.get_by_role("alert").inner_text())
    assert len(said) == 1, f"it shows who exists: {said}"
    page.get_by_label("User name").fill("reader")
    page.get_by_label("Password").fill(screen.node.passwords["reader"])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Pale Lantern", exact=True)).to_be_visible()
    assert page.url.endswith(object_path(ACTOR))


def test_after_signing_out_nothing_is_left(screen):
    page = screen.sign_in(to=object_path(ACTOR))
    cookie = screen.context.cookies()[0]
    assert cookie["httpOnly"] and cookie["sameSite"] == "Lax"
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_title("Sign in · Cresset")
    page.go_back()
    expect(page).to_have_title("Sign in · Cresset")
    assert "Pale Lantern" not in page.content()
    screen.context.add_cookies([cookie])
    screen.go("/")
    expect(page).to_have_title("Sign in · Cresset")


# -- what the pages show -----------------------------------------------------------------------------------------------


def test_home_has_the_figures_of_what_this_reader_may_see(screen):
    page = screen.sign_in()
    held = [json.loads(raw) for text in screen.node.poll(screen.node.ids["alpha"], screen.node.session("reader"))
            for raw in raw_objects(text)]
    figures = dict(zip(page.locator("dl.figures dt").all_inner_texts(), page.locator("dl.figures dd").all_inner_texts(),
                       strict=True))
    assert int(figures["Objects"]) == len(held)
    assert int(figures["Versions"]) == len(held) + 1, "one object has two versions"
    assert figures["Collections"] == "3"
    shown = dict(zip(page.locator(".bars > span:not(.number)").all_inner_texts(), page.locator(".bars > .number").all_inner_texts(),
                     strict=True))
    assert int(shown["indicator"]) == sum(one["type"] == "indicator" for one in held)
    rest = re.search(r"and (\d+) objects? of (\d+) other types?", page.locator("main").inner_text())
    assert sum(map(int, shown.values())) + int(rest[1]) == len(held), "the lines and the rest are not all there is"
    assert len(shown) + int(rest[2]) == len({one["type"] for one in held})
    newest = page.get_by_role("region", name="Newest").get_by_role("listitem")
    expect(newest).to_have_count(12)
    expect(newest.first).to_contain_text(HOSTILE)


def test_search_answers_while_one_types(screen):
    page = screen.sign_in(to="/search")
    field, results = page.get_by_role("searchbox"), page.locator("#results")
    field.press_sequentially("lant", delay=20)
    expect(results.get_by_role("link", name="Pale Lantern", exact=True)).to_be_visible()
    expect(page).to_have_url(re.compile(r"/search\?q=lant$"))
    field.fill("hxxps://cdn7[.]update[.]lantern-sync[.]example/x")
    expect(results.get_by_role("heading", name="Known value")).to_be_visible()
    expect(results).to_contain_text("Command domain of Pale Lantern")
    field.fill("zzz-no-such-word")
    expect(results).to_contain_text("Nothing found for “zzz-no-such-word”")
    field.fill("unseen")
    expect(results).to_contain_text("Nothing found for “unseen”")
    field.fill("203.0.113.99")
    expect(results).to_contain_text("Nothing found for “203.0.113.99”")
    field.fill("onerror")
    expect(results.get_by_role("link", name=HOSTILE)).to_be_visible()
    assert page.locator("#results img").count() == 0
    field.fill("")
    expect(results).to_be_empty()


def test_the_box_of_the_home_page_answers_while_one_types(screen):
    page = screen.sign_in()
    expect(page.locator("#results")).to_be_empty()
    page.get_by_role("searchbox").press_sequentially("lant", delay=20)
    expect(page.locator("#results").get_by_role("link", name="Pale Lantern", exact=True)).to_be_visible()
    expect(page).to_have_title("lant · Cresset")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Search")


def test_what_was_typed_before_the_script_came_is_answered(screen):
    page, held = screen.sign_in(to="/look-up"), []
    page.route("**/assets/search-*.js", lambda route: held.append(route))
    page.goto("/search", wait_until="commit")
    page.get_by_role("searchbox").press_sequentially("lant")
    expect(page.locator("#results")).to_be_empty()
    held[0].continue_()
    expect(page.locator("#results").get_by_role("link", name="Pale Lantern", exact=True)).to_be_visible()


def test_a_relationship_is_told_by_what_it_is_between(screen):
    page = screen.sign_in(to="/search?q=uses")
    page.locator("#results").get_by_role("link", name="Pale Lantern uses Ashwick", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Pale Lantern uses Ashwick")


def test_a_session_that_ends_while_one_types_leads_to_the_sign_in_page(screen):
    page = screen.sign_in(to="/search")
    screen.context.clear_cookies()
    page.get_by_role("searchbox").press_sequentially("lantern")
    expect(page).to_have_title("Sign in · Cresset")
    assert page.get_by_role("heading").all_inner_texts() == ["Sign in"]
    page.get_by_label("User name").fill("reader")
    page.get_by_label("Password").fill(screen.node.passwords["reader"])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("link", name="Pale Lantern", exact=True)).to_be_visible()


def test_an_object_shows_its_relationships_both_ways(screen):
    page = screen.sign_in(to=object_path(ACTOR))
    expect(page.get_by_role("heading", level=1)).to_have_text("Pale Lantern")
    outward = page.get_by_role("region", name="Leads to")
    outward.get_by_role("link", name="Ashwick", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ashwick")
    page.get_by_role("region", name="Referred to by").get_by_role("link", name="Pale Lantern", exact=True).click()
    expect(page).to_have_url(re.compile(re.escape(object_path(ACTOR)) + "$"))


def test_an_analyst_goes_from_a_report_to_what_it_is_about_and_back(screen):
    """And from a type to what is found of it, and from a relation to all of it: by links alone."""
    page = screen.sign_in(to=object_path(REPORT))
    contents = page.get_by_role("region", name="Contents")
    report = page.get_by_role("heading", level=1).inner_text()
    contents.get_by_role("link", name="Pale Lantern", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Pale Lantern")
    page.get_by_role("region", name="Referred to by").get_by_role("link", name=report, exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(report)
    page.get_by_role("navigation", name="On this page").get_by_role("link", name="Exact bytes").click()
    expect(page.locator("pre")).to_be_in_viewport()
    screen.go("/search?q=lantern")
    listed = page.locator("#results ul.results > li", has=page.get_by_role("link", name="Pale Lantern", exact=True))
    listed.locator(".in").get_by_role("link", name=report).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(report)
    screen.go("/search?q=lantern")
    types = page.get_by_role("navigation", name="Types")
    types.get_by_role("link", name="threat-actor").click()
    expect(types.get_by_role("link", name="threat-actor")).to_have_attribute("aria-current", "true")
    expect(page.locator("#results ul.results > li")).to_have_count(1)
    field = page.get_by_role("searchbox")
    field.press("End")
    field.press_sequentially("s", delay=20)
    expect(page).to_have_url(re.compile(r"q=lanterns"))
    assert "type=threat-actor" in page.url, "typing on loses the type"
    screen.go(RELATED)
    expect(page.get_by_role("heading", level=1)).to_have_text("Pale Lantern")
    page.get_by_role("link", name="Ashwick", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ashwick")


def test_an_object_shows_its_history_and_its_exact_bytes(screen):
    page = screen.sign_in(to=object_path(CHANGED))
    expect(page.get_by_role("heading", level=1)).to_have_text("the second name")
    rows = page.get_by_role("region", name="History").locator("tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.first.get_by_role("link")).to_have_attribute("aria-current", "true")
    rows.last.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("the first name")
    page.get_by_text("The exact bytes").click()
    sent = json.dumps(indicator(1, name="the first name"))
    assert page.locator("pre").inner_text() == sent


def test_collections_are_those_granted_and_the_rest_is_not_there(screen):
    page = screen.sign_in(to="/collections")
    assert page.locator("tbody th").all_inner_texts() == ["Inbox", "Alpha", "Empty"]
    page.get_by_role("link", name="Alpha").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Alpha")
    expect(page.locator("thead + tbody").get_by_role("link", name="Pale Lantern", exact=True)).to_be_visible()
    screen.expected.append("status of 404")
    withheld = screen.go(f"/collections/{screen.node.ids['hidden']}")
    said = page.locator("main").inner_text()
    absent = screen.go("/collections/00000000-0000-4000-8000-000000000000")
    assert (withheld.status, absent.status) == (404, 404)
    assert page.locator("main").inner_text() == said


def test_look_up_takes_a_pasted_list(screen):
    page = screen.sign_in(to="/look-up")
    page.get_by_role("textbox").fill("198.51.100.77\n\n  192.0.2.1 \n203.0.113.99\n")
    page.get_by_role("button", name="Look up").click()
    expect(page.get_by_role("status")).to_have_text("1 of 3 known.")
    known = page.locator("tbody tr").first
    expect(known.get_by_role("link", name="Address block rented by Pale Lantern")).to_be_visible()
    expect(known).to_contain_text("yes")
    expect(page.locator("tbody tr").last).to_contain_text("no")


# -- every way of reading ----------------------------------------------------------------------------------------------


def test_everything_works_without_scripts(screens):
    screen = screens(java_script_enabled=False)
    page = screen.sign_in(to="/search")
    page.get_by_role("searchbox").fill("lantern")
    page.get_by_role("searchbox").press("Enter")
    page.get_by_role("link", name="Pale Lantern", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Pale Lantern")
    page.get_by_text("The exact bytes").click()
    expect(page.locator("pre")).to_be_visible()
    page.get_by_role("link", name="Look-up").click()
    page.get_by_role("textbox").fill("198.51.100.77")
    page.get_by_role("button", name="Look up").click()
    expect(page.get_by_role("status")).to_have_text("1 of 1 known.")
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_title("Sign in · Cresset")


FOCUS = """() => {
  const at = document.activeElement, style = getComputedStyle(at), box = at.getBoundingClientRect();
  return {
    what: at.tagName, name: (at.innerText || at.name || "").trim(), width: box.width, left: box.left,
    outlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
  };
}"""


def tab(page):
    """To the next stop, which must be visible and show that it has the focus."""
    page.keyboard.press("Tab")
    stop = page.evaluate(FOCUS)
    if stop["what"] == "BODY":
        return None
    assert stop["outlined"] or stop["name"] == "Skip to content", f"focus does not show on {stop}"
    assert stop["width"] > 0 and stop["left"] >= 0, f"focus is out of sight: {stop}"
    return stop["name"]


def tab_to(page, name, stops_max=60):
    for _ in range(stops_max):
        if tab(page) == name:
            return
    raise AssertionError(f"{name!r} is not among the first {stops_max} stops of the keyboard")


def test_the_keyboard_reaches_everything(screen):
    page = screen.page
    screen.go("/")
    expect(page.get_by_label("User name")).to_be_focused()
    page.keyboard.type("reader")
    assert tab(page) == "password"
    page.keyboard.type(screen.node.passwords["reader"])
    page.keyboard.press("Enter")
    expect(page).to_have_title("Home · Cresset")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("lantern")
    page.keyboard.press("Enter")
    expect(page).to_have_title("lantern · Cresset")
    expect(page.get_by_role("searchbox")).to_be_focused()
    tab_to(page, "Pale Lantern")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Pale Lantern")
    assert tab(page) == "Skip to content"
    page.keyboard.press("Enter")
    links = page.locator("main a").count()
    stops = []
    while (name := tab(page)) is not None:
        stops.append(name)
        assert len(stops) <= 2 * links + 10, "the keyboard is caught"
    assert "The exact bytes" in stops
    assert len(stops) >= links, f"{links} links, {len(stops)} stops"
    page.keyboard.press("Shift+Tab")
    tab_to(page, "Sign out")
    page.keyboard.press("Enter")
    expect(page).to_have_title("Sign in · Cresset")


LUMINANCE = """() => {
  const channels = getComputedStyle(document.body).backgroundColor.match(/[0-9.]+/g).slice(0, 3).map(Number);
  return 0.2126 * channels[0] + 0.7152 * channels[1] + 0.0722 * channels[2];
}"""


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_axe_finds_nothing_against_wcag_2_2_aa(screens, scheme, dark):
    screen = screens(color_scheme=scheme)
    page, axe = screen.page, Axe()
    screen.expected.append("status of 404")

    def judge(path):
        screen.go(path)
        judge_this(path)

    def judge_this(what):
        found = axe.run(page, options=WCAG).response["violations"]
        said = [(one["id"], node["target"], node["failureSummary"]) for one in found for node in one["nodes"]]
        assert not said, (what, scheme, said)

    judge("/sign-in")
    assert (page.evaluate(LUMINANCE) < 64) == dark
    screen.sign_in()
    judge_this("home")
    hidden = screen.node.ids["hidden"]
    for path in ["/search?q=lantern", "/search?q=198.51.100.77", "/search?q=lantern&type=malware", object_path(ACTOR), object_path(CHANGED),
                 object_path(REPORT), RELATED, "/collections", f"/collections/{screen.node.ids['alpha']}",
                 f"/collections/{screen.node.ids['alpha']}?type=indicator", f"/collections/{hidden}", "/approvals", "/password", "/look-up"]:
        judge(path)
    page.get_by_role("textbox").fill("198.51.100.77\n192.0.2.1")
    page.get_by_role("button", name="Look up").click()
    expect(page.get_by_role("status")).to_be_visible()
    judge_this("answers of look-up")


def test_pages_fit_a_telephone_without_scrolling_sideways(screens):
    """WCAG 2.2, 1.4.10: 320 CSS pixels; wide tables scroll in a box of their own."""
    screen = screens(viewport={"width": 320, "height": 640})
    page = screen.sign_in()
    screen.go("/look-up")
    page.get_by_role("textbox").fill("hxxps://portal-login[.]ashwick[.]example/invoice/7731\n198.51.100.77")
    page.get_by_role("button", name="Look up").click()
    expect(page.get_by_role("status")).to_be_visible()
    cut = page.evaluate("[...document.querySelectorAll('.wide')].filter(box => box.scrollWidth > box.clientWidth).length")
    assert cut == 0, "the answers of look-up run out of their box"
    for path in ["/", "/search?q=lantern", object_path(ACTOR), object_path(REPORT), RELATED, "/approvals", "/password", "/collections",
                 f"/collections/{screen.node.ids['alpha']}", "/look-up"]:
        screen.go(path)
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{path} is {wide} pixels too wide"
        hidden = page.evaluate("[...document.querySelectorAll('.card')].filter(box => box.scrollWidth > box.clientWidth).length")
        assert hidden == 0, f"{path} hides what an object says behind the edge of its box"


# -- long words, other scripts ----------------------------------------------------------------------------------------

LONG_TYPE = "x-" + "acme-telemetry-" * 11 + "record"
LONG_WORD = "supercalifragilistic" * 12
ARABIC = "مجموعة Pale Lantern الجديدة"


@pytest.fixture(scope="module")
def crowd(binary, tmp_path_factory):
    """A node whose objects have long types and names, by the thousand, and names in a script that runs from right to left."""
    node = Node(binary, tmp_path_factory.mktemp("crowd") / "data")
    node.init()
    node.add_user("writer", "analyst")
    for name in ["alpha", "beta"]:
        node.add_collection(name, "user:writer=rw")
    node.serve()
    custom = {"spec_version": "2.1", "created": "2024-05-01T00:00:00.000Z", "modified": "2024-05-01T00:00:00.000Z"}
    objects = [{"type": LONG_TYPE, "id": object_id(LONG_TYPE, 1), "name": LONG_WORD, **custom}]
    objects += [{"type": "x-mitre-data-component", "id": object_id("x-mitre-data-component", n), "name": f"part {n}", **custom}
                for n in range(1100)]
    named = [indicator(1, name=ARABIC, description="نشاط Ashwick جديد"), indicator(2, name="Pale Lantern مجموعة")]
    for collection, held in [("alpha", objects), ("beta", named)]:
        status = node.post(node.ids[collection], held, node.session("writer")).json()
        assert status["failure_count"] == 0, status
    yield node
    node.close()


@pytest.fixture
def crowded(browser, crowd):
    """Opens screens on that node."""
    with opening(browser, crowd) as open_screen:
        yield open_screen


TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
BROKEN_WORDS = r"""cells => {
  const broken = [], range = document.createRange();
  for (const cell of cells) {
    const walk = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
    while (walk.nextNode())
      for (const word of walk.currentNode.data.matchAll(/[^\s-]+/g)) {
        range.setStart(walk.currentNode, word.index);
        range.setEnd(walk.currentNode, word.index + word[0].length);
        const lines = new Set([...range.getClientRects()].map(box => Math.round(box.top)));
        if (lines.size > 1) broken.push(word[0]);
      }
  }
  return broken;
}"""


@pytest.mark.parametrize("width", [320, 360, 1280])
def test_long_words_and_large_counts_fit_and_short_words_stay_whole(crowded, width):
    screen = crowded(viewport={"width": width, "height": 800})
    page = screen.sign_in("writer")
    for path in ["/", "/search?q=part", f"/search?q={LONG_WORD}", object_path(object_id(LONG_TYPE, 1)), "/collections",
                 f"/collections/{screen.node.ids['alpha']}"]:
        screen.go(path)
        wide = page.evaluate(TOO_WIDE)
        assert wide <= 0, f"{path} is {wide} pixels too wide"
        cells = "table:not(.facts) td:not(.value):not(.id), thead th"
        assert LONG_TYPE in path or page.locator(cells).evaluate_all(BROKEN_WORDS) == [], path
    screen.go("/")
    name = page.locator(".bars > .name", has_text=LONG_TYPE)
    expect(name).to_have_attribute("title", LONG_TYPE)
    bar = page.locator(".bars > meter").first.bounding_box()
    assert bar["width"] >= 16, "the names leave no room for the bars"
    screen.go("/collections")
    hidden = page.evaluate("[...document.querySelectorAll('.wide')].filter(box => box.scrollWidth > box.clientWidth).length")
    assert hidden == 0, "a collection's rights or last addition is behind the edge"
    expect(page.get_by_role("columnheader", name="last addition")).to_be_in_viewport()


WAY = "element => getComputedStyle(element).direction"


def test_a_text_runs_the_way_of_its_own_script(crowded):
    """The first letter of a name says it, as its writer saw it; what stands beside it keeps its place."""
    screen = crowded()
    page = screen.sign_in("writer")
    arabic, latin = object_id("indicator", 1), object_id("indicator", 2)
    for path in ["/", "/search?q=lantern", f"/collections/{screen.node.ids['beta']}"]:
        screen.go(path)
        ways = [page.locator(f'main a[href="/objects/{key}"]').first.evaluate(WAY) for key in (arabic, latin)]
        assert ways == ["rtl", "ltr"], path
    screen.go("/search")
    page.get_by_role("searchbox").press_sequentially("مجموعة", delay=20)
    expect(page.locator("#results").get_by_role("link", name=ARABIC)).to_be_visible()
    assert page.locator("#results").get_by_role("link", name=ARABIC).evaluate(WAY) == "rtl", "what the script wrote"
    assert page.get_by_role("searchbox").evaluate(WAY) == "rtl"
    screen.go(object_path(arabic))
    assert page.get_by_role("heading", level=1).evaluate(WAY) == "rtl"
    said = page.locator("td.value > div", has_text="Ashwick")
    assert said.evaluate(WAY) == "rtl" and page.locator("td.value > div", has_text=arabic).first.evaluate(WAY) == "ltr"
    screen.go(object_path(latin))
    assert page.get_by_role("heading", level=1).evaluate(WAY) == "ltr"
    screen.go("/look-up")
    page.get_by_role("textbox").fill("198.51.0.1")
    page.get_by_role("button", name="Look up").click()
    assert page.get_by_role("link", name=ARABIC).evaluate(WAY) == "rtl"


# -- the tests themselves ----------------------------------------------------------------------------------------------


def test_a_page_that_breaks_the_policy_would_be_noticed(browser, campaign):
    """What `screens` relies on: an inline script, a foreign picture and a console error are all heard of."""
    screen = Screen(browser, campaign)
    screen.go("/sign-in")
    screen.page.evaluate("""() => {
      const script = document.createElement("script");
      script.textContent = "document.title = 'ran'";
      document.body.append(script);
      const picture = document.createElement("img");
      picture.src = "http://127.0.0.2:9/x.png";
      document.body.append(picture);
      console.error("said something");
    }""")
    expect(screen.page).to_have_title("Sign in · Cresset")
    heard = " ".join(screen.complaints)
    assert "script-src" in heard and "img-src" in heard and "said something" in heard, heard
    screen.context.close()


def test_an_address_where_nothing_is_answers_a_browser_with_a_page(screens):
    """And a program with a problem document, as everywhere."""
    screen = screens()
    screen.expected.append("404")
    assert screen.go("/no-such-page").status == 404
    expect(screen.page.get_by_role("heading", name="Not found")).to_be_visible()
    problem = requests.get(f"{screen.node.url}/no-such-page", headers={"Accept": "application/json"}, timeout=10)
    assert problem.status_code == 404 and problem.json()["code"] == "not-found"


def test_no_page_answers_a_stranger(campaign):
    paths = ["/", "/search?q=lantern", "/search?q=lantern&part=results", "/look-up", "/collections", "/approvals", "/password", object_path(ACTOR), RELATED]
    for path in paths:
        answer = requests.get(campaign.url + path, allow_redirects=False, timeout=10)
        assert answer.status_code == 303 and answer.headers["Location"].startswith("/sign-in?to="), path
        assert answer.text == "", path
