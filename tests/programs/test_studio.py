"""The studio in a browser, as a learner uses it."""

import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pronghorn as keras

pytest.importorskip("starlette", reason="pip install 'pronghorn[studio]'")
pytest.importorskip("playwright", reason="pip install playwright")

from studio_browser import CHROMIUM, LATE, SEVEN, SLOW_FRAMES, Watched, browsing, serving

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")
STATIC = Path(keras.__file__).parent / "studio" / "static"
VIEWS = ("build", "train", "look", "data", "file")


@pytest.fixture(scope="module")
def browser():
    with browsing() as browser:
        yield browser


@pytest.fixture(scope="module")
def studio():
    with serving() as (process, url):
        yield url


def test_the_page_is_small_and_fetches_nothing_from_elsewhere():
    scripts = [*STATIC.rglob("*.js"), *STATIC.rglob("*.mjs")]
    assert sum(file.stat().st_size for file in scripts) < 300_000
    vendored = {file.name for file in (STATIC / "vendor").iterdir()}
    for name in ("preact", "htm", "uPlot", "dagre", "graphlib"):
        assert f"{name}.LICENSE.txt" in vendored


def test_the_page_is_there_in_three_seconds(browser, studio):
    watched = Watched(browser, studio)
    times = []
    for _ in range(3):  # the machine may have something else to do
        watched.page.locator(".box").first.wait_for()
        times.append(watched.page.evaluate("performance.now()"))
        if times[-1] < 3000:
            break
        watched.page.reload()
    ready = min(times)
    hosts = watched.page.evaluate("performance.getEntriesByType('resource').map((e) => new URL(e.name).hostname)")
    assert ready < 3000 and set(hosts) == {"127.0.0.1"}
    assert watched.page.url.endswith("/")  # the token is out of the address
    assert watched.errors == []
    watched.page.close()


def test_a_state_that_comes_before_the_first_frame_is_shown(browser, studio):
    watched = Watched(browser, studio, SLOW_FRAMES)
    watched.page.locator(".box").first.wait_for(timeout=15_000)
    assert watched.errors == []
    watched.page.close()


@pytest.mark.slow
def test_build_train_draw_look_and_compare(browser, studio):
    watched = Watched(browser, studio)
    page = watched.page

    # Build: a layer's error stands at the layer, in the library's words, and goes when it is mended.
    page.locator('.box:has-text("conv_1")').click()
    watched.set("Kernel size", 40)
    page.locator(".box.wrong .problem").wait_for()
    assert "kernel (40, 40) is larger than its input" in page.locator(".box.wrong").inner_text()
    assert page.get_by_role("button", name="Train it").is_disabled()
    page.get_by_role("button", name="Undo").click()
    page.locator(".box.wrong").wait_for(state="detached")
    watched.set("Filters", 12)
    page.locator('.box:has-text("12 filters")').wait_for()
    page.get_by_role("button", name="Show code").click()
    page.locator("pre.code:has-text('layers.Conv2D(12, 3, activation=\"relu\"')").wait_for()
    page.get_by_role("button", name="Close").click()

    # Train to 97 % of the test data.
    watched.set("Epochs", 1)
    watched.set("Batch", 64)
    page.get_by_role("button", name="Train it").click()
    watched.wait_for_state("finished", 150)
    accuracy = page.locator('[data-test="accuracy"] b').inner_text()
    assert float(accuracy.rstrip(" %")) >= 97
    page.locator(".confusion td").first.wait_for()
    page.get_by_role("radio", name="Weights").click()
    page.locator(".histogram").first.wait_for()

    # Look inside: draw a 7, open a map, follow one value to its sum.
    watched.show("look")
    page.get_by_role("radio", name="Draw").click()
    watched.draw(SEVEN)
    page.locator('#best:text-is("7")').wait_for()
    page.get_by_role("button", name="conv_2, map 1", exact=True).click()
    page.locator("#sum").wait_for()
    zoom = page.locator('.zoom canvas[role="application"]')
    page.locator('.zoom canvas[role="application"]:focus').wait_for()
    before = zoom.get_attribute("aria-label")
    zoom.press("ArrowRight")
    page.locator(f"""canvas[role="application"]:not([aria-label="{before}"])""").wait_for()
    assert "→ relu →" in page.locator("#sum").inner_text()
    for method in ("Integrated gradients", "Grad-CAM"):
        page.get_by_role("radio", name=method).click()
        page.locator('.sum-row [role="img"]').first.wait_for()

    # Another run beside the first.
    watched.show("build")
    watched.set("Learning rate", 0.01)
    watched.set("Training examples", 2000)
    page.get_by_role("button", name="Train it").click()
    watched.wait_for_state("Run 2 finished")
    page.get_by_role("radio", name="Runs (2)").click()
    page.get_by_label("Compare Run 2 with").select_option("1")
    told = page.locator("#differences").inner_text()
    assert "learning rate" in told and "0.01" in told and "training examples" in told and "batch" not in told
    assert watched.errors == []
    page.close()


