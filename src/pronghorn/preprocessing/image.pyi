"""Made by `python docs/make_stubs.py` from the tables of names; do not edit."""

from pronghorn.data.folders.image import smart_resize as smart_resize
from pronghorn.utils import array_to_img as array_to_img
from pronghorn.utils import img_to_array as img_to_array
from pronghorn.utils import load_img as load_img
from pronghorn.utils import save_img as save_img
