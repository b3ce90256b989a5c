"""A studio in a process of its own, and headless Chromium to look at it with."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).resolve().parents[2] / "src"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",  # a camera
]  # fmt: skip
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
        options: of the page, such as its `viewport`.
    """

    def __init__(self, browser: Any, url: str, **options: Any) -> None:
        self.page = browser.new_page(**{"viewport": {"width": 1280, "height": 900}, **options})
        self.page.set_default_timeout(60_000)
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        kinds = ("error", "warning")
        self.page.on("console", lambda entry: self.errors.append(entry.text) if entry.type in kinds else None)
        self.page.goto(url)

    def show(self, view: str) -> None:
        """Go to a view by its link."""
        self.page.locator(f'nav a[href="#{view}"]').click()

    def set(self, field: str, value: object) -> None:
        """Fill in a field by its label, and wait until the studio has taken it."""
        control = self.page.get_by_label(field, exact=True)
        control.fill(str(value))
        control.press("Enter")
        self.page.locator(f"#{control.get_attribute('id')}").blur()

    def wait_for_state(self, word: str, seconds: float = 90) -> None:
        """Wait until the last run's state is told to be so."""
        self.page.locator(f'[role="status"]:has-text("{word}")').wait_for(timeout=1000 * seconds)

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
