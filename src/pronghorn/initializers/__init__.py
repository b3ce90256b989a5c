"""Initializers: how weights start."""

import re as _re

from pronghorn._lazy import attach

_RANDOM = (
    "GlorotNormal GlorotUniform HeNormal HeUniform LecunNormal LecunUniform Orthogonal RandomNormal RandomUniform "
    "TruncatedNormal VarianceScaling"
)
_MODULES = {
    ".constant": "STFT Constant Identity Ones Zeros",
    ".initializer": "Initializer",
    ".random": _RANDOM,
    ".registry": "deserialize get serialize",
}
_ALIASES = {
    "IdentityInitializer": ".constant:Identity",
    "OrthogonalInitializer": ".random:Orthogonal",
    "STFTInitializer": ".constant:STFT",
    **{name.lower(): f".constant:{name}" for name in ("STFT", "Constant", "Identity", "Ones", "Zeros")},
    **{name[0].lower() + _re.sub("([A-Z])", r"_\1", name[1:]).lower(): f".random:{name}" for name in _RANDOM.split()},
}

attach(__name__, {**{name: module for module, names in _MODULES.items() for name in names.split()}, **_ALIASES})
