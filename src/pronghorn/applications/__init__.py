"""Known image networks, with Keras's names, layers and files (docs/applications.md)."""

from pronghorn._lazy import attach
from pronghorn.applications import families

attach(__name__, families.top_level_names(), submodules=families.FAMILIES)
