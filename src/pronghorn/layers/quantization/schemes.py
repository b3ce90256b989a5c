"""The table of the modes of quantization."""

from __future__ import annotations

from pronghorn.layers.quantization.calibrated import Awq, Gptq
from pronghorn.layers.quantization.fake_int8 import FakeInt8
from pronghorn.layers.quantization.float8 import Float8
from pronghorn.layers.quantization.int4 import Int4
from pronghorn.layers.quantization.int8 import Int8
from pronghorn.layers.quantization.scheme import Scheme
from pronghorn.layers.quantization.static_int8 import StaticInt8
from pronghorn.layers.quantization.ternary import Ternary

SCHEMES: dict[str, Scheme] = {
    scheme.name: scheme for scheme in (Int8(), Int4(), Float8(), Ternary(), Gptq(), Awq(), StaticInt8(), FakeInt8())
}
