"""Made by `python docs/make_stubs.py` from the tables of names; do not edit."""

from pronghorn.saving.legacy.objects import deserialize_keras_object as deserialize_keras_object
from pronghorn.saving.legacy.objects import serialize_keras_object as serialize_keras_object
