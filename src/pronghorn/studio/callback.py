"""A script's training, watched on the studio's page."""

from __future__ import annotations

from typing import Any

from pronghorn.callbacks.callback import Callback, Logs


class Studio(Callback):
    """Shows a training on a local page, as it goes on: the curves, the model, and what its layers see.

    The page's address, with its token, is printed when training begins. The page may pause, step and stop the training.

    Args:
        validation_data: `(x, y)` that the page looks into the model with: predictions, mistakes, feature maps.
        class_names: names of the classes.
        port: the port to listen on; a free one by default.
        host: the address to listen on. Anything but this machine's own lets others in who have the token.
        open_browser: whether to open the page in the browser.
        hold: whether to go on serving when training is over, until Ctrl-C.

    Raises:
        ImportError: if the server is not installed, with the command that installs it.
        OSError: if it cannot listen there.

    Example:

    >>> Studio(hold=True).hold
    True
    """

    def __init__(
        self,
        validation_data: Any = None,
        class_names: Any = None,
        port: int | None = None,
        host: str = "127.0.0.1",
        open_browser: bool = False,
        hold: bool = False,
    ) -> None:
        super().__init__()
        from pronghorn.studio import launch

        launch.check_installed()
        self.validation_data = validation_data
        self.class_names = class_names
        self.port = port
        self.host = host
        self.open_browser = open_browser
        self.hold = hold
        self._watching: Any = None

    @property
    def url(self) -> str | None:
        """The page's address while it is served, or None."""
        return None if self._watching is None else self._watching.url

    def on_train_begin(self, logs: Logs = None) -> None:
        from pronghorn.studio import watched

        if self._watching is None:
            self._watching = watched.Watching(self.host, self.port, self.open_browser)
        self._watching.begin(self.model, self.params, self.validation_data, self.class_names)

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._watching.watcher.on_epoch_begin(epoch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._watching.watcher.on_train_batch_end(batch, logs)

    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        if self._watching is not None:  # evaluate() may be given the same callback
            self._watching.watcher.on_test_batch_end(batch, logs)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self._watching.watcher.on_epoch_end(epoch, logs)

    def on_train_end(self, logs: Logs = None) -> None:
        self._watching.end(self.hold)
