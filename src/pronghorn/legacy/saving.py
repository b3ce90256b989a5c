"""Older names for turning objects into configurations and back; as Keras 2 had them."""

from pronghorn._lazy import attach

_NAMES = ("deserialize_keras_object", "serialize_keras_object")

attach(__name__, dict.fromkeys(_NAMES, "pronghorn.saving.legacy.objects"))
