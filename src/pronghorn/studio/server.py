"""The studio's server: routes, and who may use them. State goes out as events, commands come in by a WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from pronghorn.studio import commands, uploads
from pronghorn.studio.events import stream
from pronghorn.studio.json_text import as_json
from pronghorn.studio.sessions import Session
from pronghorn.studio.workbench import Workbench

STATIC = Path(__file__).with_name("static")

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_NO_TOKEN = """<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><title>Pronghorn studio</title>
<p>This page needs the token of the studio. Open the address that <code>pronghorn studio</code> printed in the
terminal; it ends with <code>?token=...</code>.</p>"""


class Studio:
    """The web application of a studio.

    Args:
        bench: what it holds.
        session: who may use it.
    """

    def __init__(self, bench: Workbench, session: Session) -> None:
        self.bench, self.session = bench, session
        self.is_over: Callable[[], bool] = lambda: False  # whether the server is about to end
        routes = [
            Route("/", self._page),
            Route("/state", self._state),
            Route("/events", self._events),
            Route("/upload/{kind}", self._upload, methods=["POST"]),
            WebSocketRoute("/socket", self._socket),
            Mount("/static", StaticFiles(directory=STATIC)),
        ]
        self.app: ASGIApp = _Guard(Starlette(routes=routes), session)

    # -- routes -------------------------------------------------------------------------------------------------------
    async def _page(self, request: Request) -> Response:
        if "token" in request.query_params:  # out of the address, which pages and pictures of the screen show
            response: Response = RedirectResponse("/", 303)
            response.set_cookie(self.session.cookie, self.session.token, httponly=True, samesite="strict")
            return response
        nonce = secrets.token_urlsafe(12)
        text = (STATIC / "index.html").read_text("utf-8").replace("{{nonce}}", nonce)
        policy = f"default-src 'self'; script-src 'self' 'nonce-{nonce}'; img-src 'self' data: blob:; object-src 'none'"
        policy += "; base-uri 'none'; frame-ancestors 'none'; form-action 'none'"
        return HTMLResponse(text, headers={"Content-Security-Policy": policy, "Cache-Control": "no-store"})

    async def _state(self, request: Request) -> Response:
        return Response(as_json(self.bench.shown()), media_type="application/json")

    async def _events(self, request: Request) -> Response:
        events = stream(self.bench, self.is_over)
        return StreamingResponse(events, media_type="text/event-stream", headers={"Cache-Control": "no-store"})

    async def _upload(self, request: Request) -> Response:
        try:
            await uploads.take(self.bench, request.path_params["kind"], request.query_params, request.stream())
        except Exception as error:
            return JSONResponse(commands.refusal(error), 400)
        return JSONResponse({"ok": True})

    async def _socket(self, socket: WebSocket) -> None:
        await socket.accept()
        beside: set[asyncio.Task[None]] = set()
        with contextlib.suppress(WebSocketDisconnect):
            while (text := await _received(socket)) is not None:
                try:
                    message = commands.read(text)
                except ValueError as error:
                    await self._send(socket, None, commands.refusal(error))
                    continue
                if commands.is_slow(message):  # so that drawing, say, does not wait for it
                    task = asyncio.create_task(self._answer(socket, message))
                    beside.add(task)
                    task.add_done_callback(beside.discard)
                else:
                    await self._answer(socket, message)

    async def _answer(self, socket: WebSocket, message: dict[str, Any]) -> None:
        found = await run_in_threadpool(commands.run, self.bench, message)
        number = message.get("id")
        await self._send(socket, number if isinstance(number, int | str) else None, found)

    async def _send(self, socket: WebSocket, number: int | str | None, answer: dict[str, Any]) -> None:
        # By the version the page knows which state, that comes as an event, is the first with what it has asked for.
        text = as_json({"id": number, "version": self.bench.version, **answer})
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # the page has gone
            await socket.send_text(text)


async def _received(socket: WebSocket) -> str | bytes | None:
    """What a page has sent, None if it has gone."""
    message = await socket.receive()
    return None if message["type"] == "websocket.disconnect" else message.get("text") or message.get("bytes") or ""


class _Guard:
    """Lets nothing through that does not know the token, or that comes from another site's page."""

    def __init__(self, app: ASGIApp, session: Session) -> None:
        self.app, self.session = app, session

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        reason = self._against(connection, scope["type"])
        if reason is None:
            await self.app(scope, receive, _with_headers(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await HTMLResponse(reason, 403, headers=_HEADERS)(scope, receive, send)

    def _against(self, connection: HTTPConnection, kind: str) -> str | None:
        host, origin = connection.headers.get("host"), connection.headers.get("origin")
        if not self.session.is_own_host(host):
            return "This is not a name of the studio."
        if not self.session.is_own_origin(origin, host) or (kind == "websocket" and origin is None):
            return "Another site's page cannot use the studio."
        if connection.scope["path"].startswith("/static/"):
            return None  # nothing of the user's is there
        return None if self.session.knows(connection.query_params, connection.cookies) else _NO_TOKEN


def _with_headers(send: Send) -> Send:
    async def wrapped(message: Any) -> None:
        if message["type"] == "http.response.start":
            extra = [(k.lower().encode(), v.encode()) for k, v in _HEADERS.items()]
            message = {**message, "headers": [*message["headers"], *extra]}
        await send(message)

    return wrapped