@pytest.mark.slow
def test_what_is_entered_counts_though_the_state_comes_late(browser):
    with serving() as (_, url):
        watched = Watched(browser, url, LATE)
        page = watched.page
        optimizer, rate, batch, epochs = (
            page.get_by_label(name, exact=True) for name in ("Optimizer", "Learning rate", "Batch", "Epochs")
        )
        page.locator(".box").first.wait_for()

        # The rate that comes with an optimizer comes when another is about to be typed.
        watched.hold_events()
        optimizer.select_option("SGD")
        rate.focus()
        rate.select_text()
        watched.let_go("optimizer", "SGD")
        page.keyboard.insert_text("0.05")
        rate.press("Enter")
        watched.until(lambda: watched.settings()["learning_rate"] == 0.05)
        watched.until(lambda: rate.input_value() == "0.05")

        # A value is set and the one before again; the page does not know of the first yet.
        watched.hold_events()
        for value in (64, 128):
            batch.fill(str(value))
            batch.press("Enter")
            watched.until(lambda: watched.settings()["batch_size"] == value)  # noqa: B023
            page.wait_for_timeout(100)
            assert batch.input_value() == str(value) and batch.get_attribute("aria-busy") == "true"
        watched.let_go("batch_size", 128)
        page.locator('#field-batch[aria-busy="false"]').wait_for()
        assert batch.input_value() == "128"

        # Every press of a key counts from what the one before has made.
        watched.hold_events()
        for _ in range(3):
            epochs.press("ArrowUp")
        watched.until(lambda: watched.settings()["epochs"] == 8)
        watched.let_go("epochs", 8)

        # What is refused is said, and does not stay.
        epochs.fill("many")
        epochs.press("Enter")
        page.get_by_role("alert").wait_for()
        watched.until(lambda: epochs.input_value() == "8")

        # Nor does it where the browser tells of a selection only after Enter, as one does that is busy.
        epochs.fill("none")
        epochs.evaluate("""async (field) => {
          field.dispatchEvent(new KeyboardEvent("keydown", {key: "Enter", bubbles: true}));
          await Promise.resolve();
          if (field.ariaBusy !== "true") await new Promise((next) => requestAnimationFrame(next));
          field.dispatchEvent(new Event("select", {bubbles: true}));
        }""")
        watched.until(lambda: epochs.input_value() == "8")

        # What is typed counts, too, where the browser's Back leaves the view.
        watched.show("train")
        watched.show("build")
        batch.fill("96")
        page.go_back()
        watched.until(lambda: watched.settings()["batch_size"] == 96)
        assert watched.errors == []
        page.close()


def steps_of_both(first, second, seconds=30):
    """What two pages show as the number of steps, once they agree: each draws a little later than it is told."""
    end = time.monotonic() + seconds
    while True:
        steps = [watched.page.locator("#steps").inner_text() for watched in (first, second)]
        if steps[0] == steps[1] or time.monotonic() > end:
            return steps
        time.sleep(0.05)


@pytest.mark.slow
def test_reload_two_pages_and_a_killed_server(browser):
    with serving() as (process, url):
        first = Watched(browser, url)
        first.page.locator(".box").first.wait_for()
        first.set("Epochs", 1000)
        first.page.get_by_role("button", name="Train it").click()
        first.wait_for_state("training")
        second = Watched(browser, url)  # opens with the address that was printed, as the first
        second.wait_for_state("training")
        second.show("train")
        second.page.locator("#steps:not(:text-is('0'))").wait_for()
        first.page.reload()
        first.wait_for_state("training")
        first.page.get_by_role("button", name="Pause").click()
        second.wait_for_state("paused")
        first.wait_for_state("paused")
        steps = steps_of_both(first, second)
        assert steps[0] == steps[1] != "0"
        second.page.get_by_role("button", name="Step", exact=True).click()
        one_more = f"{int(steps[0].replace(',', '')) + 1:,}"
        for watched in (first, second):
            watched.page.locator(f"#steps:text-is('{one_more}')").wait_for()
        assert first.errors == second.errors == []
        process.kill()
        for watched in (first, second):
            watched.page.locator('.banner:has-text("has stopped")').wait_for()
            assert watched.page.locator("#steps").inner_text() == one_more  # what is known stays
            watched.page.close()


