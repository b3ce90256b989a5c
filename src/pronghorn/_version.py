"""The version of Pronghorn, and that of the Keras API it follows."""

__version__ = "0.1.0"

#: The release of Keras whose names, signatures and defaults Pronghorn follows.
KERAS_API_VERSION = "3.15.1"


def version() -> str:
    """Return Pronghorn's version, as `keras.version()` returns Keras's.

    >>> version().count(".")
    2
    """
    return __version__
