"""What the runtime's tests share: small jobs in machine code, and a cache directory of their own."""

import importlib.util
from pathlib import Path

import pytest


def _load_jobs():
    path = Path(__file__).with_name("jobs.py")
    spec = importlib.util.spec_from_file_location("runtime_test_jobs", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_jobs = _load_jobs()


@pytest.fixture
def jobs():
    return _jobs


@pytest.fixture
def cache_dir(tmp_path, monkeypatch):
    """An empty compile cache; its folder of entries."""
    monkeypatch.delenv("PRONGHORN_CACHE", raising=False)
    monkeypatch.setenv("PRONGHORN_CACHE_DIR", str(tmp_path / "cache"))
    from pronghorn.engine.runtime import cache

    return cache.directory()
