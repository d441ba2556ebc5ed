# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The model server: a model that is small enough to be read here, behind an API key."""

from __future__ import annotations

import hmac
import json
import math
import os
from collections.abc import Sequence
from pathlib import Path

from aiohttp import web

from .config import ConfigError, Settings, secrets_of
from .log import begin, log
from .web import SETTINGS, application, serve

KEYS: web.AppKey[Sequence[str]] = web.AppKey("keys")
WEIGHTS: web.AppKey[Sequence[float]] = web.AppKey("weights")
DIMENSIONS = 4
INPUT_LIMIT = 1024


def load(folder: Path) -> list[float]:
    """The weights in ``model.json`` of MODEL_PATH; built-in ones when there is none."""
    file = folder / "model.json"
    if not file.exists():
        log.info("no %s: using the built-in weights", file)
        return [1 / (1 + index) for index in range(DIMENSIONS)]
    try:
        weights = [float(weight) for weight in json.loads(file.read_text())["weights"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f'MODEL_PATH: {file} does not hold {{"weights": [numbers]}}: {error}') from error
    return weights


def latent(values: Sequence[float], weights: Sequence[float]) -> list[float]:
    """A vector in the latent space: the same input gives the same vector."""
    return [
        round(math.tanh(sum(value * math.sin((index + 1) * (place + 1)) for place, value in enumerate(values)) * weight), 6)
        for index, weight in enumerate(weights)
    ]


async def _input(request: web.Request) -> list[float]:
    given: object = request.query.get("input", "0").split(",")
    if request.method == "POST":
        given = (await request.json()).get("input")
    if not isinstance(given, list) or not 0 < len(given) <= INPUT_LIMIT:
        raise ValueError
    values = [float(value) for value in given]
    if not all(math.isfinite(value) for value in values):
        raise ValueError
    return values


async def predict(request: web.Request) -> web.Response:
    """``/predict?input=1,2,3`` or ``POST {"input": [1, 2, 3]}``."""
    given = request.headers.get("Authorization", "").encode()
    # Each of them is compared, so that the time says nothing about which one it was.
    good = [hmac.compare_digest(given, f"Bearer {key}".encode()) for key in request.app[KEYS]]
    if True not in good:
        return web.json_response({"error": "the API key is missing or wrong"}, status=401)
    try:
        values = await _input(request)
    except (ValueError, TypeError, AttributeError):
        return web.json_response({"error": f"input must be 1 to {INPUT_LIMIT} numbers"}, status=400)
    return web.json_response({"latent": latent(values, request.app[WEIGHTS]), "model": request.app[SETTINGS].identity.shown()})


async def health(request: web.Request) -> web.Response:
    """``/health``: 200 once the model is loaded."""
    if request.app[SETTINGS].broken:
        return web.json_response(
            {"status": "failing", "failing": ["self"], "checks": {"self": "this version is broken on purpose"}}, status=503
        )
    return web.json_response({"status": "ok", "failing": [], "checks": {"model": "ok"}})


def model_server(settings: Settings) -> web.Application:
    app = application(settings)
    app[KEYS] = secrets_of(os.environ, "API_KEY")
    app[WEIGHTS] = load(Path(os.environ.get("MODEL_PATH", "/models")))
    app.router.add_get("/health", health)
    app.router.add_get("/predict", predict)
    app.router.add_post("/predict", predict)
    return app


def main() -> None:
    settings = Settings.read(os.environ)
    begin(settings)
    serve(model_server(settings))
