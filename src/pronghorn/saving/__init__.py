"""Objects to configurations and files, and back. Both are Keras's, so they can be read by either library."""

from pronghorn._lazy import attach

attach(
    __name__,
    {
        "CustomObjectScope": "pronghorn.serialization.registration",
        "KerasFileEditor": ".file_editor",
        "custom_object_scope": "pronghorn.serialization.registration:CustomObjectScope",
        "deserialize_keras_object": "pronghorn.serialization.objects",
        "get_custom_objects": "pronghorn.serialization.registration",
        "get_registered_name": "pronghorn.serialization.registration",
        "get_registered_object": "pronghorn.serialization.registration",
        "load_model": ".model_files",
        "load_weights": ".model_files",
        "register_keras_serializable": "pronghorn.serialization.registration",
        "save_model": ".model_files",
        "save_weights": ".model_files",
        "serialize_keras_object": "pronghorn.serialization.objects",
    },
)
