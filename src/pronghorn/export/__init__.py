"""Exporting models for other runtimes: the way a model is read stands in `signature`, each format in one module."""

from pronghorn._lazy import attach

attach(__name__, {"ExportArchive": ".archive", "export_model": ".formats", "read_state": ".native.reading"})
