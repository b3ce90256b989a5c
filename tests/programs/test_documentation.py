"""The documentation does what it says: each page's blocks run in order, in one namespace, as a reader would type them.

What stands after the language of a fence says how a block is run:

- ```` ```python ```` is executed; one that starts with ``>>>`` is a doctest.
- ```` ```python raises ```` must raise.
- ```` ```python title="train.py" ```` is written to that file, for the blocks below it.
- ```` ```sh run ```` is run by bash, where ``pronghorn`` is this one; other ```` ```sh ```` are for reading.
- ``no-run`` is for reading only, and so is what stands under it.
- ```` ```output ```` right below a block is what that block prints; ``...`` stands for anything, spaces do not matter.

A page of which the first line is ``<!-- slow -->`` is not in the quick subset.
"""

import contextlib
import doctest
import io
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import pronghorn as keras

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
_BLOCK = re.compile(r"^( *)```(python|sh)\b([^\n]*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
_OUTPUT = re.compile(r"\n+ *```output\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
_FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


@dataclass
class Block:
    """What stands between two fences."""

    line: int
    language: str
    how: str
    code: str
    output: str | None


def blocks(page):
    text = page.read_text(encoding="utf-8")
    for match in _BLOCK.finditer(text):
        indent, language, how, code = match.groups()
        if "no-run" in how or (language == "sh" and "run" not in how.split()):
            continue
        code = re.sub(f"^{indent}", "", code, flags=re.MULTILINE)
        output = _OUTPUT.match(text, match.end())
        yield Block(text[: match.start()].count("\n") + 2, language, how, code, output and output[1])


def _doctest(page, block, namespace):
    test = doctest.DocTestParser().get_doctest(block.code, namespace, page.name, str(page), block.line)
    runner = doctest.DocTestRunner(optionflags=_FLAGS)
    runner.run(test, clear_globs=False)
    namespace.update(test.globs)
    assert runner.failures == 0, f"{page.name}, the block at line {block.line}"
    return ""


def _python(page, block, namespace):
    code = compile("\n" * (block.line - 1) + block.code, str(page), "exec")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        if "raises" not in block.how.split():
            exec(code, namespace)
            return printed.getvalue()
        with pytest.raises(Exception) as caught:
            exec(code, namespace)
    return f"{printed.getvalue()}{caught.type.__name__}: {caught.value}"


def _shell(page, block):
    function = f'pronghorn() {{ "{sys.executable}" -m pronghorn "$@"; }}; set -e\n'
    path = os.pathsep.join([str(ROOT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": path, "COLUMNS": "100"}
    done = subprocess.run(
        ["bash", "-c", function + block.code], capture_output=True, text=True, env=environment, timeout=300
    )
    assert done.returncode == 0, f"{page.name}, the block at line {block.line}: {done.stderr}"
    return done.stdout


def run(page, block, namespace):
    """Run a block and compare what it prints."""
    title = re.search(r'title="([^"]+)"', block.how)
    if title:
        Path(title[1]).write_text(block.code, encoding="utf-8")
        return
    if block.language == "sh":
        printed = _shell(page, block)
    elif block.code.lstrip().startswith(">>>"):
        printed = _doctest(page, block, namespace)
    else:
        printed = _python(page, block, namespace)
    if block.output is not None:
        same = doctest.OutputChecker().check_output(block.output, printed, _FLAGS)
        assert same, f"{page.name}, the block at line {block.line} prints\n{printed}"


def _cases():
    for page in PAGES:
        if any(blocks(page)):
            slow = page.read_text(encoding="utf-8").startswith("<!-- slow -->")
            yield pytest.param(page, id=str(page.relative_to(ROOT)), marks=[pytest.mark.slow] if slow else [])


@pytest.fixture
def fresh_session():
    """As in a new program: layers are counted from 1, and what a page sets is gone after it."""
    threads, policy = keras.config.get_num_threads(), keras.config.dtype_policy()
    keras.utils.clear_session()
    yield
    keras.config.set_num_threads(threads)
    keras.config.set_dtype_policy(policy)


@pytest.mark.usefixtures("fresh_session")
@pytest.mark.parametrize("page", list(_cases()))
def test_blocks_of_a_page_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    namespace = {"__name__": "__main__"}
    for block in blocks(page):
        run(page, block, namespace)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_output_belongs_to_a_block_that_runs(page):
    written = len(re.findall(r"^ *```output$", page.read_text(encoding="utf-8"), re.MULTILINE))
    compared = sum(block.output is not None for block in blocks(page))
    assert written == compared, f"{page.name}: {written - compared} outputs that nothing is compared with"


_LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(#[^)\s]+)?[^)]*\)")
_FENCED = re.compile(r"^( *)```.*?^ *```$", re.DOTALL | re.MULTILINE)


def _prose(page):
    return _FENCED.sub("", page.read_text(encoding="utf-8"))


def _anchors(page):
    """The anchors of a page's headings, as the site makes them."""
    headings = re.findall(r"^#+ +(.*)$", _prose(page), re.MULTILINE)
    plain = [re.sub(r"[^\w\s-]", "", re.sub(r"\]\([^)]*\)", "", heading)).strip().lower() for heading in headings]
    return {"#" + re.sub(r"[-\s]+", "-", heading) for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_of_a_page_lead_somewhere(page):
    missing = []
    for link, anchor in _LINK.findall(_prose(page)):
        target = page.parent / link if link else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in _anchors(target)):
            missing.append(link + anchor)
    assert not missing, f"{page.name} links to {missing}"
