"""Made by `python docs/make_stubs.py` from the tables of names; do not edit."""

from pronghorn.dtype_policies import DTypePolicy as DTypePolicy
from pronghorn.dtype_policies import DTypePolicy as _Policy
from pronghorn.dtype_policies import dtype_policy as _global_policy
from pronghorn.dtype_policies import dtype_policy as dtype_policy
from pronghorn.dtype_policies import set_dtype_policy as _set_global_policy
from pronghorn.dtype_policies import set_dtype_policy as set_dtype_policy
from pronghorn.optimizers import LossScaleOptimizer as LossScaleOptimizer

Policy = _Policy

global_policy = _global_policy

set_global_policy = _set_global_policy
