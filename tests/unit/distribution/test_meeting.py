"""Processes that meet: threads play them."""

import concurrent.futures
import socket

import pytest

from pronghorn.distribution import meeting
from pronghorn.distribution.meeting import Greeting, host_and_port, meet


@pytest.fixture
def address(monkeypatch):
    monkeypatch.setenv("PRONGHORN_DISTRIBUTION_TIMEOUT", "30")
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{found.getsockname()[1]}"


def told(address, greetings):
    """What became of each process: None where it met the others."""
    with concurrent.futures.ThreadPoolExecutor(len(greetings)) as pool:
        return [f.exception() for f in [pool.submit(meet, address, g) for g in greetings]]


def test_they_meet(address):
    assert told(address, [Greeting(rank, 3, "v") for rank in (2, 0, 1)]) == [None] * 3
    assert meet(address, Greeting(0, 1, "v")) is None


def test_somebody_else_comes_first(address):
    host, port = host_and_port(address)

    def stranger():
        while True:
            try:
                with socket.create_connection((host, port), timeout=3) as other:
                    other.sendall(b"GET / HTTP/1.1\n")
                    return other.recv(100)
            except ConnectionRefusedError:
                continue

    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        first = pool.submit(meet, address, Greeting(0, 2, "v"))
        assert pool.submit(stranger).result() == b""
        assert pool.submit(meet, address, Greeting(1, 2, "v")).exception() is None
        assert first.exception() is None


@pytest.mark.parametrize(
    ("second", "words"),
    [
        (Greeting(1, 3, "v"), "process 0 was told that there are 2 processes, process 1 that there are 3"),
        (Greeting(1, 2, "w"), "process 0 has v, process 1 has w"),
        (Greeting(2, 2, "v"), "process_id 2"),
    ],
)
def test_they_disagree(second, words, address):
    for problem in told(address, [Greeting(0, 2, "v"), second]):
        assert isinstance(problem, ValueError) and words in str(problem)


def test_one_does_not_come(address, monkeypatch):
    monkeypatch.setenv("PRONGHORN_DISTRIBUTION_TIMEOUT", "3")
    first, second = told(address, [Greeting(0, 3, "v"), Greeting(2, 3, "v")])
    for problem in (first, second):
        assert isinstance(problem, TimeoutError) and f"did not come to {address} in 3 seconds: 1." in str(problem)


def test_nobody_answers(address, monkeypatch):
    monkeypatch.setenv("PRONGHORN_DISTRIBUTION_TIMEOUT", "0.5")
    with pytest.raises(TimeoutError, match=f"process 1 could not reach process 0 at {address} in 0.5 seconds"):
        meet(address, Greeting(1, 2, "v"))


def test_the_port_is_taken(address):
    with socket.create_server(host_and_port(address)), pytest.raises(OSError, match="cannot have the port"):
        meet(address, Greeting(0, 2, "v"))


@pytest.mark.parametrize("wrong", ["", "host", "host:", ":80", "host:http", "host:0", "host:70000"])
def test_what_is_no_address(wrong):
    with pytest.raises(ValueError, match="is no address"):
        host_and_port(wrong)


@pytest.mark.parametrize("text", ["soon", "0", "-1", "nan"])
def test_what_is_no_time(text, monkeypatch):
    monkeypatch.setenv("PRONGHORN_DISTRIBUTION_TIMEOUT", text)
    with pytest.raises(ValueError, match="PRONGHORN_DISTRIBUTION_TIMEOUT must be a number of seconds above 0"):
        meeting.seconds()
