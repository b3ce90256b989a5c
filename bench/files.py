"""Count the source files whose code runs in one call of a small model, and in a second `fit` of it.

    python bench/files.py            # the two numbers
    python bench/files.py --names    # and the files

Who steps through such a call with a debugger opens so many files.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

import pronghorn as keras

ROOT = Path(keras.__file__).parent


def files_of(call: Callable[[], Any]) -> list[str]:
    """Return the package's files in which a function runs during a call, sorted."""
    found: set[str] = set()

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            found.add(frame.f_code.co_filename)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(before)
    return sorted(str(Path(name).relative_to(ROOT)) for name in found if Path(name).is_relative_to(ROOT))


def cases() -> dict[str, Callable[[], Any]]:
    """Return the calls that are looked at, each done before."""
    model, trained = (keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]) for _ in range(2))
    trained.compile("adam", "mse", metrics=["mae"])
    x, y = np.ones((8, 4), "float32"), np.ones((8, 3), "float32")
    for _ in range(2):  # the second call finds out how many run op by op
        model(x)
    trained.fit(x, y, verbose=0)
    return {"model(x), op by op": lambda: model(x), "second fit": lambda: trained.fit(x, y, verbose=0)}


def main() -> None:
    """Print the numbers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--names", action="store_true", help="list the files, too")
    options = parser.parse_args()
    for name, call in cases().items():
        found = files_of(call)
        print(f"{name}: {len(found)} files")
        for file in found if options.names else ():
            print(f"    {file}")


if __name__ == "__main__":
    main()
