"""Older names of Keras's."""

from pronghorn._lazy import attach

attach(__name__, submodules=("saving",))
