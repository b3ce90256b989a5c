"""Well-known image networks: their input preparation is here, their pretrained weights are not."""

from pronghorn._lazy import attach
from pronghorn.applications import families

attach(__name__, families.top_level_names(), submodules=families.FAMILIES)
