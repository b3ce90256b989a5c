"""Tests in this process that import the stand-in for TensorFlow leave arrays written as they were."""

import pytest

from pronghorn.cli import tensorflow_printing


@pytest.fixture(autouse=True)
def written_as_before():
    yield
    tensorflow_printing.write_as_before()
