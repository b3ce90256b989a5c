"""Draw what the home page and README show: the logo, the chart of training times, twenty digits, the social card.

    pip install -e '.[plot]' && python docs/make_home.py             # all of it, into docs/assets and docs/pictures
    python docs/make_home.py logo times                              # only some
    python docs/make_home.py --check                                 # are the logo and the chart as drawn here?

The chart is drawn from docs/training_times.toml. The digits are read by the tutorial's network, trained first by
`make_pictures.py`. Charts and digits are drawn twice, for light pages and for dark ones. Look at them after a change.
"""

from __future__ import annotations

import base64
import io
import math
import re
import statistics
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
ASSETS, PICTURES = ROOT / "docs" / "assets", ROOT / "docs" / "pictures"
ENGINES = ("TensorFlow", "JAX", "PyTorch")
FONT = "font-family='system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif'"

#: Colours on light and on dark pages.
THEMES = {
    "light": {
        "text": "#22211f",
        "faint": "#66635e",
        "line": "#d8d4ce",
        "Pronghorn": "#a8501c",
        "TensorFlow": "#b07900",
        "JAX": "#2468b4",
        "PyTorch": "#7b3fa0",
        "wrong": "#b3261e",
    },
    "dark": {
        "text": "#eceae6",
        "faint": "#a9a59e",
        "line": "#46433f",
        "Pronghorn": "#ee9a63",
        "TensorFlow": "#e3b341",
        "JAX": "#6cb0ff",
        "PyTorch": "#c792ea",
        "wrong": "#ff8a80",
    },
}


# -- the logo ---------------------------------------------------------------------------------------------------------
TILE = "#a8501c"

#: The left half of a pronghorn's head, seen from the front, in a square of 32: chin, cheek, ear, prong, horn, forehead.
HALF = (
    "M16 29 C14.6 29 13.6 28.2 13.2 26.6 L11.6 20.4 C9.4 20.6 6.6 19.6 4.6 16.6 C7.2 16 9.8 16 11.4 16.6 "
    "C11.2 15 10.9 13.6 10.4 12.2 C8.6 12.3 6.8 11.4 5.6 9.4 C7.2 9.5 8.6 9.3 9.4 8.6 C9.4 6.4 10.4 4.2 13.4 2.8 "
    "C12.2 5.6 12.6 8 13.3 10.4 C13.8 12.1 14.3 13.6 14.6 15.2 L16 15.2"
)

Segment = tuple[str, list[tuple[float, float]]]


def head() -> list[Segment]:
    """The outline of the head: the left half, and back along its mirror image."""
    left: list[Segment] = []
    for letter, numbers in re.findall(r"([MLC])([^MLC]*)", HALF):
        values = [float(number) for number in numbers.split()]
        left.append((letter, list(zip(values[::2], values[1::2]))))
    whole = list(left)
    for position in range(len(left) - 1, 0, -1):
        letter, points = left[position]
        back = [*reversed(points[:-1]), left[position - 1][1][-1]]
        whole.append((letter, [(round(32 - x, 3), y) for x, y in back]))
    return whole


def logo() -> str:
    """The logo as SVG: the head in white on a tile, which suits light and dark pages."""
    outline = "".join(letter + " ".join(f"{x:g} {y:g}" for x, y in points) for letter, points in head())
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
        f'<rect width="32" height="32" rx="7" fill="{TILE}"/><path d="{outline}Z" fill="#fff"/></svg>\n'
    )


def draw_logo(axes: Any, left: float, bottom: float, size: float) -> None:
    """The logo in matplotlib's axes, whose units are pixels."""
    from matplotlib import patches, path

    scale = size / 32
    tile = patches.FancyBboxPatch(
        (left + 7 * scale, bottom + 7 * scale), 18 * scale, 18 * scale, f"round,pad={7 * scale}", color=TILE, lw=0
    )
    codes = {"M": [path.Path.MOVETO], "L": [path.Path.LINETO], "C": [path.Path.CURVE4] * 3}
    points = [(left + x * scale, bottom + (32 - y) * scale) for _, some in head() for x, y in some]
    outline = path.Path(points, [code for letter, _ in head() for code in codes[letter]])
    axes.add_patch(tile)
    axes.add_patch(patches.PathPatch(outline, color="white", lw=0))


def canvas(width: int, height: int) -> tuple[Any, Any]:
    """A figure of so many pixels, and axes that fill it."""
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(width / 100, height / 100), dpi=100)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.axis("off")
    return figure, axes


def favicon() -> bytes:
    """The logo as a small PNG, for browsers that take no SVG."""
    figure, axes = canvas(64, 64)
    draw_logo(axes, 0, 0, 64)
    return png(figure, transparent=True)


