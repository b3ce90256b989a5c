"""A network in scikit-learn: the last step of a pipeline, and a grid of settings searched by two processes.

    pip install scikit-learn
    pronghorn run examples/sklearn_grid_search.py

`keras.wrappers` makes estimators of networks. `GridSearchCV(n_jobs=2)` sends the function that builds the network to
joblib's processes, where `keras` is Pronghorn, too. The data are 178 wines from three growers, which are in scikit-
learn. Expect the wider network with the higher rate to win, with about 97 %.
"""

import keras
from keras import layers
from keras.wrappers import SKLearnClassifier
from sklearn.datasets import load_wine
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def build(X, y, units=8, rate=0.01):
    """A network for the data that the wrapper is fitted to."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input(X.shape[1:]),
            layers.Dense(units, activation="relu"),
            layers.Dense(y.shape[1], activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(rate), loss="categorical_crossentropy")
    return model


def main():
    """Search and test."""
    x, y = load_wine(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.3, random_state=0, stratify=y)
    wines = SKLearnClassifier(build, fit_kwargs={"epochs": 15, "batch_size": 16, "verbose": 0})
    search = GridSearchCV(
        make_pipeline(StandardScaler(), wines),
        {"sklearnclassifier__model_kwargs": [{"units": u, "rate": r} for u in (4, 16) for r in (0.001, 0.01)]},
        cv=3,
        n_jobs=2,
        error_score="raise",
    )
    search.fit(x_train, y_train)
    for settings, score in zip(search.cv_results_["params"], search.cv_results_["mean_test_score"]):
        print(f"{settings['sklearnclassifier__model_kwargs']}: {score:.2%}")
    print(f"Test accuracy {search.score(x_test, y_test):.2%} with {search.best_params_}")


if __name__ == "__main__":
    main()
