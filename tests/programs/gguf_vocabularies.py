"""Small vocabularies in the headers of GGUF files, and how llama.cpp cuts texts with them, to compare ours with.

    pip install llama-cpp-python gguf tokenizers sentencepiece   # in an environment of its own
    python tests/programs/gguf_vocabularies.py                   # writes tests/data/gguf_vocabularies.json

The file has the vocabularies, too, so that a new version of a trainer changes nothing.
`tests/unit/text/test_gguf_tokenizers.py` reads it. Written with llama-cpp-python 0.3.36, gguf 0.19.0,
tokenizers 0.23.3 and sentencepiece 0.2.3.
"""

import json
from pathlib import Path

FILE = Path(__file__).resolve().parents[1] / "data" / "gguf_vocabularies.json"
BOOK = """The quick brown fox jumps over the lazy dog. It's 1234567 o'clock; they'll see that we've done what he'd
asked. HTTPServer and camelCase, naïve cafés → über 😀 привет мир 你好世界.
for i in range(10):\n    print(i)\n\n\n    return None\r\n
"""
TEXTS = (
    "",
    " ",
    "The quick brown fox",
    "  two  spaces   and\ttabs \n\n lines\r\n end ",
    "IT'S he'll WE'VE don't o'clock 'tis",
    "1234567 12 1 3.14159 2026-12-03",
    "HTTPServer camelCase naïve cafés → über 😀😀 привет мир 你好世界",
    "path/to//file.py: x=[1,2];\n\tprint(x)  # ok?!\n",
    "<|begin|>The fox<|end|> said <sep>the dog",
)
CUTS = ("gpt-2", "phi-2", "llama-bpe", "dbrx", "smaug-bpe", "qwen2", "smollm", "gpt-4o", "tekken")
PIECES = {"pieces": {}, "pieces without a space": {"add_space_prefix": False, "add_bos_token": False}}
SPECIAL = (("<|begin|>", 3), ("<|end|>", 3), ("<sep>", 4))


def write(path, vocabulary, cut=None, **fields):
    """Write a file with a vocabulary and no weights.

    Args:
        path: the file.
        vocabulary: its tokens, kinds, and merges or scores.
        cut: how texts are cut before pairs are merged.
        fields: more of the header, such as ``add_bos_token=False``.
    """
    import gguf

    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(64)
    writer.add_embedding_length(16)
    writer.add_block_count(1)
    writer.add_feed_forward_length(16)
    writer.add_head_count(4)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(4)
    describe(writer, vocabulary, cut, **fields)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()


def describe(writer, vocabulary, cut=None, **fields):
    """Add a vocabulary to the header of a file."""
    writer.add_tokenizer_model("gpt2" if "merges" in vocabulary else "llama")
    writer.add_token_list(vocabulary["tokens"])
    writer.add_token_types(vocabulary["kinds"])
    if "merges" in vocabulary:
        writer.add_token_merges(vocabulary["merges"])
    else:
        writer.add_token_scores(vocabulary["scores"])
        writer.add_unk_token_id(0)
    if cut is not None:
        writer.add_tokenizer_pre(cut)
    writer.add_bos_token_id(vocabulary["begin"])
    writer.add_eos_token_id(vocabulary["end"])
    for name, value in fields.items():
        writer.add_bool(f"tokenizer.ggml.{name}", value)


def _byte_pairs():
    import tokenizers

    found = tokenizers.Tokenizer(tokenizers.models.BPE())
    found.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=480, initial_alphabet=alphabet, show_progress=False)
    found.train_from_iterator([BOOK] * 3, trainer)
    model = json.loads(found.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    kinds = [1] * len(tokens) + [kind for _, kind in SPECIAL]
    merges = [" ".join(pair) for pair in model["merges"]]
    tokens += [name for name, _ in SPECIAL]
    return {"tokens": tokens, "kinds": kinds, "merges": merges, "begin": len(tokens) - 3, "end": len(tokens) - 2}


def _sentencepiece():
    import io

    import sentencepiece

    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(BOOK.splitlines() * 3),
        model_writer=written,
        vocab_size=480,
        byte_fallback=True,
        model_type="bpe",
        hard_vocab_limit=False,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        control_symbols=["<|begin|>", "<|end|>"],
        minloglevel=2,
    )
    model = sentencepiece.SentencePieceProcessor(model_proto=written.getvalue())
    size = range(model.get_piece_size())
    tokens = [model.id_to_piece(i) for i in size]
    kinds = [2 if model.is_unknown(i) else 3 if model.is_control(i) else 6 if model.is_byte(i) else 1 for i in size]
    return {"tokens": tokens, "kinds": kinds, "scores": [model.get_score(i) for i in size], "begin": 1, "end": 2}


def _answers(path):
    import llama_cpp

    model = llama_cpp.Llama(str(path), vocab_only=True, verbose=False)
    return [model.tokenize(text.encode(), add_bos=True, special=True) for text in TEXTS]


if __name__ == "__main__":
    import tempfile

    found = {"byte pairs": _byte_pairs(), "sentencepiece": _sentencepiece(), "answers": {}}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.gguf"
        for cut in CUTS:
            write(path, found["byte pairs"], cut)
            found["answers"][cut] = _answers(path)
        for name, fields in PIECES.items():
            write(path, found["sentencepiece"], "default", **fields)
            found["answers"][name] = _answers(path)
    lines = [f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in found.items()]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")
