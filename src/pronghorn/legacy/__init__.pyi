"""Made by `python docs/make_stubs.py` from the tables of names; do not edit."""

from pronghorn.legacy import saving as saving
