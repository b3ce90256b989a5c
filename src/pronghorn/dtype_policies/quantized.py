"""Quantized policies, which Pronghorn does not have."""

from pronghorn._absent import absent_class

_INSTEAD = "layers are not quantized; use the policy 'mixed_bfloat16' for smaller and faster computations"

QuantizedDTypePolicy = absent_class("QuantizedDTypePolicy", _INSTEAD, __name__)
AWQDTypePolicy = absent_class("AWQDTypePolicy", _INSTEAD, __name__, QuantizedDTypePolicy)
GPTQDTypePolicy = absent_class("GPTQDTypePolicy", _INSTEAD, __name__, QuantizedDTypePolicy)
Int4DTypePolicy = absent_class("Int4DTypePolicy", _INSTEAD, __name__, QuantizedDTypePolicy)
QuantizedFloat8DTypePolicy = absent_class("QuantizedFloat8DTypePolicy", _INSTEAD, __name__, QuantizedDTypePolicy)
