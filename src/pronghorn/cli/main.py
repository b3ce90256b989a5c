"""The `pronghorn` command and its subcommands."""

from __future__ import annotations

import sys

import click

from pronghorn._version import KERAS_API_VERSION, __version__

_PASS_ON = {"ignore_unknown_options": True, "allow_interspersed_args": False}


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(
    __version__, "-V", "--version", message=f"pronghorn {__version__} (Keras API {KERAS_API_VERSION})"
)
def main() -> None:
    """Pronghorn: Keras scripts on the CPU, compiled."""


@main.command(context_settings=_PASS_ON, options_metavar="[-m]", short_help="Run a Keras script.")
@click.option("-m", "as_module", is_flag=True, help="TARGET is a module's name instead of a file.")
@click.argument("target", metavar="FILE")
@click.argument("arguments", metavar="[ARGUMENTS]...", nargs=-1, type=click.UNPROCESSED)
def run(as_module: bool, target: str, arguments: tuple[str, ...]) -> None:
    """Run an unmodified Keras script.

    In it, `keras`, `tensorflow.keras` and `tf.keras` are Pronghorn. What follows FILE is the script's own.

    \b
      pronghorn run tutorial.py --epochs 3
      pronghorn run -m mypackage.train
    """
    from pronghorn.cli import runner

    sys.exit(runner.run_module(target, arguments) if as_module else runner.run_file(target, arguments))


@main.command(short_help="Show this machine and this installation.")
def info() -> None:
    """Show the CPU, the threads, the versions and the compile cache."""
    from pronghorn.cli.info import print_info

    print_info()
