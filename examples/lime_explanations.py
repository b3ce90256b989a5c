"""Which measurements make a network call a tumour harmless: by LIME.

    pip install lime
    pronghorn run examples/lime_explanations.py

LIME draws inputs around one case, asks the network's `predict` about them and fits a linear model to the answers. The
data are 569 measured tumours, which are in scikit-learn. Expect the network to be right in about 96 % of the cases, and
large, dented cells to speak against the second one.
"""

import keras
from keras import layers
from lime.lime_tabular import LimeTabularExplainer
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

keras.utils.set_random_seed(0)
data = load_breast_cancer()
x_train, x_test, y_train, y_test = train_test_split(data.data, data.target, random_state=0, stratify=data.target)

scale = layers.Normalization()
scale.adapt(x_train)
model = keras.Sequential(
    [
        keras.Input((x_train.shape[1],)),
        scale,
        layers.Dense(16, activation="relu"),
        layers.Dense(2, activation="softmax"),
    ]
)
model.compile(keras.optimizers.Adam(0.01), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x_train, y_train, epochs=10, batch_size=32, verbose=0)
print(f"Test accuracy {model.evaluate(x_test, y_test, verbose=0)[1]:.2%}")

explainer = LimeTabularExplainer(
    x_train, feature_names=data.feature_names, class_names=data.target_names, random_state=0
)
for case in (0, 1):
    explanation = explainer.explain_instance(
        x_test[case], lambda rows: model.predict(rows, verbose=0), num_features=4, num_samples=2000
    )
    harmless = explanation.predict_proba[1]
    print(f"Case {case}: {harmless:.1%} harmless, in truth {data.target_names[y_test[case]]}")
    for condition, weight in explanation.as_list():
        print(f"  {weight:+.2f}  {condition}")
