"""Dtype policies: in which type a layer keeps its variables and in which it computes."""

from pronghorn._lazy import attach

attach(
    __name__,
    {
        "AWQDTypePolicy": ".quantized",
        "DTypePolicy": ".policy",
        "DTypePolicyMap": ".policy_map",
        "FloatDTypePolicy": ".policy:DTypePolicy",
        "GPTQDTypePolicy": ".quantized",
        "Int4DTypePolicy": ".quantized",
        "QuantizedDTypePolicy": ".quantized",
        "QuantizedFloat8DTypePolicy": ".quantized",
        "TernaryDTypePolicy": ".quantized:QuantizedDTypePolicy",
        "deserialize": ".policy",
        "dtype_policy": ".policy",
        "get": ".policy",
        "serialize": ".policy",
        "set_dtype_policy": ".policy",
    },
)
