"""Whatever comes in gets an answer that is a sentence, and nothing of it is a traceback in the user's terminal."""

from __future__ import annotations

import functools
import inspect
import itertools
import json
import logging
import os
import re
import socket
import urllib.parse

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pronghorn as keras

pytest.importorskip("starlette")
pytest.importorskip("websockets")

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from pronghorn.studio import commands, opened_scripts
from pronghorn.studio.data_sets import DataSet, read_image_upload
from pronghorn.studio.edits import EDITS
from pronghorn.studio.files import view_file
from pronghorn.studio.from_pages import clean_name, read_json
from pronghorn.studio.launch import Server
from pronghorn.studio.sessions import Session
from pronghorn.studio.workbench import Workbench

# What Python or a package says of an error in a program, and nobody else should read.
INTERNAL = re.compile(
    r"NoneType|Traceback|unhashable|subscriptable|positional|keyword arg|argument after|not supported between|codec|"
    r"object (is|has)|recursion|maximum|Errno|embedded|can't|cannot convert|int\(\)|must be str|^'\w*'$|^\w+$"
)
ODD_TEXTS = [
    "",
    ".",
    "..",
    "../..",
    "/",
    "\0",
    "a\0b",
    "\r\n",
    "²",
    "é" * 300,
    "x" * 5000,
    "[",
    "%",
    "%zz",
    "\u202e",
    "nul",
]


def a_bench():
    x, y = np.zeros((20, 3), "float32"), np.arange(20) % 2
    bench = Workbench()
    bench.use_data(DataSet("zeros", "table", x, y, x, y, ("a", "b"), ("p", "q", "r")))
    return bench


@pytest.fixture(scope="module")
def server():
    server = Server(a_bench(), port=0)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def quiet(caplog):
    """Nothing may be written to the terminal."""
    yield
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


def raw(server, request):
    """The status of the answer to bytes that no well-behaved client would send; 0 where the server hung up."""
    with socket.create_connection(("127.0.0.1", server.session.port), timeout=20) as link:
        try:
            link.sendall(request)
            answer = link.recv(1 << 16)
        except ConnectionError:
            return 0
    return int(answer.split(b" ", 2)[1]) if answer else 0


def asked(server, path=b"/state", host=None, origin=None, cookie=None, more=b"", method=b"GET", body=b""):
    host = f"127.0.0.1:{server.session.port}".encode() if host is None else host
    lines = [method + b" " + path + b" HTTP/1.1", b"Host: " + host, b"Connection: close"]
    lines += [b"Origin: " + origin] if origin is not None else []
    lines += [b"Cookie: " + cookie] if cookie is not None else []
    lines += [b"Content-Length: " + str(len(body)).encode()] if body else []
    return raw(server, b"\r\n".join(lines) + b"\r\n" + more + b"\r\n" + body)


HOSTS = [
    "127.0.0.1:²", "127.0.0.1:٣", "127.0.0.1:{port}²", "127.0.0.1:-1", "127.0.0.1:", "127.0.0.1:99999999999999999999",
    "[", "[]", "[::1", "::1", "[::1]]:{port}", "127.0.0.1:{port}:{port}", "a@127.0.0.1:{port}", "127.0.0.1:{port}/",
    "127.0.0.1:{port}#", "", ":", "%31", "\u212a", "[v1.x]:{port}", "[fe80::1%25eth0]:{port}", "１２７.0.0.1:{port}",
    " ", "localhost.:{port}", "x" * 3000,
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTS)
def test_hosts_and_origins_that_are_none(server, quiet, text):
    text = text.format(port=server.session.port)
    own = f"{server.session.cookie}={server.session.token}".encode()
    for encoded in (text.encode(), text.encode("latin-1", "replace")):
        assert asked(server, host=encoded, cookie=own) in (400, 403)
        assert asked(server, origin=b"http://" + encoded, cookie=own) in (400, 403)
        assert asked(server, origin=encoded, cookie=own) in (400, 403)
        assert asked(server, host=encoded) in (400, 403)


@pytest.mark.parametrize("bound", ["127.0.0.1", "localhost", "::1", "0.0.0.0", "::", "my_machine"])
def test_a_session_knows_its_own_names_alone(bound):
    session = Session(bound, 8000)
    own = {"127.0.0.1": True, "localhost": True, "[::1]": True, "my_machine": bound == "my_machine"}
    for name, expected in own.items():
        assert session.is_own_host(f"{name}:8000") is expected
        assert session.is_own_origin(f"http://{name}:8000", f"{name}:8000") is expected
    for text in HOSTS:
        assert not session.is_own_host(text.format(port=8000))
        assert not session.is_own_origin(f"http://{text.format(port=8000)}", "127.0.0.1:8000")
    assert not session.is_own_host(None) and session.is_own_origin(None, None)


