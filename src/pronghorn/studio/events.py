"""What a page is told while it is open: the state when it has changed, and the points of the run that goes on."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from typing import Any

from pronghorn.studio.json_text import as_json
from pronghorn.studio.workbench import Workbench

# Seconds between two looks while a run goes on: a frame. On two cores the page, which gives drawing a share of the
# processors, could not draw as often.
TRAINING_PAUSE = 1 / 60 if (os.cpu_count() or 1) > 2 else 1 / 15
IDLE_PAUSE = 0.1
KEEP_ALIVE = 5.0


class Watching:
    """What one page has been told so far.

    Args:
        bench: what is watched.
    """

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._version, self._run, self._place, self._epoch = -1, 0, 0, 0

    def news(self) -> list[tuple[str, Any]]:
        """What has happened since the last call: pairs of a kind and what JSON can hold."""
        found: list[tuple[str, Any]] = []
        bench, version = self._bench, self._bench.version
        # Looked at before the points and sent after them, so that a page that reads "paused" has every step until then.
        state = bench.shown() if version != self._version else None
        run = bench.runs[-1] if bench.runs else None
        if run is not None:
            if run.number != self._run:
                self._run, self._place, self._epoch = run.number, 0, 0
            if len(run.points) > self._place or len(run.epochs) > self._epoch:
                points = run.since(self._place, self._epoch)
                self._place, self._epoch = points["next"], points["next_epoch"]
                found.append(("points", points))
        if state is not None:
            self._version = version
            found.append(("state", state))
        return found


async def stream(bench: Workbench, is_over: Any) -> AsyncIterator[str]:
    """Server-sent events, until the page goes away or the server ends.

    Args:
        bench: what is watched.
        is_over: whether the server is about to end.
    """
    watching, last = Watching(bench), time.monotonic()
    while not is_over():
        news = watching.news()
        for kind, value in news:
            yield f"event: {kind}\ndata: {as_json(value)}\n\n"
        now = time.monotonic()
        if news:
            last = now
        elif now - last > KEEP_ALIVE:
            last = now
            yield ": here\n\n"
        await asyncio.sleep(TRAINING_PAUSE if bench.active is not None else IDLE_PAUSE)
    yield "event: bye\ndata: {}\n\n"
