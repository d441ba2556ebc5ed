# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The model server on port 8080: it answers by the version that MODEL_VERSION names, and by no other as long as it lives."""

from __future__ import annotations

import os
import socket
import threading
from dataclasses import dataclass
from typing import Any

import mlflow
import uvicorn
from fastapi import FastAPI, HTTPException
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from .settings import VERSION

NAME = os.environ.get("MODEL_NAME", "market")
WANTED = os.environ.get("MODEL_VERSION", "")
AGAIN_SECONDS = 3.0


@dataclass(frozen=True)
class Loaded:
    """A model in memory, and its error on the data that its training kept back."""

    version: str
    model: Any
    error: float


class Server:
    """Loads its version once; MLflow may be away afterwards."""

    def __init__(self) -> None:
        self.loaded: Loaded | None = None
        self.stopping = threading.Event()
        self.problem = ""

    def run(self) -> None:
        """Try until it is loaded."""
        while WANTED and not self.loaded and not self.stopping.is_set():
            try:
                self.loaded = self._load()
                print(f"serves version {WANTED}", flush=True)
                self.problem = ""
            except (MlflowException, OSError, KeyError) as error:
                self.problem = f"{type(error).__name__}: {error}".splitlines()[0][:300]
                print(self.problem, flush=True)
                self.stopping.wait(AGAIN_SECONDS)

    @staticmethod
    def _load() -> Loaded:
        client = MlflowClient()
        run = client.get_run(client.get_model_version(NAME, WANTED).run_id)
        return Loaded(WANTED, mlflow.sklearn.load_model(f"models:/{NAME}/{WANTED}"), float(run.data.metrics["rmse"]))


server = Server()
app = FastAPI(title="Market ML serving", version=VERSION)


@app.get("/health")
def health() -> dict[str, Any]:
    """It is well without a version, too: whoever deploys the first time has none. One that it cannot load is a fault."""
    if WANTED and not server.loaded:
        raise HTTPException(503, server.problem or f"version {WANTED} is being loaded")
    return {"status": "ok", "model": WANTED or None}


@app.get("/model")
def model() -> dict[str, Any]:
    """Which version answers."""
    return {"version": server.loaded.version if server.loaded else None, "host": socket.gethostname(), "problem": server.problem}


@app.get("/quality")
def quality() -> dict[str, Any]:
    """What a canary compares."""
    if server.loaded is None:
        raise HTTPException(404, "no model, no quality")
    return {"version": server.loaded.version, "rmse": server.loaded.error}


@app.get("/predict")
def predict(a: float, b: float) -> dict[str, Any]:
    """The price by two factors."""
    loaded = server.loaded
    if loaded is None:
        raise HTTPException(503, "model not available")
    return {"prediction": round(float(loaded.model.predict([[a, b]])[0]), 6), "model": loaded.version}


def main() -> None:
    """Until SIGTERM."""
    # A registry that is away is noticed within seconds, not after MLflow's own two minutes.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    looking = threading.Thread(target=server.run, daemon=True)
    looking.start()
    uvicorn.run(app, host="0.0.0.0", port=8080, access_log=False)
    server.stopping.set()
