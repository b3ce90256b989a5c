"""Made by `python docs/make_stubs.py` from the tables of names; do not edit."""

from pronghorn.callbacks.backup_and_restore import BackupAndRestore as BackupAndRestore
from pronghorn.callbacks.callback import Callback as Callback
from pronghorn.callbacks.callback_list import CallbackList as CallbackList
from pronghorn.callbacks.csv_logger import CSVLogger as CSVLogger
from pronghorn.callbacks.early_stopping import EarlyStopping as EarlyStopping
from pronghorn.callbacks.history import History as History
from pronghorn.callbacks.lambda_callback import LambdaCallback as LambdaCallback
from pronghorn.callbacks.learning_rate import LearningRateScheduler as LearningRateScheduler
from pronghorn.callbacks.learning_rate import ReduceLROnPlateau as ReduceLROnPlateau
from pronghorn.callbacks.learning_rate_finder import LearningRateFinder as LearningRateFinder
from pronghorn.callbacks.model_checkpoint import ModelCheckpoint as ModelCheckpoint
from pronghorn.callbacks.progbar_logger import ProgbarLogger as ProgbarLogger
from pronghorn.callbacks.remote_monitor import RemoteMonitor as RemoteMonitor
from pronghorn.callbacks.swap_ema_weights import SwapEMAWeights as SwapEMAWeights
from pronghorn.callbacks.tensorboard import TensorBoard as TensorBoard
from pronghorn.callbacks.terminate_on_nan import TerminateOnNaN as TerminateOnNaN
from pronghorn.studio.callback import Studio as Studio
from typing import Any

class OrbaxCheckpoint(Callback):
    """Not there: Orbax belongs to JAX; use ModelCheckpoint, which writes .keras files.

    Raises:
        NotImplementedError: always.
    """
    def __init__(self, *args: Any, **kwargs: Any) -> None: ...
