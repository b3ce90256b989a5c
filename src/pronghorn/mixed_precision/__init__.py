"""Mixed precision: the dtype policy that new layers take, and the optimizer that scales losses."""

from pronghorn._lazy import attach

attach(
    __name__,
    {
        "DTypePolicy": "pronghorn.dtype_policies",
        "LossScaleOptimizer": "pronghorn.optimizers",
        "Policy": "pronghorn.dtype_policies:DTypePolicy",
        "dtype_policy": "pronghorn.dtype_policies",
        "global_policy": "pronghorn.dtype_policies:dtype_policy",
        "set_dtype_policy": "pronghorn.dtype_policies",
        "set_global_policy": "pronghorn.dtype_policies:set_dtype_policy",
    },
)
