"""Several prompts together: the tokens that each has alone, its own end, its own draws, and pieces step by step."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from pronghorn import text
from pronghorn.text.tokenizers import TextStream
from pronghorn.text.writing import TextWriter, texts

sys.path.append(str(Path(__file__).resolve().parents[2] / "programs"))
import language_models

SIZES = {"vocabulary": 40, "width": 16, "hidden": 24, "blocks": 2, "heads": 4, "groups": 2, "head_size": 4}
KINDS = {
    "rotations": {"rotary_size": 4},
    "a table of positions": {"norm": "layer", "is_gated": False},
    "windows": {"rotary_size": 4, "windows": (5, None), "window_theta": 100.0},
    "rotations by length": {
        "rotary_size": 4,
        "rotary_scaling": {"rope_type": "dynamic", "factor": 10.0, "original_max_position_embeddings": 20},
    },
}
LENGTHS = (5, 1, 63, 64, 65, 130, 12)


def make(**settings):
    model = text.Decoder({**SIZES, "positions": 200, **settings})
    rng = np.random.default_rng(0)
    for weight in model.parameters().values():
        weight.assign(rng.standard_normal(weight.shape))
    return model


@pytest.fixture(scope="module")
def model():
    return make(rotary_size=4)


def prompts(lengths, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 40, length).tolist() for length in lengths]


@pytest.mark.parametrize("kind", KINDS)
def test_each_is_written_as_it_is_alone(kind):
    model, several = make(**KINDS[kind]), prompts(LENGTHS)
    assert text.generate(model, several, max_tokens=12) == [text.generate(model, one, max_tokens=12) for one in several]


def test_scores_do_not_depend_on_what_is_beside(model):
    several = prompts((7, 3, 1))
    starts = np.array([0, 4, 6], "int32")
    tokens = np.zeros((3, 7), "int32")
    for row, (start, one) in enumerate(zip(starts, several, strict=True)):
        tokens[row, start:] = one
    found, *_ = model.step(tokens, 0, 6, *model.make_cache(3, 9, starts))
    for row, one in enumerate(several):
        expected = np.asarray(model(np.array([one], "int32")))[0, -1]
        np.testing.assert_allclose(np.asarray(found)[row], expected, rtol=1e-5, atol=1e-5)


def test_the_same_as_transformers_write(tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy")
    answer = json.loads(language_models.FILE.read_text())["gemma3"]
    (tmp_path / "config.json").write_text(json.dumps(answer["config"]))
    arrays = {name: language_models.draw(name, tuple(shape)) for name, shape in answer["shapes"].items()}
    (tmp_path / "model.safetensors").write_bytes(safetensors.save(arrays))
    model = text.load(tmp_path)
    model.end_tokens = ()
    one, all_written = language_models.PROMPT, answer["written"]
    found = text.generate(model, [one, one + all_written[:20], one + all_written[:3]], max_tokens=language_models.COUNT)
    assert found == [all_written, all_written[20:], all_written[3:]]


def test_nothing_is_compiled_anew_for_other_lengths(model):
    for seed, lengths in enumerate(((5, 9, 30), (70, 1, 2), (3, 100, 20))):
        text.generate(model, prompts(lengths, seed), max_tokens=5)
    traced, run = [], model._run
    try:
        model._run = lambda *args: traced.append(args) or run(*args)
        for seed, lengths in enumerate(((2, 3, 1), (40, 50, 60), (150, 3, 80), (64, 65, 63), (8,), (1, 2), (9,) * 5)):
            text.generate(model, prompts(lengths, seed), max_tokens=20)
    finally:
        del model._run
    assert not traced


def test_each_ends_by_itself(model):
    several = prompts((5, 9, 2))
    alone = [text.generate(model, one, max_tokens=30) for one in several]
    end = alone[0][4]
    model.end_tokens = (end,)
    try:
        expected = [one[: one.index(end)] if end in one else one for one in alone]
        assert text.generate(model, several, max_tokens=30) == expected
        assert len({len(one) for one in expected}) > 1
    finally:
        model.end_tokens = ()
    # where the model has no more positions
    several = prompts((198, 5, 190))
    assert [len(one) for one in text.generate(model, several, max_tokens=15)] == [2, 15, 10]


def test_a_row_that_has_ended_may_compute_nonsense(model):
    several = prompts((199, 3))
    assert text.generate(model, several, max_tokens=40)[1] == text.generate(model, several[1], max_tokens=40)


def test_one_in_a_list_is_a_list(model):
    (one,) = prompts((4,))
    expected = text.generate(model, one, max_tokens=5)
    assert text.generate(model, [one], max_tokens=5) == [expected]
    assert text.generate(model, np.array([one]), max_tokens=5) == [expected]
    assert text.generate(model, np.array(one), max_tokens=5) == expected
    assert text.generate(model, (tuple(one), np.array(one)), max_tokens=5) == [expected] * 2


def test_draws_are_each_ones_own(model):
    (one,) = prompts((4,))
    options = {"max_tokens": 15, "temperature": 3.0, "seed": 7}
    first, second, third = text.generate(model, [one] * 3, **options)
    assert first == text.generate(model, one, **options)
    assert len({tuple(first), tuple(second), tuple(third)}) == 3
    other = prompts((50,))[0]
    assert text.generate(model, [other, one], **options)[1] == second
    options["seed"] = None
    assert text.generate(model, [one] * 2, **options)[0] != text.generate(model, [one] * 2, **options)[0]


def test_a_stream_has_a_piece_for_each(model):
    several = prompts((5, 2, 199))
    expected = text.generate(model, several, max_tokens=6)
    assert [len(one) for one in expected] == [6, 6, 1]
    stream = text.generate(model, several, stream=True, max_tokens=6)
    first = next(stream)
    assert first == [one[0] for one in expected] and stream.count == 3
    steps = [first, *stream]
    assert steps[1:] == [[a, b, None] for a, b in zip(expected[0][1:], expected[1][1:], strict=True)]
    assert stream.count == 13 and stream.tokens_per_second > 0


LETTERS = text.Tokenizer(40, lambda t: [ord(c) - 96 for c in t], lambda tokens: "".join(chr(t + 96) for t in tokens))


def test_texts_each_to_its_own_stop(model):
    several = ["cadae", "b", "hello"]
    alone = [text.generate(model, one, max_tokens=20, tokenizer=LETTERS) for one in several]
    assert text.generate(model, several, max_tokens=20, tokenizer=LETTERS) == alone
    stop = alone[1][4:6]
    expected = [one.partition(stop)[0] for one in alone]
    assert text.generate(model, several, max_tokens=20, tokenizer=LETTERS, stop=stop) == expected
    pieces = list(text.generate(model, several, stream=True, max_tokens=20, tokenizer=LETTERS, stop=stop))
    assert all(len(piece) == 3 and any(piece) for piece in pieces)
    assert ["".join(row) for row in zip(*pieces, strict=True)] == expected


def test_characters_of_several_tokens():
    """What is held back at the end of one comes in the step in which that one ends."""
    words = "né→😀"
    tokens = list(words.encode())
    tokenizer = text.Tokenizer(256, lambda t: list(t.encode()), lambda t: bytes(t).decode("utf-8", "replace"))
    writers = [TextWriter(TextStream(tokenizer), ()) for _ in range(2)]

    class Steps:
        has_ended = [False, False]
        end = staticmethod(lambda row: None)

        def __iter__(self):
            for i, token in enumerate(tokens):
                self.has_ended[1] = i >= 1
                yield [token, token if i < 2 else None]

    pieces = list(texts(Steps(), writers))
    assert ["".join(row) for row in zip(*pieces, strict=True)] == [words, "n\ufffd"]
    assert pieces[1] == ["", "\ufffd"]


@pytest.mark.parametrize(
    "several, said",
    [
        ([[1], []], r"prompt\[1\] is empty"),
        (np.zeros((2, 0), "int32"), r"prompt\[0\] is empty"),
        ([["a"], [1]], r"prompt\[0\] is to be a text or a list of integers, not"),
        ([[1], [1, 40]], r"prompt\[1\] has the token 40"),
        ([[1] * 200, [1]], r"prompt\[0\] has 200 tokens, and the model has 200 positions"),
        (["a", [1]], "several prompts are all texts, or all lists"),
        ([1, [1]], "several prompts are all texts, or all lists"),
        ([[1], [1, [2, 3]]], r"prompt\[1\] is to be a text or a list of integers, not object"),
        ([], "the prompt is empty"),
        (["a", ""], r"prompt\[1\] is empty"),
        (["a", "é"], r"prompt\[1\] has the token 137"),
        ([None], "is to be a text or a list of integers, not object"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_computed(model, monkeypatch, several, said):
    monkeypatch.setattr(text.Decoder, "make_cache", lambda *args: pytest.fail("it computes"))
    for stream in (False, True):
        with pytest.raises(ValueError, match=said):
            text.generate(model, several, stream=stream, tokenizer=LETTERS)


def test_a_prompt_that_is_none(model):
    with pytest.raises(TypeError, match="a prompt is a text or a list of integers, not None"):
        text.generate(model, None)