def test_paths_headers_and_cookies(server, quiet):
    own = f"{server.session.cookie}={server.session.token}".encode()
    odd = [b"%", b"%zz", b"%00", b"%ff%fe", b"%c0%ae%c0%ae/", b"\xff", b"[", b"//[", b"..%5c..", b"a" * 3000]
    for path, cookie in itertools.product(odd, (None, own, b"studio=\xff; =; ;;", b'a="\\777"; ' * 50)):
        for start in (b"/", b"/static/", b"/?token=", b"/upload/", b"/state?"):
            assert asked(server, start + path, cookie=cookie) < 500
    assert asked(server, cookie=b"x" * (1 << 18)) < 500
    assert asked(server, more=b"".join(b"X-%d: y\r\n" % i for i in range(3000))) < 500
    for request in (
        b"\0\0\0\0\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET\r\n\r\n",
        b"\x16\x03\x01\x02\x00" * 20 + b"\r\n\r\n",
    ):
        assert raw(server, request) < 500


@pytest.mark.parametrize("name", ODD_TEXTS)
def test_names_of_uploads(server, quiet, tmp_path, name):
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)]).save(tmp_path / "m.keras")
    own = f"{server.session.cookie}={server.session.token}".encode()
    for text, body in ((f"{name}m.keras", (tmp_path / "m.keras").read_bytes()), (name, b"no model")):
        query = urllib.parse.quote(text, safe="").encode()
        status = asked(server, b"/upload/file?name=" + query, cookie=own, method=b"POST", body=body)
        assert status == (200 if body != b"no model" else 400), text


@pytest.mark.parametrize("text", [*ODD_TEXTS, "\ud800", "a/\ud800.csv", "COM1.txt", "a. . ."])
def test_a_cleaned_name_is_one_files_name(tmp_path, text):
    for name in {clean_name(text, "file"), clean_name(f"{text}.keras", "file")}:
        assert os.path.basename(name) == name and name not in ("", ".", "..") and "\0" not in name
        (tmp_path / name).write_text("x")
        assert [path.name for path in tmp_path.iterdir()] == [name]
        (tmp_path / name).unlink()


NO_MESSAGES = [
    "", "no json", "[]", "3", "null", '"do"', "{", "[" * 100_000, '{"a":' * 100_000, "[" * 100 + "]" * 100,
    '{"id": NaN}', '{"id": 1e999}', '{"id": -Infinity}', '{"with": {"epochs": 1' + "0" * 5000 + "}}",
    '{"id": 9223372036854775808}', '{"do": "\\ud800"}', '{"\\udfff": 1}', b"\0\xff\xfe", b"[]", b'{"do": "\xff"}',
    "\ufeff{}",
]  # fmt: skip
NO_COMMANDS = [
    {}, {"do": []}, {"do": {}}, {"do": None}, {"do": 3}, {"do": "nothing"}, {"do": "undo", "with": [1]},
    {"do": "undo", "with": "x"}, {"do": "undo", "with": {"more": 1}}, {"do": "code", "with": {"bench": 1}},
    {"do": "edit"}, {"do": "edit", "with": {"do": "remove", "plan": 1}}, {"do": "edit", "with": {"do": []}},
    {"do": "settings", "with": {"epochs": 1e300}}, {"do": "settings", "with": {"more": 1}},
]  # fmt: skip


def test_messages_that_are_none(server, quiet):
    own = f"http://127.0.0.1:{server.session.port}"
    cookie = {"Cookie": f"{server.session.cookie}={server.session.token}"}
    with connect(f"ws{own[4:]}/socket", origin=own, additional_headers=cookie) as link:
        for text in NO_MESSAGES:
            link.send(text)
            answer = json.loads(link.recv(timeout=30))
            assert answer["id"] is None and not INTERNAL.search(answer["error"]), (text[:50], answer)
        for number, message in enumerate(NO_COMMANDS):
            link.send(json.dumps({"id": number, **message}))
            answer = json.loads(link.recv(timeout=30))
            assert answer["id"] == number and not INTERNAL.search(answer["error"]), (message, answer)
        for number in ([], {"a": 1}, 1.5, None):
            link.send(json.dumps({"id": number, "do": "nothing"}))
            assert "error" in json.loads(link.recv(timeout=30))
        with pytest.raises(ConnectionClosed):  # larger than any page's
            link.send(" " * (1 << 25))
            link.recv(timeout=30)
    for frame in (b"\x81\x82\0\0\0\0\xff\xfe", b"\x8f\x80\0\0\0\0", b"\x81\xff" + b"\xff" * 12):
        with connect(f"ws{own[4:]}/socket", origin=own, additional_headers=cookie) as link:
            link.socket.sendall(frame)  # text that is none, an operation that is none, a length that is none
            with pytest.raises(ConnectionClosed):
                link.recv(timeout=30)


VALUES = [
    None, True, -1, 0, 10**18, -0.5, 1e308, "", "x", "²" * 2000, [], [[]], [-1], [10**18], {}, {"example": []},
    {"example": -1}, {"drawing": 1}, {"drawing": "²"}, {"pixels": None}, {"drawing": "AAAA", "width": "2"},
    {"drawing": ""}, {"class_name": "Lambda", "config": {}},
]  # fmt: skip


def of(function):
    return [p.name for p in list(inspect.signature(function).parameters.values())[1:] if p.kind is not p.VAR_KEYWORD]


