"""Results of each epoch sent to a web server."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

import numpy as np

from pronghorn.callbacks.callback import Callback, Logs
from pronghorn.engine.graph.user_code import warn


class RemoteMonitor(Callback):
    """Sends the results of each epoch to a server by HTTP POST; one that does not answer gives a warning.

    Args:
        root: the server's URL.
        path: what follows it.
        field: the form field that holds the results as JSON.
        headers: HTTP headers.
        send_as_json: whether the body is the JSON itself, instead of a form.

    Example:

    >>> monitor = RemoteMonitor(root="http://localhost:9000")
    >>> monitor.root
    'http://localhost:9000'
    """

    _only_first = True

    def __init__(
        self,
        root: str = "http://localhost:9000",
        path: str = "/publish/epoch/end/",
        field: str = "data",
        headers: dict[str, str] | None = None,
        send_as_json: bool = False,
    ) -> None:
        super().__init__()
        self.root = root
        self.path = path
        self.field = field
        self.headers = headers
        self.send_as_json = send_as_json

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        results = {"epoch": epoch, **{name: _plain(value) for name, value in (logs or {}).items()}}
        text = json.dumps(results)
        if self.send_as_json:
            body, kind = text.encode(), "application/json"
        else:
            body, kind = urllib.parse.urlencode({self.field: text}).encode(), "application/x-www-form-urlencoded"
        headers = {"Content-Type": kind, **(self.headers or {})}
        request = urllib.request.Request(self.root + self.path, data=body, headers=headers)
        try:
            urllib.request.urlopen(request, timeout=10).close()
        except (urllib.error.URLError, OSError) as error:
            warn(
                f"RemoteMonitor cannot reach {self.root}{self.path} ({error}); the results of epoch "
                f"{epoch} are not sent. Is it running, and is `root` its address?"
            )


def _plain(value: Any) -> Any:
    return (
        value.item() if isinstance(value, np.ndarray | np.generic) and value.ndim == 0 else np.asarray(value).tolist()
    )
