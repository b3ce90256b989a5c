"""`keras` in a process that a script of `pronghorn run` starts: the hook, then the alias."""

import importlib
import importlib.util
import os
import sys

if __name__ == "keras":  # not where this file is merely looked at, under its own name
    if importlib.util.find_spec("pronghorn") is None:  # another environment's Python: it has the real one, or none
        here = os.path.dirname(os.path.realpath(__file__))
        sys.path[:] = [path for path in sys.path if os.path.realpath(path) != here]
        del sys.modules[__name__]
        importlib.import_module(__name__)
    else:
        from pronghorn.cli import aliases

        aliases.install()
        del sys.modules[__name__]
        importlib.import_module(__name__)  # the import system gives what it then finds in sys.modules