def png(figure: Any, **options: Any) -> bytes:
    """A figure as a file."""
    import matplotlib.pyplot as plt

    written = io.BytesIO()
    figure.savefig(written, format="png", dpi=100, metadata={"Software": None}, **options)
    plt.close(figure)
    return written.getvalue()


# -- times ------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Row:
    """A workload, and the milliseconds of a training step."""

    workload: str
    short: str
    ours: float
    others: tuple[float, ...]
    ratio: float  # how many times ours the best of the others is, as recorded


@dataclass(frozen=True)
class Table:
    """What was measured on one machine."""

    title: str
    machine: str
    date: date
    rows: tuple[Row, ...]


def tables() -> list[Table]:
    """The recorded times."""
    with open(ROOT / "docs" / "training_times.toml", "rb") as file:
        recorded = tomllib.load(file)["tables"]
    return [
        Table(
            one["title"],
            one["machine"],
            one["date"],
            tuple(Row(name, short, ours, tuple(others), ratio) for name, short, ours, *others, ratio in one["rows"]),
        )
        for one in recorded
    ]


def median() -> float:
    """The median of all ratios."""
    return statistics.median(row.ratio for table in tables() for row in table.rows)


WIDTH, NAMES, RIGHT, STEP = 560, 168, 500, 24
LONGEST = 120.0  # times ours, where the axis ends


def across(ratio: float) -> float:
    """Where a ratio stands."""
    return NAMES + (RIGHT - NAMES) * math.log(ratio) / math.log(LONGEST)


def mark(engine: str, x: float, y: float, colour: str) -> str:
    """An engine's mark; they differ by form, too."""
    if engine == "TensorFlow":
        return f"<circle cx='{x:.1f}' cy='{y:.1f}' r='5' fill='{colour}'/>"
    if engine == "JAX":
        return f"<rect x='{x - 4.5:.1f}' y='{y - 4.5:.1f}' width='9' height='9' fill='{colour}'/>"
    return f"<path d='M{x:.1f} {y - 6:.1f}l6 10.5h-12z' fill='{colour}'/>"


def words(x: float, y: float, text: str, fill: str, more: str = "") -> str:
    """A line of text."""
    return f"<text x='{x:.1f}' y='{y:.1f}' fill='{fill}'{' ' * bool(more)}{more}>{text}</text>"


def legend(colours: dict[str, str]) -> list[str]:
    """The chart's title, and whose mark is whose."""
    title = words(0, 18, "Time of a training step, Pronghorn = 1", colours["text"], "font-size='17' font-weight='600'")
    parts, x = [title], 0.0
    for name in ("Pronghorn", *ENGINES):
        if name == "Pronghorn":
            parts.append(f"<path d='M{x + 5:.1f} 35v16' stroke='{colours[name]}' stroke-width='3'/>")
        else:
            parts.append(mark(name, x + 6, 43, colours[name]))
        label = name if name == "Pronghorn" else f"Keras, {name}"
        parts.append(words(x + 18, 48, label, colours["text"]))
        x += 36 + 7.2 * len(label)
    return parts


def line(row: Row, y: float, colours: dict[str, str]) -> list[str]:
    """A workload's name, the three marks, and the ratio to the best."""
    middle, ratios = y - 5, [other / row.ours for other in row.others]
    furthest, nearest = across(max(ratios)), across(min(ratios))
    return [
        words(0, y, row.short, colours["text"]),
        f"<path d='M{NAMES} {middle:.1f}H{furthest:.1f}' stroke='{colours['line']}' stroke-width='1.5'/>",
        f"<path d='M{NAMES} {middle:.1f}H{nearest:.1f}' stroke='{colours['Pronghorn']}' stroke-width='3'/>",
        *(mark(engine, across(ratio), middle, colours[engine]) for engine, ratio in zip(ENGINES, ratios)),
        words(WIDTH, y, f"{row.ratio:.1f}×", colours["text"], "text-anchor='end' font-weight='600'"),
    ]


def axis(top: float, bottom: float, colours: dict[str, str]) -> list[str]:
    """Pronghorn's line, the lines behind the marks, and their numbers."""
    parts = [f"<path d='M{NAMES} {top:.1f}V{bottom:.1f}' stroke='{colours['Pronghorn']}' stroke-width='3'/>"]
    for tick in (1, 2, 5, 10, 20, 50, 100):
        x = across(tick)
        if tick > 1:
            dashes = f"stroke='{colours['line']}' stroke-dasharray='2 4'"
            parts.append(f"<path d='M{x:.1f} {top + 32:.1f}V{bottom:.1f}' {dashes}/>")
        parts.append(words(x, bottom + 18, f"{tick}×", colours["faint"], "text-anchor='middle'"))
    return parts


