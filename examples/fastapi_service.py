"""A network behind a web service: FastAPI's threads, and a queue that makes batches of requests that come together.

    pip install fastapi uvicorn
    pronghorn run examples/fastapi_service.py             # asks itself 2,000 times and says how many a second
    pronghorn run examples/fastapi_service.py --serve     # stays; try curl localhost:8000/docs

FastAPI runs each request in a thread of its own. `/alone` predicts one image there; any number of threads may.
`/batched` puts it into a queue, from which one thread takes what is waiting, up to 32, and predicts it at once. The
queue answers as many requests a second, or up to half as many more (16 clients, two cores). All answers are right.
"""

import argparse
import http.client
import json
import queue
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Annotated

import keras
import numpy as np
import uvicorn
from fastapi import FastAPI
from keras import layers
from pydantic import BaseModel, Field

parser = argparse.ArgumentParser()
parser.add_argument("--serve", action="store_true", help="serve until it is stopped")
parser.add_argument("--port", type=int, default=8000, help="0 for any that is free")
parser.add_argument("--requests", type=int, default=2000)
parser.add_argument("--clients", type=int, default=16)
options = parser.parse_args()

# 1. A network that reads digits.

keras.utils.set_random_seed(0)
(x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
model = keras.Sequential(
    [
        keras.Input((28, 28)),
        layers.Rescaling(1 / 255),
        layers.Reshape((28, 28, 1)),
        layers.Conv2D(16, 3, strides=2, activation="relu"),
        layers.Conv2D(32, 3, strides=2, activation="relu"),
        layers.Flatten(),
        layers.Dense(10, activation="softmax"),
    ]
)
model.compile("adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x_train[:10_000], y_train[:10_000], epochs=2, verbose=0)
print(f"Test accuracy {model.evaluate(x_test, y_test, verbose=0)[1]:.2%}")


# 2. The queue: images with the promises of their answers.


class Batcher:
    """Predicts what comes together at once, in a thread of its own."""

    def __init__(self, model, most=32):
        self.model, self.most, self.batches, self.waiting = model, most, [], queue.SimpleQueue()
        threading.Thread(target=self.work, daemon=True).start()

    def predict(self, image):
        """The answer for one image, as soon as its batch is done."""
        answer = Future()
        self.waiting.put((image, answer))
        return answer.result()

    def work(self):
        """Wait for one image, take what else is there, predict, and give the answers back."""
        while True:
            taken = [self.waiting.get()]
            while len(taken) < self.most and not self.waiting.empty():
                taken.append(self.waiting.get())
            images, answers = zip(*taken)
            self.batches.append(len(images))
            try:
                found = self.model.predict_on_batch(np.stack(images))
            except Exception as error:
                for answer in answers:
                    answer.set_exception(error)
            else:
                for answer, row in zip(answers, found):
                    answer.set_result(row)


batcher = Batcher(model)

# 3. The service.


Row = Annotated[list[float], Field(min_length=28, max_length=28)]


class Image(BaseModel):
    """28 rows of 28 bytes; others are refused here, before they meet other clients' images in a batch."""

    pixels: Annotated[list[Row], Field(min_length=28, max_length=28)]


app = FastAPI()


@app.post("/alone")
def alone(image: Image) -> list[float]:
    """The chances of the ten digits, predicted in this request's thread."""
    return model.predict_on_batch(np.asarray([image.pixels], "float32"))[0].tolist()


@app.post("/batched")
def batched(image: Image) -> list[float]:
    """The chances of the ten digits, predicted along with other requests'."""
    return batcher.predict(np.asarray(image.pixels, "float32")).tolist()


# 4. The test: many clients at the same time.

BODIES = [json.dumps({"pixels": image.tolist()}) for image in x_test[:200]]
EXPECTED = model.predict(x_test[:200], verbose=0)


def client(path, numbers):
    """Ask for some of the images over one connection, and return the largest error."""
    connection = http.client.HTTPConnection(*server.servers[0].sockets[0].getsockname())
    worst = 0.0
    for number in numbers:
        connection.request("POST", path, BODIES[number], {"Content-Type": "application/json"})
        answer = np.asarray(json.loads(connection.getresponse().read()))
        worst = max(worst, np.abs(answer - EXPECTED[number]).max())
    connection.close()
    return worst


def ask(path):
    """Send all requests to a path, from all clients, and return the largest error and the requests a second."""
    numbers = np.arange(options.requests) % len(BODIES)
    began = time.perf_counter()
    with ThreadPoolExecutor(options.clients) as clients:
        worst = max(clients.map(client, [path] * options.clients, np.array_split(numbers, options.clients)))
    return worst, options.requests / (time.perf_counter() - began)


server = uvicorn.Server(uvicorn.Config(app, port=options.port, log_level="warning"))
if options.serve:
    server.run()
else:
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    for path in ("/alone", "/batched"):
        worst, speed = ask(path)
        right = "all answers right" if worst < 1e-5 else f"WRONG by {worst}"
        print(f"{path}: {speed:.0f} requests a second, {right}")
    print(f"The queue made batches of {np.mean(batcher.batches):.1f} on average")
    server.should_exit = True
    thread.join()
