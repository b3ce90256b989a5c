"""Made by `python docs/make_stubs.py` from the tables of names; do not edit."""

from pronghorn.dtype_policies.policy import DTypePolicy as DTypePolicy
from pronghorn.dtype_policies.policy import DTypePolicy as _FloatDTypePolicy
from pronghorn.dtype_policies.policy import deserialize as deserialize
from pronghorn.dtype_policies.policy import dtype_policy as dtype_policy
from pronghorn.dtype_policies.policy import get as get
from pronghorn.dtype_policies.policy import serialize as serialize
from pronghorn.dtype_policies.policy import set_dtype_policy as set_dtype_policy
from pronghorn.dtype_policies.policy_map import DTypePolicyMap as DTypePolicyMap
from pronghorn.dtype_policies.quantized import AWQDTypePolicy as AWQDTypePolicy
from pronghorn.dtype_policies.quantized import GPTQDTypePolicy as GPTQDTypePolicy
from pronghorn.dtype_policies.quantized import Int4DTypePolicy as Int4DTypePolicy
from pronghorn.dtype_policies.quantized import QuantizedDTypePolicy as QuantizedDTypePolicy
from pronghorn.dtype_policies.quantized import QuantizedDTypePolicy as _TernaryDTypePolicy
from pronghorn.dtype_policies.quantized import QuantizedFloat8DTypePolicy as QuantizedFloat8DTypePolicy

FloatDTypePolicy = _FloatDTypePolicy

TernaryDTypePolicy = _TernaryDTypePolicy
