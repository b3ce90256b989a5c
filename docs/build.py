"""Build the documentation site into build/site.

    pip install -e '.[docs]' && python docs/build.py

The pages are put together in build/pages: those of this folder, the project's own (ARCHITECTURE.md and its like), the
examples with their code, and the reference, made from docstrings by `make_reference.py`. There, links that lead out of
this folder lead to the pages that those files have become, and names of the library in code (`layers.Dense`) lead to
the reference. Then zensical makes the site, with links to nowhere as errors, and what it made is checked: nothing in it
is fetched from another host.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "docs")]

import make_reference  # noqa: E402

PAGES, SITE = ROOT / "build" / "pages", ROOT / "build" / "site"

#: Files outside of this folder, and what they are called on the site.
ELSEWHERE = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "project/architecture.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "CHANGELOG.md": "project/changelog.md",
    "docs/design": "project/architecture.md",
    "examples/README.md": "examples/index.md",
    "examples": "examples/index.md",
}
COPIED = {".png", ".svg", ".js", ".css"}

#: What stands before a page on the site: the home page has neither a list of pages nor one of headings.
BEFORE = {"index.md": "---\nhide:\n  - navigation\n  - toc\n---\n\n"}


def on_site(file: Path) -> str | None:
    """What a file of the repository is called on the site, or None where it is not there.

    >>> on_site(ROOT / "docs" / "engines.md"), on_site(ROOT / "examples" / "vae.py"), on_site(ROOT / "pyproject.toml")
    ('engines.md', 'examples/vae.md', None)
    """
    name = file.relative_to(ROOT).as_posix()
    if name in ELSEWHERE:
        return ELSEWHERE[name]
    if name.startswith("docs/") and file.suffix in {".md", *COPIED}:
        return name.removeprefix("docs/")
    if name.startswith("examples/") and file.suffix == ".py":
        return name.removesuffix(".py") + ".md"
    return None


# -- pages ------------------------------------------------------------------------------------------------------------
_FENCED = re.compile(r"^( *)(`{3,})[^\n]*\n.*?^ *\2 *$", re.DOTALL | re.MULTILINE)
_FENCE = re.compile(r"^( *```(?:python|sh)\b)([^\n]*)$", re.MULTILINE)
_LINK = re.compile(r"(\[[^\]]*\])\((?!https?:|mailto:|#)([^)#\s]+)(#[^)]*)?\)")
_NAME = re.compile(r"(?<![\[`\w])`((?:keras\.|pronghorn\.)?[a-z_]+(?:\.\w+)+)(?:\([^`]*\))?`(?![`\]])")


def outside_of_fences(text: str, change: Callable[[str], str]) -> str:
    """Change what is not code."""
    parts, last = [], 0
    for fenced in _FENCED.finditer(text):
        parts += [change(text[last : fenced.start()]), fenced[0]]
        last = fenced.end()
    return "".join([*parts, change(text[last:])])


def plain_fence(match: re.Match[str]) -> str:
    """A fence without what it tells the tests."""
    title = re.search(r'title="[^"]+"', match[2])
    return match[1] + (f" {title[0]}" if title else "")


def page_for_site(text: str, file: Path, names: dict[str, str]) -> str:
    """A page of the repository as one of the site.

    Args:
        text: what it says.
        file: where it stands, or for a page that is made, where it would.
        names: the library's names, and the page and anchor of each.

    Returns:
        What it says on the site.
    """
    here = os.path.dirname(on_site(file) or "")

    def link(match: re.Match[str]) -> str:
        target = on_site((file.parent / match[2]).resolve())
        if target is None:
            return match[0]
        return f"{match[1]}({os.path.relpath(target, here or '.')}{match[3] or ''})"

    def name(match: re.Match[str]) -> str:
        key = re.sub(r"^(keras|pronghorn)\.", "", match[1])
        if key not in names:
            return match[0]
        page, _, anchor = names[key].partition("#")
        return f"[{match[0]}]({os.path.relpath(page, here or '.')}#{anchor})"

    text = outside_of_fences(text, lambda part: _NAME.sub(name, _LINK.sub(link, part)))
    return _FENCE.sub(plain_fence, text).removeprefix("<!-- slow -->\n")


def example(file: Path) -> str:
    """The page of an example: what it says at its top, and its code."""
    code = file.read_text(encoding="utf-8")
    return f"# {file.name}\n\n````python\n{code}````\n"


def sources() -> Iterator[tuple[Path, str | None]]:
    """The files that become pages and what they say, or None for files that are copied as they are."""
    for file in sorted((ROOT / "docs").rglob("*")):
        if on_site(file) and file.is_file():
            yield file, None if file.suffix in COPIED else file.read_text(encoding="utf-8")
    for name in ("ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "examples/README.md"):
        yield ROOT / name, (ROOT / name).read_text(encoding="utf-8")
    for file in sorted((ROOT / "examples").glob("*.py")):
        yield file, example(file)


def put_together() -> None:
    """Write build/pages."""
    shutil.rmtree(PAGES, ignore_errors=True)
    reference = make_reference.pages()
    names = {name: f"reference/{page}.md#{anchor}" for page in reference for name, anchor in page.anchors()}
    for file, text in sources():
        target = PAGES / str(on_site(file))
        target.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            shutil.copyfile(file, target)
        else:
            written = page_for_site(text, file, names)
            target.write_text(BEFORE.get(str(on_site(file)), "") + written, encoding="utf-8")
    for page in reference:
        target = PAGES / "reference" / f"{page}.md"
        target.parent.mkdir(exist_ok=True)
        target.write_text(
            page_for_site(page.text(), ROOT / "docs" / "reference" / target.name, names), encoding="utf-8"
        )


# -- the site ---------------------------------------------------------------------------------------------------------
_SHIM = "https://unpkg.com/iframe-worker/shim"
#: What other sites show of a link to a page: `docs/make_home.py` draws the picture.
_CARD = """\
    <meta property="og:title" content="{title}">
    <meta property="og:image" content="{picture}">
    <meta name="twitter:card" content="summary_large_image">
    </head>"""
_FETCHED = re.compile(r"""<(?:script|img|iframe|link|source)\b[^>]*?\b(?:src|href)=["']?((?:https?:)?//[^"'\s>]+)""")
_IN_CSS = re.compile(r"""(?:url\(\s*|@import\s+)["']?((?:https?:)?//[^"')\s]+)""")


def own_shim() -> None:
    """Search in pages that are read from files needs a shim: have it come from the site, not from the theme's host."""
    for file in SITE.rglob("*.html"):
        text = file.read_text(encoding="utf-8")
        ours = os.path.relpath(SITE / "assets" / "iframe-worker" / "shim.js", file.parent)
        file.write_text(text.replace(_SHIM, ours), encoding="utf-8")


def social_cards() -> None:
    """Pages name the card that other sites show of a link."""
    for file in SITE.rglob("*.html"):
        text = file.read_text(encoding="utf-8")
        title = re.search(r"<title>(.*?)</title>", text, re.DOTALL)
        picture = os.path.relpath(SITE / "assets" / "social.png", file.parent)
        card = _CARD.format(title=title[1].strip() if title else "Pronghorn", picture=picture)
        before, _, after = text.partition("</head>")
        file.write_text(before.rstrip() + "\n" + card + after, encoding="utf-8")


def fetched_from_elsewhere() -> list[str]:
    """What the site's pages and styles would fetch from another host."""
    found = []
    for kind, pattern in (("*.html", _FETCHED), ("*.css", _IN_CSS)):
        for file in sorted(SITE.rglob(kind)):
            addresses = pattern.findall(file.read_text(encoding="utf-8"))
            found += [f"{file.relative_to(SITE)}: {address}" for address in addresses]
    return found


def main() -> int:
    """The command."""
    put_together()
    done = subprocess.run([sys.executable, "-m", "zensical", "build", "--clean", "--strict"], cwd=ROOT, check=False)
    if done.returncode:
        return done.returncode
    own_shim()
    social_cards()
    elsewhere = fetched_from_elsewhere()
    if elsewhere:
        print("The site would fetch from other hosts:", *elsewhere, sep="\n  ", file=sys.stderr)
        return 1
    print(f"open {SITE / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
