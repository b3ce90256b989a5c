"""What TensorFlow gives for the expressions beside this file; run with the real one, it writes the answers anew.

python tests/programs/tensorflow_answers.py      (where TensorFlow is installed)
"""

import json
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
EXPRESSIONS = HERE / "tensorflow_expressions.txt"
ANSWERS = HERE.parent / "data" / "tensorflow_answers.json"


def expressions():
    lines = EXPRESSIONS.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


def example(tf, **features):
    """A serialized `tf.train.Example` of integers, floats and bytes."""
    kinds = {int: ("int64_list", tf.train.Int64List), float: ("float_list", tf.train.FloatList)}
    made = {}
    for name, values in features.items():
        field, kind = kinds.get(type(values[0]), ("bytes_list", tf.train.BytesList))
        made[name] = tf.train.Feature(**{field: kind(value=values)})
    return tf.train.Example(features=tf.train.Features(feature=made)).SerializeToString()


def plain(value):
    """A result as lists, numbers and strings."""
    if hasattr(value, "dense_shape"):
        return {"indices": plain(value.indices), "values": plain(value.values), "shape": plain(value.dense_shape)}
    if hasattr(value, "to_list"):
        return plain(value.to_list())
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    if hasattr(value, "_fields") or isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, bytes):
        return {"bytes": value.decode("latin1")}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, complex):
        return {"complex": [value.real, value.imag]}
    return plain(np.asarray(value).tolist())


def answer(expression, tf):
    """What an expression gives, or that it raises."""
    try:
        found = eval(expression, {"tf": tf, "np": np, "example": lambda **features: example(tf, **features)})
    except Exception as error:
        return {"raises": type(error).__name__}
    return plain(found)


if __name__ == "__main__":
    import tensorflow

    found = {expression: answer(expression, tensorflow) for expression in expressions()}
    ANSWERS.write_text(json.dumps(found, indent=0) + "\n", encoding="utf-8")
    print(f"{len(found)} answers, {sum('raises' in a for a in found.values() if isinstance(a, dict))} of them errors")
