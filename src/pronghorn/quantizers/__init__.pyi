"""Made by `python docs/make_stubs.py` from the tables of names; do not edit."""

from pronghorn.quantizers.abs_max import AbsMaxQuantizer as AbsMaxQuantizer
from pronghorn.quantizers.abs_max import Quantizer as Quantizer
from pronghorn.quantizers.abs_max import abs_max_quantize as abs_max_quantize
from pronghorn.quantizers.awq import AWQConfig as AWQConfig
from pronghorn.quantizers.configs import Float8QuantizationConfig as Float8QuantizationConfig
from pronghorn.quantizers.configs import Int4QuantizationConfig as Int4QuantizationConfig
from pronghorn.quantizers.configs import Int8QuantizationConfig as Int8QuantizationConfig
from pronghorn.quantizers.configs import QuantizationConfig as QuantizationConfig
from pronghorn.quantizers.configs import TernaryQuantizationConfig as TernaryQuantizationConfig
from pronghorn.quantizers.fake import fake_quant_with_min_max_vars as fake_quant_with_min_max_vars
from pronghorn.quantizers.float8 import compute_float8_amax_history as compute_float8_amax_history
from pronghorn.quantizers.float8 import compute_float8_scale as compute_float8_scale
from pronghorn.quantizers.float8 import quantize_and_dequantize as quantize_and_dequantize
from pronghorn.quantizers.gptq import GPTQConfig as GPTQConfig
from pronghorn.quantizers.groups import abs_max_quantize_grouped_with_zero_point as abs_max_quantize_grouped_with_zero_point
from pronghorn.quantizers.lookup import deserialize as deserialize
from pronghorn.quantizers.lookup import get as get
from pronghorn.quantizers.lookup import serialize as serialize
from pronghorn.quantizers.packing import pack_int2 as pack_int2
from pronghorn.quantizers.packing import pack_int4 as pack_int4
from pronghorn.quantizers.packing import unpack_int2 as unpack_int2
from pronghorn.quantizers.packing import unpack_int4 as unpack_int4
from pronghorn.quantizers.report import QuantizationReport as QuantizationReport
from pronghorn.quantizers.static import StaticInt8QuantizationConfig as StaticInt8QuantizationConfig
from pronghorn.quantizers.ternary import pack_ternary as pack_ternary
from pronghorn.quantizers.ternary import unpack_ternary as unpack_ternary
