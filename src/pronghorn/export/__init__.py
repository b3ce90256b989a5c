"""Exporting models to other formats."""

from pronghorn._absent import absent_class
from pronghorn._lazy import attach

ExportArchive = absent_class("ExportArchive", "save the model with model.save('model.keras')", __name__)

attach(__name__)
