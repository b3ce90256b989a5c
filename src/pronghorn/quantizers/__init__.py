"""Quantization: arrays in few bits, and how layers are to be quantized."""

from pronghorn._lazy import attach

attach(
    __name__,
    {
        "AbsMaxQuantizer": ".abs_max",
        "FakeInt8QuantizationConfig": ".prepared",
        "Float8QuantizationConfig": ".configs",
        "Int4QuantizationConfig": ".configs",
        "Int8QuantizationConfig": ".configs",
        "QuantizationConfig": ".configs",
        "QuantizationReport": ".report",
        "Quantizer": ".abs_max",
        "TernaryQuantizationConfig": ".configs",
        "StaticInt8QuantizationConfig": ".static",
        "AWQConfig": ".awq",
        "GPTQConfig": ".gptq",
        "abs_max_quantize": ".abs_max",
        "abs_max_quantize_grouped_with_zero_point": ".groups",
        "compute_float8_amax_history": ".float8",
        "compute_float8_scale": ".float8",
        "convert": ".prepared",
        "deserialize": ".lookup",
        "fake_quant_with_min_max_vars": ".fake",
        "get": ".lookup",
        "pack_int2": ".packing",
        "pack_int4": ".packing",
        "pack_ternary": ".ternary",
        "prepare": ".prepared",
        "quantize_and_dequantize": ".float8",
        "serialize": ".lookup",
        "unpack_int2": ".packing",
        "unpack_int4": ".packing",
        "unpack_ternary": ".ternary",
    },
)
