"""Made by `python docs/make_stubs.py` from the tables of names; do not edit."""

from pronghorn.saving.file_editor import KerasFileEditor as KerasFileEditor
from pronghorn.saving.model_files import load_model as load_model
from pronghorn.saving.model_files import load_weights as load_weights
from pronghorn.saving.model_files import save_model as save_model
from pronghorn.saving.model_files import save_weights as save_weights
from pronghorn.serialization.objects import deserialize_keras_object as deserialize_keras_object
from pronghorn.serialization.objects import serialize_keras_object as serialize_keras_object
from pronghorn.serialization.registration import CustomObjectScope as CustomObjectScope
from pronghorn.serialization.registration import CustomObjectScope as _custom_object_scope
from pronghorn.serialization.registration import get_custom_objects as get_custom_objects
from pronghorn.serialization.registration import get_registered_name as get_registered_name
from pronghorn.serialization.registration import get_registered_object as get_registered_object
from pronghorn.serialization.registration import register_keras_serializable as register_keras_serializable

custom_object_scope = _custom_object_scope
