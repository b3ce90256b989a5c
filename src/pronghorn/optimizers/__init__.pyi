"""Made by `python docs/make_stubs.py` from the tables of names; do not edit."""

from pronghorn.optimizers import legacy as legacy
from pronghorn.optimizers import schedules as schedules
from pronghorn.optimizers.adadelta import Adadelta as Adadelta
from pronghorn.optimizers.adafactor import Adafactor as Adafactor
from pronghorn.optimizers.adagrad import Adagrad as Adagrad
from pronghorn.optimizers.adam import Adam as Adam
from pronghorn.optimizers.adamax import Adamax as Adamax
from pronghorn.optimizers.adamw import AdamW as AdamW
from pronghorn.optimizers.ftrl import Ftrl as Ftrl
from pronghorn.optimizers.lamb import Lamb as Lamb
from pronghorn.optimizers.lion import Lion as Lion
from pronghorn.optimizers.loss_scale_optimizer import LossScaleOptimizer as LossScaleOptimizer
from pronghorn.optimizers.multi_optimizer import MultiOptimizer as MultiOptimizer
from pronghorn.optimizers.multi_optimizer import OptimizerMap as OptimizerMap
from pronghorn.optimizers.muon import Muon as Muon
from pronghorn.optimizers.nadam import Nadam as Nadam
from pronghorn.optimizers.optimizer import Optimizer as Optimizer
from pronghorn.optimizers.registry import deserialize as deserialize
from pronghorn.optimizers.registry import get as get
from pronghorn.optimizers.registry import serialize as serialize
from pronghorn.optimizers.rmsprop import RMSprop as RMSprop
from pronghorn.optimizers.schedule_free_adamw import ScheduleFreeAdamW as ScheduleFreeAdamW
from pronghorn.optimizers.sgd import SGD as SGD
