# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MLflow's model registry, as far as a release needs it (MLflow REST API 2.0: registered models, versions, aliases)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..containers.client import Engine
from ..contracts.registered_model import RegisteredModel
from ..core.masking import mask

TIMEOUT = 10.0  # seconds for one answer
MISSING = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


class RegistryError(Exception):
    """The registry does not answer, or not as MLflow does; the message says which, and where."""


class NotRegistered(Exception):
    """The registry answers, and has no such model, version or alias."""


def address(model: RegisteredModel, stack: str, engine: Engine | None) -> str:
    """Where the registry answers.

    :raises RegistryError: it is a service of the stack that does not run.
    """
    if model.url:
        return model.url.rstrip("/")
    for container in engine.containers(stack) if engine else ():
        if container.service == model.service and container.serves and (host := container.address()):
            return f"http://{host}:{model.port}"
    raise RegistryError(f"{model.name}: the registry is the service {model.service}, which does not run")


class Registry:
    """One registry.

    :param base: its address.
    """

    def __init__(self, model: RegisteredModel, base: str) -> None:
        self.model = model
        self.base = base

    def version_of(self, alias: str) -> str:
        """The version that has an alias.

        :raises NotRegistered: none has.
        """
        return self._version(self._call("GET", "registered-models/alias", {"name": self.model.model, "alias": alias}))

    def require(self, version: str) -> str:
        """A version that can be served.

        :raises NotRegistered: it is not there, or not ready.
        """
        answer = self._call("GET", "model-versions/get", {"name": self.model.model, "version": version})
        described = answer.get("model_version")
        status = described.get("status", "READY") if isinstance(described, Mapping) else "READY"
        if status != "READY":
            raise NotRegistered(f"version {version} of {self.model.model} is not ready ({status})")
        return self._version(answer)

    def newest(self) -> str:
        """The highest version; empty where there is none.

        :raises NotRegistered: there is no such model.
        """
        self._call("GET", "registered-models/get", {"name": self.model.model})
        name = self.model.model.replace("'", "''")
        wanted = {"filter": f"name='{name}'", "max_results": "1", "order_by": "version_number DESC"}
        versions = self._call("GET", "model-versions/search", wanted).get("model_versions") or []
        return str(versions[0].get("version", "")) if versions else ""

    def set_alias(self, alias: str, version: str) -> None:
        """Give an alias to a version; whoever had it loses it."""
        self._call("POST", "registered-models/alias", {"name": self.model.model, "alias": alias, "version": version})

    @property
    def _headers(self) -> dict[str, str]:
        """MLflow answers to the names that it knows (`--allowed-hosts`): a service by that of its network, not by an address."""
        return {"Host": f"{self.model.service}:{self.model.port}"} if self.model.service else {}

    def _version(self, answer: Mapping[str, Any]) -> str:
        described = answer.get("model_version")
        if not isinstance(described, Mapping) or not described.get("version"):
            raise RegistryError(f"{self.model.name}: {self.base} does not answer as MLflow does: it names no version")
        return str(described["version"])

    def _call(self, method: str, path: str, values: Mapping[str, str]) -> dict[str, Any]:
        import requests

        where = f"{self.model.name}: {self.base}"
        try:
            with requests.Session() as session:
                session.trust_env = False
                if self.model.user:
                    session.auth = (self.model.user, Path(self.model.password_file).read_text().strip())
                answer = session.request(
                    method,
                    f"{self.base}/api/2.0/mlflow/{path}",
                    params=dict(values) if method == "GET" else None,
                    json=dict(values) if method == "POST" else None,
                    headers=self._headers,
                    timeout=TIMEOUT,
                    allow_redirects=False,
                )
        except (requests.RequestException, OSError) as error:
            raise RegistryError(f"{where} does not answer: {type(error).__name__}") from error
        try:
            body = answer.json() if answer.content else {}
        except ValueError:
            body = None
        if answer.status_code == 200 and isinstance(body, dict):
            return body
        if isinstance(body, dict) and body.get("error_code") in MISSING:
            raise NotRegistered(mask(str(body.get("message", "")))[:300])
        if answer.status_code in (401, 403):
            raise RegistryError(
                f"{where} refuses user {self.model.user!r}"
                if self.model.user
                else f"{where} wants a user and a password, or does not answer to this name (--allowed-hosts)"
            )
        raise RegistryError(f"{where} answers {answer.status_code}" + ("" if isinstance(body, dict) else ", and not as MLflow does"))
