"""Calls of ops, as data: names, arguments and types, to be run by Pronghorn and by Keras alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

DTYPES = ("bool", "uint8", "int8", "int16", "uint32", "int32", "bfloat16", "float16", "float32")

UNARY = """
abs absolute arccos arccosh arcsin arcsinh arctan arctanh cbrt ceil conj cos cosh deg2rad exp exp2 expm1 fabs floor
imag isfinite isinf isnan isneginf isposinf isreal log log10 log1p log2 logical_not nan_to_num negative rad2deg real
reciprocal round rsqrt sign signbit sin sinc sinh sqrt square tan tanh trunc angle i0 erfinv bitwise_not
relu relu6 sigmoid softplus softsign softmax log_softmax gelu silu swish hard_sigmoid hard_silu hard_swish hard_tanh
hard_shrink soft_shrink tanh_shrink elu selu celu leaky_relu log_sigmoid squareplus sparse_plus
sparse_sigmoid logsumexp sum prod mean max min std var all any argmax argmin cumsum cumprod ptp median count_nonzero
nansum nanprod nanmax nanmin nanmean nanstd nanvar nanmedian nancumsum nancumprod nanargmax nanargmin
sort argsort diff trapezoid average trace diagonal ravel flip transpose zeros_like ones_like triu tril rot90 copy
""".split()  # noqa: SIM905 (a table)

BINARY = """
add subtract multiply divide true_divide floor_divide mod power maximum minimum fmax fmin fmod equal not_equal less
less_equal greater greater_equal logical_and logical_or logical_xor arctan2 hypot logaddexp heaviside nextafter
bitwise_and bitwise_or bitwise_xor matmul dot inner outer tensordot kron isclose divide_no_nan where_pair concatenate
gcd lcm left_shift right_shift
""".split()  # noqa: SIM905 (a table)


@dataclass
class Case:
    """``ops.<name>(*args, **kwargs)``; ``tolerance`` is relative."""

    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)
    tolerance: float = 1e-5

    @property
    def id(self) -> str:
        shown = [str(getattr(a, "shape", a)) for a in self.args]
        return f"{self.name}({', '.join(shown)}, {self.kwargs})".replace(" ", "")[:110]


def sample(dtype: str, shape: tuple[int, ...] = (2, 3), seed: int = 0) -> np.ndarray:
    """Small numbers of a type, negative ones too where it has them."""
    rng = np.random.default_rng(seed)
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    if "int" in dtype:
        low = 1 if dtype.startswith("u") else -3
        values = rng.integers(low, 5, shape)
        return np.where(values == 0, 2, values).astype(dtype)
    return (rng.normal(size=shape) * 0.9).astype("float32")


def _r(*shape: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def _i(*shape: int, high: int = 4, seed: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, high, shape).astype("int32")


_NAN = np.where(_r(3, 4) > 0.5, np.float32("nan"), _r(3, 4))
_SPD = np.eye(3, dtype="float32") * 4 + _r(2, 3, 3) @ _r(2, 3, 3).transpose(0, 2, 1)
_IMAGE = _r(2, 7, 6, 3)


def reductions() -> list[Case]:
    """Every reduction along every kind of axis."""
    cases = []
    for name in ("sum", "mean", "max", "min", "prod", "std", "var", "all", "any", "amax", "amin", "ptp", "logsumexp"):
        for axis in (None, 0, -1, (0, 2)):
            for keepdims in (False, True):
                cases.append(Case(name, (_r(2, 3, 4),), {"axis": axis, "keepdims": keepdims}))
    for name in ("argmax", "argmin"):
        cases += [Case(name, (_r(2, 3, 4),), {"axis": a, "keepdims": k}) for a in (None, 1) for k in (False, True)]
    for name in ("nanmean", "nanvar", "nansum", "nanmax", "nanmin", "nanstd", "nanprod", "nanmedian"):
        cases += [Case(name, (_NAN,), {"axis": a, "keepdims": k}) for a in (None, 1) for k in (False, True)]
    cases += [
        Case(n, (_NAN,), {"axis": a}) for n in ("nanargmax", "nanargmin", "nancumsum", "nancumprod") for a in (0, 1)
    ]
    cases += [Case(n, (_r(2, 3),), {"axis": a}) for n in ("cumsum", "cumprod") for a in (None, 0, -1)]
    cases += [Case("count_nonzero", (_i(3, 4),), {"axis": a}) for a in (None, 1)]
    for method in ("linear", "lower", "higher", "midpoint", "nearest"):
        cases.append(Case("quantile", (_r(3, 5), np.array([0.1, 0.5, 0.9], "float32")), {"axis": 1, "method": method}))
        cases.append(Case("nanquantile", (_NAN, 0.3), {"axis": 0, "method": method}))
    cases.append(Case("percentile", (_r(3, 5), 30.0), {"axis": (0, 1), "keepdims": True}))
    cases.append(Case("nanpercentile", (_NAN, 30.0)))
    cases += [Case("median", (_r(3, 4),), {"axis": a, "keepdims": k}) for a in (None, 1) for k in (False, True)]
    cases.append(Case("average", (_r(3, 4),), {"axis": 1, "weights": np.abs(_r(4, seed=5))}))
    return cases


def shaping() -> list[Case]:
    """Axes moved, split and joined."""
    x, y = _r(2, 3, 4), _r(2, 3, 4, seed=3)
    return [
        Case("reshape", (x, (4, -1))),
        Case("transpose", (x, (2, 0, 1))),
        Case("swapaxes", (x, 0, -1)),
        Case("moveaxis", (x, 0, 2)),
        Case("moveaxis", (x, (0, 1), (-1, 0))),
        Case("expand_dims", (x, (0, -1))),
        Case("squeeze", (_r(1, 3, 1), 0)),
        Case("squeeze", (_r(1, 3, 1),)),
        Case("broadcast_to", (_r(3, 1), (2, 3, 4))),
        Case("flip", (x, 1)),
        Case("fliplr", (x,)),
        Case("flipud", (x,)),
        Case("rot90", (x,), {"k": 3, "axes": (0, 2)}),
        Case("roll", (x, 2)),
        Case("roll", (x, (1, -1)), {"axis": (0, 2)}),
        Case("tile", (x, (2, 1, 3))),
        Case("tile", (_r(2), (2, 2))),
        Case("repeat", (x, 2), {"axis": 1}),
        Case("repeat", (x, 3)),
        Case("repeat", (x, np.array([1, 2, 0])), {"axis": 1}),
        Case("pad", (x, ((1, 0), (0, 2), (1, 1)))),
        Case("pad", (x, 1), {"constant_values": 3}),
        *(Case("pad", (x, ((1, 0), (2, 1), (1, 2))), {"mode": m}) for m in ("reflect", "symmetric", "edge", "wrap")),
        Case("concatenate", ([x, y],), {"axis": -1}),
        Case("stack", ([x, y],), {"axis": 1}),
        Case("hstack", ([x, y],)),
        Case("vstack", ([_r(3), _r(3)],)),
        Case("dstack", ([_r(3), _r(3)],)),
        Case("append", (x, y), {"axis": 0}),
        Case("append", (x, _r(2))),
        Case("split", (x, 2), {"axis": 2}),
        Case("split", (x, [1, 2]), {"axis": 1}),
        Case("array_split", (_r(7), 3)),
        Case("hsplit", (x, 3)),
        Case("vsplit", (x, 2)),
        Case("dsplit", (x, 2)),
        Case("unstack", (x,), {"axis": 1}),
        Case("meshgrid", (_r(3), _r(2)), {"indexing": "xy"}),
        Case("meshgrid", (_r(3), _r(2), _r(4)), {"indexing": "ij"}),
        Case("rearrange", (_r(2, 6, 3), "b (h p) c -> b h (p c)"), {"p": 2}),
    ]


def creation() -> list[Case]:
    """Arrays from numbers."""
    return [
        Case("arange", (5,)),
        Case("arange", (1, 7, 2)),
        Case("arange", (0.0, 1.0, 0.25)),
        Case("arange", (5, 0, -2)),
        Case("linspace", (0, 1, 5)),
        Case("linspace", (0.0, 1.0, 4), {"endpoint": False, "retstep": True}),
        Case("linspace", (_r(3), _r(3, seed=2), 4), {"axis": -1}),
        Case("linspace", (0, 10, 4), {"dtype": "int32"}),
        Case("logspace", (0, 2, 4)),
        Case("geomspace", (1.0, 8.0, 4)),
        Case("eye", (3, 4), {"k": 1}),
        Case("identity", (3,)),
        Case("tri", (3, 4), {"k": -1}),
        Case("full", ((2, 3), 7), {"dtype": "int32"}),
        Case("full_like", (_r(2, 2), 3)),
        Case("zeros", ((2, 2),)),
        Case("ones", ((2, 2),), {"dtype": "int8"}),
        Case("vander", (_r(3),), {"N": 4, "increasing": True}),
        *(Case(w, (6,)) for w in ("bartlett", "blackman", "hamming", "hanning")),
        Case("kaiser", (6, 14.0)),
    ]


def indexing() -> list[Case]:
    """Elements by place, order and sets."""
    x = _r(3, 4, 5)
    full = slice(None)
    keys = [
        0, -1, (0, 1), (full, 2), slice(1, 3), slice(None, None, -1), (slice(None, None, 2), slice(3, 0, -2)),
        None, (None, 0, Ellipsis, None), Ellipsis, (Ellipsis, 1), np.array([0, 2, -1]), (full, np.array([1, 1])),
        (np.array([0, 1]), np.array([2, 3])), (np.array([[0], [1]]), full, np.array([2, 3])),
        (0, full, np.array([1, 2])),
        (full, np.array([0, 1]), np.array([2, 3])), x[:, 0, 0] > 0, (full, np.array([True, False, True, True])), [0, 2],
        (slice(5, 2), full),
    ]  # fmt: skip
    return [
        *(Case("get_item", (x, key)) for key in keys),
        Case("take", (x, np.array([[0, 2], [1, -1]]))),
        Case("take", (x, np.array([0, 2])), {"axis": 1}),
        Case("take_along_axis", (x, _i(3, 2, 5)), {"axis": 1}),
        Case("take_along_axis", (_r(3, 4), np.array([[1], [0], [3]])), {"axis": 1}),
        Case("where", (x > 0, x, 0.0)),
        Case("select", ([_r(4) > 0, _r(4, seed=3) > 0], [_r(4), _r(4, seed=5)]), {"default": 9.0}),
        Case("nonzero", (_i(3, 4),)),
        Case("unravel_index", (_i(4, high=11), (3, 4))),
        Case("diag", (_r(3),), {"k": 1}),
        Case("diag", (_r(3, 4),), {"k": -1}),
        Case("diagflat", (_r(2, 2),), {"k": -1}),
        Case("diagonal", (x,), {"offset": 1, "axis1": 0, "axis2": 2}),
        Case("trace", (x,), {"offset": -1, "axis1": 1, "axis2": 2}),
        Case("sort", (x,), {"axis": 0}),
        Case("argsort", (_i(3, 5),), {"axis": 1}),
        Case("searchsorted", (np.sort(_r(7)), _r(2, 3, seed=3)), {"side": "left"}),
        Case("searchsorted", (np.array([1, 2, 2, 3]), np.array([2, 0, 9])), {"side": "right"}),
        Case("digitize", (_r(3, 2), np.array([-1.0, 0.0, 1.0], "float32"))),
        Case("isin", (_i(3, 4), np.array([1, 3])), {"invert": True}),
        Case("unique", (_i(9),), {"return_inverse": True, "return_counts": True, "return_index": True}),
        Case("bincount", (_i(9),), {"minlength": 6}),
        Case("bincount", (_i(9),), {"weights": _r(9)}),
        Case("histogram", (_r(20),), {"bins": 5}),
        Case("histogram", (_r(20),), {"bins": 4, "range": (-1.0, 1.0)}),
        Case("top_k", (_r(3, 6), 3)),
        Case("in_top_k", (np.array([1, 2]), _r(2, 5), 2)),
        Case("slice", (x, (1, 0, 2), (2, 3, 2))),
        Case("slice_update", (x, (1, 0, 2), _r(2, 3, 2))),
        Case("scatter", (np.array([[0, 1], [2, 3], [0, 1]]), _r(3), (3, 4))),
        Case("scatter", (np.array([[1], [3]]), _r(2, 5), (4, 5))),
        *(
            Case("scatter_update", (_r(4, 3), np.array([[1], [3]]), _r(2, 3)), {"reduction": r})
            for r in (None, "add", "max", "min", "mul")
        ),
        *(Case(f"segment_{k}", (_r(6, 2), np.array([0, 0, 1, 3, 3, 1]), 4)) for k in ("sum", "max", "min", "prod")),
        Case("one_hot", (_i(2, 3), 4)),
        Case("one_hot", (np.array([0, -1, 5]), 4), {"axis": 0, "dtype": "int32"}),
        Case("multi_hot", (_i(2, 3), 5)),
        Case("extract_sequences", (_r(2, 9), 4, 2)),
    ]


def contractions() -> list[Case]:
    """Products of matrices, linear algebra, transforms."""
    z = (_r(2, 12), _r(2, 12, seed=4))
    spectrum = (_r(2, 7, 9), _r(2, 7, 9, seed=4))
    return [
        Case("matmul", (_r(2, 3), _r(3))),
        Case("matmul", (_r(3), _r(3, 2))),
        Case("matmul", (_r(5, 2, 3), _r(3, 4))),
        Case("matmul", (_r(5, 1, 2, 3), _r(4, 3, 2))),
        Case("matmul", (_r(3), _r(5, 3, 2))),
        Case("dot", (_r(2, 3, 4), _r(5, 4, 2))),
        Case("dot", (_r(2, 3), 2.0)),
        Case("vdot", (_r(2, 3), _r(2, 3, seed=4))),
        Case("inner", (_r(2, 3), _r(4, 3))),
        Case("outer", (_r(2, 2), _r(3))),
        Case("tensordot", (_r(2, 3, 4), _r(3, 4, 5)), {"axes": 2}),
        Case("tensordot", (_r(2, 3, 4), _r(4, 2)), {"axes": ((0, 2), (1, 0))}),
        Case("kron", (_r(2, 3), _r(4))),
        Case("cross", (_r(2, 3), _r(2, 3, seed=4))),
        Case("cross", (_r(2, 2), _r(2, 2, seed=4))),
        *(
            Case("einsum", args)
            for args in [
                ("ij,jk->ik", _r(2, 3), _r(3, 4)),
                ("bij,bkj->bik", _r(2, 3, 4), _r(2, 5, 4)),
                ("ii->i", _r(3, 3)),
                ("ij->", _r(3, 3)),
                ("ij,jk", _r(2, 3), _r(3, 4)),
                ("...ij,jk->...ik", _r(2, 5, 3, 4), _r(4, 2)),
                ("i,j,k->ijk", _r(2), _r(3), _r(4)),
                ("abcd,cde->abe", _r(2, 3, 4, 5), _r(4, 5, 6)),
                ("ij,ij->j", _r(2, 3), _r(2, 3)),
            ]
        ),
        Case("cholesky", (_SPD,)),
        Case("cholesky_inverse", (np.linalg.cholesky(_SPD[0]),), tolerance=1e-4),
        Case("inv", (_SPD,), tolerance=1e-4),
        Case("det", (_SPD,), tolerance=1e-4),
        Case("logdet", (_SPD,), tolerance=1e-4),
        Case("slogdet", (_SPD,), tolerance=1e-4),
        Case("solve", (_SPD, _r(2, 3, 2)), tolerance=1e-4),
        Case("solve_triangular", (np.linalg.cholesky(_SPD), _r(2, 3, 2)), {"lower": True}, 1e-4),
        Case("eigh", (_SPD[0],), {}, 1e-4),
        Case("lu_factor", (_SPD,), tolerance=1e-4),
        Case("svd", (_r(4, 3),), {"compute_uv": False}, 1e-4),
        Case("pinv", (_r(4, 3),), tolerance=1e-4),
        Case("lstsq", (_r(5, 3), _r(5, 2)), tolerance=1e-4),
        Case("matrix_rank", (np.outer(_r(4), _r(4)),)),
        *(Case("norm", (_r(3, 4),), {"ord": o, "axis": 1}) for o in (None, 1, 2, 3, 0, float("inf"), float("-inf"))),
        *(
            Case("norm", (_r(3, 4),), {"ord": o, "axis": (0, 1), "keepdims": True}, 1e-4)
            for o in ("fro", "nuc", 1, -1, 2, -2, float("inf"))
        ),
        Case("norm", (_r(2, 3, 4),)),
        Case("fft", (z,), tolerance=1e-4),
        Case("rfft", (_r(2, 100),), tolerance=1e-4),
        Case("rfft", (_r(2, 8),), {"fft_length": 11}, 1e-4),
        Case("irfft", (z,), tolerance=1e-4),
        Case("irfft", (z,), {"fft_length": 15}, 1e-4),
        Case("fft2", ((_r(2, 4, 6), _r(2, 4, 6, seed=4)),), tolerance=1e-4),
        Case("ifft2", ((_r(2, 4, 6), _r(2, 4, 6, seed=4)),), tolerance=1e-4),
        Case("stft", (_r(2, 40), 8, 4, 16), {}, 1e-4),
        Case("stft", (_r(2, 40), 8, 4, 8), {"window": "hamming", "center": False}, 1e-4),
        Case("istft", (spectrum, 12, 4, 16), {}, 1e-3),
        Case("istft", (spectrum, 16, 4, 16), {"length": 30, "center": False, "window": "hamming"}, 1e-3),
        Case("correlate", (_r(7), _r(3)), {"mode": "same"}),
        Case("correlate", (_r(3), _r(7)), {"mode": "full"}),
        Case("corrcoef", (_r(3, 6),)),
        Case("cdist", (_r(3, 4), _r(5, 4))),
        Case("view_as_complex", (_r(3, 2),)),
        Case("polar", (np.abs(_r(3)), _r(3))),
        Case("trapezoid", (_r(3, 4),), {"x": np.sort(_r(4)), "axis": 1}),
        Case("diff", (_r(3, 5),), {"n": 2}),
    ]


def networks() -> list[Case]:
    """Convolutions, pooling, normalisation, losses, attention."""
    cases = []
    for padding in ("valid", "same"):
        for strides, dilation in ((1, 1), (2, 1), (1, 2)):
            kw = {"strides": strides, "padding": padding, "dilation_rate": dilation}
            cases.append(Case("conv", (_IMAGE, _r(3, 2, 3, 4)), kw))
            cases.append(Case("conv", (_r(2, 9, 4), _r(3, 2, 6)), kw))
            cases.append(Case("depthwise_conv", (_IMAGE, _r(3, 2, 3, 2)), kw))
            cases.append(Case("separable_conv", (_IMAGE, _r(3, 2, 3, 2), _r(1, 1, 6, 5)), kw))
            cases.append(Case("conv_transpose", (_r(2, 5, 4, 3), _r(3, 3, 2, 3)), kw))
        cases.append(
            Case("conv_transpose", (_r(2, 5, 3), _r(4, 2, 3)), {"strides": 3, "padding": padding, "output_padding": 1})
        )
        for pool, strides in ((2, 2), ((2, 3), 1), (3, 2)):
            kw = {"strides": strides, "padding": padding}
            cases.append(Case("max_pool", (_IMAGE, pool), kw))
            cases.append(Case("average_pool", (_IMAGE, pool), kw))
    cases += [
        Case("conv", (_r(1, 5, 6, 7, 2), _r(2, 3, 2, 2, 3)), {"strides": (1, 2, 1), "padding": "same"}),
        Case("adaptive_average_pool", (_IMAGE, (3, 2))),
        Case("adaptive_max_pool", (_IMAGE, (3, 4))),
        Case("batch_normalization", (_IMAGE, _r(3), np.abs(_r(3)), -1, _r(3, seed=3), _r(3, seed=4))),
        Case("layer_normalization", (_IMAGE, _r(3), _r(3, seed=3)), tolerance=1e-4),
        Case("rms_normalization", (_IMAGE, _r(3)), {"axis": -1}),
        Case("moments", (_IMAGE, (0, 1))),
        Case("normalize", (_r(3, 4),), {"axis": 0}),
        Case("normalize", (_r(3, 4),), {"order": 3}),
        Case("glu", (_r(3, 4),)),
        Case("celu", (_r(3, 4), 0.5)),
        Case("gelu", (_r(3, 4), False)),
        Case("threshold", (_r(3, 4), 0.3, -1.0)),
        Case("softmax", (_r(2, 3, 4),), {"axis": (1, 2)}),
        Case("binary_crossentropy", (_i(3, 4, high=2).astype("float32"), np.abs(_r(3, 4)) % 1)),
        Case("binary_crossentropy", (_i(3, 4, high=2).astype("float32"), _r(3, 4)), {"from_logits": True}),
        Case("categorical_crossentropy", (np.eye(4, dtype="float32")[_i(3)], np.abs(_r(3, 4)))),
        Case("categorical_crossentropy", (np.eye(4, dtype="float32")[_i(3)], _r(3, 4)), {"from_logits": True}),
        Case("sparse_categorical_crossentropy", (_i(3), np.abs(_r(3, 4)))),
        Case("sparse_categorical_crossentropy", (_i(3, 1), _r(3, 4)), {"from_logits": True}),
        Case("dot_product_attention", (_r(2, 3, 4, 5), _r(2, 6, 2, 5), _r(2, 6, 2, 5)), tolerance=1e-4),
        Case("dot_product_attention", (_r(2, 3, 2, 5),) * 3, {"is_causal": True, "scale": 0.3}, 1e-4),
        Case("ctc_loss", (np.array([[1, 2, 0], [1, 1, 3]]), _r(2, 6, 4), np.array([2, 3]), np.array([5, 6])), {}, 1e-4),
        Case("ctc_decode", (_r(2, 6, 4), np.array([6, 4])), {"merge_repeated": False}),
        Case("ctc_decode", (_r(2, 6, 4), np.array([6, 4])), {"strategy": "beam_search", "top_paths": 2}, 1e-4),
        Case("depth_to_space", (_r(2, 2, 3, 8), 2)),
        Case("space_to_depth", (_r(2, 4, 6, 2), 2)),
        Case("unfold", (_r(2, 3, 5, 6), 2), {"stride": 2, "padding": 1}),
        Case("fold", (_r(2, 12, 12), (5, 6), 2), {"stride": 2, "padding": 1}),
        Case("psnr", (np.abs(_r(2, 4)), np.abs(_r(2, 4, seed=4)), 1.0)),
    ]
    first = np.ascontiguousarray(_IMAGE.transpose(0, 3, 1, 2))
    kw = {"strides": 2, "data_format": "channels_first"}
    return [
        *cases,
        Case("max_pool", (first, 2), kw),
        Case("average_pool", (first, 2), kw),
        Case("conv", (first, _r(3, 2, 3, 4)), kw),
    ]


def images() -> list[Case]:
    """The namespace ops.image."""
    x = np.abs(_IMAGE) % 1
    points = np.array([[0, 0], [0, 6], [5, 0], [5, 6]], "float32")
    return [
        *(
            Case("image.resize", (x, (5, 9)), {"interpolation": m}, 1e-4)
            for m in ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")
        ),
        Case("image.resize", (x, (3, 4)), {"antialias": True}, 1e-4),
        Case("image.resize", (x[0], (4, 9)), {"crop_to_aspect_ratio": True}, 1e-4),
        Case("image.resize", (x, (9, 4)), {"pad_to_aspect_ratio": True, "fill_value": 0.5}, 1e-4),
        Case("image.resize", ((x * 255).astype("uint8"), (14, 12))),
        Case("image.affine_transform", (x[0], np.array([1.1, 0.2, -1, 0.1, 0.9, 0.5, 0, 0], "float32")), {}, 1e-4),
        *(
            Case(
                "image.affine_transform",
                (x, np.array([[1.1, 0.2, -1, 0.1, 0.9, 0.4, 0, 0]] * 2, "float32")),
                {"fill_mode": m},
                1e-4,
            )
            for m in ("nearest", "wrap", "reflect")
        ),
        Case("image.perspective_transform", (x[0], points, points + np.abs(_r(4, 2))), {}, 1e-3),
        *(
            Case("image.map_coordinates", (_r(4, 5), np.stack([_r(6) * 3, _r(6, seed=4) * 4]), o), {"fill_mode": m})
            for o in (0, 1)
            for m in ("constant", "nearest", "wrap", "mirror", "reflect")
        ),
        Case("image.extract_patches", (x, (2, 3)), {"strides": 2, "padding": "same"}),
        Case("image.extract_patches_3d", (_r(1, 4, 5, 6, 2), 2), {"strides": 1}),
        Case("image.crop_images", (x, 1, 2), {"target_height": 3, "target_width": 2}),
        Case("image.pad_images", (x, 1, 2), {"target_height": 9, "target_width": 9}),
        Case("image.rgb_to_grayscale", (x,)),
        Case("image.rgb_to_hsv", (x,)),
        Case("image.hsv_to_rgb", (x,)),
        Case("image.sobel_edges", (x,)),
        Case("image.ssim", (np.abs(_r(2, 16, 16, 3)), np.abs(_r(2, 16, 16, 3, seed=4))), {}, 1e-3),
        Case(
            "image.scale_and_translate",
            (_r(4, 5), (6, 3), np.array([1.4, 0.6], "float32"), np.array([0.2, -0.3], "float32"), (0, 1), "cubic"),
            {},
            1e-4,
        ),
    ]


CASES = [*reductions(), *shaping(), *creation(), *indexing(), *contractions(), *networks(), *images()]
