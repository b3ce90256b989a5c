"""What Keras has in `keras.backend`: settings under their older names, dtypes, and clearing the session.

The engine's own backends are in `pronghorn.engine.backends`.
"""

from pronghorn._lazy import attach

attach(
    __name__,
    {
        "backend": "pronghorn.config",
        "clear_session": "pronghorn.utils.naming",
        "epsilon": "pronghorn.config",
        "floatx": "pronghorn.config",
        "get_uid": "pronghorn.utils.naming",
        "image_data_format": "pronghorn.config",
        "is_float_dtype": ".dtypes",
        "is_int_dtype": ".dtypes",
        "is_keras_tensor": "pronghorn.symbolic.keras_tensor",
        "result_type": ".dtypes",
        "set_epsilon": "pronghorn.config",
        "set_floatx": "pronghorn.config",
        "set_image_data_format": "pronghorn.config",
        "standardize_dtype": "pronghorn.config",
    },
)
