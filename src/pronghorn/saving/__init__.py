"""Objects to configurations and files, and back. Both are Keras's, so they can be read by either library."""

from pronghorn._lazy import attach

attach(
    __name__,
    {
        "CustomObjectScope": ".registration",
        "KerasFileEditor": ".file_editor",
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
