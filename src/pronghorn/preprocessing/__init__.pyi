"""Made by `python docs/make_stubs.py` from the tables of names; do not edit."""

from pronghorn.preprocessing import image as image
from pronghorn.preprocessing import sequence as sequence
from pronghorn.utils import image_dataset_from_directory as image_dataset_from_directory
from pronghorn.utils import text_dataset_from_directory as text_dataset_from_directory
from pronghorn.utils import timeseries_dataset_from_array as timeseries_dataset_from_array
