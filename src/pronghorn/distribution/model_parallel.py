"""`ModelParallel`: weights are cut over devices too."""

from __future__ import annotations

from pronghorn._absent import absent_class, absent_function

_INSTEAD = "DataParallel shares the rows of batches"

ModelParallel = absent_class("ModelParallel", _INSTEAD, __name__)
distribute_tensor = absent_function("distribute_tensor", _INSTEAD)
