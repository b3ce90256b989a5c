"""Made by `python docs/make_stubs.py` from the tables of names; do not edit."""

from pronghorn.config import disable_interactive_logging as disable_interactive_logging
from pronghorn.config import enable_interactive_logging as enable_interactive_logging
from pronghorn.config import is_interactive_logging_enabled as is_interactive_logging_enabled
from pronghorn.config import standardize_dtype as standardize_dtype
from pronghorn.data.folders.audio_dataset import audio_dataset_from_directory as audio_dataset_from_directory
from pronghorn.data.folders.image import array_to_img as array_to_img
from pronghorn.data.folders.image import img_to_array as img_to_array
from pronghorn.data.folders.image import load_img as load_img
from pronghorn.data.folders.image import save_img as save_img
from pronghorn.data.folders.image_dataset import image_dataset_from_directory as image_dataset_from_directory
from pronghorn.data.folders.text_dataset import text_dataset_from_directory as text_dataset_from_directory
from pronghorn.data.labels import normalize as normalize
from pronghorn.data.labels import to_categorical as to_categorical
from pronghorn.data.split import split_dataset as split_dataset
from pronghorn.data.timeseries import timeseries_dataset_from_array as timeseries_dataset_from_array
from pronghorn.preprocessing.feature_space import FeatureSpace as FeatureSpace
from pronghorn.random.seeding import set_random_seed as set_random_seed
from pronghorn.saving import CustomObjectScope as CustomObjectScope
from pronghorn.saving import custom_object_scope as custom_object_scope
from pronghorn.saving import deserialize_keras_object as deserialize_keras_object
from pronghorn.saving import get_custom_objects as get_custom_objects
from pronghorn.saving import get_registered_name as get_registered_name
from pronghorn.saving import get_registered_object as get_registered_object
from pronghorn.saving import register_keras_serializable as register_keras_serializable
from pronghorn.saving import serialize_keras_object as serialize_keras_object
from pronghorn.symbolic.keras_tensor import is_keras_tensor as is_keras_tensor
from pronghorn.utils import bounding_boxes as bounding_boxes
from pronghorn.utils import legacy as legacy
from pronghorn.utils.config_dict import Config as Config
from pronghorn.utils.data_tuple import pack_x_y_sample_weight as pack_x_y_sample_weight
from pronghorn.utils.data_tuple import unpack_x_y_sample_weight as unpack_x_y_sample_weight
from pronghorn.utils.dot import model_to_dot as model_to_dot
from pronghorn.utils.dot import plot_model as plot_model
from pronghorn.utils.files import get_file as get_file
from pronghorn.utils.model_graph import get_source_inputs as get_source_inputs
from pronghorn.utils.naming import clear_session as clear_session
from pronghorn.utils.progbar import Progbar as Progbar
from pronghorn.utils.py_dataset import PyDataset as PyDataset
from pronghorn.utils.py_dataset import PyDataset as _Sequence
from pronghorn.utils.sequence import pad_sequences as pad_sequences
from pronghorn.utils.summary import print_summary as print_summary

Sequence = _Sequence
