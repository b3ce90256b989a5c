"""What `Model.quantize` tells; the literal reports are what Keras 3.16, in development, gives."""

import numpy as np
import pytest

from pronghorn import Input, Model, Sequential, layers, quantizers
from pronghorn.quantizers import QuantizationReport


class Own(layers.Dense):
    pass


def built():
    given = Input((5, 6), name="given")
    inside = [layers.Dense(4, name="deep"), layers.Dropout(0.1, name="drop")]
    inside += [layers.EinsumDense("abc,cd->abd", (None, 4), name="sum")]
    x = layers.Dense(4, activation=layers.ReLU(name="act"), name="first")(given)
    x = Sequential([Input((5, 4)), *inside], name="inner")(x)
    x = layers.MultiHeadAttention(1, 2, name="attend")(x, x)
    x = layers.BatchNormalization(name="norm")(Own(3, name="own")(x))
    return Model(given, layers.TernaryDense(2, name="last")(x), name="m")


def told(report):
    """What was quantized, and what was not, by the reason; attention's layers of no given name left out."""
    skipped = {}
    for path, reason in sorted(report.skipped):
        if not path.startswith(("softmax", "dropout")):
            skipped.setdefault(reason, []).append(path)
    return sorted((path, scheme) for path, _, scheme in report.quantized), skipped


PARTS = [f"attend/{name}" for name in ("attention_output", "key", "query", "value")]


def test_reports():
    model = built()
    with pytest.warns(UserWarning, match="layers cannot be quantized to ternary.*; 3 layers were quantized"):
        report = model.quantize("ternary")
    assert told(report) == (
        [(path, "ternary_from_float32") for path in ("first", "inner/deep", "last")],
        {"no quantize support": ["act", "attend", *PARTS, "drop", "inner/sum", "norm", "own"]},
    )
    model = built()
    report = model.quantize("int8", filters="^(deep|sum|query)$")
    assert told(report) == (
        [(path, "int8_from_float32") for path in ("attend/query", "inner/deep", "inner/sum")],
        {"filtered out": ["act", "attend", *PARTS[:2], PARTS[3], "drop", "first", "last", "norm", "own"]},
    )
    assert model._quantization_report is report


def test_a_second_call_takes_what_is_left():
    model = built()
    model.quantize("int8", filters="^(deep|sum|query)$")
    with pytest.warns(UserWarning, match="cannot be quantized to int4"):
        report = model.quantize("int4", filters=lambda layer: layer.name != "own")
    assert told(report) == (
        [(path, "int4/128_from_float32") for path in (*PARTS[:2], PARTS[3], "first")],
        {
            "already quantized": ["attend/query", "inner/deep", "inner/sum"],
            "no quantize support": ["act", "attend", "drop", "last", "norm"],
            "filtered out": ["own"],
        },
    )


def test_modes_that_look_at_data():
    table = layers.Embedding(9, 6, name="table")
    inside = [layers.Dense(4, name="up"), layers.ReLU(name="relu"), layers.TernaryDense(6, name="signs")]
    blocks = [layers.Dense(6, name="one"), Sequential([*inside, layers.Dense(6, name="down")], name="two")]
    model = Sequential([Input((5,), dtype="int32"), table, *blocks, layers.Dense(3, name="head")], name="g")
    structure = {"pre_block_layers": [table], "sequential_blocks": blocks}
    config = quantizers.GPTQConfig(
        [np.arange(40) % 9],
        None,
        num_samples=4,
        sequence_length=5,
        group_size=2,
        quantization_layer_structure=structure,
    )
    report = model.quantize(config=config, filters=lambda layer: layer.name != "up")
    assert told(report) == (
        [(path, "gptq/4/2_from_float32") for path in ("g/one", "g/two/down")],
        {
            "outside quantization structure": ["g/head", "g/table", "g/two/signs", "relu"],
            "filtered out": ["g/two/up"],
        },
    )
    report = model.quantize(config=config)
    assert told(report)[0] == [("g/two/up", "gptq/4/2_from_float32")]
    assert told(report)[1]["already quantized"] == ["g/one", "g/two/down"]


def test_what_is_printed(capsys):
    model = Sequential([Input((7,)), layers.Dense(5, name="first"), layers.TernaryDense(3, name="last")], name="m")
    assert model.quantization_summary() == "Model 'm' has no quantized layers."
    capsys.readouterr()
    model.quantize("ternary", filters="first")
    assert capsys.readouterr().out == ""
    model.quantize("ternary", verbose=True)
    assert capsys.readouterr().out.splitlines() == [
        "Quantization to ternary: 1 layer quantized, 1 skipped",
        "  m/last: ternary_from_float32",
        "  m/first: skipped, already quantized",
    ]
    text = model.quantization_summary()
    assert capsys.readouterr().out == f"{text}\n"
    assert text.splitlines()[1:] == [
        "  m/first: ternary_from_float32, 35 weights in 11 bytes with their scales",
        "  m/last: ternary_from_float32, 15 weights in 9 bytes with their scales",
        "In all 20 bytes; as float32 it would be 200, 10.00 times as many.",
    ]


def test_a_report_by_itself():
    report = QuantizationReport()
    assert report.mode is None and report.summary_warning() is None
    report = QuantizationReport("int4")
    for i in range(7):
        report.add_skipped(f"norm_{i}", report.SKIP_NO_SUPPORT)
    report.add_skipped("first", report.SKIP_FILTERED)
    report.add_quantized("last", "int4", "int4/128_from_float32")
    assert (report.num_quantized, report.num_skipped) == (1, 8)
    assert report.skipped_by_reason("filtered out") == ["first"]
    assert report.summary_warning(2) == (
        "quantize: 7 layers cannot be quantized to int4 and stay as before (norm_0, norm_1, ...); 1 layer was "
        "quantized."
    )
    assert report.render().splitlines()[-1] == "  first: skipped, filtered out"
    assert repr(report) == "QuantizationReport(mode='int4', quantized=1, skipped=8)"
