"""Exporting models to other formats, which Pronghorn does not do."""

from pronghorn._absent import absent_class, absent_function
from pronghorn._lazy import attach

_INSTEAD = "save the model with model.save('model.keras'), which Keras reads and can export"

ExportArchive = absent_class("ExportArchive", _INSTEAD, __name__)
export_model = absent_function("Model.export", _INSTEAD)

attach(__name__)
