"""Runs tests as on a 64-bit ARM machine: under QEMU's user emulation, with Debian's Python and PyPI's wheels for it.

    apt-get install -y qemu-user && dpkg --add-architecture arm64 && apt-get update
    python tests/aarch64.py tests/unit/engine/codegen     # arguments of pytest

All of Pronghorn runs there as ARM code, and what it compiles is ARM code, run by the emulator: what passes is right,
and says nothing of speed. It takes some twenty times as long as here. What is fetched is kept in ``--place``.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

EMULATOR = "qemu-aarch64"
PYTHON = "3.13"  # of Debian 13
PACKAGES = (
    "libc6",
    "libgcc-s1",
    "libstdc++6",
    "zlib1g",
    "libexpat1",
    "libbz2-1.0",
    "libffi8",
    "liblzma5",
    "libsqlite3-0",
    "libssl3t64",
    "libuuid1",
    "libncursesw6",
    "libtinfo6",
    "libreadline8t64",
    "libzstd1",
    f"libpython{PYTHON}-minimal",
    f"libpython{PYTHON}-stdlib",
    f"python{PYTHON}-minimal",
    f"python{PYTHON}",
)
WHEELS = ("numpy", "llvmlite", "ml_dtypes", "h5py", "rich", "click", "pytest", "hypothesis")
PLATFORMS = ("manylinux_2_28_aarch64", "manylinux_2_27_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--place", type=Path, default=Path.home() / ".cache" / "pronghorn-aarch64")
    parser.add_argument("--cpu", default="max", help="the emulated CPU: max, cortex-a72, neoverse-n1, ...")
    chosen, arguments = parser.parse_known_args()
    place = chosen.place
    if shutil.which(EMULATOR) is None:
        print(f"{EMULATOR} is not installed: apt-get install -y qemu-user", file=sys.stderr)
        return 2
    root, site = place / "root", place / "site"
    if not site.is_dir():
        fetch_system(place / "packages", root)
        fetch_wheels(place / "wheels", site)
    source = Path(__file__).resolve().parents[1]
    environment = {**os.environ, "PYTHONPATH": f"{site}:{source / 'src'}", "PYTHONDONTWRITEBYTECODE": "1"}
    environment["PRONGHORN_CACHE_DIR"] = str(place / "cache")
    environment.setdefault("OPENBLAS_CORETYPE", "ARMV8")  # NumPy's products for SVE are wrong under the emulator
    options = ["-o", "addopts=", "--import-mode=importlib", "-p", "no:cacheprovider", "-q"]
    python = root / "usr" / "bin" / f"python{PYTHON}"
    command = [EMULATOR, "-cpu", chosen.cpu, "-L", str(root), str(python), "-m", "pytest", *options, *arguments]
    return subprocess.run(command, env=environment, cwd=source).returncode


def fetch_system(packages: Path, root: Path) -> None:
    """Debian's Python for ARM, and the libraries that it needs, unpacked."""
    packages.mkdir(parents=True, exist_ok=True)
    subprocess.run(["apt-get", "download", "-q", *(f"{name}:arm64" for name in PACKAGES)], cwd=packages, check=True)
    for package in sorted(packages.glob("*.deb")):
        subprocess.run(["dpkg", "-x", str(package), str(root)], check=True)
    if not (root / "lib").exists():
        (root / "lib").symlink_to("usr/lib")


def fetch_wheels(wheels: Path, site: Path) -> None:
    """PyPI's packages for ARM, unpacked; the folder appears when all is there."""
    platforms = [word for name in PLATFORMS for word in ("--platform", name)]
    download = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:", "--dest", str(wheels)]
    version = PYTHON.replace(".", "")
    subprocess.run([*download, *platforms, "--python-version", version, *WHEELS], check=True)
    unfinished = site.with_suffix(".unfinished")
    for wheel in sorted(wheels.glob("*.whl")):
        zipfile.ZipFile(wheel).extractall(unfinished)
    unfinished.rename(site)


if __name__ == "__main__":
    sys.exit(main())
