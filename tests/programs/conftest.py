"""Lets the tests import the tables of cases beside them; fixes which Keras is the oracle, how far Hypothesis looks."""

import os
import sys
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")
# The oracle compiles thousands of small functions that run once: it need not make them fast.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")
sys.path.insert(0, str(Path(__file__).parent))

try:
    from hypothesis import HealthCheck, settings
except ImportError:  # only the tests that draw their cases need it
    pass
else:
    quiet = {"deadline": None, "suppress_health_check": list(HealthCheck)}
    # "ci" draws the same few examples each time; HYPOTHESIS_PROFILE=deep looks further, elsewhere each time.
    settings.register_profile("ci", max_examples=5, derandomize=True, database=None, **quiet)
    settings.register_profile("deep", max_examples=100, **quiet)
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
