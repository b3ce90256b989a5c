"""Objects to configurations and back. Configurations are Keras's, so they can be read by either library."""

from pronghorn._lazy import attach

attach(
    __name__,
    {
        "CustomObjectScope": ".registration",
        "custom_object_scope": ".registration:CustomObjectScope",
        "deserialize_keras_object": ".serialization",
        "get_custom_objects": ".registration",
        "get_registered_name": ".registration",
        "get_registered_object": ".registration",
        "register_keras_serializable": ".registration",
        "serialize_keras_object": ".serialization",
    },
)
