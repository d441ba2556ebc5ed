# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The model side: a small computation behind /predict."""

from __future__ import annotations

import hashlib
import os

from aiohttp import web

from .settings import setting


async def health(request: web.Request) -> web.Response:
    """200 while the model can be read."""
    return web.json_response({"status": "ok"})


async def predict(request: web.Request) -> web.Response:
    """A number between 0 and 1 that depends on the input alone."""
    given = request.query.get("input", "")
    score = int.from_bytes(hashlib.sha256(given.encode()).digest()[:4], "big") / 2**32
    return web.json_response({"input": given, "score": round(score, 6), "version": os.environ.get("VERSION", "")})


def main() -> None:
    """Serve on the internal network."""
    app = web.Application()
    app.add_routes([web.get("/health", health), web.get("/predict", predict)])
    web.run_app(app, port=int(setting("PORT", "8081")), access_log=None, shutdown_timeout=25)


if __name__ == "__main__":
    main()
