"""Exporting models for other runtimes: the way a model is read stands in `signature`, each format in one module."""

from pronghorn._lazy import attach
from pronghorn.export.archive import ExportArchive
from pronghorn.export.formats import export_model

attach(__name__)
