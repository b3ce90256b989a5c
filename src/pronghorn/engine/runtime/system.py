"""What the operating system says about this machine, without loading LLVM."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path


def host_arch() -> str:
    """This machine's architecture as LLVM spells it: `"x86_64"`, `"aarch64"`, ..."""
    machine = platform.machine().lower()
    return {"amd64": "x86_64", "x64": "x86_64", "arm64": "aarch64"}.get(machine, machine)


def user_cache_dir() -> Path | None:
    """Where this system keeps a user's caches, with our name appended; None for a user without a home."""
    try:
        if sys.platform == "win32":
            local = os.environ.get("LOCALAPPDATA")
            return (Path(local) if local else Path.home() / "AppData" / "Local") / "pronghorn" / "Cache"
        if sys.platform == "darwin":
            return Path.home() / "Library" / "Caches" / "pronghorn"
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pronghorn"
    except RuntimeError:  # pathlib found no home directory
        return None


def processor_name() -> str:
    """What the processor's maker calls it; empty where the system does not say."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else ""
