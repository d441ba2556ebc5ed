# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The model server on port 8080: the version with the alias that MODEL_URI names, exchanged when that is another one."""

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

URI = os.environ.get("MODEL_URI", "models:/market@champion")
LOOK_SECONDS = 3.0


@dataclass(frozen=True)
class Loaded:
    """A model in memory."""

    version: str
    model: Any


class Server:
    """Keeps what it has for as long as MLflow does not answer, or has nothing."""

    def __init__(self) -> None:
        self.loaded: Loaded | None = None
        self.stopping = threading.Event()
        self.problem = "no look at MLflow yet"

    def look(self) -> None:
        """Load the version that the alias names, unless it is loaded."""
        name, _at, alias = URI.removeprefix("models:/").partition("@")
        try:
            version = str(MlflowClient().get_model_version_by_alias(name, alias).version)
            if self.loaded is None or self.loaded.version != version:
                self.loaded = Loaded(version, mlflow.sklearn.load_model(f"models:/{name}/{version}"))
                print(f"serves version {version}", flush=True)
            self.problem = ""
        except (MlflowException, OSError) as error:
            problem = f"{type(error).__name__}: {error}".splitlines()[0][:300]
            if problem != self.problem:
                print(problem, flush=True)
            self.problem = problem

    def run(self) -> None:
        """Look all the time."""
        while not self.stopping.is_set():
            self.look()
            self.stopping.wait(LOOK_SECONDS)


server = Server()
app = FastAPI(title="Market ML serving", version=VERSION)


@app.get("/health")
def health() -> dict[str, Any]:
    """It is well without a model, too: whoever deploys the first time has none."""
    return {"status": "ok", "model": server.loaded.version if server.loaded else None}


@app.get("/model")
def model() -> dict[str, Any]:
    """Which version answers."""
    return {"version": server.loaded.version if server.loaded else None, "host": socket.gethostname(), "problem": server.problem}


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
