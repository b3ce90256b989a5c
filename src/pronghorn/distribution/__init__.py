"""Computation on several devices or processes: one script, started several times, or one process with many devices.

`DataParallel` shares the rows of each batch among processes (by MPI, on Pronghorn's own engine) or among the devices of
an engine such as JAX; `ModelParallel` also shares weights, by a `LayoutMap`.
"""

from pronghorn._lazy import attach

attach(
    __name__,
    {
        "DataParallel": ".data_parallel",
        "DeviceMesh": ".mesh",
        "LayoutMap": ".mesh",
        "ModelParallel": ".model_parallel",
        "TensorLayout": ".mesh",
        "distribute_tensor": ".placing",
        "distribution": "pronghorn.placement.active",
        "get_device_count": ".devices",
        "initialize": ".start",
        "list_devices": ".devices",
        "set_distribution": "pronghorn.placement.active",
    },
)
