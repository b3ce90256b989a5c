"""Made by `python docs/make_stubs.py` from the tables of names; do not edit."""

from pronghorn.backend.dtypes import is_float_dtype as is_float_dtype
from pronghorn.backend.dtypes import is_int_dtype as is_int_dtype
from pronghorn.backend.dtypes import result_type as result_type
from pronghorn.config import backend as backend
from pronghorn.config import epsilon as epsilon
from pronghorn.config import floatx as floatx
from pronghorn.config import image_data_format as image_data_format
from pronghorn.config import set_epsilon as set_epsilon
from pronghorn.config import set_floatx as set_floatx
from pronghorn.config import set_image_data_format as set_image_data_format
from pronghorn.config import standardize_dtype as standardize_dtype
from pronghorn.symbolic.keras_tensor import is_keras_tensor as is_keras_tensor
from pronghorn.utils.naming import clear_session as clear_session
from pronghorn.utils.naming import get_uid as get_uid
