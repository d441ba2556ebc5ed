# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The public side: counters, echo, slow answers, a WebSocket, predictions by the model server, jobs for the worker."""

from __future__ import annotations

import asyncio
import json
import os
import uuid
from collections.abc import AsyncIterator

import aiohttp
from aiohttp import ClientSession, ClientTimeout, WSMsgType, web

from .settings import setting
from .stores import QUEUE, cache, database

POOL: web.AppKey = web.AppKey("pool")
CACHE: web.AppKey = web.AppKey("cache")
HTTP: web.AppKey = web.AppKey("http")
SLOWEST = 60.0


async def health(request: web.Request) -> web.Response:
    """200 when database and cache answer, else 503 and which does not."""
    if os.environ.get("BROKEN"):
        return web.json_response({"status": "broken by intent"}, status=503)
    checks = {}
    for name, check in (("database", request.app[POOL].fetchval("SELECT 1")), ("cache", request.app[CACHE].ping())):
        try:
            await asyncio.wait_for(check, 3)
            checks[name] = "ok"
        except Exception as error:  # whatever a driver raises means: not healthy
            checks[name] = type(error).__name__
    good = set(checks.values()) == {"ok"}
    return web.json_response({"status": "ok" if good else "failing", **checks}, status=200 if good else 503)


async def version(request: web.Request) -> web.Response:
    """Which release answers, and which container."""
    return web.json_response({"version": os.environ.get("VERSION", ""), "container": os.uname().nodename})


async def index(request: web.Request) -> web.Response:
    """Raise both counters and show them."""
    raised = await request.app[POOL].fetchval("UPDATE counter SET value = value + 1 WHERE name = 'visits' RETURNING value")
    shown = {"database": raised, "cache": await request.app[CACHE].incr("visits")}
    if "application/json" in request.headers.get("Accept", ""):
        return web.json_response(shown)
    text = f"LATENTUM {os.environ.get('VERSION', '')}\nvisits in the database: {shown['database']}\nvisits in the cache: {shown['cache']}\n"
    return web.Response(text=text)


async def slow(request: web.Request) -> web.Response:
    """Answer after s seconds (bounded)."""
    try:
        seconds = min(max(float(request.query.get("s", "1")), 0.0), SLOWEST)
    except ValueError:
        return web.json_response({"error": "s is a number of seconds"}, status=400)
    await asyncio.sleep(seconds)
    return web.json_response({"slept": seconds, "version": os.environ.get("VERSION", "")})


async def echo(request: web.Request) -> web.Response:
    """The body, as it came."""
    return web.Response(body=await request.read(), content_type=request.content_type or "application/octet-stream")


async def socket(request: web.Request) -> web.WebSocketResponse:
    """Echo each message until the client, or a shutdown, closes."""
    channel = web.WebSocketResponse(heartbeat=20)
    await channel.prepare(request)
    async for message in channel:
        if message.type == WSMsgType.TEXT:
            await channel.send_str(message.data)
        elif message.type == WSMsgType.BINARY:
            await channel.send_bytes(message.data)
    return channel


async def predict(request: web.Request) -> web.Response:
    """Ask the model server."""
    url = f"{setting('MODEL_URL', 'http://model-server:8081')}/predict"
    try:
        async with request.app[HTTP].get(url, params=request.query) as answer:
            return web.json_response(await answer.json(), status=answer.status)
    except (aiohttp.ClientError, TimeoutError):
        return web.json_response({"error": "the model server does not answer"}, status=502)


async def enqueue(request: web.Request) -> web.Response:
    """Put a job into the queue; its key makes a repeated one count once."""
    try:
        body = await request.json()
    except json.JSONDecodeError:
        return web.json_response({"error": "the body is no JSON"}, status=400)
    key = str(body.get("key") or uuid.uuid4()) if isinstance(body, dict) else str(uuid.uuid4())
    await request.app[CACHE].lpush(QUEUE, json.dumps({"key": key, "body": body}))
    return web.json_response({"queued": key}, status=202)


async def count(request: web.Request) -> web.Response:
    """How many jobs the worker has written."""
    return web.json_response({"count": await request.app[POOL].fetchval("SELECT count(*) FROM job")})


async def stores(app: web.Application) -> AsyncIterator[None]:
    """Connect before serving, close after the last request."""
    app[POOL], app[CACHE] = await database(), cache()
    app[HTTP] = ClientSession(timeout=ClientTimeout(total=30))
    yield
    await app[HTTP].close()
    await app[CACHE].aclose()
    await app[POOL].close()


def main() -> None:
    """Serve; SIGTERM stops accepting and lets requests in flight end."""
    setting("API_KEY")
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.cleanup_ctx.append(stores)
    app.add_routes([
        web.get("/", index), web.get("/health", health), web.get("/version", version), web.get("/slow", slow),
        web.post("/echo", echo), web.get("/ws", socket), web.get("/predict", predict),
        web.post("/jobs", enqueue), web.get("/jobs/count", count),
    ])  # fmt: skip
    web.run_app(app, port=int(setting("PORT", "8080")), access_log=None, shutdown_timeout=25, keepalive_timeout=75)


if __name__ == "__main__":
    main()
