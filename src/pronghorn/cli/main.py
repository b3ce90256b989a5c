"""The `pronghorn` command and its subcommands."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator
from typing import Any

import click

from pronghorn._lazy import nearest
from pronghorn._version import KERAS_API_VERSION, __version__

_PASS_ON = {"ignore_unknown_options": True, "allow_interspersed_args": False}


class _Nearest(click.Group):
    """Commands whose names are found although they are misspelled, in what an error says."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = nearest(args[0], self.list_commands(ctx), 1)
            if getattr(error, "possibilities", None):  # newer versions of click say it themselves
                raise
            if near:
                error.message += f" Did you mean {near[0]!r}?"
            elif os.path.exists(args[0]):
                error.message += f" To run it: pronghorn run {args[0]}"
            raise


@click.group(cls=_Nearest, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(
    __version__, "-V", "--version", message=f"pronghorn {__version__} (Keras API {KERAS_API_VERSION})"
)
def main() -> None:
    """Pronghorn: Keras scripts on the CPU, compiled."""


@main.command(context_settings=_PASS_ON, options_metavar="[-m] [-n N]", short_help="Run a Keras script.")
@click.option("-m", "as_module", is_flag=True, help="Run a module: its name comes in place of FILE.")
@click.option(
    "-n", "--processes", type=click.IntRange(1), metavar="N", help="Start N processes, which share batches by MPI."
)
@click.argument("target", metavar="FILE")
@click.argument("arguments", metavar="[ARGUMENTS]...", nargs=-1, type=click.UNPROCESSED)
def run(as_module: bool, processes: int | None, target: str, arguments: tuple[str, ...]) -> None:
    """Run an unmodified Keras script, or a notebook's cells of code.

    In it, `keras`, `tensorflow.keras` and `tf.keras` are Pronghorn. What follows FILE is the script's own.

    \b
      pronghorn run tutorial.py --epochs 3
      pronghorn run -m mypackage.train
      pronghorn run notebook.ipynb
      pronghorn run -n 4 train.py        four processes on this machine; see keras.distribution
    """
    if processes is not None:
        from pronghorn.cli import launcher

        sys.exit(launcher.run(processes, [*(["-m"] if as_module else []), target, *arguments]))
    from pronghorn.scripts import runner

    sys.exit(runner.run_module(target, arguments) if as_module else runner.run_file(target, arguments))


@main.command(short_help="Show this machine and this installation.")
def info() -> None:
    """Show the CPU, the threads, the versions and the compile cache."""
    from pronghorn.cli.info import print_info

    with _told():
        print_info()


@main.command(short_help="Try whether this installation works.")
def doctor() -> None:
    """Try whether the installation works: packages, compiling, threads, training, the cache, other engines.

    What is broken is said with what mends it, and with what belongs into a report. The exit status is 1 then.
    """
    from pronghorn.cli.doctor import diagnose

    with _told():
        sys.exit(0 if diagnose() else 1)


@main.command(short_help="Show or clear the cache of compiled code.")
@click.option("--clear", is_flag=True, help="Delete what is in it.")
def cache(clear: bool) -> None:
    """Show where compiled code is kept between runs, and how much of it there is; or delete it.

    Nothing is lost by that: what is needed is compiled again. PRONGHORN_CACHE=0 turns the cache off.
    """
    from pronghorn.cli.info import clear_cache, print_cache

    with _told():
        clear_cache() if clear else print_cache()


@main.command(short_help="Show what is in a model's file.")
@click.option("--arrays", is_flag=True, help="List every array, with its type.")
@click.argument("file")
def inspect(arrays: bool, file: str) -> None:
    """Show the layers, shapes, optimizer, date and size of a model's or a weights file, without building a model.

    FILE is a .keras, .weights.h5, .weights.json, .safetensors, .h5 or .hdf5 file.
    """
    from pronghorn.cli.inspect import print_file

    with _told():
        print_file(file, arrays)


@main.command(short_help="Convert a model's file to another format.")
@click.option("-f", "--force", is_flag=True, help="Replace TARGET if it exists.")
@click.option("--max-shard-size", type=float, metavar="GB", help="For .weights.json: the size of each file.")
@click.option(
    "--import", "modules", multiple=True, metavar="MODULE", help="Import a module that registers your classes."
)
@click.argument("source")
@click.argument("target")
def convert(force: bool, max_shard_size: float | None, modules: tuple[str, ...], source: str, target: str) -> None:
    """Write what is in SOURCE into TARGET; their endings say the formats.

    \b
      models:   .keras, .h5, .hdf5
      weights:  .weights.h5, .weights.json (several files), .safetensors
    """
    from pronghorn.saving.conversion import convert_file

    sys.path.insert(0, "")
    with _told():
        for module in modules:
            importlib.import_module(module)
        convert_file(source, target, max_shard_size, overwrite=force)
    click.echo(f"{source} -> {target}")


@main.command(short_help="Write a model for another runtime.")
@click.option("-f", "--force", is_flag=True, help="Replace TARGET if it exists.")
@click.option("--format", "format_", metavar="FORMAT", help="The format, where TARGET's ending does not tell it.")
@click.option("--opset", "opset_version", type=int, metavar="N", help="For ONNX: the version of its operators.")
@click.option("--target", metavar="MACHINE", help="For native: the machine, such as x86-64-v3 or aarch64.")
@click.option("--weights", metavar="WHERE", help="For native: constants of the library, or a file.")
@click.option("--training", is_flag=True, default=None, help="For native: with the steps of training, too.")
@click.option("--parallel", is_flag=True, default=None, help="For native: with functions that take a parallel-for.")
@click.option(
    "--import", "modules", multiple=True, metavar="MODULE", help="Import a module that registers your classes."
)
@click.argument("source")
@click.argument("destination", metavar="TARGET")
def export(
    force: bool, format_: str | None, modules: tuple[str, ...], source: str, destination: str, **options: Any
) -> None:
    """Write what the model in SOURCE computes in inference into TARGET, for a runtime that knows nothing of Pronghorn.

    \b
      pronghorn export model.keras model.onnx
      pronghorn export model.keras model             a SavedModel of TensorFlow
      pronghorn export model.keras model.pt2         a program for PyTorch
      pronghorn export model.keras model.jax         a program for JAX
      pronghorn export model.keras model --format native --target aarch64     a C library
    """
    sys.path.insert(0, "")
    with _told():
        from pronghorn.export.formats import export_model, format_of
        from pronghorn.saving import load_model

        kind = format_ or format_of(destination)
        if os.path.exists(destination) and not force:
            raise click.ClickException(f"{destination} exists already; pass --force to replace it.")
        for module in modules:
            importlib.import_module(module)
        model = load_model(source, compile=bool(options["training"]))
        given = {name: value for name, value in options.items() if value is not None}
        export_model(model, destination, kind, verbose=True, **given)


@main.command(short_help="Have a language model in a folder or a GGUF file write.")
@click.option("-p", "--prompt", required=True, metavar="TEXT",
              help="What to go on from; - for the standard input, without its last line break.")  # fmt: skip
@click.option("-n", "--max-tokens", type=click.IntRange(1), default=128, show_default=True, help="Tokens to write.")
@click.option("-t", "--temperature", type=click.FloatRange(0), default=0.0, show_default=True, help="0: no chance.")
@click.option("--top-k", type=click.IntRange(1), metavar="K", help="Draw from the K likeliest tokens.")
@click.option("--top-p", type=float, metavar="P", help="Draw from the likeliest tokens that have this share together.")
@click.option("--seed", type=int, metavar="N", help="Of the draws: the same one writes the same text.")
@click.option("--stop", multiple=True, metavar="TEXT", help="End before this text; may be given several times.")
@click.option("--dtype", metavar="TYPE", help="The type of weights: float32 or bfloat16.")
@click.option("--quantization", metavar="MODE", help="Quantize weights as they are read: int8 or int4.")
@click.argument("folder")
def generate(folder: str, prompt: str, dtype: str | None, quantization: str | None, **options: Any) -> None:
    """Have the language model in FOLDER go on from a text, and show tokens as they come.

    FOLDER is in Hugging Face's form: config.json, .safetensors files and the tokenizer's files; or it is a GGUF file.
    Nothing in it is run. The text goes to the standard output, its speed to the error output. Ctrl-C ends it and leaves
    what was written.

    \b
      pronghorn generate ./SmolLM2-135M --prompt "Once upon a time"
      pronghorn generate SmolLM2-135M-Q8_0.gguf --prompt "Once upon a time"
      pronghorn generate ./Qwen3-0.6B --prompt - --temperature 0.8 --top-p 0.95 < question.txt
    """
    with _told():
        from pronghorn.cli.generate import write

        text = _standard_input() if prompt == "-" else prompt
        sys.exit(write(folder, text, dtype, quantization, **options))


def _standard_input() -> str:
    """The text that comes, without the line break at its end, which a shell's `echo` writes."""
    try:
        return sys.stdin.read().removesuffix("\n")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"The standard input is no text in {error.encoding}, at byte {error.start}; convert it, as by iconv."
        ) from None


