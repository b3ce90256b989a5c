"""Two trainings tracked with MLflow, and the better model taken back from its store.

    pip install mlflow
    pronghorn run examples/mlflow_tracking.py

`mlflow.autolog()` notes the arguments of `fit`, every epoch's results and the model; nothing else in the script is about
MLflow. Runs go to a folder that is removed at the end (keep it, and `mlflow ui` shows them). Expect the rate 0.01 to win
with about 98 % of 171 tumours right.
"""

import os
import tempfile

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

import keras
import mlflow
from keras import layers
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

x, y = load_breast_cancer(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.3, random_state=0, stratify=y)
scaler = StandardScaler().fit(x_train)
x_train, x_test = (part.astype("float32") for part in (scaler.transform(x_train), scaler.transform(x_test)))
