# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The registry as a release asks it, and everything that it may answer instead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.registered_model import RegisteredModel
from ansible_collections.latentum.ops.plugins.module_utils.models.registry import NotRegistered, Registry, RegistryError, address

from ..watchdog.samples import container
from . import mlflow as server
from .mlflow import NAME, Mlflow

mlflow = server.mlflow
MODEL = RegisteredModel("volatility", NAME, "MODEL_VERSION", service="mlflow")


@pytest.fixture
def registry(mlflow: Mlflow) -> Registry:
    mlflow.versions, mlflow.aliases = {"6": "READY", "7": "READY", "10": "PENDING_REGISTRATION"}, {"champion": "6"}
    return Registry(MODEL, mlflow.url)


def test_versions_and_aliases(registry: Registry, mlflow: Mlflow) -> None:
    assert (registry.version_of("champion"), registry.require("7"), registry.newest()) == ("6", "7", "10")
    registry.set_alias("champion", "7")
    assert mlflow.aliases == {"champion": "7"}


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda one: one.version_of("candidate"), "alias candidate not found"),
        (lambda one: one.require("8"), "version=8"),
        (lambda one: one.require("10"), "version 10 of market-volatility is not ready \\(PENDING_REGISTRATION\\)"),
    ],
)
def test_what_is_not_there(registry: Registry, ask: Callable[[Registry], str], message: str) -> None:
    with pytest.raises(NotRegistered, match=message):
        ask(registry)


def test_a_model_that_nobody_has_registered_yet(mlflow: Mlflow) -> None:
    for ask in (lambda one: one.version_of("champion"), lambda one: one.newest()):
        with pytest.raises(NotRegistered, match="not found"):
            ask(Registry(MODEL, mlflow.url))


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (200, b"<html>a page of a proxy</html>", "answers 200, and not as MLflow does"),
        (200, b'{"hello": 1}', "does not answer as MLflow does: it names no version"),
        (200, b"[]", "answers 200, and not as MLflow does"),
        (302, b"", "answers 302$"),
        (500, b'{"error_code": "INTERNAL_ERROR", "message": "password=hunter2"}', "answers 500$"),
        (503, b"upstream connect error", "answers 503, and not as MLflow does"),
        (403, b'{"error_code": "PERMISSION_DENIED"}', "wants a user and a password, or"),
    ],
)
def test_other_answers(registry: Registry, mlflow: Mlflow, status: int, body: bytes, message: str) -> None:
    mlflow.broken = status, body
    with pytest.raises(RegistryError, match=message):
        registry.version_of("champion")


def test_nobody_answers(registry: Registry, mlflow: Mlflow) -> None:
    mlflow.close()
    with pytest.raises(RegistryError, match="does not answer: ConnectionError"):
        registry.newest()


def test_a_user_and_a_password_that_comes_from_a_file(registry: Registry, mlflow: Mlflow, tmp_path: Path) -> None:
    mlflow.login = "ops:hunter2"
    file = tmp_path / "password"
    file.write_text("hunter2\n")
    known = replace(MODEL, user="ops", password_file=str(file))
    assert Registry(known, mlflow.url).version_of("champion") == "6"
    file.write_text("another")
    with pytest.raises(RegistryError, match="refuses user 'ops'"):
        Registry(known, mlflow.url).version_of("champion")
    with pytest.raises(RegistryError, match="does not answer: FileNotFoundError"):
        Registry(replace(known, password_file=str(tmp_path / "none")), mlflow.url).version_of("champion")


def test_a_service_is_asked_by_its_name_in_the_network(registry: Registry, mlflow: Mlflow) -> None:
    """MLflow 3.5 and later turn away who asks for an address, as a guard against DNS rebinding."""
    mlflow.allowed = "mlflow:5000"
    assert registry.version_of("champion") == "6"
    with pytest.raises(RegistryError, match="wants a user and a password, or does not answer to this name"):
        Registry(replace(MODEL, service="", url=mlflow.url), mlflow.url).version_of("champion")


class Engine:
    def __init__(self, *states: str) -> None:
        self.there = [container(number, "mlflow", state=state) for number, state in enumerate(states, 1)]

    def containers(self, _project: str) -> list[object]:
        return list(self.there)


def test_the_registry_is_a_service_that_runs() -> None:
    assert address(MODEL, "shop", Engine("exited", "running")) == "http://10.0.0.2:5000"  # type: ignore[arg-type]
    for engine in (Engine("exited"), Engine(), None):
        with pytest.raises(RegistryError, match="the registry is the service mlflow, which does not run"):
            address(MODEL, "shop", engine)  # type: ignore[arg-type]
    assert address(replace(MODEL, service="", url="https://mlflow.example.com/"), "shop", None) == "https://mlflow.example.com"
