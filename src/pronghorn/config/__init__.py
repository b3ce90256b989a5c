"""Settings of the whole process: the default float type, epsilon, logging, threads.

Each can also come from the environment, read once, when a setting is first used: `KERAS_FLOATX`, `KERAS_EPSILON`,
`KERAS_IMAGE_DATA_FORMAT`, `KERAS_MAX_EPOCHS`, `KERAS_MAX_STEPS_PER_EPOCH`, `PRONGHORN_BACKEND_NAME`, and
`PRONGHORN_NUM_THREADS`, which the thread pool reads when it starts.
"""

from pronghorn._lazy import attach

attach(
    __name__,
    {
        "backend": ".settings",
        "disable_flash_attention": ".settings",
        "disable_interactive_logging": ".settings",
        "disable_traceback_filtering": ".settings",
        "dtype_policy": "pronghorn.dtype_policies.policy",
        "enable_flash_attention": ".settings",
        "enable_interactive_logging": ".settings",
        "enable_traceback_filtering": ".settings",
        "enable_unsafe_deserialization": ".settings",
        "epsilon": ".settings",
        "exact_convolutions": ".settings",
        "floatx": ".settings",
        "get_num_threads": ".settings",
        "image_data_format": ".settings",
        "is_flash_attention_enabled": ".settings",
        "is_interactive_logging_enabled": ".settings",
        "is_nnx_enabled": ".settings",
        "is_traceback_filtering_enabled": ".settings",
        "is_unsafe_deserialization_enabled": ".settings",
        "max_epochs": ".settings",
        "max_steps_per_epoch": ".settings",
        "set_backend": ".settings",
        "set_backend_name": ".settings",
        "set_dtype_policy": "pronghorn.dtype_policies.policy",
        "set_epsilon": ".settings",
        "set_exact_convolutions": ".settings",
        "set_floatx": ".settings",
        "set_image_data_format": ".settings",
        "set_max_epochs": ".settings",
        "set_max_steps_per_epoch": ".settings",
        "set_num_threads": ".settings",
        "standardize_data_format": ".settings",
        "standardize_dtype": ".settings",
    },
)
