"""Sessions of TensorFlow 1, as far as scripts make one to set a graphics card up: there is nothing to set up here."""

from __future__ import annotations

import types
from typing import Any

import numpy as np


class ConfigProto(types.SimpleNamespace):
    """`tf.compat.v1.ConfigProto`: takes any options, of which none has an effect.

    >>> config = ConfigProto(log_device_placement=False)
    >>> config.gpu_options.allow_growth = True
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"gpu_options": GPUOptions(), **options})


class GPUOptions(types.SimpleNamespace):
    """`tf.compat.v1.GPUOptions`: takes any options, of which none has an effect."""


class Session:
    """`tf.compat.v1.Session`: what is computed here is computed at once, so there is nothing to run.

    >>> with Session(config=ConfigProto()) as session:
    ...     session.run(np.ones(2))
    array([1., 1.])
    """

    def __init__(self, target: str = "", graph: Any = None, config: Any = None) -> None:
        self.graph = graph

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End the session."""

    def run(self, fetches: Any, feed_dict: Any = None, options: Any = None, run_metadata: Any = None) -> Any:
        """Return values that are there already.

        Raises:
            NotImplementedError: for placeholders that are to be fed.
        """
        if feed_dict:
            raise NotImplementedError(
                "Session.run: there are no graphs of TensorFlow 1 here, into which values are fed; write a function of "
                "them, and call it."
            )
        if isinstance(fetches, list | tuple):
            return type(fetches)(self.run(fetch) for fetch in fetches)
        return None if fetches is None else np.asarray(fetches)[()]
