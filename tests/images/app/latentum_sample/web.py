# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the two HTTP services share: running, stopping, who answered, and errors as JSON."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable

from aiohttp import web

from .config import Settings
from .log import log, short

SETTINGS = web.AppKey("settings", Settings)
UNAVAILABLE: web.AppKey[tuple[type[BaseException], ...]] = web.AppKey("unavailable")
BODY_LIMIT = 16 * 1024 * 1024
# Longer than a proxy keeps idle connections (nginx: 60 s), so that it is never we who close one as a request comes in.
KEEPALIVE_SECONDS = 300.0


CRASH_SECONDS = 8.0
SLOW_SECONDS = 2.0
EVERY = 5  # of so many requests one fails


def _faulty(fault: str) -> Callable[[web.Request, Callable[[web.Request], Awaitable[web.StreamResponse]]], Awaitable[web.StreamResponse]]:
    """A version that is wrong on purpose; its healthcheck sees nothing of it."""
    count = 0

    @web.middleware
    async def faulty(request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> web.StreamResponse:
        nonlocal count
        if request.path != "/health":
            count += 1
            if fault == "errors" and count % EVERY == 0:
                return web.json_response({"error": "this version fails on purpose"}, status=500)
            if fault == "slow":
                await asyncio.sleep(SLOW_SECONDS)
        return await handler(request)

    return faulty


async def _crash(_app: web.Application) -> None:
    """Ends the process a while after it became healthy."""

    def now() -> None:
        log.error("this version crashes on purpose")
        os._exit(3)

    asyncio.get_running_loop().call_later(CRASH_SECONDS, now)


@web.middleware
async def _errors(request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> web.StreamResponse:
    """A dependency that is away is 503; a mistake of ours is 500 with its trace in the log."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400 or error.content_type == "application/json":
            raise
        return web.json_response(
            {"error": error.reason}, status=error.status, headers={k: v for k, v in error.headers.items() if k == "Allow"}
        )
    except request.config_dict[UNAVAILABLE] as error:
        log.warning("%s %s: %s", request.method, request.path, short(error))
        return web.json_response({"error": "a dependency is away", "detail": short(error)}, status=503, headers={"Retry-After": "1"})
    except Exception:
        log.exception("%s %s failed", request.method, request.path)
        return web.json_response({"error": "internal error"}, status=500)


async def _sign(request: web.Request, response: web.StreamResponse) -> None:
    identity = request.config_dict[SETTINGS].identity
    response.headers["X-Served-By"] = identity.host
    response.headers["X-Version"] = identity.version


async def version(request: web.Request) -> web.Response:
    """``/version``: which version answers, and in which container."""
    return web.json_response(request.config_dict[SETTINGS].identity.shown())


def application(settings: Settings, unavailable: tuple[type[BaseException], ...] = ()) -> web.Application:
    """``unavailable``: errors that mean that a dependency is away."""
    app = web.Application(middlewares=[_faulty(settings.fault), _errors], client_max_size=BODY_LIMIT)
    if settings.fault == "crash":
        app.on_startup.append(_crash)
    app[SETTINGS] = settings
    app[UNAVAILABLE] = unavailable
    app.on_response_prepare.append(_sign)
    app.router.add_get("/version", version)
    return app


def serve(app: web.Application) -> None:
    """Answer until SIGTERM; then take no more connections and finish the requests that are under way."""
    settings = app[SETTINGS]

    async def started(_app: web.Application) -> None:
        log.info("listening on port %d (%s)", settings.port, settings.node_env)

    async def stopping(_app: web.Application) -> None:
        log.info("stopping: finishing requests, at most %g s", settings.shutdown_seconds)

    async def stopped(_app: web.Application) -> None:
        log.info("stopped")

    app.on_startup.append(started)
    app.on_shutdown.append(stopping)
    app.on_cleanup.append(stopped)
    web.run_app(
        app,
        port=settings.port,
        access_log=None,
        print=None,
        shutdown_timeout=settings.shutdown_seconds,
        keepalive_timeout=KEEPALIVE_SECONDS,
    )
