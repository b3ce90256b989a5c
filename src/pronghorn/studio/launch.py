"""Starting a studio: what it opens, where it listens, and how it ends."""

from __future__ import annotations

import importlib.util
import socket
import threading
import webbrowser
from pathlib import Path
from typing import Any

from pronghorn._extras import install_command
from pronghorn.studio import data_sets, opened_scripts, tables
from pronghorn.studio.files import view_file
from pronghorn.studio.sessions import Session
from pronghorn.studio.workbench import Workbench

PORT = 7860
_TABLES = (".csv", ".tsv")
_MODELS = (".keras", ".h5", ".hdf5", ".safetensors", ".json")


def check_installed() -> None:
    """Raise an error that says what to install, if the server's packages are not there.

    Raises:
        ImportError: if one is missing.
    """
    missing = [name for name in ("starlette", "uvicorn", "websockets") if importlib.util.find_spec(name) is None]
    if missing:
        several = " and ".join(filter(None, (", ".join(missing[:-1]), missing[-1])))
        raise ImportError(f"The studio needs {several}; to install: {install_command('studio')}")


def bench_for(target: str | None, data: str = "mnist") -> Workbench:
    """What a studio begins with.

    Args:
        target: a script, a table, or a model's or weights file; None for a model to begin with.
        data: the data set to begin with.

    Raises:
        OSError, ValueError: if it cannot be opened.
    """
    bench = Workbench()
    bench.use_data(data_sets.load_packaged(data))
    if target is None:
        return bench
    if not Path(target).exists():
        raise FileNotFoundError(f"There is no file {target!r}.")
    if target.endswith(".py"):
        opened_scripts.use(bench, opened_scripts.open_script(target))
    elif target.endswith(_TABLES):
        table = tables.read_csv(Path(target).name, tables.read_text(Path(target).read_bytes()))
        bench.use_data(tables.from_table(table), table)
    elif target.endswith(_MODELS) or Path(target).is_dir():
        bench.file = view_file(target)
    else:
        raise ValueError(
            f"{target!r} is neither a script (.py), nor a table ({', '.join(_TABLES)}), nor a model's or weights file "
            f"({', '.join(_MODELS)})."
        )
    return bench


class Server:
    """A studio that listens.

    Args:
        bench: what it holds.
        host: the address to listen on; anything but this machine's own lets others in who have the token.
        port: the port; 0 for a free one. If the usual one is taken, a free one is used.
    """

    def __init__(self, bench: Workbench, host: str = "127.0.0.1", port: int | None = None) -> None:
        check_installed()
        import uvicorn

        from pronghorn.studio.server import Studio

        self.bench = bench
        self._socket = _listening(host, port)
        self.session = Session(host, self._socket.getsockname()[1])
        self._studio = Studio(bench, self.session)
        config = uvicorn.Config(
            self._studio.app, log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=1,
            ws_max_size=1 << 24, server_header=False,
            log_config=None,  # uvicorn's own would close all handlers that the script has set up
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._studio.is_over = lambda: self._server.should_exit
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The address to open, with its token."""
        return self.session.url

    def run(self) -> None:
        """Serve until Ctrl-C."""
        try:
            self._server.run(sockets=[self._socket])
        except KeyboardInterrupt:
            pass
        finally:
            self.bench.stop_all()

    def start(self) -> None:
        """Serve in a thread."""
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End a server that `start` has started."""
        self._server.should_exit = True
        self.bench.stop_all()
        if self._thread is not None:
            self._thread.join(5)


def _listening(host: str, port: int | None) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for tried in (PORT, 0) if port is None else (port,):
        found = socket.socket(family, socket.SOCK_STREAM)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind((host, tried))
        except OSError as error:
            found.close()
            if tried and port is None:
                continue
            raise OSError(f"The studio cannot listen on {host}, port {tried}: {error.strerror}.") from None
        found.listen(128)
        return found
    raise OSError(f"The studio cannot listen on {host}.")


def open_browser(url: str) -> Any:
    """Open a page in the user's browser, in the background: some wait for the browser to end."""
    threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