@pytest.mark.slow
def test_data_and_files_of_ones_own(browser, studio, tmp_path):
    watched = Watched(browser, studio + "#data")
    page = watched.page
    watched.show("data")
    rows = "\n".join(f"{i % 7},{'red' if i % 2 else 'blue'},{'long' if i % 2 else 'short'}" for i in range(60))
    (tmp_path / "t.csv").write_text("width,colour,kind\n" + rows)
    page.get_by_label("CSV file").set_input_files(tmp_path / "t.csv")
    page.locator('.facts:has-text("t.csv")').wait_for()
    page.get_by_label("Column to predict").select_option("width")
    page.locator('.facts:has-text("7 classes")').wait_for()

    # A folder of images, a folder a class.
    for name, colour in (("dark", (20, 20, 40)), ("light", (240, 230, 200))):
        (tmp_path / "tones" / name).mkdir(parents=True)
        for i in range(5):
            image = Image.new("RGB", (40 + i, 30), tuple(c + i for c in colour))
            image.save(tmp_path / "tones" / name / f"{i}.png")
    page.get_by_label("Folder of images", exact=True).set_input_files(tmp_path / "tones")
    page.locator('.facts:has-text("2 classes: dark, light")').wait_for()

    # Two classes that are drawn, by mouse and by keyboard, and a model that is trained on them.
    for name, turned in (("first", False), ("second", True)):
        if turned:
            page.get_by_role("button", name="Choose", exact=True).click()
        for i in range(4):
            stroke = [(20 + 5 * i, 50), (80, 50 + i)]
            watched.draw([[(y, x) for x, y in stroke] if turned else stroke])
            page.get_by_role("button", name=f"Add to “{name}”").click()
    page.locator(".pad").focus()
    for key in ["ArrowDown"] * 6:
        page.keyboard.press(key)
    page.get_by_role("button", name="Add to “second”").click()
    page.locator('.class-row:has-text("5 drawings")').wait_for()
    page.get_by_role("button", name="Use these classes").click()
    page.locator('.facts:has-text("Drawings")').wait_for()
    watched.show("train")
    page.get_by_role("button", name="Start", exact=True).click()
    watched.wait_for_state("finished")

    # Pictures of the camera.
    watched.show("data")
    page.get_by_role("radio", name="Camera").click()
    page.locator("video.camera").wait_for()
    for number in (0, 1):
        if number:
            page.get_by_role("button", name="Choose", exact=True).click()
        page.locator('button:has-text("Hold to add")').focus()
        counted = page.locator(".class-row").nth(number).locator('.help:has-text("3 pictures")')
        for _ in range(100):
            if counted.count():
                break
            page.keyboard.press("Enter")
            page.wait_for_timeout(50)
    page.get_by_role("button", name="Use these classes").click()
    page.locator('.facts:has-text("32 × 32 × 3")').wait_for()

    # A file: its layers and weights, and then the model in it.
    model = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten(), keras.layers.Dense(2, name="only")])
    model.layers[-1].kernel.assign(np.linspace(-1, 1, 1568).reshape(784, 2))
    model.save(tmp_path / "m.keras")
    watched.show("file")
    page.get_by_label("A model's or weights file").set_input_files(tmp_path / "m.keras")
    page.locator('.box:has-text("only")').click()
    page.locator(".histogram").first.wait_for()
    assert "1,570" in page.locator("main").inner_text()
    page.get_by_role("button", name="Build with this model").click()
    page.locator('nav a[href="#build"][aria-current="page"]').wait_for()
    page.locator('.box[class*="tone-dense"]:has-text("only")').wait_for()
    (tmp_path / "bad.keras").write_text("no model")
    model.save_weights(tmp_path / "w.weights.h5")
    watched.show("file")
    page.get_by_label("A model's or weights file").set_input_files(tmp_path / "w.weights.h5")
    page.locator('.card h2:text-is("w.weights.h5")').wait_for()
    page.locator('.box:has-text("1,570 parameters")').click()
    page.locator(".histogram").first.wait_for()
    page.get_by_label("A model's or weights file").set_input_files(tmp_path / "bad.keras")
    page.locator(".problem").wait_for()
    assert [e for e in watched.errors if "400" not in e] == []  # the browser notes the refused upload itself
    page.close()


