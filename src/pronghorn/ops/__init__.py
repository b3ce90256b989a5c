"""Everything in `keras.ops`: each op a few lines over the primitives of `pronghorn.engine.graph.primitives`.

The names are also in the namespaces `ops.numpy`, `ops.nn`, `ops.linalg` and `ops.image`.
"""

import sys

import pronghorn.engine.backends
from pronghorn._lazy import attach
from pronghorn.engine.graph.tensor import use_operations
from pronghorn.ops._class_names import class_table

_MODULES = {
    ".control": "associative_scan cond custom_gradient fori_loop map scan switch vectorized_map while_loop",
    ".core": (
        "cast convert_to_numpy convert_to_tensor dtype is_tensor saturate_cast scatter scatter_update shape slice "
        "slice_update stop_gradient unstack"
    ),
    ".einops": "rearrange",
    ".fourier": "fft fft2 ifft2 irfft istft rfft stft",
    ".derivative": "grad",
    ".error_function": "erf erfc erfinv",
    ".gamma": "gammainc lgamma",
    ".linalg.matrices": (
        "cholesky cholesky_inverse det eig eigh inv jvp logdet lstsq lu_factor matrix_power matrix_rank norm pinv qr "
        "slogdet solve solve_triangular svd"
    ),
    ".math": (
        "cdist extract_sequences in_top_k logsumexp segment_max segment_min segment_prod segment_sum top_k "
        "view_as_complex view_as_real"
    ),
    ".nn.activations": (
        "celu elu gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu log_sigmoid "
        "log_softmax normalize relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign sparse_plus "
        "sparse_sigmoid sparsemax squareplus swish tanh_shrink threshold"
    ),
    ".nn.attention": "dot_product_attention",
    ".nn.convolution": "conv conv_transpose depthwise_conv separable_conv",
    ".nn.ctc": "ctc_decode ctc_loss",
    ".nn.losses": (
        "binary_crossentropy categorical_crossentropy multi_hot one_hot psnr sparse_categorical_crossentropy"
    ),
    ".nn.normalization": "batch_normalization layer_normalization moments rms_normalization",
    ".nn.patches": "depth_to_space fold polar space_to_depth unfold",
    ".nn.pooling": "adaptive_average_pool adaptive_max_pool average_pool max_pool",
    ".numpy.arithmetic": (
        "add clip copysign divide divide_no_nan float_power floor_divide fmax fmin fmod gcd heaviside hypot lcm ldexp "
        "logaddexp logaddexp2 maximum minimum mod multiply nextafter power reciprocal square subtract true_divide"
    ),
    ".numpy.comparison": (
        "allclose bitwise_and bitwise_invert bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift "
        "bitwise_xor equal greater greater_equal isclose isfinite isinf isnan isneginf isposinf isreal left_shift "
        "less less_equal logical_and logical_not logical_or logical_xor not_equal right_shift signbit"
    ),
    ".numpy.contraction": "cross dot einsum inner kron matmul outer tensordot vdot",
    ".numpy.creation": (
        "arange array empty empty_like eye full full_like geomspace identity linspace logspace meshgrid ones "
        "ones_like tri tril triu vander zeros zeros_like"
    ),
    ".numpy.indexing": (
        "diag diagflat diagonal get_item ndim nonzero select size take take_along_axis trace unravel_index where"
    ),
    ".numpy.joining": (
        "append array_split column_stack concatenate dsplit dstack hsplit hstack split stack vsplit vstack"
    ),
    ".numpy.reductions": (
        "all amax amin any argmax argmin count_nonzero cumprod cumsum max mean min nanargmax nanargmin nancumprod "
        "nancumsum nanmax nanmean nanmin nanprod nanstd nansum nanvar prod ptp std sum var"
    ),
    ".numpy.shaping": (
        "broadcast_to expand_dims flip fliplr flipud moveaxis pad ravel repeat reshape roll rot90 squeeze swapaxes "
        "tile transpose"
    ),
    ".numpy.signal": (
        "average bartlett blackman corrcoef correlate cov diff hamming hanning i0 kaiser trapezoid vectorize"
    ),
    ".numpy.sorting": (
        "argpartition argsort bincount digitize histogram isin median nanmedian nanpercentile nanquantile "
        "percentile quantile searchsorted sort unique"
    ),
    ".numpy.unary": (
        "abs absolute angle arccos arccosh arcsin arcsinh arctan arctan2 arctanh cbrt ceil conj conjugate copy cos "
        "cosh deg2rad exp exp2 expm1 fabs floor imag log log10 log1p log2 nan_to_num negative rad2deg real round "
        "rsqrt sign sin sinc sinh sqrt tan tanh trunc view"
    ),
}

_NAMES = {name: module for module, names in _MODULES.items() for name in names.split()}

attach(
    __name__,
    _NAMES,
    submodules=("image", "linalg", "nn", "numpy"),
    unlisted={**class_table(_NAMES), "FunctionOperation": ".function_operation"},
)
use_operations(sys.modules[__name__])
