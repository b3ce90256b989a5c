"""Objects to configurations and files, and back. Both are Keras's, so they can be read by either library."""

from pronghorn._absent import absent_class
from pronghorn._lazy import attach

KerasFileEditor = absent_class(
    "KerasFileEditor", "load the model with saving.load_model and change it, or open its weights with h5py", __name__
)

attach(
    __name__,
    {
        "CustomObjectScope": ".registration",
        "custom_object_scope": ".registration:CustomObjectScope",
        "deserialize_keras_object": ".serialization",
        "get_custom_objects": ".registration",
        "get_registered_name": ".registration",
        "get_registered_object": ".registration",
        "load_model": ".model_files",
        "load_weights": ".model_files",
        "register_keras_serializable": ".registration",
        "save_model": ".model_files",
        "save_weights": ".model_files",
        "serialize_keras_object": ".serialization",
    },
)
