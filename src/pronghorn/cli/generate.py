"""`pronghorn generate`: a language model in a folder writes, token by token."""

from __future__ import annotations

import sys
from typing import Any

from rich.console import Console

from pronghorn._wording import counted
from pronghorn.cli.launcher import INTERRUPTED
from pronghorn.text.loading import load
from pronghorn.text.generation import generate
from pronghorn.text.tokenizer_files import load_tokenizer


def write(folder: str, prompt: str, dtype: str | None, **options: Any) -> int:
    """Write the text as it comes to the standard output, and the speed to the other one.

    Args:
        folder: the model's.
        prompt: what is gone on from.
        dtype: the type of weights; None for that of Keras's settings.
        options: those of `generate`.

    Returns:
        The exit status: 130 after Ctrl-C, which leaves what was written.
    """
    written, status = None, 0
    try:
        tokenizer = load_tokenizer(folder)  # first, since weights take longer
        written = generate(load(folder, dtype), prompt, stream=True, tokenizer=tokenizer, **options)
        for piece in written:
            sys.stdout.write(piece)
            sys.stdout.flush()
    except KeyboardInterrupt:
        status = INTERRUPTED
    print(flush=True)
    console = Console(stderr=True, highlight=False)
    if written is not None and written.count:
        speed = written.tokens_per_second
        console.print(
            counted(written.count, "token") + ("" if speed is None else f", {speed:.1f} a second"), style="dim"
        )
    if status:
        console.print("Interrupted.")
    return status
