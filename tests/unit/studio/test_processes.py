"""Processes of scripts: what they print is bounded, and what they start ends with them."""

from __future__ import annotations

import os
import sys
import time

import pytest

from pronghorn.studio import processes
from pronghorn.studio.processes import HEAD, TAIL, Kept, Process


def started(code, *arguments):
    return Process([sys.executable, "-c", code, *map(str, arguments)], dict(os.environ))


def never():
    return False


@pytest.mark.parametrize("size", [0, 1, HEAD - 1, HEAD, HEAD + TAIL, HEAD + TAIL + 1, 10 * TAIL])
@pytest.mark.parametrize("chunk", [1, 7, 1 << 16])
def test_the_beginning_and_the_end_are_kept(size, chunk):
    printed = bytes(ord("a") + i % 26 for i in range(size))
    kept = Kept()
    for place in range(0, size, chunk):
        kept.add(printed[place : place + chunk])
    text = kept.text().encode()
    if size <= HEAD + TAIL:
        assert text == printed
    else:
        assert text.startswith(printed[:HEAD] + b"\n...") and text.endswith(b"...\n" + printed[-TAIL:])
        assert f" {size - HEAD - TAIL:,} byte".encode() in text


def test_what_prints_for_ever_ends_at_the_limit():
    began = time.monotonic()
    with started("import os\nwhile True: os.write(1, b'x' * 65536); os.write(2, b'y' * 65536)") as process:
        assert process.wait(0.5, never) is None
    assert time.monotonic() - began < 10
    assert 0 < len(process.output.text()) < HEAD + TAIL + 100 and len(process.errors.text()) < HEAD + TAIL + 100


BEHIND = """
import subprocess, sys
code = "import sys, time\\nwhile True: open(sys.argv[1], 'a').write('.'); time.sleep(0.01)"
subprocess.Popen([sys.executable, "-c", code, sys.argv[1]], start_new_session=sys.argv[2] == "True")
import os, time
while not os.path.exists(sys.argv[1]): time.sleep(0.01)
print("last words")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="groups of processes are POSIX's")
def test_what_runs_in_the_background_is_not_waited_for_and_ends(tmp_path):
    began, place = time.monotonic(), tmp_path / "beats"
    with started(BEHIND, place, False) as process:
        assert process.wait(60, never) == 0
    assert time.monotonic() - began < 30 and process.output.text() == "last words\n"
    beats = place.stat().st_size
    time.sleep(0.2)
    assert place.stat().st_size == beats


@pytest.mark.skipif(sys.platform == "win32", reason="groups of processes are POSIX's")
def test_what_has_left_the_group_keeps_nobody_waiting(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "_AFTERWARDS", 0.2)
    code = BEHIND.replace("while True:", "for _ in range(300):")  # nobody else ends it
    began = time.monotonic()
    with started(code, tmp_path / "beats", True) as process:
        assert process.wait(60, never) == 0
    assert time.monotonic() - began < 30 and process.output.text() == "last words\n"


def test_what_has_given_its_result_may_end_by_itself_or_is_ended(tmp_path):
    place = tmp_path / "result"
    code = "import sys, time\nopen(sys.argv[1], 'w').close()\ntime.sleep(float(sys.argv[2]))"
    with started(code, place, 0.1) as process:
        assert process.wait(60, place.exists, grace=30) == 0
    place.unlink()
    began = time.monotonic()
    with started(code, place, 60) as process:
        assert process.wait(60, place.exists, grace=0.1) is None
    assert time.monotonic() - began < 30


def test_an_interrupt_ends_it():
    with pytest.raises(KeyboardInterrupt), started("import time; time.sleep(60)") as process:
        raise KeyboardInterrupt
    assert process.wait(0, never) is not None