def hostile_arguments():
    """For every command and edit, each argument with each odd value, the others right or left out."""
    right = {
        "source": {"example": 0}, "layer": "dense", "place": [0], "method": "grad_cam", "target": 0, "run": None,
        "do": "set", "name": "dense", "field": "units", "kind": "Dense", "after": "dense", "by": 1, "first": 1,
        "second": 1,
    }  # fmt: skip
    functions = {(name, None): function for name, function in commands.COMMANDS.items()}
    functions |= {("edit", do): function for do, function in EDITS.items()}
    for (name, do), function in functions.items():
        usual = {key: right[key] for key in of(function) if key in right} | ({"do": do} if do else {})
        for key in of(function):
            for value in VALUES:
                yield name, {**usual, key: value}
            yield name, {other: usual[other] for other in usual if other != key}
    for key, value in itertools.product(
        ("optimizer", "learning_rate", "batch_size", "epochs", "examples", "seed"), VALUES
    ):
        yield "settings", {key: value}


def test_arguments_of_every_command(monkeypatch, tmp_path):
    def no_script(source, name):
        raise ValueError("It was opened.")

    monkeypatch.setattr(opened_scripts, "open_source", no_script)
    monkeypatch.setattr(
        Workbench, "start", lambda bench, further=False, name="": 1 / 0
    )  # training is not what is tested
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)]).save(tmp_path / "m.keras")
    image = np.zeros((8, 4, 4, 1), np.uint8)
    pictures = DataSet("pictures", "images", image, np.arange(8) % 2, image, np.arange(8) % 2, ("a", "b"))
    with_pictures, count = a_bench(), 0
    with_pictures.use_data(pictures)
    with_pictures.file = view_file(str(tmp_path / "m.keras"))
    for bench in (Workbench(), a_bench(), with_pictures):
        for name, arguments in hostile_arguments():
            before = bench.built
            answer = commands.run(bench, read_json(json.dumps({"do": name, "with": arguments})))
            if before is not None and bench.built is not before:
                bench.undo()
            count += 1
            message = answer.get("error", "It was done.")
            assert not INTERNAL.search(message) and len(message) < 3000, (name, arguments, message)
    assert count > 1000


def image_upload(head, pixels=b""):
    text = head if isinstance(head, bytes) else json.dumps(head).encode()
    return len(text).to_bytes(4, "little") + text + pixels


def test_headers_of_images():
    fine = {"name": "n", "classes": ["a", "b"], "labels": [0, 0, 1, 1], "shape": [4, 2, 2, 1]}
    assert read_image_upload(image_upload(fine, bytes(16))).classes == ("a", "b")
    wrong = [
        {**fine, key: value}
        for key, value in itertools.product(fine, VALUES)
        if not (key == "name" and isinstance(value, str))
    ]
    wrong += [
        {**fine, "shape": [1 << 32, 1 << 32, 1, 1]},
        {**fine, "shape": [4, 2, 2, 1e3]},
        {**fine, "labels": [0, 0, 1, 2]},
    ]
    bodies = [image_upload(head, pixels) for head, pixels in itertools.product(wrong, (b"", bytes(16)))]
    bodies += [
        b"",
        b"\xff\xff\xff\xff",
        image_upload(b"[" * 100_000),
        image_upload(b"\xff{}"),
        image_upload(b"[1, NaN]"),
    ]
    for body in bodies:
        with pytest.raises(ValueError) as caught:
            read_image_upload(body)
        assert not INTERNAL.search(str(caught.value)), (body[:100], str(caught.value))


KEYS = sorted({key for function in commands.COMMANDS.values() for key in of(function)})
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
any_arguments = st.dictionaries(st.sampled_from(KEYS) | st.text(), any_json)
QUIET = sorted(set(commands.COMMANDS) - {"data", "script", "start", "restart", "measure"})  # that start nothing


@functools.cache
def the_bench():
    return a_bench()


@settings(max_examples=100, deadline=None, derandomize=True)  # the first builds a model
@given(st.fixed_dictionaries({"do": st.sampled_from(QUIET) | any_json, "with": any_arguments | any_json}))
def test_messages_that_are_drawn(message):
    bench = the_bench()
    try:
        read = commands.read(json.dumps(message))
    except ValueError as error:
        told = str(error)
    else:
        told = commands.run(bench, read).get("error", "It was done.")
    assert not INTERNAL.search(told.replace(repr(message["do"]), "")), told


@settings(deadline=None, derandomize=True)
@given(st.text(st.characters(exclude_categories=())))
def test_names_that_are_drawn(text):
    name = clean_name(text, "file")
    assert os.path.basename(name) == name and name not in ("", ".", "..") and "\0" not in name
    assert 0 < len(name.encode()) <= 200 and clean_name(name, "file") == name


@pytest.mark.parametrize("asked", [{"count": -1}, {"start": -1}, {"start": -5, "count": -1}])
def test_examples_are_counted_from_0(asked):
    answer = commands.run(a_bench(), {"do": "examples", "with": asked})
    assert "must be 0 or more" in answer["error"]
    assert len(commands.run(a_bench(), {"do": "examples", "with": {"count": 10**9}})["result"]["examples"]) == 20
