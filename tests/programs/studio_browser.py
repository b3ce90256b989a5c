"""A studio in a process of its own, and headless Chromium to look at it with."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).resolve().parents[2] / "src"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",  # a camera
]  # fmt: skip
# Holds back what the studio tells, as a busy machine does: while `late` is a list, events gather there.
LATE = """
window.late = null;
EventSource.prototype.addEventListener = function (kind, listener) {
  EventTarget.prototype.addEventListener.call(this, kind, (event) => {
    if (late) late.push({event, listener});
    else listener(event);
  });
};
"""
# Has what a page puts off until after a frame, as Preact does with effects, come later than what the studio tells.
SLOW_FRAMES = """
const soon = window.setTimeout;
window.setTimeout = (call, wait = 0, ...rest) => soon(call, wait + 1000, ...rest);
window.requestAnimationFrame = (call) => soon(() => call(performance.now()), 1000);
"""
# What the browser is told by a drawing of a 7: places on a pad of 100 by 100.
SEVEN = [[(25, 22), (50, 22), (76, 22), (66, 42), (56, 62), (46, 84)]]


@contextlib.contextmanager
def serving(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start `pronghorn studio`; gives the process and the address that it prints."""
    env = {**os.environ, "PYTHONPATH": str(SOURCE)}
    command = [sys.executable, "-m", "pronghorn", "studio", "--no-browser", "--port", "0", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env)
    try:
        line = process.stdout.readline()
        found = re.search(r"http://\S+", line)
        assert found, line + process.stdout.read()
        yield process, found.group()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@contextlib.contextmanager
def browsing() -> Iterator[Any]:
    """Start the browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


class Watched:
    """A page and what went wrong on it.

    Args:
        browser: the browser.
        url: the studio's address.
        script: what it runs before the page's own.
        options: of the page, such as its `viewport`.
    """

    def __init__(self, browser: Any, url: str, script: str = "", **options: Any) -> None:
        self.page = browser.new_page(**{"viewport": {"width": 1280, "height": 900}, **options})
        self.page.set_default_timeout(60_000)
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        kinds = ("error", "warning")
        self.page.on("console", lambda entry: self.errors.append(entry.text) if entry.type in kinds else None)
        self.page.add_init_script(script)
        self.page.goto(url)

    def show(self, view: str) -> None:
        """Go to a view by its link."""
        self.page.locator(f'nav a[href="#{view}"]').click()

    def set(self, field: str, value: object) -> None:
        """Fill in a field by its label, and wait until the studio has taken it."""
        control = self.page.get_by_label(field, exact=True)
        control.fill(str(value))
        control.press("Enter")
        own = f"#{control.get_attribute('id')}"
        self.page.locator(own).blur()
        self.page.locator(f'{own}[aria-busy="false"]').wait_for()

    def until(self, condition: Callable[[], bool], seconds: float = 30) -> None:
        """Wait until something is so."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "it did not become so"
            self.page.wait_for_timeout(20)

    def settings(self) -> dict[str, Any]:
        """How runs train, as the server has it."""
        return self.page.request.get(self.page.url.split("#")[0] + "state").json()["settings"]

    def hold_events(self) -> None:
        """From now on, events are late; the page needs the script `LATE`."""
        self.page.evaluate("void (window.late = [])")

    def let_go(self, name: str, value: object) -> None:
        """When the state with a setting has come, have the page read it and all that came before."""
        states = "late.filter(({event}) => event.type === 'state').map(({event}) => JSON.parse(event.data))"
        self.until(lambda: any(state["settings"][name] == value for state in self.page.evaluate(states)))
        self.page.evaluate("late.splice(0).forEach(({event, listener}) => listener(event)); window.late = null")

    def wait_for_state(self, word: str, seconds: float = 90) -> None:
        """Wait until the last run's state is told to be so."""
        try:
            self.page.locator(f'[role="status"]:has-text("{word}")').wait_for(timeout=1000 * seconds)
        except Exception as error:
            shown = self.page.locator("body").inner_text()
            raise AssertionError(
                f"no {word!r} in {seconds} s; errors: {self.errors}; the page shows:\n{shown}"
            ) from error

    def draw(self, strokes: list[list[tuple[int, int]]]) -> None:
        """Draw on the pad with the mouse."""
        self.page.locator(".pad").scroll_into_view_if_needed()
        box = self.page.locator(".pad").bounding_box()
        for stroke in strokes:
            places = [(box["x"] + x * box["width"] / 100, box["y"] + y * box["height"] / 100) for x, y in stroke]
            self.page.mouse.move(*places[0])
            self.page.mouse.down()
            for place in places[1:]:
                self.page.mouse.move(*place, steps=6)
            self.page.mouse.up()

    def overflow(self) -> int:
        """How many pixels the page is wider than the window."""
        return self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
