"""`import pronghorn.as_keras`: from here on `import keras` and `tensorflow.keras` mean Pronghorn.

The line stands before the first `import keras`: at the top of a script, in a notebook's first cell (where `%load_ext
pronghorn` does the same), in a test suite's `conftest.py`. Processes that the program starts get the same meaning.

    import pronghorn.as_keras
    import keras

Raises:
    ImportError: the engine that the environment names is not installed.
"""

from pronghorn.scripts import aliases

aliases.take_the_name()
