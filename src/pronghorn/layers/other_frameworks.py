"""Layers of Keras's that run a model of another framework inside one, which Pronghorn does not."""

from pronghorn._absent import absent_class
from pronghorn.layers.layer import Layer

_INSTEAD = "a step is compiled as a whole; write the computation with pronghorn.ops, in a layer of your own"

FlaxLayer = absent_class("FlaxLayer", _INSTEAD, __name__, Layer)
JaxLayer = absent_class("JaxLayer", _INSTEAD, __name__, Layer)
TFSMLayer = absent_class("TFSMLayer", _INSTEAD, __name__, Layer)
TorchModuleWrapper = absent_class("TorchModuleWrapper", _INSTEAD, __name__, Layer)
