"""Who may talk to a studio: whoever has its token, from its own page, under its own name."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?")  # as HTTP has it, with 80 left out


@dataclass(frozen=True)
class Session:
    """The secret of a running studio, and the names it answers to.

    Attributes:
        host: the address it is bound to.
        port: its port.
        token: what the URL carries; a page that has shown it once gets it as a cookie.
    """

    host: str
    port: int
    token: str = field(default_factory=lambda: secrets.token_urlsafe(18), repr=False)

    @property
    def cookie(self) -> str:
        """The cookie's name; browsers do not tell apart the ports of a host."""
        return f"studio-{self.port}"

    @property
    def url(self) -> str:
        """What to open."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{'127.0.0.1' if host in ('0.0.0.0', '[::]') else host}:{self.port}/?token={self.token}"

    def is_own_host(self, host: str | None) -> bool:
        """Whether a request's Host is one of ours: a foreign name that leads here (DNS rebinding) is not.

        >>> [Session("127.0.0.1", 8000).is_own_host(name) for name in ("127.0.0.1:8000", "a.example:8000")]
        [True, False]
        """
        parts = _HOST.fullmatch(host or "")
        if parts is None or int(parts[2] or 80) != self.port:
            return False
        if self.host in ("0.0.0.0", "::"):
            return _is_address(parts[1])
        return parts[1] in LOOPBACK or parts[1].strip("[]") == self.host

    def is_own_origin(self, origin: str | None, host: str | None) -> bool:
        """Whether a page that sent a request is our own; what is no page's, such as a program's, has no Origin.

        >>> Session("127.0.0.1", 8000).is_own_origin("http://evil.example", "127.0.0.1:8000")
        False
        """
        if origin is None:
            return True
        return origin == f"http://{host}" and self.is_own_host(host)

    def knows(self, query: Mapping[str, str], cookies: Mapping[str, str]) -> bool:
        """Whether a request carries the token."""
        given = query.get("token") or cookies.get(self.cookie) or ""
        return hmac.compare_digest(given.encode(), self.token.encode())


def _is_address(name: str) -> bool:
    """Whether a name is an address or this machine, rather than a name that somebody else may have given it."""
    bare = name.strip("[]")
    return name in LOOPBACK or bare.replace(".", "").isdigit() or ":" in bare
