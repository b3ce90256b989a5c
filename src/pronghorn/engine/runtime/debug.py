"""What `PRONGHORN_DEBUG` asks for: a comma-separated list of things to print on the standard error stream, or to do.

=========  =====================================================================
`graph`    the traced graph, and the graph after each rewrite stage
`fused`    the fusion groups
`kernels`  the kernels, with their loops and buffers
`llvm`     the LLVM IR handed to the compiler (and have LLVM verify it)
`asm`      the machine code, as assembly
`time`     how long each stage took
`poison`   (prints nothing) compiled steps run on copies of their arrays between
           forbidden pages, and in memory full of NaNs: see `runtime.guard`
`verify`   (prints nothing) the graph is checked after each rewrite stage
=========  =====================================================================
"""

from __future__ import annotations

import contextlib
import difflib
import functools
import os
import sys
import time
from collections.abc import Callable, Iterator

VARIABLE = "PRONGHORN_DEBUG"
PRINTED = ("graph", "fused", "kernels", "llvm", "asm", "time")
FLAGS = (*PRINTED, "poison", "verify")


@functools.lru_cache(maxsize=8)
def parse(text: str) -> frozenset[str]:
    """Turn the value of `PRONGHORN_DEBUG` into a set of flags.

    Args:
        text: flags separated by commas (or by `|` or spaces), in any case; `all` stands for all that print.

    Returns:
        The flags, each one of `FLAGS`.

    Raises:
        ValueError: a word is not a flag.

    >>> sorted(parse("Graph, time"))
    ['graph', 'time']
    """
    words = text.lower().replace("|", ",").replace(",", " ").split()
    for word in words:
        if word not in FLAGS and word != "all":
            near = difflib.get_close_matches(word, FLAGS, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(
                f"The environment variable {VARIABLE} contains {word!r}, which is not one of its flags: "
                f"{', '.join(FLAGS)} (or all){hint}"
            )
    return frozenset(word for word in (*words, *(PRINTED if "all" in words else ())) if word != "all")


def enabled(flag: str) -> bool:
    """Whether `PRONGHORN_DEBUG` asks for `flag`.

    The environment is read at every call, so a test or a notebook may change it while the process runs.
    """
    text = os.environ.get(VARIABLE)
    return bool(text) and flag in parse(text)


def emit(flag: str, title: str, text: str | Callable[[], str]) -> None:
    """Print `text` under a heading on the standard error stream if `flag` is enabled.

    Args:
        flag: one of `FLAGS`.
        title: the heading, such as the name of a stage.
        text: what to print, or a function that makes it (called only if it will be printed).
    """
    if enabled(flag):
        body = text() if callable(text) else text
        print(f"--- {flag}: {title}\n{body.rstrip()}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def timed(what: str) -> Iterator[None]:
    """Time a block of code and, if `time` is enabled, print how long it took.

    Args:
        what: the name printed beside the time.
    """
    if not enabled("time"):
        yield
        return
    start = time.perf_counter()
    try:
        yield
    finally:
        report_time(what, time.perf_counter() - start)


def report_time(what: str, seconds: float) -> None:
    """Print, if `time` is enabled, how long something took.

    Args:
        what: the name printed beside the time.
        seconds: how long it took.
    """
    if enabled("time"):
        print(f"--- time: {seconds * 1e3:9.2f} ms  {what}", file=sys.stderr, flush=True)
