"""NumPy's functions under its names, over Pronghorn's primitives; a module for each family."""

from pronghorn._lazy import attach

_MODULES = {
    "pronghorn.ops.linalg.matrices": "slogdet",
    ".arithmetic": (
        "add clip copysign divide divide_no_nan float_power floor_divide fmax fmin fmod gcd heaviside hypot lcm ldexp "
        "logaddexp logaddexp2 maximum minimum mod multiply nextafter power reciprocal square subtract true_divide"
    ),
    ".comparison": (
        "allclose bitwise_and bitwise_invert bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift "
        "bitwise_xor equal greater greater_equal isclose isfinite isinf isnan isneginf isposinf isreal left_shift "
        "less less_equal logical_and logical_not logical_or logical_xor not_equal right_shift signbit"
    ),
    ".contraction": "cross dot einsum inner kron matmul outer tensordot vdot",
    ".creation": (
        "arange array empty empty_like eye full full_like geomspace identity linspace logspace meshgrid ones "
        "ones_like tri tril triu vander zeros zeros_like"
    ),
    ".indexing": (
        "diag diagflat diagonal get_item ndim nonzero select size take take_along_axis trace unravel_index where"
    ),
    ".joining": "append array_split column_stack concatenate dsplit dstack hsplit hstack split stack vsplit vstack",
    ".reductions": (
        "all amax amin any argmax argmin count_nonzero cumprod cumsum max mean min nanargmax nanargmin nancumprod "
        "nancumsum nanmax nanmean nanmin nanprod nanstd nansum nanvar prod ptp std sum var"
    ),
    ".shaping": (
        "broadcast_to expand_dims flip fliplr flipud moveaxis pad ravel repeat reshape roll rot90 squeeze swapaxes "
        "tile transpose"
    ),
    ".signal": ("average bartlett blackman corrcoef correlate cov diff hamming hanning i0 kaiser trapezoid vectorize"),
    ".sorting": (
        "argpartition argsort bincount digitize histogram isin median nanmedian nanpercentile nanquantile "
        "percentile quantile searchsorted sort unique"
    ),
    ".unary": (
        "abs absolute angle arccos arccosh arcsin arcsinh arctan arctan2 arctanh cbrt ceil conj conjugate copy cos "
        "cosh deg2rad exp exp2 expm1 fabs floor imag log log10 log1p log2 nan_to_num negative rad2deg real round "
        "sign sin sinc sinh sqrt tan tanh trunc view"
    ),
}

_NAMES = {name: module for module, names in _MODULES.items() for name in names.split()}

attach(__name__, _NAMES)
