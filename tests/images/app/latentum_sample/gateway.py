# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The API gateway: what the outside talks to."""

from __future__ import annotations

import asyncio
import contextlib
import html
import json
import os
import uuid
import weakref
from collections.abc import AsyncIterator, Awaitable, Mapping
from typing import Any

import aiohttp
from aiohttp import WSCloseCode, web

from . import QUEUE
from .config import Settings, seconds_asked, secrets_of
from .log import begin, log, short
from .storage import UNAVAILABLE, Database, cache_of, check_cache, database_of
from .web import SETTINGS, application, serve

DATABASE: web.AppKey[Database] = web.AppKey("database", Database)
CACHE: web.AppKey[Any] = web.AppKey("cache")
MODEL = web.AppKey("model", aiohttp.ClientSession)
SOCKETS: web.AppKey[Any] = web.AppKey("sockets")
SLOW_LIMIT = 60.0
SOCKET_LIMIT = 64 * 1024

PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>LATENTUM</title></head>
<body>
<h1>LATENTUM</h1>
<p>Visits counted by PostgreSQL: <strong>{database}</strong>. Visits counted by Redis: <strong>{cache}</strong>.</p>
<p>Answered by {service} {version} in the container {host}.</p>
<ul><li><a href="/health">health</a></li><li><a href="/version">version</a></li><li><a href="/predict?input=1,2,3">predict</a></li>
<li><a href="/jobs/count">jobs</a></li></ul>
</body>
</html>
"""


async def index(request: web.Request) -> web.Response:
    """``/``: one more in the database and in the cache; HTML for browsers, JSON for everybody else."""
    database, cached = await asyncio.gather(request.app[DATABASE].count_up("visits"), request.app[CACHE].incr("visits"))
    shown: dict[str, object] = {**request.app[SETTINGS].identity.shown(), "database": database, "cache": int(cached)}
    if "text/html" in request.headers.get("Accept", ""):
        return web.Response(text=PAGE.format(**{key: html.escape(str(value)) for key, value in shown.items()}), content_type="text/html")
    return web.json_response(shown)


async def health(request: web.Request) -> web.Response:
    """``/health``: 200 when database and cache answer, otherwise 503 and which one failed."""
    checks: Mapping[str, Awaitable[None]] = {"database": request.app[DATABASE].check(), "cache": check_cache(request.app[CACHE])}
    results = await asyncio.gather(*checks.values(), return_exceptions=True)
    shown = {name: "ok" if result is None else short(result) for name, result in zip(checks, results, strict=True)}
    if request.app[SETTINGS].broken:
        shown["self"] = "this version is broken on purpose"
    failing = sorted(name for name, result in shown.items() if result != "ok")
    answer = {"status": "failing" if failing else "ok", "failing": failing, "checks": shown}
    return web.json_response(answer, status=503 if failing else 200)


async def slow(request: web.Request) -> web.Response:
    """``/slow?s=N``: answers after N seconds."""
    try:
        seconds = seconds_asked(request.query.get("s", "1"), SLOW_LIMIT)
    except ValueError:
        return web.json_response({"error": f"s must be a number of seconds from 0 to {SLOW_LIMIT:g}"}, status=400)
    await asyncio.sleep(seconds)
    return web.json_response({**request.app[SETTINGS].identity.shown(), "seconds": seconds})


async def echo(request: web.Request) -> web.Response:
    """``POST /echo``: the body comes back as it came; never as something that a browser would run."""
    return web.Response(body=await request.read(), content_type="application/octet-stream")


async def socket(request: web.Request) -> web.WebSocketResponse:
    """``/ws``: every message comes back."""
    connection = web.WebSocketResponse(heartbeat=20, max_msg_size=SOCKET_LIMIT)
    await connection.prepare(request)
    request.app[SOCKETS].add(connection)
    async for message in connection:
        if message.type is aiohttp.WSMsgType.TEXT:
            await connection.send_str(message.data)
        elif message.type is aiohttp.WSMsgType.BINARY:
            await connection.send_bytes(message.data)
    return connection


async def predict(request: web.Request) -> web.Response:
    """``/predict``: passed on to the model server, with the key that it wants."""
    body = await request.read()
    headers = {"Content-Type": request.content_type} if body else {}
    try:
        async with request.app[MODEL].request(
            request.method, "/predict", params=request.query, data=body or None, headers=headers
        ) as answer:
            return web.Response(body=await answer.read(), status=answer.status, content_type="application/json")
    except (aiohttp.ClientError, TimeoutError) as error:
        log.warning("model server: %s", short(error))
        return web.json_response({"error": "the model server is away"}, status=502)


async def add_job(request: web.Request) -> web.Response:
    """``POST /jobs``: puts a job into the queue and returns its id."""
    try:
        payload = json.loads(await request.read() or b"{}")
    except ValueError:
        return web.json_response({"error": "the body must be JSON"}, status=400)
    job = {"id": str(uuid.uuid4()), "payload": payload}
    waiting = await request.app[CACHE].lpush(QUEUE, json.dumps(job))
    return web.json_response({"id": job["id"], "waiting": waiting}, status=202)


async def count_jobs(request: web.Request) -> web.Response:
    """``/jobs/count``: how many jobs the worker has written to the database, and how many wait."""
    async with request.app[DATABASE].connection() as connection:
        count = await connection.fetchval("SELECT count(*) FROM jobs")
    return web.json_response({"count": count, "waiting": await request.app[CACHE].llen(QUEUE)})


async def _connections(app: web.Application) -> AsyncIterator[None]:
    environ = os.environ
    app[DATABASE] = database_of(environ)
    app[CACHE] = cache_of(environ)
    app[SOCKETS] = weakref.WeakSet()
    app[MODEL] = aiohttp.ClientSession(
        environ.get("MODEL_URL", "http://model-server:8081"),
        headers={"Authorization": f"Bearer {secrets_of(environ, 'API_KEY')[0]}"},
        timeout=aiohttp.ClientTimeout(total=30, connect=3),
    )
    yield
    await app[MODEL].close()
    await app[CACHE].aclose()
    await app[DATABASE].close()


async def _say_goodbye(app: web.Application) -> None:
    """Sockets never end by themselves: tell their clients to connect again, elsewhere."""
    for connection in list(app[SOCKETS]):
        with contextlib.suppress(ConnectionError):
            await connection.close(code=WSCloseCode.GOING_AWAY, message=b"this server is going away")


def gateway(settings: Settings) -> web.Application:
    app = application(settings, UNAVAILABLE)
    app.cleanup_ctx.append(_connections)
    app.on_shutdown.append(_say_goodbye)
    app.router.add_get("/", index)
    app.router.add_get("/health", health)
    app.router.add_get("/slow", slow)
    app.router.add_post("/echo", echo)
    app.router.add_get("/ws", socket)
    app.router.add_get("/predict", predict)
    app.router.add_post("/predict", predict)
    app.router.add_post("/jobs", add_job)
    app.router.add_get("/jobs/count", count_jobs)
    return app


def main() -> None:
    settings = Settings.read(os.environ)
    begin(settings)
    serve(gateway(settings))
