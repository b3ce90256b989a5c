"""Take the pictures of the studio for docs/studio.md, into docs/studio.

    pip install -e '.[test]' && apt-get install chromium && python docs/make_studio_pictures.py [NAME ...]

Builds, trains and looks into models as the guide tells it, in headless Chromium. Look at them after a change.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests" / "programs")]

from studio_browser import SEVEN, Watched, browsing, serving  # noqa: E402

FOLDER = ROOT / "docs" / "studio"
COLOURS = 128  # of a picture: a third of the bytes, and no difference to be seen
TABLE = "area,rooms,district,rent\n" + "\n".join(
    f"{area},{1 + area % 4},{('north', 'south', 'east')[i % 3]},{40 + 9 * area + 80 * (i % 3)}"
    for i in range(240)
    for area in (40 + (i * 37) % 90,)
)


class Camera:
    """Takes the pictures that were asked for.

    Args:
        wanted: their names; all by default.
    """

    def __init__(self, wanted: list[str]) -> None:
        self._wanted = set(wanted)
        FOLDER.mkdir(exist_ok=True)

    def take(self, watched: Watched, name: str, of: str | None = None) -> None:
        """Take a picture.

        Args:
            watched: the page.
            name: of the file.
            of: a selector of the part that is wanted; what the window shows by default.
        """
        if self._wanted and name not in self._wanted:
            return
        watched.page.wait_for_timeout(400)
        shot = (watched.page if of is None else watched.page.locator(of).first).screenshot()
        image = Image.open(io.BytesIO(shot)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
        image.save(FOLDER / f"{name}.png", optimize=True)
        print(f"{name}.png, {(FOLDER / f'{name}.png').stat().st_size / 1e3:.0f} kB")


def build(camera: Camera, watched: Watched) -> None:
    page = watched.page
    page.locator(".share").first.wait_for()
    page.locator('.box:has-text("conv_1")').click()
    camera.take(watched, "build")
    watched.set("Kernel size", 40)
    page.locator(".box.wrong").wait_for()
    page.evaluate("scrollTo(0, 0)")
    camera.take(watched, "problem")
    page.get_by_role("button", name="Undo").click()
    page.locator(".box.wrong").wait_for(state="detached")
    page.get_by_role("button", name="Show code").click()
    page.locator("pre.code:has-text('layers')").wait_for()
    camera.take(watched, "code", of="dialog")
    page.get_by_role("button", name="Close").click()


def train(camera: Camera, watched: Watched) -> None:
    page = watched.page
    for field, value in (("Epochs", 3), ("Training examples", 20000)):
        watched.set(field, value)
    page.get_by_role("button", name="Train it").click()
    watched.wait_for_state("finished", 300)
    page.get_by_text("of 10,000 right").wait_for()  # and not what was so far while it was trained
    camera.take(watched, "train")
    camera.take(watched, "results", of=".grid:has(.confusion)")
    page.get_by_role("radio", name="Weights").click()
    page.locator(".histogram").first.wait_for()
    camera.take(watched, "weights", of=".card:has(.histograms)")
    watched.show("build")
    page.get_by_label("Optimizer").select_option("SGD")
    watched.set("Learning rate", 0.05)
    page.get_by_role("button", name="Train it").click()
    watched.wait_for_state("Run 2 finished", 300)
    page.get_by_role("radio", name="Runs (2)").click()
    page.get_by_label("Compare Run 2 with").select_option("1")
    page.locator('#differences:has-text("0.05")').wait_for()
    camera.take(watched, "runs")


def look(camera: Camera, watched: Watched) -> None:
    page = watched.page
    watched.show("look")
    page.get_by_role("radio", name="Draw").click()
    watched.draw(SEVEN)
    page.locator('#best:text-is("7")').wait_for()
    page.wait_for_timeout(1500)
    page.get_by_role("radio", name="Integrated gradients").click()
    page.locator('.sum-row [role="img"]').first.wait_for()
    camera.take(watched, "look")
    page.get_by_role("button", name="conv_1, map 5", exact=True).click()
    page.locator("#sum").wait_for()
    zoom = page.locator('.zoom canvas[role="application"]')
    zoom.focus()
    for key in ["ArrowUp"] * 7:
        zoom.press(key)
    page.wait_for_timeout(600)
    camera.take(watched, "value", of="#arithmetic")


def others(camera: Camera, watched: Watched, scratch: Path) -> None:
    page = watched.page
    watched.show("data")
    (scratch / "rents.csv").write_text(TABLE)
    page.get_by_label("CSV file").set_input_files(scratch / "rents.csv")
    page.locator('.facts:has-text("rents.csv")').wait_for()
    page.locator(".toast").wait_for(state="detached")
    camera.take(watched, "data")
    model(scratch / "digits.keras")
    watched.show("file")
    page.get_by_label("A model's or weights file").set_input_files(scratch / "digits.keras")
    page.locator('.box:has-text("conv2d_1")').click()
    page.locator(".histogram").first.wait_for()
    page.evaluate("scrollTo(0, 0)")
    camera.take(watched, "file")


def model(place: Path) -> None:
    import pronghorn as keras
    from pronghorn import layers

    keras.utils.set_random_seed(0)
    stack: list[Any] = [keras.Input((28, 28, 1))]
    for filters in (32, 64):
        stack += [layers.Conv2D(filters, 3, activation="relu"), layers.MaxPooling2D()]
    made = keras.Sequential([*stack, layers.Flatten(), layers.Dense(10, activation="softmax")])
    made.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    made.save(place)


def main(wanted: list[str], scratch: Path) -> None:
    camera = Camera(wanted)
    with browsing() as browser, serving() as (_, url):
        watched = Watched(browser, url)
        build(camera, watched)
        train(camera, watched)
        look(camera, watched)
        phone = Watched(browser, url, viewport={"width": 360, "height": 740}, color_scheme="dark")
        phone.show("train")
        phone.page.locator(".confusion td").first.wait_for()
        camera.take(phone, "phone")
        others(camera, watched, scratch)
        assert watched.errors == [], watched.errors


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        main(sys.argv[1:], Path(folder))
