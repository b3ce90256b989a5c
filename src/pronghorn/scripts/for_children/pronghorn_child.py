"""What `keras` and `tensorflow` become in a process that a script of `pronghorn run` starts: the hook, then the alias.

This folder is on the path of such a process, which may be another environment's Python, without Pronghorn.
"""

import importlib
import importlib.util
import os
import sys


def become(name):
    """Put what a name means there in the place of the module that has been found here."""
    own = sys.modules[name]
    own.__getattr__ = lambda attribute: _of_what_it_became(
        own, name, attribute
    )  # for threads that wait for this import
    if importlib.util.find_spec("pronghorn") is None:  # it has the real one, or none
        here = os.path.dirname(os.path.realpath(__file__))
        sys.path[:] = [path for path in sys.path if os.path.realpath(path) != here]
    else:
        importlib.import_module("pronghorn.scripts.aliases").install()
    if sys.modules.get(name, own) is own:  # the real one is there already where it is the engine
        sys.modules.pop(name, None)  # another installation of Pronghorn has taken it out
        importlib.import_module(name)  # the import system gives what it then finds in sys.modules


def _of_what_it_became(own, name, attribute):
    present = importlib.import_module(name)
    if present is own:
        raise AttributeError(f"module {name!r} has no attribute {attribute!r}")
    return getattr(present, attribute)
