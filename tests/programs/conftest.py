"""Lets the tests import the tables of cases beside them, and fixes which Keras is the oracle."""

import os
import sys
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")
sys.path.insert(0, str(Path(__file__).parent))
