"""`tf.compat.v1.nn`: what was called otherwise, for `pronghorn run`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pronghorn_tensorflow.nn import basic, blocks


def _pooling(function: Callable[..., Any]) -> Callable[..., Any]:
    def older(
        value: Any = None, ksize: Any = None, strides: Any = None, padding: Any = None, data_format: str = "NHWC",
        name: str | None = None, input: Any = None,
    ) -> Any:  # fmt: skip
        return function(value if input is None else input, ksize, strides, padding, data_format)

    return older


max_pool, avg_pool = _pooling(basic.max_pool), _pooling(basic.avg_pool)


def pool(
    input: Any, window_shape: Any, pooling_type: str, padding: str, dilation_rate: Any = None, strides: Any = None,
    name: str | None = None, data_format: str | None = None, dilations: Any = None,
) -> Any:  # fmt: skip
    """`tf.compat.v1.nn.pool`."""
    spread = dilation_rate if dilations is None else dilations
    return blocks.pool(input, window_shape, pooling_type, strides, padding, data_format, spread)


def conv2d(
    input: Any, filter: Any = None, strides: Any = None, padding: Any = None, use_cudnn_on_gpu: bool = True,
    data_format: str = "NHWC", dilations: Any = 1, name: str | None = None, filters: Any = None,
) -> Any:  # fmt: skip
    """`tf.compat.v1.nn.conv2d`."""
    return basic.conv2d(input, filter if filters is None else filters, strides, padding, data_format, dilations)
