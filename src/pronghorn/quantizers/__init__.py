"""Quantization, which Pronghorn does not have."""

from pronghorn._absent import absent_class, absent_function
from pronghorn._lazy import attach

_INSTEAD = "for smaller and faster models use the dtype policy 'mixed_bfloat16'"

Quantizer = absent_class("Quantizer", _INSTEAD, __name__)
AWQConfig = absent_class("AWQConfig", _INSTEAD, __name__)
AbsMaxQuantizer = absent_class("AbsMaxQuantizer", _INSTEAD, __name__, Quantizer)
Float8QuantizationConfig = absent_class("Float8QuantizationConfig", _INSTEAD, __name__)
GPTQConfig = absent_class("GPTQConfig", _INSTEAD, __name__)
Int4QuantizationConfig = absent_class("Int4QuantizationConfig", _INSTEAD, __name__)
Int8QuantizationConfig = absent_class("Int8QuantizationConfig", _INSTEAD, __name__)
QuantizationConfig = absent_class("QuantizationConfig", _INSTEAD, __name__)

abs_max_quantize = absent_function("abs_max_quantize", _INSTEAD)
abs_max_quantize_grouped_with_zero_point = absent_function("abs_max_quantize_grouped_with_zero_point", _INSTEAD)
compute_float8_amax_history = absent_function("compute_float8_amax_history", _INSTEAD)
compute_float8_scale = absent_function("compute_float8_scale", _INSTEAD)
deserialize = absent_function("quantizers.deserialize", _INSTEAD)
fake_quant_with_min_max_vars = absent_function("fake_quant_with_min_max_vars", _INSTEAD)
get = absent_function("quantizers.get", _INSTEAD)
pack_int4 = absent_function("pack_int4", _INSTEAD)
quantize_and_dequantize = absent_function("quantize_and_dequantize", _INSTEAD)
serialize = absent_function("quantizers.serialize", _INSTEAD)
unpack_int4 = absent_function("unpack_int4", _INSTEAD)

attach(__name__)
