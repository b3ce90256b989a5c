"""Calls in these tests run on the reference interpreter: nothing is compiled."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def reference_backend(monkeypatch):
    monkeypatch.setenv("PRONGHORN_BACKEND", "numpy")
