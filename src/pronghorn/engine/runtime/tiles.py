"""The tile registers of AMX, which a process may use once Linux has allowed it.

They take 8 KB more of whatever saves a thread's registers, so the kernel wants to be asked:
`arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA)`, see "Using XSTATE features in user space applications" in its
documentation. What it allows holds for all threads, and for processes forked from this one.
"""

from __future__ import annotations

import ctypes
import functools
import logging
import os
import sys

__all__ = ["FEATURES", "are_allowed"]

FEATURES = ("amx-tile", "amx-bf16")  # by LLVM's names: tiles, and products of bfloat16 on them

_SYS_ARCH_PRCTL, _ARCH_REQ_XCOMP_PERM, _XTILEDATA = 158, 0x1023, 18


@functools.cache
def are_allowed() -> bool:
    """Ask the system for the tile registers, once in a process; where it refuses, say so in one line of log."""
    if sys.platform != "linux":  # other systems give them without being asked, or not at all
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    if not libc.syscall(_SYS_ARCH_PRCTL, _ARCH_REQ_XCOMP_PERM, _XTILEDATA):
        return True
    reason = os.strerror(ctypes.get_errno())
    logging.getLogger("pronghorn").warning(
        "Linux refuses this process the tile registers of AMX (%s): bfloat16 is computed in vector registers.", reason
    )
    return False
