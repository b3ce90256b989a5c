"""Processes meet before their library has them talk: a library ends the process where another does not come."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from pronghorn.placement.processes import seconds_of

_TIMEOUT = "PRONGHORN_DISTRIBUTION_TIMEOUT"
_MOST = 4096  # bytes of a message
_GRACE = 5.0  # seconds that process 0 has to tell the others that somebody did not come


@dataclass(frozen=True)
class Greeting:
    """What a process says of itself.

    Attributes:
        rank: its number.
        count: how many processes it was told that there are.
        versions: what has to be the same in all of them.
    """

    rank: int
    count: int
    versions: str


def seconds() -> float:
    """Return how long processes wait for each other, by the environment or 300 seconds.

    Raises:
        ValueError: if the environment says what is no time.
    """
    return seconds_of(_TIMEOUT, 300.0)


def host_and_port(address: str) -> tuple[str, int]:
    """Return the two parts of an address such as `"10.0.0.1:1234"`.

    Raises:
        ValueError: if it is none.

    >>> host_and_port("[::1]:1234")
    ('::1', 1234)
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(
            f"initialize: {address!r} is no address; write host and port, such as '10.0.0.1:1234', with a port that is "
            "free on that machine."
        )
    return host.strip("[]"), int(port)


def meet(address: str, greeting: Greeting) -> None:
    """Wait until all processes are there, or tell on each of them who is not.

    Args:
        address: that of process 0.
        greeting: what this process says.

    Raises:
        ValueError: `address` is none; or the processes disagree.
        TimeoutError: somebody did not come; see `seconds`.
        OSError: process 0 cannot have the port.
    """
    host, port = host_and_port(address)
    deadline = time.monotonic() + seconds()
    if greeting.count == 1:
        return
    if greeting.rank == 0:
        _wait_for_others(address, port, greeting, deadline)
    else:
        _go_to_first(address, host, port, greeting, deadline)


def _wait_for_others(address: str, port: int, own: Greeting, deadline: float) -> None:
    came: dict[int, socket.socket] = {}
    problem = ""
    with contextlib.ExitStack() as open_ones:
        server = open_ones.enter_context(_server(address, port))
        while len(came) < own.count - 1 and not problem and (left := deadline - time.monotonic()) > 0:
            server.settimeout(left)
            with contextlib.suppress(TimeoutError):
                other = server.accept()[0]
                said = _greeting(other)
                if said is None:
                    other.close()
                else:
                    problem = _disagreement(own, said, came)
                    came[said.rank] = open_ones.enter_context(other)
        missing = [rank for rank in range(1, own.count) if rank not in came]
        late = f"initialize: of {own.count} processes these did not come to {address} in {seconds():g} seconds: "
        late += f"{', '.join(map(str, missing))}. {_mend(address)}"
        for other in came.values():
            with contextlib.suppress(OSError):
                other.sendall(_line({"problem": problem, "late": "" if problem or not missing else late}))
    if problem:
        raise ValueError(problem)
    if missing:
        raise TimeoutError(late)


def _go_to_first(address: str, host: str, port: int, own: Greeting, deadline: float) -> None:
    reason: object = "nobody answered"
    for left in _tries(deadline):
        try:
            with socket.create_connection((host, port), timeout=left) as first:
                first.sendall(_line(asdict(own)))
                first.settimeout(max(deadline - time.monotonic(), 0) + _GRACE)
                answer = json.loads(_received(first))
        except (OSError, ValueError) as error:
            reason = error
            continue
        if answer["problem"]:
            raise ValueError(answer["problem"])
        if answer["late"]:
            raise TimeoutError(answer["late"])
        return
    raise TimeoutError(
        f"initialize: process {own.rank} could not reach process 0 at {address} in {seconds():g} seconds ({reason}). "
        f"{_mend(address)}"
    )


def _mend(address: str) -> str:
    return (
        f"All have to be started with the address of process 0 ({address} here), a port that is free there and that "
        f"firewalls let through, the same num_processes, and a process_id each. {_TIMEOUT} is how long they wait."
    )


def _tries(deadline: float) -> Iterator[float]:
    """The seconds that are left, again and again until there are none."""
    while (left := deadline - time.monotonic()) > 0:
        yield left
        time.sleep(min(0.1, left))


def _server(address: str, port: int) -> socket.socket:
    both = socket.has_dualstack_ipv6()
    try:
        return socket.create_server(
            ("", port), family=socket.AF_INET6 if both else socket.AF_INET, dualstack_ipv6=both, backlog=1024
        )
    except OSError as error:
        raise OSError(
            error.errno,
            f"initialize: process 0 cannot have the port {port} of {address} ({error.strerror}). Take another that is "
            "free on its machine, in the address that all processes are given.",
        ) from None


def _line(content: dict[str, object]) -> bytes:
    return json.dumps(content).encode() + b"\n"


def _received(other: socket.socket) -> bytes:
    """A line from another process."""
    text = b""
    while not text.endswith(b"\n"):
        part = other.recv(_MOST)
        if not part or len(text) > _MOST:
            raise ConnectionError("the connection was closed")
        text += part
    return text


def _greeting(other: socket.socket) -> Greeting | None:
    """What somebody who came says; None where it is none of the processes."""
    other.settimeout(_GRACE)
    try:
        said = Greeting(**json.loads(_received(other)))
    except (OSError, ValueError, TypeError):
        return None
    return said if isinstance(said.rank, int) and isinstance(said.count, int) else None


def _disagreement(own: Greeting, said: Greeting, came: dict[int, socket.socket]) -> str:
    """What is wrong with somebody who came; empty where nothing is."""
    if said.count != own.count:
        return (
            f"initialize: process 0 was told that there are {own.count} processes, process {said.rank} that there are "
            f"{said.count}. Give all the same num_processes."
        )
    if said.rank in came or not 0 < said.rank < own.count:
        return f"initialize: two processes have process_id {said.rank}. Give each its own, from 0 to {own.count - 1}."
    if said.versions != own.versions:
        return (
            f"initialize: process 0 has {own.versions}, process {said.rank} has {said.versions}. Install the same "
            "versions for all."
        )
    return ""
