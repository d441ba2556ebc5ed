# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers from whatever answers the HTTP API of Prometheus: Prometheus itself, VictoriaMetrics, Thanos, Mimir."""

from __future__ import annotations

import http.client
import ipaddress
import json
import math
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TIMEOUT = 10.0
LARGEST = 64 * 2**20  # bytes of an answer
_SHOWN = 200


class SourceError(Exception):
    """It cannot be asked, or its answer is none; the message names the address and what to look at."""


@dataclass(frozen=True)
class Sample:
    """One number now."""

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True)
class Series:
    """Numbers over time: seconds since the epoch, and the value."""

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]


class Source:
    """One server.

    :param address: up to what stands before ``/api/v1``; VictoriaMetrics' cluster has a path there.
    :param timeout: seconds for one answer.
    :raises SourceError: it is no address.
    """

    def __init__(self, address: str, timeout: float = TIMEOUT) -> None:
        parts = urllib.parse.urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SourceError(
                f"{_without_password(parts)}: is no address: write http:// or https:// and a host, such as http://127.0.0.1:9090"
            )
        if parts.query or parts.fragment:
            raise SourceError(f"{_without_password(parts)}: has a query: write the address up to what stands before /api/v1")
        if parts.username or parts.password:
            raise SourceError(f"{_without_password(parts)}: a name or a password in an address is seen by others: use one without")
        self.address = urllib.parse.urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/").removesuffix("/api/v1"), "", ""))
        self.timeout = timeout
        # A proxy of the environment is for what is elsewhere: it would look for 127.0.0.1 on itself.
        self._opener = urllib.request.build_opener(*([urllib.request.ProxyHandler({})] if _own(parts.hostname) else []))

    def query(self, expression: str, at: float | None = None) -> list[Sample]:
        """The instant vector of an expression. Numbers that are none (NaN) are left out: they are no measurement.

        :param at: seconds since the epoch; now without it.
        :raises SourceError: no answer, or an error of the server.
        """
        given = {"query": expression, **({"time": f"{at:.3f}"} if at is not None else {})}
        kind, result = self._ask("query", given)
        if kind == "scalar":
            result = [{"metric": {}, "value": result}]
        elif kind != "vector":
            raise SourceError(f"{self.address}: {_short(expression)} is a {kind}, not numbers at one time")
        samples = [Sample(_labels(entry), _point(entry["value"])[1]) for entry in result]
        return [sample for sample in samples if not math.isnan(sample.value)]

    def query_range(self, expression: str, start: float, end: float, step: float) -> list[Series]:
        """The same over a time. Gaps stay gaps.

        :raises SourceError: no answer, or an error of the server.
        """
        given = {"query": expression, "start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:.3f}"}
        kind, result = self._ask("query_range", given)
        if kind != "matrix":
            raise SourceError(f"{self.address}: {_short(expression)} is a {kind}, not numbers over a time")
        return [
            Series(_labels(entry), tuple(point for point in map(_point, entry["values"]) if not math.isnan(point[1]))) for entry in result
        ]

    def _ask(self, verb: str, given: Mapping[str, str]) -> tuple[str, Any]:
        request = urllib.request.Request(  # noqa: S310 - the scheme is checked above
            f"{self.address}/api/v1/{verb}",
            urllib.parse.urlencode(given).encode(),
            {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
        )
        try:
            with self._opener.open(request, timeout=self.timeout) as answer:
                text = answer.read(LARGEST + 1)
        except urllib.error.HTTPError as error:
            raise SourceError(f"{self.address}: {self._refused(error, given['query'])}") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            what = f"no answer within {self.timeout:g} s" if isinstance(reason, TimeoutError) else f"cannot be asked ({reason})"
            raise SourceError(f"{self.address}: {what}: is it the address of a Prometheus, and may this machine reach it?") from None
        if len(text) > LARGEST:
            raise SourceError(f"{self.address}: the answer to {_short(given['query'])} is larger than {LARGEST // 2**20} MiB")
        return self._read(text, given["query"])

    def _refused(self, error: urllib.error.HTTPError, expression: str) -> str:
        """What an error of HTTP means; the server says more in JSON, unless it is another server."""
        with error:
            try:
                answer = json.loads(error.read(LARGEST))
                return f"{_short(expression)}: {answer['errorType']}: {_short(str(answer['error']))}"
            except (ValueError, KeyError, TypeError, OSError):
                pass
        if error.code in (401, 403):
            return f"HTTP {error.code}: it does not let this machine in"
        if error.code in (502, 503, 504):
            return f"HTTP {error.code}: it is not ready; after a start a Prometheus reads its log, which may take minutes"
        return f"HTTP {error.code}: nothing there speaks the API of Prometheus; write the address up to what stands before /api/v1"

    def _read(self, text: bytes, expression: str) -> tuple[str, Any]:
        try:
            answer = json.loads(text)
            if answer["status"] != "success":
                raise SourceError(f"{self.address}: {_short(expression)}: {_short(str(answer.get('error') or answer['status']))}")
            return str(answer["data"]["resultType"]), answer["data"]["result"]
        except (ValueError, KeyError, TypeError, AttributeError):
            what = "the answer is not that of a Prometheus: write the address up to what stands before /api/v1"
            raise SourceError(f"{self.address}: {what} (it begins with {_short(text[:60].decode(errors='replace'))!r})") from None


def _own(host: str) -> bool:
    """Whether a host is this one."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _labels(entry: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): str(value) for name, value in entry["metric"].items()}


def _point(pair: Any) -> tuple[float, float]:
    return float(pair[0]), float(pair[1])


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _without_password(parts: urllib.parse.SplitResult) -> str:
    return urllib.parse.urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
