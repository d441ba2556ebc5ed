# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Training: a model of the newest data becomes a version in MLflow, the candidate. Who deploys it makes it the champion."""

from __future__ import annotations

import signal
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path

import mlflow
import numpy as np
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from sklearn.linear_model import LinearRegression

from . import store

NAME = "market"
ROWS = 500
HEARTBEAT = Path("/tmp/heartbeat")


def _error(model: object, features: np.ndarray, prices: np.ndarray) -> float:
    return float(np.sqrt(np.mean((model.predict(features) - prices) ** 2)))  # type: ignore[attr-defined]


def champion() -> object | None:
    """The version that serves, as MLflow tells it."""
    try:
        return MlflowClient().get_model_version_by_alias(NAME, "champion")
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def train(*, spoiled: bool = False) -> str:
    """Train, register, and name the candidate; tells which version it is.

    :param spoiled: of prices in another order, so that the model knows nothing: for rehearsals.
    :raises SystemExit: there are no data.
    """
    table = np.array(store.latest(ROWS))
    if len(table) < 20:
        raise SystemExit(f"{len(table)} rows are too few to train of: run `seed`")
    features, prices = table[:, :2], table[:, 2]
    # Of the newest data every fifth row is kept back, and the model is judged by them.
    kept_back = np.arange(len(table)) % 5 == 0
    taught = prices[~kept_back][::-1] if spoiled else prices[~kept_back]
    model = LinearRegression().fit(features[~kept_back], taught)
    error = _error(model, features[kept_back], prices[kept_back])
    mlflow.set_experiment(NAME)
    with mlflow.start_run():
        mlflow.log_metric("rmse", error)
        # Requirements are named: MLflow would find them out by loading the model in a process of its own.
        logged = mlflow.sklearn.log_model(model, name="model", registered_model_name=NAME, pip_requirements=["scikit-learn"])
    version = str(logged.registered_model_version)
    MlflowClient().set_registered_model_alias(NAME, "candidate", version)
    return f"version {version} is the candidate: its error is {error:.4g}"


def age() -> timedelta | None:
    """The age of the champion; none where there is none."""
    version = champion()
    if version is None:
        return None
    created = datetime.fromtimestamp(version.creation_timestamp / 1000, timezone.utc)  # type: ignore[attr-defined]
    return datetime.now(timezone.utc) - created


def next_time(now: datetime, daily: str) -> datetime:
    """The next ``HH:MM`` of UTC after now."""
    hour, minute = map(int, daily.split(":"))
    time = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return time if time > now else time + timedelta(days=1)


def schedule(daily: str) -> None:
    """Train each day at a time of UTC, until SIGTERM; a training that runs is ended first."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_signal: stopping.set())
    due = next_time(datetime.now(timezone.utc), daily)
    print(f"the next training is at {due:%Y-%m-%d %H:%M} UTC", flush=True)
    while not stopping.wait(5):
        HEARTBEAT.touch()
        if datetime.now(timezone.utc) >= due:
            try:
                print(train(), flush=True)
            except (SystemExit, Exception) as error:
                print(f"the training failed: {error}", flush=True)
            due = next_time(datetime.now(timezone.utc), daily)
