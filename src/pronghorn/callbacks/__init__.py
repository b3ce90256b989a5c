"""Callbacks: code that runs at fixed points of `fit`, `evaluate` and `predict`."""

from pronghorn._lazy import attach

attach(
    __name__,
    {
        "BackupAndRestore": ".backup_and_restore",
        "CSVLogger": ".csv_logger",
        "Callback": ".callback",
        "CallbackList": ".callback_list",
        "EarlyStopping": ".early_stopping",
        "History": ".history",
        "LambdaCallback": ".lambda_callback",
        "LearningRateFinder": ".learning_rate_finder",
        "LearningRateScheduler": ".learning_rate",
        "ModelCheckpoint": ".model_checkpoint",
        "OrbaxCheckpoint": ".orbax_checkpoint",
        "ProgbarLogger": ".progbar_logger",
        "ReduceLROnPlateau": ".learning_rate",
        "RemoteMonitor": ".remote_monitor",
        "Studio": "pronghorn.studio.callback",
        "SwapEMAWeights": ".swap_ema_weights",
        "TensorBoard": ".tensorboard",
        "TerminateOnNaN": ".terminate_on_nan",
    },
)
