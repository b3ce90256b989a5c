"""Made by `python docs/make_stubs.py` from the tables of names; do not edit."""

from pronghorn.optimizers.schedules.decay import CosineDecay as CosineDecay
from pronghorn.optimizers.schedules.decay import CosineDecayRestarts as CosineDecayRestarts
from pronghorn.optimizers.schedules.decay import ExponentialDecay as ExponentialDecay
from pronghorn.optimizers.schedules.decay import InverseTimeDecay as InverseTimeDecay
from pronghorn.optimizers.schedules.decay import PiecewiseConstantDecay as PiecewiseConstantDecay
from pronghorn.optimizers.schedules.decay import PolynomialDecay as PolynomialDecay
from pronghorn.optimizers.schedules.registry import deserialize as deserialize
from pronghorn.optimizers.schedules.registry import serialize as serialize
from pronghorn.optimizers.schedules.schedule import LearningRateSchedule as LearningRateSchedule
