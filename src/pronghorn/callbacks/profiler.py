"""Steps of a training measured kernel by kernel, as files for TensorBoard's page "Profile"."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from typing import Any

from pronghorn.callbacks.event_file import bytes_field, varint
from pronghorn.engine.graph.user_code import warn
from pronghorn.utils.arguments import is_integer

_FIRST = 3  # the first step worth measuring: one compiles, and the next, which has clocks, pays for page faults


class Profiler:
    """Measures some steps of a training.

    Args:
        folder: that of TensorBoard's logs.
        batches: which step, or the first and the last one, counted from 1; 0 for none.

    Raises:
        ValueError: for anything else.
    """

    def __init__(self, folder: str | os.PathLike[str], batches: Any) -> None:
        if isinstance(batches, str):  # such as "10, 20"
            batches = tuple(int(part) if part.strip().isdigit() else part for part in batches.split(","))
            batches = batches[0] if len(batches) == 1 else batches
        pair = tuple(batches) if isinstance(batches, tuple | list) else (batches, batches)
        if len(pair) != 2 or not all(map(is_integer, pair)) or pair[0] < 0 or pair[1] < pair[0]:
            raise ValueError(
                f"TensorBoard: profile_batch={batches!r}; it must be the number of a batch, or those of the first and "
                "the last one, in order; 0 for none."
            )
        self._folder = Path(folder)
        self._asked = pair[1] > 0
        self._first = max(_FIRST, int(pair[0]))
        self._last = self._first + int(pair[1]) - int(pair[0])
        self.begin()

    def begin(self) -> None:
        """A training begins."""
        self._function: Any = None
        self._kept: list[Any] = []
        self._is_done = not self._asked

    def before(self, model: Any, step: int) -> None:
        """A step begins."""
        if self._is_done or self._function is not None or step < self._first - 1:
            return
        self._function = getattr(model, "_function", lambda kind: None)("train")
        self._kept = [] if self._function is None else self._function.start_profiles()

    def after(self, step: int) -> None:
        """A step is over."""
        if step >= self._last:
            self.end()

    def end(self) -> None:
        """No more is measured; what was is written."""
        if self._is_done:
            return
        self._is_done = True
        profiles = [] if self._function is None else self._function.stop_profiles(self._kept)
        self._kept = []
        if not profiles:
            warn(
                f"TensorBoard: no trace was written: profile_batch asks for batch {self._first}, counted from 1 (the "
                f"first {_FIRST - 1} are never measured), and the training had fewer batches or runs eagerly."
            )
            return
        folder = self._folder / "plugins" / "profile" / time.strftime("%Y_%m_%d_%H_%M_%S")
        folder.mkdir(parents=True, exist_ok=True)
        most = max(profiles, key=lambda profile: profile.seconds)
        most.save_trace(folder / f"{socket.gethostname()}.trace.json.gz")
        (folder / f"{socket.gethostname()}.xplane.pb").write_bytes(xspace(most.trace()))


def _number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def xspace(trace: dict[str, Any]) -> bytes:
    """A Chrome trace of one process as the message that TensorBoard's profiler reads (`xplane.proto` of XLA)."""
    names: dict[str, int] = {}
    lines: dict[int, list[bytes]] = {}
    titles: dict[int, str] = {}
    for event in trace["traceEvents"]:
        if event["ph"] == "M":
            titles[event.get("tid", 0)] = event["args"]["name"]
            continue
        number = names.setdefault(event["name"], len(names) + 1)
        start, span = (round(event[key] * 1e6) for key in ("ts", "dur"))  # microseconds to picoseconds
        lines.setdefault(event["tid"], []).append(_number(1, number) + _number(2, start) + _number(3, span))
    plane = _number(1, 1) + bytes_field(2, b"/host:CPU")
    for tid, events in lines.items():
        line = _number(1, tid) + bytes_field(2, titles.get(tid, "").encode())
        plane += bytes_field(3, line + b"".join(bytes_field(4, event) for event in events))
    for name, number in names.items():
        metadata = _number(1, number) + bytes_field(2, name.encode())
        plane += bytes_field(4, _number(1, number) + bytes_field(2, metadata))
    return bytes_field(1, plane) + bytes_field(4, socket.gethostname().encode())
