# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The public API on port 8000."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

import uvicorn
from fastapi import FastAPI, HTTPException
from sqlalchemy.exc import SQLAlchemyError

from . import store
from .settings import VERSION

SERVING = os.environ.get("SERVING_URL", "http://serving:8080")
app = FastAPI(title="Market ML", version=VERSION)


def _serving(path: str) -> Any:
    """What the model server answers, with its status."""
    try:
        with urllib.request.urlopen(f"{SERVING}{path}", timeout=5) as answer:  # noqa: S310 - the address is of the Compose file
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise HTTPException(error.code, json.load(error).get("detail", "")) from error
    except OSError as error:
        raise HTTPException(502, "the model server does not answer") from error


@app.get("/health")
def health() -> dict[str, str]:
    """200 when the database answers."""
    try:
        store.newest()
    except SQLAlchemyError as error:
        raise HTTPException(503, type(error).__name__) from error
    return {"status": "ok", "version": VERSION}


@app.get("/predict")
def predict(a: float, b: float) -> Any:
    """The price by two factors."""
    return _serving("/predict?" + urllib.parse.urlencode({"a": a, "b": b}))


@app.get("/model")
def model() -> Any:
    """Which version of the model answers."""
    return _serving("/model")


@app.get("/prices/newest")
def newest() -> dict[str, str | None]:
    """The time of the newest market data."""
    at = store.newest()
    return {"at": at.isoformat() if at else None}


def main() -> None:
    """Until SIGTERM."""
    uvicorn.run(app, host="0.0.0.0", port=8000, access_log=False)
