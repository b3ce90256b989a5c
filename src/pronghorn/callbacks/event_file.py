"""Event files, the format that TensorBoard reads, written without TensorFlow.

A file is a row of records: a length, its checksum, a protocol buffer, its checksum. The few messages needed are
encoded here by hand.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from pronghorn.callbacks.pictures import png

_STRINGS = 7  # the number of that type in a tensor's message


def _crc_table() -> list[int]:
    table = []
    for index in range(256):
        value = index
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_TABLE = _crc_table()


def crc32c(data: bytes) -> int:
    """Return the Castagnoli checksum.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    value = 0xFFFFFFFF
    for byte in data:
        value = _TABLE[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value ^ 0xFFFFFFFF


def masked(data: bytes) -> bytes:
    """Return the checksum as it stands in a record."""
    value = crc32c(data)
    return struct.pack("<I", (((value >> 15) | (value << 17)) + 0xA282EAD8) & 0xFFFFFFFF)


def record(data: bytes) -> bytes:
    """Return one record of an event file."""
    length = struct.pack("<Q", len(data))
    return length + masked(length) + data + masked(data)


def varint(value: int) -> bytes:
    """Return an integer as protocol buffers have it, a negative one as 64 bits.

    >>> varint(300), len(varint(-1))
    (b'\\xac\\x02', 10)
    """
    value = int(value) & (1 << 64) - 1
    out = bytearray()
    while True:
        byte, value = value & 0x7F, value >> 7
        out.append(byte | (0x80 if value else 0))
        if not value:
            return bytes(out)


def bytes_field(number: int, data: bytes) -> bytes:
    """Return a field of a protocol buffer whose content is bytes or another one."""
    return varint(number << 3 | 2) + varint(len(data)) + data


def _double_field(number: int, value: float) -> bytes:
    return varint(number << 3 | 1) + struct.pack("<d", value)


def _event(step: int, content: bytes) -> bytes:
    return _double_field(1, time.time()) + varint(2 << 3) + varint(step) + content


def _scalar(tag: str, value: float) -> bytes:
    return bytes_field(1, tag.encode()) + varint(2 << 3 | 5) + struct.pack("<f", value)


def _histogram(tag: str, values: np.ndarray) -> bytes:
    flat = np.asarray(values, dtype="float64").ravel()
    flat = flat[np.isfinite(flat)]
    counts, edges = np.histogram(flat, bins=30) if flat.size else (np.zeros(1, int), np.array([0.0, 0.0]))
    low, high = (float(flat.min()), float(flat.max())) if flat.size else (0.0, 0.0)
    message = (
        _double_field(1, low)
        + _double_field(2, high)
        + _double_field(3, float(flat.size))
        + _double_field(4, float(flat.sum()))
        + _double_field(5, float((flat * flat).sum()))
        + bytes_field(6, edges[1:].astype("<f8").tobytes())
        + bytes_field(7, counts.astype("<f8").tobytes())
    )
    return bytes_field(1, tag.encode()) + bytes_field(5, message)


def _images(tag: str, pictures: Sequence[np.ndarray]) -> bytes:
    """Pictures as a tensor of strings: width, height, then a PNG for each."""
    height, width = pictures[0].shape
    strings = [str(width).encode(), str(height).encode(), *map(png, pictures)]
    extent = bytes_field(2, varint(1 << 3) + varint(len(strings)))
    return _strings(tag, "images", b"", bytes_field(2, extent), strings)


def _strings(tag: str, plugin: str, content: bytes, shape: bytes, strings: Sequence[bytes]) -> bytes:
    """A tensor of strings for one of TensorBoard's plugins."""
    tensor = varint(1 << 3) + varint(_STRINGS) + shape + b"".join(bytes_field(8, string) for string in strings)
    data = bytes_field(1, plugin.encode()) + (bytes_field(2, content) if content else b"")
    return bytes_field(1, tag.encode()) + bytes_field(9, bytes_field(1, data)) + bytes_field(8, tensor)


class EventFile:
    """A new event file in a folder.

    Args:
        folder: made if it is not there.
    """

    _count = 0

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        Path(folder).mkdir(parents=True, exist_ok=True)
        EventFile._count += 1
        name = f"events.out.tfevents.{int(time.time())}.{socket.gethostname()}.{os.getpid()}.{EventFile._count}.v2"
        self.path = Path(folder) / name
        self._stream = open(self.path, "ab")  # noqa: SIM115
        self._stream.write(record(_event(0, bytes_field(3, b"brain.Event:2"))))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Write numbers under their tags."""
        content = b"".join(bytes_field(1, _scalar(tag, float(value))) for tag, value in values.items())
        if content:
            self._stream.write(record(_event(step, bytes_field(5, content))))

    def histogram(self, step: int, tag: str, values: np.ndarray) -> None:
        """Write the distribution of an array under a tag."""
        self._stream.write(record(_event(step, bytes_field(5, bytes_field(1, _histogram(tag, values))))))

    def images(self, step: int, tag: str, pictures: Sequence[np.ndarray]) -> None:
        """Write grey pictures, uint8 of one shape `(height, width)`, under a tag."""
        if pictures:
            self._stream.write(record(_event(step, bytes_field(5, bytes_field(1, _images(tag, pictures))))))

    def model(self, step: int, tag: str, json: str) -> None:
        """Write a model's configuration, which the page "Graphs" shows as its layers."""
        content = _strings(tag, "graph_keras_model", b"1", bytes_field(2, b""), [json.encode()])
        self._stream.write(record(_event(step, bytes_field(5, bytes_field(1, content)))))

    def flush(self) -> None:
        """Make what was written visible to readers."""
        self._stream.flush()

    def close(self) -> None:
        """Close the file."""
        self._stream.close()
