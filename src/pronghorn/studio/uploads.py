"""What pages send as files: images, tables, models, scripts. None of it is run or unpacked outside a scratch folder."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from typing import Any

from starlette.concurrency import run_in_threadpool

from pronghorn._wording import size_text
from pronghorn.studio import data_sets, tables
from pronghorn.studio.files import FileView, view_file
from pronghorn.studio.from_pages import clean_name
from pronghorn.studio.workbench import Workbench

_LARGEST_FILE = 1 << 33  # bytes


async def take(bench: Workbench, kind: str, about: Mapping[str, str], chunks: AsyncIterator[bytes]) -> None:
    """Take what a page sends.

    Args:
        bench: where it goes.
        kind: `images`, `table` or `file`.
        about: `name` is the file's.
        chunks: what is in it.

    Raises:
        ValueError: for what is no such thing, or too large.
    """
    name = clean_name(about.get("name", ""), "file")
    if kind == "file":
        await _take_file(bench, name, chunks)
        return
    if kind not in _READERS:
        raise ValueError(f"There is no upload {kind!r}.")
    body = await _whole(chunks, data_sets.LARGEST_UPLOAD)
    await run_in_threadpool(_READERS[kind], bench, name, body)


async def _whole(chunks: AsyncIterator[bytes], limit: int) -> bytes:
    parts, size = [], 0
    async for chunk in chunks:
        parts.append(chunk)
        size += len(chunk)
        if size > limit:
            raise ValueError(f"That is more than {size_text(limit)}.")
    return b"".join(parts)


async def _take_file(bench: Workbench, name: str, chunks: AsyncIterator[bytes]) -> None:
    folder = tempfile.TemporaryDirectory(prefix="studio-")  # it goes when its view does
    place, size = os.path.join(folder.name, name), 0
    with open(place, "wb") as file:
        async for chunk in chunks:
            size += len(chunk)
            if size > _LARGEST_FILE:
                raise ValueError(f"The file has more than {size_text(_LARGEST_FILE)}.")
            file.write(chunk)

    def read() -> FileView:
        try:
            return replace(view_file(place, name), folder=folder)
        except (OSError, ValueError) as error:  # by the name that its owner knows
            raise ValueError(str(error).replace(place, name)) from error

    view = await run_in_threadpool(read)
    with bench.lock:
        bench.file = view
        bench.changed()


def _images(bench: Workbench, name: str, body: bytes) -> None:
    bench.use_data(data_sets.read_image_upload(body))


def _table(bench: Workbench, name: str, body: bytes) -> None:
    table = tables.read_csv(name, tables.read_text(body))
    bench.use_data(tables.from_table(table), table)


_READERS: dict[str, Callable[[Workbench, str, bytes], Any]] = {"images": _images, "table": _table}
