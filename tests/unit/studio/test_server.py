"""The server: who may use it, and what it answers."""

import http.client
import json
import urllib.parse

import numpy as np
import pytest

import pronghorn as keras

pytest.importorskip("starlette")
pytest.importorskip("websockets")

from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from pronghorn.studio.data_sets import DataSet
from pronghorn.studio.launch import Server
from pronghorn.studio.sessions import Session
from pronghorn.studio.workbench import Workbench


@pytest.fixture(scope="module")
def server():
    x, y = np.zeros((20, 3), "float32"), np.arange(20) % 2
    bench = Workbench()
    bench.use_data(DataSet("zeros", "table", x, y, x, y, ("a", "b"), ("p", "q", "r")))
    server = Server(bench, port=0)
    server.start()
    yield server
    server.stop()


def ask(server, path="/", method="GET", body=None, **headers):
    link = http.client.HTTPConnection("127.0.0.1", server.session.port, timeout=20)
    try:
        link.request(method, path, body, headers)
        answer = link.getresponse()
        return answer.status, dict(answer.getheaders()), b"" if path == "/events" else answer.read()
    finally:
        link.close()


def cookie(server):
    return {"Cookie": f"{server.session.cookie}={server.session.token}"}


def test_the_token_is_needed_and_becomes_a_cookie(server):
    for path in ("/", "/state", "/events", "/?token=wrong"):
        assert ask(server, path)[0] == 403
    status, headers, _ = ask(server, "/?token=" + server.session.token)
    assert status == 303 and headers["location"] == "/" and "samesite=strict" in headers["set-cookie"].lower()
    assert "httponly" in headers["set-cookie"].lower()
    status, headers, page = ask(server, "/", **cookie(server))
    assert status == 200 and b"Pronghorn studio" in page and "default-src 'self'" in headers["content-security-policy"]


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:{port}", "127.0.0.1:1", ""])
def test_other_names_are_refused(server, host):
    headers = {**cookie(server), "Host": host.format(port=server.session.port)}
    assert ask(server, "/state", **headers)[0] in (400, 403)


def test_other_sites_are_refused(server):
    own = f"http://127.0.0.1:{server.session.port}"
    assert ask(server, "/state", **cookie(server), Origin=own)[0] == 200
    for origin in ("http://evil.example", "null", f"https://127.0.0.1:{server.session.port}", "http://127.0.0.1:1"):
        assert ask(server, "/state", **cookie(server), Origin=origin)[0] == 403
        with pytest.raises(InvalidStatus):
            connect(f"ws{own[4:]}/socket", origin=origin, additional_headers=cookie(server))
    with pytest.raises(InvalidStatus):
        connect(f"ws{own[4:]}/socket", origin=own)


def test_the_socket_answers(server):
    own = f"http://127.0.0.1:{server.session.port}"
    with connect(f"ws{own[4:]}/socket", origin=own, additional_headers=cookie(server)) as socket:
        for text in ("no json", "[]", '{"id": 3, "do": "code"}', '{"id": 4, "do": "edit", "with": {"do": "remove"}}'):
            socket.send(text)
        answers = [json.loads(socket.recv(timeout=30)) for _ in range(4)]
    refused = [answer for answer in answers if "error" in answer]  # one that takes long may be answered last
    assert [answer["id"] for answer in refused] == [None, None, 4]
    (answer,) = (answer for answer in answers if answer["id"] == 3)
    assert "keras.Sequential" in answer["result"]["code"]


def test_an_answer_says_which_state_has_what_was_asked_for(server):
    own = f"http://127.0.0.1:{server.session.port}"
    with connect(f"ws{own[4:]}/socket", origin=own, additional_headers=cookie(server)) as socket:
        versions = []
        for epochs in (7, 8, 8):  # the last changes nothing
            before = server.bench.version
            socket.send(json.dumps({"id": 1, "do": "settings", "with": {"epochs": epochs}}))
            versions.append(json.loads(socket.recv(timeout=30))["version"] - before)
            state = json.loads(ask(server, "/state", **cookie(server))[2])
            assert state["settings"]["epochs"] == epochs and state["version"] == server.bench.version
    assert versions == [1, 1, 0]


def test_a_table_and_a_file_are_taken(server, tmp_path):
    text = "a,b\n" + "\n".join(f"{i},{i % 2}" for i in range(12))
    assert ask(server, "/upload/table?name=t.csv", "POST", text, **cookie(server))[0] == 200
    state = json.loads(ask(server, "/state", **cookie(server))[2])
    assert state["data"]["name"] == "t.csv" and state["table"]["target"] == "b"
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, name="only")]).save(tmp_path / "m.keras")
    name = urllib.parse.quote("../../m.keras")
    status, _, _ = ask(
        server, f"/upload/file?name={name}", "POST", (tmp_path / "m.keras").read_bytes(), **cookie(server)
    )
    state = json.loads(ask(server, "/state", **cookie(server))[2])
    assert status == 200 and state["file"]["name"] == "m.keras" and state["file"]["layers"][1]["name"] == "only"
    for path, body in (("table?name=t", "x"), ("nothing", ""), ("file?name=x.keras", "no zip"), ("images", b"1")):
        status, _, answer = ask(server, f"/upload/{path}", "POST", body, **cookie(server))
        assert status == 400 and json.loads(answer)["error"]


def test_what_is_static_stays_in_its_folder(server):
    assert ask(server, "/static/app.js")[0] == 200
    for path in ("/static/../server.py", "/static/%2e%2e/server.py", "/static/..%2fserver.py"):
        assert ask(server, path)[0] in (403, 404)


def test_another_host_only_by_name():
    session = Session("0.0.0.0", 80)
    assert session.is_own_host("192.168.1.4") and not session.is_own_host("evil.example")
    assert not Session("127.0.0.1", 80).is_own_host("192.168.1.4")
