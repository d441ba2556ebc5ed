# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Registered models, as they are declared: what the host is told, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.registered_model import RegisteredModel, models_from
from ansible_collections.latentum.ops.plugins.module_utils.declaration.compose_project import compose_project
from ansible_collections.latentum.ops.plugins.module_utils.declaration.loader import load, problems, report
from ansible_collections.latentum.ops.plugins.module_utils.declaration.models.derive import registered_models

SERVING: dict[str, Any] = {"image": "registry.example.com/market/serving:1", "environment": {"MODEL_VERSION": "${MODEL_VERSION}"}}
MLFLOW: dict[str, Any] = {"image": "registry.example.com/market/mlflow:3"}


def stack(model: dict[str, Any] | None = None, serving: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    entry = {"service": "mlflow", "model": "market-volatility", "variable": "MODEL_VERSION", **(model or {})}
    services = {"serving": {**SERVING, **(serving or {})}, "mlflow": MLFLOW}
    entry = {key: value for key, value in entry.items() if value is not None}
    return {"name": "market", "compose": {"services": services}, "models": {"volatility": entry}, **more}


def derived(declared: dict[str, Any]) -> RegisteredModel:
    assert problems(declared) == (), report(problems(declared))
    (model,) = models_from(registered_models(load(declared)), tolerant=False)
    return model


def test_the_least_that_has_to_be_written() -> None:
    model = derived(stack())
    assert model == RegisteredModel("volatility", "market-volatility", "MODEL_VERSION", service="mlflow")
    assert (model.port, model.alias, model.live_alias) == (5000, "candidate", "champion")


def test_everything() -> None:
    secret = {"secrets": {"mlflow_password": {"kind": "password"}}}
    given = {"service": None, "url": "https://mlflow.example.com", "alias": "approved", "live_alias": "live", "fallback": "3"}
    model = derived(stack({**given, "user": "ops", "password_secret": "mlflow_password"}, **secret))
    assert (model.url, model.alias, model.live_alias, model.fallback) == ("https://mlflow.example.com", "approved", "live", "3")
    assert (model.user, model.password_file) == ("ops", "/etc/latentum-ops/secrets/market/mlflow_password")


def test_no_alias_for_what_serves() -> None:
    assert derived(stack({"live_alias": "none"})).alias_of_live == ""


def test_the_project_keeps_the_variable_for_the_host() -> None:
    project = compose_project(load(stack()))
    assert project["services"]["serving"]["environment"] == {"MODEL_VERSION": "${MODEL_VERSION}"}


def test_a_value_that_must_not_be_empty_wants_a_fallback() -> None:
    serving = {"environment": {"MODEL_VERSION": "${MODEL_VERSION:?}"}}
    assert [problem.key for problem in problems(stack(serving=serving))] == ["compose.services.serving.environment.MODEL_VERSION"]
    assert problems(stack({"fallback": "1"}, serving)) == ()


@pytest.mark.parametrize(
    ("declared", "key", "text"),
    [
        (stack({"url": "https://mlflow.example.com"}), "models.volatility.url", "both say where the registry is"),
        (stack({"service": None}), "models.volatility", "says nowhere where the registry is"),
        (stack({"service": "mlfow"}), "models.volatility.service", "did you mean mlflow"),
        (stack({"service": None, "url": "mlflow:5000"}), "models.volatility.url", "http"),
        (stack({"model": ""}), "models.volatility.model", "write"),
        (stack({"model": "models:/market/1"}), "models.volatility.model", "/ and : cannot be in it"),
        (stack({"variable": "MODEL-VERSION"}), "models.volatility.variable", "write"),
        (stack({"variable": "MODEL_VERSIN"}), "models.volatility.variable", "is used nowhere in the Compose file"),
        (stack({"variable": None}), "models.volatility.variable", "is required"),
        (stack(environment={"MODEL_VERSION": "7"}), "models.volatility.variable", "is in environment already"),
        (stack({"alias": "latest"}), "models.volatility.alias", "MLflow keeps it for versions"),
        (stack({"alias": "v7"}), "models.volatility.alias", "MLflow keeps it for versions"),
        (stack({"alias": "Production stage"}), "models.volatility.alias", "letters, digits"),
        (stack({"stage": "Production"}), "models.volatility.stage", "is not a key that can stand here"),
        (stack({"port": 70000}), "models.volatility.port", "65535"),
        (stack({"user": "ops"}), "models.volatility.password_secret", "belong together"),
        (stack({"user": "ops", "password_secret": "gone"}), "models.volatility.password_secret", "is not a declared secret"),
        (stack(models={"Volatility": {}}), "models.Volatility", "is not the name of a model"),
        (stack(models=["volatility"]), "models", "mapping"),
    ],
)
def test_refused(declared: dict[str, Any], key: str, text: str) -> None:
    found = {problem.key: f"{problem.problem}: {problem.fix}" for problem in problems(declared)}
    assert key in found, found
    assert text in found[key], found


def test_two_models_with_one_variable() -> None:
    declared = stack()
    declared["models"]["other"] = dict(declared["models"]["volatility"])
    assert [problem.key for problem in problems(declared)] == ["models.other.variable"]
