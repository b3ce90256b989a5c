"""Orbax checkpoints, which Pronghorn does not write."""

from pronghorn._absent import absent_class
from pronghorn.callbacks.callback import Callback

OrbaxCheckpoint = absent_class(
    "OrbaxCheckpoint", "Orbax belongs to JAX; use ModelCheckpoint, which writes .keras files", __name__, Callback
)
