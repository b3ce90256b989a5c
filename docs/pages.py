"""What the scripts that write pages have in common."""

from __future__ import annotations

import sys
from pathlib import Path


def write_or_check(page: Path, text: str) -> int:
    """Write a page; with `--check` on the command line only say whether it is so already.

    Args:
        page: its file.
        text: what it is to say.

    Returns:
        The exit status: 1 if the page says otherwise, which is printed.
    """
    if "--check" not in sys.argv[1:]:
        page.write_text(text, encoding="utf-8")
        return 0
    if page.is_file() and page.read_text(encoding="utf-8") == text:
        return 0
    print(text)
    print(f"{page.name} is stale: run python docs/{Path(sys.argv[0]).name}", file=sys.stderr)
    return 1
