# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Age of data: of the newest row, of a file in a container, of what an address answers, of a model in MLflow."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode, urljoin
from urllib.request import Request, build_opener

from ...containers.api import EngineError, NotFound
from ...containers.client import Container, DockerUnavailable, Engine
from ...contracts.freshness import Freshness
from ...core.masking import mask
from ...core.times import epoch, lasting, moment
from ...models.registry import MISSING
from . import commands

LARGEST = 1 << 20  # bytes of an answer
LINKS = 8  # that a path may lead over
_MILLISECONDS = 1e11  # epoch seconds of the year 5138: what is more is milliseconds


class Unreadable(Exception):
    """The age cannot be read; the message says why."""


@dataclass(frozen=True)
class Age:
    """What was seen.

    :param at: epoch seconds of the newest; None where there is nothing yet, or it could not be read.
    :param reason: a sentence where it is too old, missing, or could not be read.
    :param again: the look before failed as well.
    """

    at: float | None = None
    reason: str = ""
    again: bool = False

    @property
    def ok(self) -> bool:
        """It is fresh."""
        return not self.reason


def read(spec: Freshness, containers: Sequence[Container], engine: Engine | None) -> Age:
    """One look; never raises for what is asked.

    :param containers: of the service that is asked; empty where an address is.
    """
    container = next((candidate for candidate in containers if candidate.serves), None)
    try:
        if spec.service and (container is None or engine is None):
            raise Unreadable(f"no container of {spec.service} serves")
        at = KINDS[spec.kind](spec, container, engine)
    except Unreadable as error:
        return Age(None, f"the age of {spec.name} cannot be read: {error}")
    except (DockerUnavailable, OSError, ValueError, http.client.HTTPException) as error:
        return Age(None, f"the age of {spec.name} cannot be read: {mask(str(error) or type(error).__name__)[:300]}")
    if at is None:
        return Age(None, f"there is no {spec.name} at all")
    age = time.time() - at
    if age > spec.newest:
        return Age(at, f"the newest {spec.name} is {lasting(age)} old (of {moment(at)}), and {lasting(spec.newest)} is the limit")
    return Age(at)


def _query(spec: Freshness, container: Container | None, engine: Engine | None) -> float | None:
    """By the socket inside the container, as the user of the database, in a transaction that can only read."""
    if container is None or engine is None:
        raise Unreadable("it has no container")
    code, output = engine.run(container, commands.of_query(spec), spec.timeout + 5)
    answer = next((row.removeprefix(b"newest=") for row in output.splitlines() if row.startswith(b"newest=")), b"")
    if code or not answer:
        raise Unreadable(f"psql ended with {code}: {engine.text(output).strip()[-300:]}")
    return None if answer == commands.NONE.encode() else float(answer)


def _file(spec: Freshness, container: Container | None, engine: Engine | None) -> float | None:
    """As the engine sees it (Docker Engine API, HEAD /containers/{id}/archive): no program of the container is needed."""
    if container is None or engine is None:
        raise Unreadable("it has no container")
    path = spec.path
    for _link in range(LINKS):
        try:
            status = engine.api.path_status(container.id, path)
        except NotFound:
            return None
        except EngineError as error:
            raise Unreadable(f"{path}: {error}") from error
        target = str(status.get("linkTarget") or "")
        if not target:
            return epoch(str(status["mtime"]))
        path = urljoin(path, target)  # as paths of a file system, absolute or from the folder of the link
    raise Unreadable(f"{spec.path} leads over more than {LINKS} links")


def _url(spec: Freshness, container: Container | None, _engine: Engine | None) -> float | None:
    headers, body = _asked(spec, _address(spec, container, spec.path or "/"))
    if not spec.field:
        if not (stamp := headers.get("Last-Modified")):
            raise Unreadable("the answer has no Last-Modified: write field:, the name of the time in a JSON answer")
        return parsedate_to_datetime(stamp).timestamp()
    value: Any = json.loads(body)
    for name in spec.field.split("."):
        if not isinstance(value, Mapping) or name not in value:
            raise Unreadable(f"the answer has no field {spec.field}")
        value = value[name]
    return _time(value)


def _mlflow(spec: Freshness, container: Container | None, _engine: Engine | None) -> float | None:
    """MLflow's REST API, version 2.0: a version of a registered model by its alias, or the newest one."""
    if spec.alias:
        query = urlencode({"name": spec.model, "alias": spec.alias})
        path, pick = f"/api/2.0/mlflow/registered-models/alias?{query}", "model_version"
    else:
        name = spec.model.replace("'", "''")
        query = urlencode({"filter": f"name='{name}'", "order_by": "creation_timestamp DESC", "max_results": 1})
        path, pick = f"/api/2.0/mlflow/model-versions/search?{query}", "model_versions"
    try:
        _headers, body = _asked(spec, _address(spec, container, path))
    except Missing:
        return None
    answer = json.loads(body).get(pick) or {}
    version = answer[0] if isinstance(answer, list) else answer
    return _time(version["creation_timestamp"]) if version else None


class Missing(Unreadable):
    """The address answers that there is no such thing: by its status, or as MLflow does for an alias that nobody has, by an error code."""


def _address(spec: Freshness, container: Container | None, path: str) -> str:
    if spec.address:
        return f"{spec.address.rstrip('/')}{path}" if spec.kind == "mlflow" else spec.address
    address = container.address() if container else None
    if address is None:
        raise Unreadable(f"{spec.service} has no address")
    return f"http://{address}:{spec.port}{path}"


def _asked(spec: Freshness, url: str) -> tuple[Mapping[str, str], bytes]:
    """The headers and the body of an answer.

    A service is asked by its name in its network, as its neighbours ask it: some, such as MLflow, answer to no address.
    """
    headers = {"User-Agent": "latentum-ops", "Accept": "application/json, */*"}
    if not spec.address:
        headers["Host"] = f"{spec.service}:{spec.port}"
    request = Request(url, headers=headers)  # noqa: S310 - the declaration takes http and https alone
    try:
        with build_opener().open(request, timeout=spec.timeout) as answer:
            return answer.headers, answer.read(LARGEST)
    except URLError as error:
        status = getattr(error, "code", 0)
        what = f"answered {status}" if status else f"could not be asked: {error.reason}"
        missing = status == 404 or (status == 400 and spec.kind == "mlflow" and _is_missing(error))
        raise (Missing if missing else Unreadable)(f"{url.partition('?')[0]} {what}") from error


def _is_missing(error: URLError) -> bool:
    try:
        body = json.loads(error.read(LARGEST))  # type: ignore[attr-defined]  # an HTTPError is an answer, too
    except (OSError, ValueError):
        return False
    return isinstance(body, Mapping) and body.get("error_code") in MISSING


def _time(value: Any) -> float | None:
    """A time of RFC 3339, or epoch seconds or milliseconds as a number; None for nothing."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return epoch(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Unreadable("it is no time")
    return value / 1000 if value > _MILLISECONDS else float(value)


KINDS: dict[str, Callable[[Freshness, Container | None, Engine | None], float | None]] = {
    "query": _query,
    "file": _file,
    "url": _url,
    "mlflow": _mlflow,
}