@main.command(short_help="Open the studio: build, train and look into models on a page.")
@click.option("--data", metavar="NAME", default="mnist", show_default=True, help="The data set to begin with.")
@click.option("--port", type=int, metavar="N", help="The port to listen on; 7860, or a free one if that is taken.")
@click.option("--host", metavar="ADDRESS", default="127.0.0.1", help="Another address to listen on: other machines.")
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@click.argument("target", required=False)
def studio(data: str, port: int | None, host: str, no_browser: bool, target: str | None) -> None:
    """Open a local page on which models are built, trained and looked into.

    TARGET is a Keras script, which is run up to its fit(), a table as CSV, or a model's or weights file, of which
    nothing is run.

    \b
      pronghorn studio
      pronghorn studio tutorial.py
      pronghorn studio model.keras
    """
    with _told():
        from pronghorn.studio import launch

        launch.check_installed()
        server = launch.Server(launch.bench_for(target, data), host, port)
    click.echo(f"Studio: {server.url}")
    if host not in ("127.0.0.1", "localhost", "::1"):
        click.echo("Other machines can use it too, if they have this address.")
    click.echo("Ctrl-C ends it.")
    sys.stdout.flush()
    if not no_browser:
        launch.open_browser(server.url)
    server.run()


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """What a user can mend is said in a line, without a traceback."""
    try:
        yield
    except (OSError, ValueError, TypeError, ImportError, NotImplementedError) as error:
        unknown = getattr(error, "unknown_object", "")  # of a file; what to do in Python is no help here
        raise click.ClickException(
            f"The {unknown} is not known here. If it is your own, name the module that defines and registers it: "
            "--import MODULE."
            if unknown
            else str(error)
        ) from None
