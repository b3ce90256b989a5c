"""Writing: against the same model asked for each token anew, and what is refused before anything is computed."""

import threading

import numpy as np
import pytest

from pronghorn import text
from pronghorn.text.sampling import Sampler
from pronghorn.text.tokenizers import TextStream
from pronghorn.text.writing import Clock, TextWriter, Writing

PROMPT = [3, 1, 4, 1, 5]


@pytest.fixture(scope="module")
def model():
    settings = {"vocabulary": 40, "width": 16, "hidden": 24, "blocks": 2, "heads": 4, "groups": 2, "head_size": 4}
    model = text.Decoder({**settings, "positions": 150, "rotary_size": 4})
    rng = np.random.default_rng(0)
    for weight in model.parameters().values():
        weight.assign(rng.standard_normal(weight.shape))
    return model


def greedy(model, prompt, count):
    """The best token each time, by a call with all tokens."""
    tokens = list(prompt)
    for _ in range(count):
        tokens.append(int(np.asarray(model(np.array([tokens], "int32")))[0, -1].argmax()))
    return tokens[len(prompt) :]


@pytest.mark.parametrize("length", [1, 5, 63, 64, 65, 130])
def test_greedy_writing_is_what_the_model_says_each_time(model, length):
    prompt = np.random.default_rng(length).integers(0, 40, length).tolist()
    assert text.generate(model, prompt, max_tokens=6) == greedy(model, prompt, 6)


def test_nothing_is_compiled_anew_for_another_prompt_or_token(model):
    text.generate(model, PROMPT, max_tokens=5)
    traced = []
    run = model._run
    try:
        model._run = lambda *args: traced.append(args) or run(*args)
        for count in (1, 9, 40):
            text.generate(model, list(range(count)), max_tokens=12)
    finally:
        del model._run
    assert not traced


def test_it_ends_with_the_models_positions(model):
    assert len(text.generate(model, [1] * 145, max_tokens=100)) == 5


def test_a_token_that_ends_a_text_ends_it(model):
    tokens = text.generate(model, PROMPT, max_tokens=8)
    model.end_tokens = (tokens[3],)
    try:
        assert text.generate(model, PROMPT, max_tokens=8) == tokens[: tokens.index(tokens[3])]
    finally:
        model.end_tokens = ()


def test_a_stream_gives_tokens_one_by_one_and_its_speed(model):
    stream = text.generate(model, PROMPT, stream=True, max_tokens=5)
    assert stream.count == 0 and stream.tokens_per_second is None
    first = next(stream)
    assert stream.count == 1
    assert [first, *stream] == text.generate(model, PROMPT, max_tokens=5)
    assert stream.count == 5 and stream.tokens_per_second > 0


def test_draws_go_by_the_seed(model):
    first, again, other = (
        text.generate(model, PROMPT, max_tokens=20, temperature=5.0, top_k=30, top_p=0.9, seed=s) for s in (1, 1, 2)
    )
    assert first == again != other


def test_the_best_token_alone_is_greedy(model):
    assert text.generate(model, PROMPT, max_tokens=8, temperature=1.0, top_k=1) == greedy(model, PROMPT, 8)


def test_keys_and_values_stay_where_they_are(model):
    cache = [np.array(x) for x in model.make_cache(1, 64)]
    _, *found = model.compiled_step(np.int32([[3]]), np.int32(0), np.int32(0), *cache)
    assert all(x.data is given for x, given in zip(found[1:], cache[1:]))