@pytest.mark.slow
def test_a_stroke_keeps_its_corner_though_the_browser_tells_of_moves_as_one(browser, studio):
    watched = Watched(browser, studio + "#data")
    watched.show("data")
    ink = watched.page.locator(".pad").evaluate("""(pad) => {
      pad.setPointerCapture = () => {};  // of a pointer that there is not
      const box = pad.getBoundingClientRect();
      const at = ([x, y]) => ({clientX: box.left + x * box.width, clientY: box.top + y * box.height, bubbles: true});
      const tell = (kind, place, more) => pad.dispatchEvent(new PointerEvent(kind, {...at(place), ...more}));
      const moves = [[0.9, 0.1], [0.9, 0.9]].map((place) => new PointerEvent("pointermove", at(place)));
      tell("pointerdown", [0.1, 0.1]);
      tell("pointermove", [0.9, 0.9], {coalescedEvents: moves});
      tell("pointerup", [0.9, 0.9]);
      const drawn = pad.getContext("2d").getImageData(0, 0, pad.width, pad.height);
      return [[0.9, 0.1], [0.5, 0.5]].map(([x, y]) => drawn.data[4 * (y * pad.height * pad.width + x * pad.width)]);
    }""")
    assert ink == [255, 0]  # at the corner, and none on the straight way
    assert watched.errors == []
    watched.page.close()


@pytest.mark.slow
def test_a_phone_the_dark_and_the_keyboard(browser):
    with serving() as (_, url):
        watched = Watched(browser, url, viewport={"width": 360, "height": 740}, color_scheme="dark")
        page = watched.page
        page.locator(".box").first.wait_for()
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert max(map(int, background[4:-1].split(","))) < 60
        for view in VIEWS:
            watched.show(view)
            page.locator(f'nav a[href="#{view}"][aria-current="page"]').wait_for()
            assert watched.overflow() <= 0, view
        watched.show("build")
        page.locator(".box").nth(1).focus()
        for key in ("ArrowDown", "ArrowDown", "Enter"):
            page.keyboard.press(key)
        page.locator('#layer-card h2:text-is("pool_1")').wait_for()
        page.locator('.box:has-text("pool_1")').focus()
        page.keyboard.press("Delete")
        page.locator('.box:has-text("pool_1")').wait_for(state="detached")

        # An error is read whole, at its layer and above the model.
        page.locator('.box:has-text("conv_1")').click()
        watched.set("Kernel size", 40)
        page.locator(".box.wrong").wait_for()
        watched.until(lambda: page.locator(".box.wrong").evaluate("b => b.scrollHeight <= b.clientHeight"))
        assert page.locator(".problem.narrow").is_visible() and watched.overflow() <= 0
        assert watched.errors == []
        page.close()


SCRIPT = """
import numpy as np
import keras
from keras import layers

x = np.random.default_rng(0).random((400, 8, 8, 1)).astype("float32")
y = (x.mean(axis=(1, 2, 3)) > 0.5).astype("int64")
i = keras.Input((8, 8, 1))
a = layers.Conv2D(3, 3, activation="relu", name="here")(i)
o = layers.Dense(2, activation="softmax")(layers.Flatten()(a))
model = keras.Model(i, o)
model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
"""


@pytest.mark.slow
def test_a_script_opens_and_a_script_is_watched(browser, tmp_path):
    (tmp_path / "s.py").write_text(SCRIPT + "model.fit(x, y, batch_size=16, epochs=3)\n")
    with serving(str(tmp_path / "s.py")) as (_, url):
        watched = Watched(browser, url)
        watched.page.locator('.box:has-text("here")').wait_for()
        assert watched.page.get_by_label("Optimizer").input_value() == "SGD"
        watched.page.get_by_role("button", name="Train it").click()
        watched.wait_for_state("finished")
        assert watched.errors == []
        watched.page.close()


@pytest.mark.slow
def test_the_callback_serves_while_a_script_trains(browser, tmp_path):
    import os
    import subprocess

    fit = "watch = keras.callbacks.Studio(validation_data=(x, y), port=0)\n"
    fit += "model.fit(x, y, batch_size=4, epochs=100000, callbacks=[watch], verbose=0)\nprint('ended')\n"
    (tmp_path / "s.py").write_text(SCRIPT + fit)
    env = {**os.environ, "PYTHONPATH": str(Path(keras.__file__).parents[1])}
    command = [sys.executable, "-m", "pronghorn", "run", str(tmp_path / "s.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as script:
        try:
            line = script.stdout.readline()
            assert line.startswith("Studio: http://127.0.0.1:")
            watched = Watched(browser, line.split()[1])
            watched.wait_for_state("training")
            watched.show("look")
            watched.page.locator('.map[aria-label="here, map 0"]').wait_for()
            watched.show("train")
            watched.page.get_by_role("button", name="Stop").click()
            assert script.stdout.readline().strip() == "ended" and script.wait(30) == 0
            assert [e for e in watched.errors if "ERR_" not in e] == []  # the server has ended with the script
            watched.page.close()
        finally:
            script.kill()
