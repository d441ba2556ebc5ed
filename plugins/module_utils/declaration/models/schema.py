# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of C(models): versions of a model registry that are rolled like images."""

from __future__ import annotations

from ...contracts.nodes import described, number, text
from ...contracts.registered_model import RegisteredModel
from ...schema import values
from ...schema.nodes import Record, Table, Text
from ..forms import model_name, secret, service_name

MODEL = Record(
    description="One registered model.",
    fields={
        "model": text(RegisteredModel, "model", "market-volatility"),
        "service": Text(default="", check=service_name, example="mlflow", description=described(RegisteredModel, "service")),
        "port": number(RegisteredModel, "port"),
        "url": Text(
            default="", check=values.web_address, example="https://mlflow.example.com", description=described(RegisteredModel, "url")
        ),
        "variable": Text(
            required=True,
            default="",
            check=values.variable_name,
            example="MODEL_VERSION",
            description=f"{described(RegisteredModel, 'variable')} The services that use it are rolled with a new version.",
        ),
        "alias": text(RegisteredModel, "alias"),
        "live_alias": text(RegisteredModel, "live_alias"),
        "user": text(RegisteredModel, "user", "ops"),
        "password_secret": secret("The password of that user.", "mlflow_password"),
        "fallback": text(RegisteredModel, "fallback", "1"),
    },
    example="{service: mlflow, model: market-volatility, variable: MODEL_VERSION}",
)
MODELS = Table(
    of=MODEL,
    name=model_name,
    default={},
    example=f"{{volatility: {MODEL.example}}}",
    description="Models of an MLflow registry. A release has a version of each, as it has images by their digest. A new version goes live"
    " by the strategy of the services that use it, a canary may refuse it, and a rollback returns to the version before.",
)
