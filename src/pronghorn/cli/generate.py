"""`pronghorn generate`: a language model in a folder or a GGUF file writes, token by token."""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import sys
from collections.abc import Iterator
from typing import Any

from rich.console import Console

from pronghorn._wording import counted
from pronghorn.cli.launcher import INTERRUPTED
from pronghorn.text.generation import Stream, generate
from pronghorn.text.loading import open_model, read_weights
from pronghorn.text.prompts import check_request
from pronghorn.text.tokenizer_files import load_tokenizer

# A stranger's model may write what a terminal obeys: all of that is shown as unknown, but for lines and tabs.
_CONTROLS = dict.fromkeys((*range(32), *range(127, 160)), "\ufffd") | {9: "\t", 10: "\n", 13: None}


@contextlib.contextmanager
def waiting(console: Console, words: str) -> Iterator[None]:
    """A block during which a terminal shows what is waited for, in a line that is gone afterwards."""
    shows = console.is_terminal and not console.is_dumb_terminal and sys.stdout.isatty()
    if shows:
        console.file.write(words)
        console.file.flush()
    try:
        yield
    finally:
        if shows:
            console.file.write("\r\x1b[2K")
            console.file.flush()


def write(folder: str, prompt: str, dtype: str | None, quantization: str | None, **options: Any) -> int:
    """Write the text as it comes to the standard output, and the speed to the other one.

    Args:
        folder: the model's, or a GGUF file.
        prompt: what is gone on from.
        dtype: the type of weights; None for that of Keras's settings.
        quantization: ``"int8"`` or ``"int4"``; None for weights of this type.
        options: those of `generate`.

    Returns:
        The exit status: 130 after Ctrl-C, which leaves what was written. It is 0 where who reads the text has enough.
    """
    console = Console(stderr=True, highlight=False)
    style = "" if console.no_color else "dim"
    written: Stream | None = None
    status = 0
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a model may write what the terminal's encoding has not
    try:
        files = open_model(folder)
        tokenizer = load_tokenizer(folder)
        if files.left_out:
            console.print(files.left_out, style=style, markup=False)
        check_request(files.settings, prompt, lambda: tokenizer, **options)  # before weights are read, which takes time
        is_terminal = sys.stdout.isatty()
        with waiting(console, "Reading the model's weights ..."):
            model = read_weights(files, dtype, quantization)
        written = generate(model, prompt, stream=True, tokenizer=tokenizer, **options)
        with waiting(console, "Compiling, and reading the prompt ..."):
            first = next(written, "")
        for piece in itertools.chain([first], written):
            sys.stdout.write(piece.translate(_CONTROLS) if is_terminal else piece)
            sys.stdout.flush()
        print(flush=True)
    except KeyboardInterrupt:
        status = INTERRUPTED
        print(flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what Python writes when it ends
    if written is not None and written.count:
        speed = written.tokens_per_second
        console.print(
            counted(written.count, "token") + ("" if speed is None else f", {speed:.1f} a second"), style=style
        )
    elif written is not None and not status:
        console.print("The model ends the text here, without a token more.", style=style)
    if status:
        console.print("Interrupted.")
    return status
