"""Exporting models for other runtimes: the way a model is read stands in `signature`, each format in one module."""

from pronghorn._absent import absent_class
from pronghorn._lazy import attach
from pronghorn.export.formats import export_model

_INSTEAD = "write one endpoint, the model's call, with model.export(path, format='onnx')"

ExportArchive = absent_class("ExportArchive", _INSTEAD, __name__)

attach(__name__)
