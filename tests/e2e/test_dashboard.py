"""The served dashboard in a real browser: from the overview to a round to a proposal, by eye, by keyboard, by phone."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from api.app import create_app
from node.charter_text import default_charter
from node.incidents import Target
from node.records.proposals import Support
from node.signed_requests import IncidentReport, route_of
from node.typed_data import sign
from tests.support.history import REFUSAL_DETAIL, TOKEN, History
from tests.unit.api.test_incident_pages import asked, reported, secret

pytestmark = pytest.mark.browser

SCREENSHOTS = Path("reports/screenshots")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
NARROW_PIXELS = 390
PAGES = (
    "/",
    "/runs",
    "/runs/1",
    "/runs/1/rounds",
    "/runs/1/rounds/1",
    "/runs/1/contributions",
    "/runs/1/checkpoints",
    "/proposals",
    "/charter",
    "/members",
    "/artifacts",
    "/incidents",
    "/docs",
)

CONTRAST = """() => {
  const channel = c => { c /= 255; return c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4; };
  const light = ([r, g, b]) => .2126 * channel(r) + .7152 * channel(g) + .0722 * channel(b);
  const parse = text => text.match(/[\\d.]+/g).map(Number);
  const behind = element => {
    for (let e = element; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c.length < 4 || c[3] === 1) return c;
    }
    return [255, 255, 255];
  };
  const weak = [];
  for (const element of document.querySelectorAll("body *")) {
    if (![...element.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
    if (!element.getClientRects().length || element.closest("svg")) continue;
    const style = getComputedStyle(element);
    const [a, b] = [light(parse(style.color)), light(behind(element))].sort((x, y) => y - x);
    const enough = parseFloat(style.fontSize) >= 24 ? 3 : 4.5;
    if ((a + .05) / (b + .05) < enough) weak.push(element.textContent.trim().slice(0, 40));
  }
  return weak;
}"""
"""WCAG 2.2, 1.4.3: texts whose contrast with what lies behind them is too weak."""


@pytest.fixture(scope="module")
def history() -> History:
    """With the charter's text at hand, an incident under way, and bob asking for a dataset whose clips are sealed."""
    history = History().play()
    history.store.put(default_charter().data)
    history.ledger.deposit_bond(1, 50 * TOKEN)
    for request in (reported(history), asked(history, secret(history))):
        signer = "alice" if isinstance(request, IncidentReport) else "bob"
        contract = route_of(request).contract
        history.ledger.submit(request, sign(history.people[signer], history.ledger.domain(contract), request))
    history.ledger.contain(1, Target.MEMBER, history.clock() + 3600)
    return history


def all_pages(history: History) -> tuple[str, ...]:
    """The lists, and one page of each kind of thing."""
    dataset, sealed = (artifact.digest.hex() for artifact in history.ledger.artifacts())
    things = (f"/proposals/{history.proposal_id}", "/incidents/1", f"/artifacts/0x{dataset}", f"/artifacts/0x{sealed}")
    return (*PAGES, *things)


@pytest.fixture(scope="module")
def address(history: History) -> Iterator[str]:
    """The app on a free port of this machine."""
    app = create_app(history.ledger, history.store, relay_ledger=history.ledger, poll_seconds=0.2)
    server = uvicorn.Server(uvicorn.Config(app, port=0, http="h11", ws="none", log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        threading.Event().wait(0.05)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        path = find_browser(playwright)
        if path is None:
            skip_loudly()
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"] if os.geteuid() == 0 else [])
        yield browser
        browser.close()


def find_browser(playwright: Playwright) -> str | None:
    """A Chromium on PATH, else Playwright's own."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    own = playwright.chromium.executable_path
    return found or (own if Path(own).exists() else None)


def skip_loudly() -> None:
    reason = (
        f"NOT TESTED: the dashboard in a browser (layout, keyboard, contrast, console errors): none of {BROWSERS} is "
        "on PATH and Playwright has none of its own; install Debian's chromium or run `playwright install chromium`"
    )
    assert sys.__stderr__ is not None
    sys.__stderr__.write(f"\n{reason}\n")
    pytest.skip(reason)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A desktop window; at its end nothing may stand in the console."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page, complaints = context.new_page(), []
    page.on("console", lambda message: complaints.append(message.text) if message.type != "log" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []


def shoot(page: Page, name: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


def test_a_reader_walks_from_the_overview_to_a_round_to_a_proposal(page: Page, address: str) -> None:
    page.goto(address)
    assert page.get_by_role("heading", name="Procedural worlds").is_visible()
    assert page.get_by_role("img", name="Held-out loss from 1.2346 at round 0 to 1.1663 at round 2").is_visible()
    shoot(page, "overview")

    page.get_by_role("link", name="Round 2", exact=True).click()
    page.get_by_role("link", name="← Round 1").click()
    assert page.get_by_text(REFUSAL_DETAIL).is_visible()
    assert page.get_by_text("not-finite").is_visible()
    shoot(page, "round")

    page.get_by_role("link", name="Proposals").click()
    page.get_by_role("link", name="Take longer rounds").click()
    assert page.get_by_role("row", name="inner.num_steps 30 60").is_visible()
    assert page.get_by_role("row", name="dora").get_by_text("against").is_visible()
    shoot(page, "proposal")


def test_the_first_screen_holds_all_that_matters_without_scrolling(page: Page, address: str) -> None:
    page.goto(address)

    for name in ("Head checkpoint", "Last round", "Open votes", "Top contributions", "Held-out loss by round"):
        box = page.get_by_role("heading", name=name).bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < 800, name


def test_the_keyboard_alone_reaches_the_content_and_shows_where_it_is(page: Page, address: str) -> None:
    page.goto(address)

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("Tab")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")

    assert page.evaluate("document.getElementById('main').contains(document.activeElement)")
    assert outline == "solid"


def test_a_cid_is_copied_whole(page: Page, address: str) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{address}/runs/1/checkpoints")
    whole = page.locator("code.id").first.get_attribute("title")

    page.get_by_role("button", name=f"Copy {whole}").click()

    assert page.evaluate("navigator.clipboard.readText()") == whole


def test_a_new_ballot_appears_without_a_reload(page: Page, address: str, history: History) -> None:
    page.goto(f"{address}/proposals/{history.proposal_id}")
    page.evaluate("window.stillTheSamePage = true")

    history.vote("emil", Support.FOR)

    page.get_by_text("For 50").wait_for(timeout=30_000)
    assert page.evaluate("window.stillTheSamePage")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_background(
    browser: Browser, address: str, history: History, scheme: str
) -> None:
    context = browser.new_context(color_scheme="dark" if scheme == "dark" else "light")
    page = context.new_page()

    weak = {}
    for path in (*all_pages(history), "/nowhere"):
        page.goto(address + path)
        weak[path] = page.evaluate(CONTRAST)
    page.goto(address + "/members")
    shoot(page, f"members-{scheme}")
    context.close()

    assert {path: texts for path, texts in weak.items() if texts} == {}


def test_no_page_is_wider_than_a_phone(browser: Browser, address: str, history: History) -> None:
    context = browser.new_context(viewport={"width": NARROW_PIXELS, "height": 844})
    page = context.new_page()

    widths = {}
    for path in all_pages(history):
        page.goto(address + path)
        widths[path] = page.evaluate("document.documentElement.scrollWidth")
        shoot(page, f"phone{path.replace('/', '-')[:24]}")
    context.close()

    assert {path: width for path, width in widths.items() if width > NARROW_PIXELS} == {}


def test_all_is_there_without_script(browser: Browser, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()

    page.goto(address)
    page.get_by_text("The same as a table").click()

    assert page.get_by_role("cell", name="1.1991").is_visible()
    context.close()
