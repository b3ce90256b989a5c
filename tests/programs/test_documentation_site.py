"""The scripts that put the site together: links, names and docstrings become what they should. CI builds the site."""

import importlib.util
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
pytest.importorskip("griffe", reason="pip install 'pronghorn[docs]'")


@pytest.fixture(scope="module")
def build():
    sys.path.insert(0, str(DOCS))
    try:
        spec = importlib.util.spec_from_file_location("build_site", DOCS / "build.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path.remove(str(DOCS))


def test_links_lead_to_pages_of_the_site(build):
    names = {"layers.Dense": "reference/layers_core.md#layers.Dense"}
    text = (
        "[a](../../README.md) [b](../engines.md#measured-jax) [c](../../examples/vae.py) [d](https://x.org/) "
        "`layers.Dense` `keras.layers.Dense` `Dense` [`layers.Dense`](../saving.md)\n\n"
        "```python no-run\n`layers.Dense` [b](../../README.md)\n```\n"
    )
    made = build.page_for_site("<!-- slow -->\n" + text, DOCS / "guides" / "x.md", names)
    dense = "(../reference/layers_core.md#layers.Dense)"
    assert made == (
        "[a](../index.md) [b](../engines.md#measured-jax) [c](../examples/vae.md) [d](https://x.org/) "
        f"[`layers.Dense`]{dense} [`keras.layers.Dense`]{dense} `Dense` [`layers.Dense`](../saving.md)\n\n"
        "```python\n`layers.Dense` [b](../../README.md)\n```\n"
    )


def test_what_would_be_fetched_is_found(build, tmp_path, monkeypatch):
    monkeypatch.setattr(build, "SITE", tmp_path)
    (tmp_path / "a.html").write_text('<a href="https://a.org"></a><script src="https://b.org/x.js"></script>')
    (tmp_path / "a.css").write_text("/* https://c.org */ x { background: url(//d.org/x.png) }")
    assert build.fetched_from_elsewhere() == ["a.html: https://b.org/x.js", "a.css: //d.org/x.png"]


def test_every_public_class_and_function_is_in_the_reference(build):
    from pronghorn import losses, metrics, ops

    names = {name for page in build.make_reference.pages() for name, _ in page.anchors()}
    assert {"layers.Dense", "layers.Convolution2D", "Model.fit", "model.fit", "ops.matmul", "Sequential"} <= names
    for family, module in (("losses", losses), ("metrics", metrics), ("ops", ops)):
        functions = [n for n in module.__all__ if callable(getattr(module, n)) and not n[0].isupper()]
        assert not {f"{family}.{n}" for n in functions} - names


def test_an_entry_has_its_signature_and_its_sections(build):
    def scale(x, factor: float = 2.0, *, axis: int | None = None) -> list[float]:
        """Multiply ``x`` < infinity.

        Kinds:
        - a list
        - an array

        Args:
            x: what
              is multiplied.
            factor: by what.

        Raises:
            ValueError: if ``x`` is empty.

        Example:

        >>> scale([1.0])
        [2.0]
        """

    text = build.make_reference.reference_text.entry("ops.scale", scale, ["scale"], [])
    assert text.startswith("## scale { #ops.scale }\n\n```python\nops.scale(x, factor: float = 2.0, *, axis: int")
    for words in (
        "Also `scale`.",
        "Multiply ``x`` &lt; infinity.",
        "Kinds:\n\n- a list\n- an array",
        "**Arguments**\n\n- `x`: what",
        "- `ValueError`: if ``x`` is empty.",
        "```pycon\n>>> scale([1.0])\n[2.0]\n```",
    ):
        assert words in text, text


def test_a_class_shows_no_method_of_a_class_with_an_entry_of_its_own(build):
    entries = {entry.name: entry for page in build.make_reference.pages() for entry in page.entries}
    assert [name for name, _ in entries["layers.Dense"].methods()] == ["enable_lora"]
    assert {"fit", "predict", "summary", "save"} <= {name for name, _ in entries["Model"].methods()}


def test_names_that_are_used_daily_show_an_example(build):
    complete = ("layers.", "losses.", "metrics.", "ops.", "random.", "models.")
    script = build.make_reference
    without = [
        entry.name
        for page in script.pages()
        for entry in page.entries
        if entry.name.startswith(complete)
        and page.name != "layers_foreign"
        and not script.shows_an_example(entry.value)
    ]
    assert not without, f"write an example that runs for {without}"
