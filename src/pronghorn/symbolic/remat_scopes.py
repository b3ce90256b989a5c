"""The `RematScope`s that are open: operations that are made inside take the innermost one with them."""

from __future__ import annotations

import threading
from typing import Any


class _Open(threading.local):
    def __init__(self) -> None:
        self.scopes: list[Any] = []


open_scopes = _Open()


def current_scope() -> Any:
    """The innermost scope; None outside of them."""
    return open_scopes.scopes[-1] if open_scopes.scopes else None
