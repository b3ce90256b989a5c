"""Made by `python docs/make_stubs.py` from the tables of names; do not edit."""

from pronghorn.data.dataset import Dataset as Dataset
from pronghorn.data.ragged import RaggedTensor as RaggedTensor
from pronghorn.data.tensor_spec import TensorSpec as TensorSpec

AUTOTUNE: int
