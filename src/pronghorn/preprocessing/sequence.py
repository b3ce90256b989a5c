"""Sequence helpers under their older name; see `pronghorn.utils`."""

from pronghorn._lazy import attach

attach(__name__, {"pad_sequences": "pronghorn.utils"})
