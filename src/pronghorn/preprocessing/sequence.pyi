"""Made by `python docs/make_stubs.py` from the tables of names; do not edit."""

from pronghorn.utils import pad_sequences as pad_sequences
