"""Made by `python docs/make_stubs.py` from the tables of names; do not edit."""

from pronghorn.export.archive import ExportArchive as ExportArchive
from pronghorn.export.formats import export_model as export_model
from pronghorn.export.native.reading import read_state as read_state