def test_writing_goes_on_after_an_interruption(model, monkeypatch):
    """Even where it came when a token was in the cache, but what follows it not yet chosen."""
    plain, step = text.generate(model, PROMPT, max_tokens=6), model.compiled_step
    writing = Writing(model, [PROMPT], 6, Sampler(), Clock())
    found = [next(writing), next(writing)]

    def interrupted(*args):
        step(*args)
        raise KeyboardInterrupt

    monkeypatch.setitem(vars(model), "compiled_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        next(writing)
    monkeypatch.setitem(vars(model), "compiled_step", step)
    assert [token for (token,) in [*found, *writing]] == plain


def test_threads_write_the_same(model):
    expected, found = text.generate(model, PROMPT, max_tokens=20), []
    threads = [
        threading.Thread(target=lambda: found.append(text.generate(model, PROMPT, max_tokens=20))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4


LETTERS = text.Tokenizer(40, lambda t: [ord(c) - 96 for c in t], lambda tokens: "".join(chr(t + 96) for t in tokens))


def test_text_goes_in_and_out(model):
    written = text.generate(model, "cadae", max_tokens=8, tokenizer=LETTERS)
    assert written == LETTERS.decode(greedy(model, PROMPT, 8))
    assert "".join(text.generate(model, "cadae", stream=True, max_tokens=8, tokenizer=LETTERS)) == written
    stop = written[3:5]
    assert text.generate(model, "cadae", max_tokens=8, tokenizer=LETTERS, stop=stop) == written[: written.index(stop)]


def until(pieces, stops):
    """What a writer gives for tokens that are these pieces, and at the end."""
    tokenizer = text.Tokenizer(len(pieces), None, lambda tokens: "".join(pieces[token] for token in tokens))
    writer, found = TextWriter(TextStream(tokenizer), stops), []
    for token in range(len(pieces)):
        found.append(writer.add(token))
        if writer.has_ended:
            break
    return [*found, writer.rest()]


def test_texts_to_stop_at_are_found_across_pieces():
    assert until(["ab", "cE", "ND", "x"], ["END"]) == ["ab", "c", "", ""]
    assert until(["ab", "cE", "Nd"], ["END"]) == ["ab", "c", "ENd", ""]
    assert until(["abc"], ["c", "b"]) == ["a", ""]
    assert until(["E"], ["END"]) == ["", "E"]


def test_a_character_of_several_tokens_is_shown_when_it_is_whole():
    data = "né→😀!".encode()
    tokenizer = text.Tokenizer(256, lambda t: list(t.encode()), lambda t: bytes(t).decode("utf-8", "replace"))
    stream = TextStream(tokenizer, tokenizer.encode("a"))
    assert [stream.add(byte) for byte in data] == ["n", "", "é", "", "", "→", "", "", "", "😀", "!"]
    assert stream.rest() == ""
    assert stream.add(0xE2) == "" and stream.rest() == "\ufffd"


@pytest.mark.parametrize(
    "prompt, options, said",
    [
        ([], {}, "the prompt is empty"),
        ([3, 40], {}, "has the token 40, but the model knows those from 0 to 39"),
        ([-1], {}, "has the token -1"),
        ([1] * 150, {}, "has 150 tokens, and the model has 150 positions.*shorten the prompt by 1"),
        ([1.5], {}, "a text or a list of integers, not float64"),
        ([[[1]]], {}, "prompt\\[0\\] is to be a text or a list of integers, not int64 of shape \\(1, 1\\)"),
        ([1], {"max_tokens": 0}, "max_tokens"),
        ([1], {"max_tokens": -1}, "max_tokens"),
        ([1], {"max_tokens": 2.5}, "max_tokens"),
        ([1], {"max_tokens": True}, "max_tokens"),
        ([1], {"temperature": -1.0}, "temperature"),
        ([1], {"temperature": float("inf")}, "temperature"),
        ([1], {"temperature": "1"}, "temperature"),
        ([1], {"top_k": 41}, "top_k is 41, but there are 40 tokens; leave it out"),
        ([1], {"top_k": 1.5}, "top_k"),
        ([1], {"top_p": float("nan")}, "top_p"),
        ([1], {"seed": -1}, "seed is an integer from 0 up"),
        ([1], {"seed": 1.5}, "seed is an integer from 0 up"),
        ("a", {"stop": [1], "tokenizer": LETTERS}, "stop is a text, or several"),
        ("a", {"stop": 1, "tokenizer": LETTERS}, "stop is a text, or several"),
        ([1], {"temperature": float("nan")}, "temperature"),
        ([1], {"top_k": 0}, "top_k"),
        ([1], {"top_p": 0.0}, "top_p"),
        ([1], {"stop": "x"}, "stop is a text"),
        ("a", {"stop": ["x", ""], "tokenizer": LETTERS}, "a text to stop at is empty"),
        ("", {"tokenizer": LETTERS}, "the prompt is empty"),
        ("é", {"tokenizer": LETTERS}, "has the token 137"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_what_makes_no_sense_is_refused_before_anything_is_computed(model, monkeypatch, prompt, options, said, stream):
    monkeypatch.setattr(text.Decoder, "make_cache", lambda *args: pytest.fail("it computes"))
    with pytest.raises(ValueError, match=said):
        text.generate(model, prompt, stream=stream, **options)


def test_texts_that_are_none_are_refused(model):
    letters = text.Tokenizer(50, lambda words: [ord(letter) % 50 for letter in words], str)
    with pytest.raises(ValueError, match=r"the prompt has '\\udcff' in place 1, which is no character: .* UTF-8"):
        text.generate(model, "a\udcff", tokenizer=letters)
    with pytest.raises(ValueError, match=r"prompt\[1\] has '\\ud83d' in place 0"):
        text.generate(model, ["a", "\ud83d"], tokenizer=letters)
    for prompt in (b"abc", bytearray(b"abc")):
        with pytest.raises(TypeError, match=r"not bytes; for a text, decode\(\) them"):
            text.generate(model, prompt, tokenizer=letters)


def test_a_text_without_a_tokenizer_is_refused(model):
    with pytest.raises(FileNotFoundError, match="has no tokenizer: pass tokenizer="):
        text.generate(model, "a")


def test_scores_that_are_no_numbers_are_told(model):
    model.final_norm.scale.assign(np.full(16, np.nan))
    try:
        with pytest.raises(FloatingPointError, match="NaN or infinite"):
            text.generate(model, PROMPT)
    finally:
        model.final_norm.scale.assign(np.ones(16))
