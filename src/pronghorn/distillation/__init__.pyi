"""Made by `python docs/make_stubs.py` from the tables of names; do not edit."""

from pronghorn.distillation.distiller import Distiller as Distiller
from pronghorn.distillation.losses import DistillationLoss as DistillationLoss
from pronghorn.distillation.losses import FeatureDistillation as FeatureDistillation
from pronghorn.distillation.losses import LogitsDistillation as LogitsDistillation
