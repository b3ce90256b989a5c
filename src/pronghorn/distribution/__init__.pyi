"""Made by `python docs/make_stubs.py` from the tables of names; do not edit."""

from pronghorn.distribution.data_parallel import DataParallel as DataParallel
from pronghorn.distribution.devices import get_device_count as get_device_count
from pronghorn.distribution.devices import list_devices as list_devices
from pronghorn.distribution.mesh import DeviceMesh as DeviceMesh
from pronghorn.distribution.mesh import LayoutMap as LayoutMap
from pronghorn.distribution.mesh import TensorLayout as TensorLayout
from pronghorn.distribution.model_parallel import ModelParallel as ModelParallel
from pronghorn.distribution.placing import distribute_tensor as distribute_tensor
from pronghorn.distribution.start import initialize as initialize
from pronghorn.placement.active import distribution as distribution
from pronghorn.placement.active import set_distribution as set_distribution
