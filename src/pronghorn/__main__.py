"""`python -m pronghorn`: the same as the `pronghorn` command."""

from pronghorn.cli.main import main

if __name__ == "__main__":
    main(prog_name="python -m pronghorn")