def times(theme: str) -> str:
    """The chart of training times as SVG: for each workload, how many times as long a step takes on each engine."""
    colours = THEMES[theme]
    parts, top = legend(colours), 68.0
    y = top - 6
    for table in tables():
        y += 30
        machine = table.machine.removeprefix("two cores of an ").replace(", AVX-512", "")
        parts += [
            words(0, y, table.title, colours["text"], "font-weight='600'"),
            words(NAMES + 8, y, f"{machine}, {table.date}", colours["faint"], "font-size='13'"),
            words(WIDTH, y, "best", colours["faint"], "text-anchor='end' font-size='13'"),
        ]
        y += 8
        for row in sorted(table.rows, key=lambda row: -row.ratio):
            y += STEP
            parts += line(row, y, colours)
    height = y + 38
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height:.0f}' width='{WIDTH}' "
        f"height='{height:.0f}' {FONT} font-size='15'>\n"
        + "\n".join([*axis(top, y + 14, colours), *parts])
        + "\n</svg>\n"
    )


# -- digits -----------------------------------------------------------------------------------------------------------
def digits(theme: str) -> str:
    """The first twenty test pictures, each with what the network reads, as SVG."""
    import make_pictures
    import numpy as np
    from PIL import Image

    _, _, x_test, y_test = make_pictures.digits()
    said = make_pictures.trained()[0].predict(x_test[:20], verbose=0).argmax(axis=1)
    colours = THEMES[theme]
    ink = np.concatenate([np.concatenate(list(x_test[first : first + 10, ..., 0]), axis=1) for first in (0, 10)])
    grey = np.full_like(ink, 0 if theme == "light" else 255)
    strips = np.stack([grey, ink * 255], axis=-1).round().astype("uint8")
    parts = []
    for row in range(2):
        written = io.BytesIO()
        Image.fromarray(strips[28 * row : 28 * row + 28], "LA").save(written, "PNG", optimize=True)
        data = base64.b64encode(written.getvalue()).decode()
        parts.append(
            f"<image x='0' y='{row * 86}' width='560' height='56' style='image-rendering: pixelated' "
            f"href='data:image/png;base64,{data}'/>"
        )
        for column in range(10):
            read, truth = int(said[10 * row + column]), int(y_test[10 * row + column])
            fill = colours["Pronghorn"] if read == truth else colours["wrong"]
            label = f"{read}" if read == truth else f"{read} ({truth})"
            parts.append(words(56 * column + 28, row * 86 + 74, label, fill, "text-anchor='middle' font-weight='700'"))
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 560 164' width='560' height='164' {FONT} "
        "font-size='18'>\n" + "\n".join(parts) + "\n</svg>\n"
    )


# -- the social card --------------------------------------------------------------------------------------------------
def social() -> bytes:
    """What other sites show of a link to this one: 1200 by 630."""
    figure, axes = canvas(1200, 630)
    figure.set_facecolor("#fbf8f4")
    draw_logo(axes, 90, 330, 200)
    axes.text(330, 430, "Pronghorn", fontsize=62, fontweight="bold", color="#22211f", va="center")
    axes.text(90, 215, "Train Keras models on a processor.", fontsize=33, color="#22211f", va="center")
    axes.text(
        90,
        140,
        f"Half of {sum(len(table.rows) for table in tables())} networks train at least {median():.1f} times as fast\n"
        "as with Keras on the best of its engines.",
        fontsize=22,
        color="#66635e",
        va="top",
        linespacing=1.4,
    )
    return png(figure, facecolor=figure.get_facecolor())


DRAWN: dict[str, dict[Path, Callable[[], str]]] = {
    "logo": {ASSETS / "logo.svg": logo},
    "times": {PICTURES / f"times_{theme}.svg": lambda theme=theme: times(theme) for theme in THEMES},
}
TRAINED_OR_PAINTED: dict[str, dict[Path, Callable[[], str | bytes]]] = {
    "digits": {PICTURES / f"twenty_digits_{theme}.svg": lambda theme=theme: digits(theme) for theme in THEMES},
    "favicon": {ASSETS / "favicon.png": favicon},
    "social": {ASSETS / "social.png": social},
}


def stale() -> list[str]:
    """The drawings that are not as this script and the recorded times make them."""
    return [
        file.name
        for some in DRAWN.values()
        for file, draw in some.items()
        if not file.is_file() or file.read_text(encoding="utf-8") != draw()
    ]


def main() -> int:
    """The command."""
    if "--check" in sys.argv[1:]:
        for name in stale():
            print(f"{name} is stale: run python docs/make_home.py", file=sys.stderr)
        return bool(stale())
    everything = {**DRAWN, **TRAINED_OR_PAINTED}
    for name in sys.argv[1:] or everything:
        for file, draw in everything[name].items():
            made = draw()
            file.write_bytes(made.encode() if isinstance(made, str) else made)
            print(f"{file.relative_to(ROOT)}, {file.stat().st_size / 1e3:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
