# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Silences of Alertmanager, as its API v2 gives them: the one place where the engine asks it. They are read, and never made or changed."""

from __future__ import annotations

import http.client
import ipaddress
import json
import re
import time
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from ..core.times import epoch

TIMEOUT = 5.0  # seconds for a whole answer
LARGEST = 16 * 2**20  # bytes; silences that have expired stay in the answer for five days
LONGEST = 300  # characters of a pattern
LOOPS = 4  # quantifiers of an alternative, since each one multiplies the time of a match
NAME = "alertname"
ACTIVE = "active"
_PATH = "/api/v2/silences"
# A loop around a group can take for ever, also on a short label; Go's classes mean something else to Python.
_ENDLESS = re.compile(r"\)[*+{]")
_GO_ONLY = re.compile(r"\[\[:|\\[pPQEzC]|\(\?[^:i)]|\(\?i[^:)]")


class SilencesError(Exception):
    """Alertmanager cannot be asked, or its answer is none; the message names the address."""


@dataclass(frozen=True)
class Matcher:
    """One condition of a silence. A label that is not there has the value of an empty string.

    :param regex: the value is a pattern of the whole label, in the syntax of RE2.
    :param equal: False turns it round.
    """

    name: str
    value: str
    regex: bool = False
    equal: bool = True

    def describe(self) -> str:
        """As amtool writes it."""
        sign = {(True, False): "=", (False, False): "!=", (True, True): "=~", (False, True): "!~"}[self.equal, self.regex]
        return f"{self.name}{sign}{json.dumps(self.value, ensure_ascii=False)}"

    def matches(self, value: str) -> bool:
        """Whether a label with this value fulfils it.

        :raises ValueError: its pattern cannot be judged here.
        """
        return self._fits(value) is self.equal

    def _fits(self, value: str) -> bool:
        if not self.regex:
            return value == self.value
        pattern = _pattern(self.value)
        if isinstance(pattern, str):
            raise ValueError(pattern)
        return pattern.fullmatch(value) is not None


@dataclass(frozen=True)
class Silence:
    """One silence.

    :param until: epoch seconds, as Alertmanager has it.
    """

    id: str
    matchers: tuple[Matcher, ...]
    who: str
    comment: str
    until: float

    @property
    def obscure(self) -> str:
        """Why it cannot be judged here, so that it silences nothing of the watchdog; empty where it can."""
        for matcher in self.matchers:
            try:
                matcher.matches("")
            except ValueError as error:
                return str(error)
        return "" if self.matchers else "it has no matchers"

    def covers(self, labels: Mapping[str, str], names: Sequence[str]) -> bool:
        """Whether it silences an alert with these labels.

        :param names: under which Alertmanager knows it: one of them is enough for a matcher that asks for a name, and each of them
            has to fulfil one that excludes some.
        """
        if self.obscure:
            return False
        return all(
            (any if matcher.equal else all)(matcher.matches(name) for name in names)
            if matcher.name == NAME
            else matcher.matches(labels.get(matcher.name, ""))
            for matcher in self.matchers
        )

    def describe(self) -> str:
        """What it silences."""
        return ", ".join(matcher.describe() for matcher in self.matchers)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def silence_from(raw: Mapping[str, Any]) -> Silence:
    """From what `to_dict` gave.

    :raises KeyError, TypeError, ValueError: it is not that.
    """
    matchers = tuple(Matcher(**matcher) for matcher in raw["matchers"])
    return Silence(str(raw["id"]), matchers, str(raw["who"]), str(raw["comment"]), float(raw["until"]))


def covering(silences: Iterable[Silence], labels: Mapping[str, str], names: Sequence[str]) -> Silence | None:
    """The silence of an alert that lasts longest."""
    return max((silence for silence in silences if silence.covers(labels, names)), key=lambda silence: silence.until, default=None)


def read(address: str, timeout: float = TIMEOUT) -> list[Silence]:
    """The silences that are active, as Alertmanager judges that by its own clock.

    :param address: host and port, on loopback.
    :param timeout: seconds for all of it; a server that sends a byte now and then gets no longer.
    :raises SilencesError: there is no answer, or it is none of Alertmanager.
    """
    host, port = _host_and_port(address)
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request("GET", _PATH, headers={"Accept": "application/json", "Connection": "close"})
        answer = connection.getresponse()
        text = _body(answer, time.monotonic() + timeout)
    except (OSError, http.client.HTTPException) as error:
        raise SilencesError(f"Alertmanager at {address} does not answer: {error or type(error).__name__}") from error
    finally:
        connection.close()
    if answer.status != http.client.OK:
        raise SilencesError(f"Alertmanager at {address} answers {answer.status} to {_PATH}")
    try:
        return [_silence(raw) for raw in json.loads(text) if raw["status"]["state"] == ACTIVE]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SilencesError(f"what answers at {address} is no Alertmanager with API v2: {_PATH} gives no silences") from error


def require_address(address: str) -> None:
    """Refuse what is no address of loopback.

    :raises ValueError: it is none.
    """
    try:
        _host_and_port(address)
    except SilencesError as error:
        raise ValueError(f"alertmanager: {error}") from error


def _host_and_port(address: str) -> tuple[str, int]:
    host, _colon, port = address.rpartition(":")
    try:
        if ipaddress.ip_address(host.strip("[]")).is_loopback and 0 < int(port) < 65536:
            return host.strip("[]"), int(port)
    except ValueError:
        pass
    raise SilencesError(
        f"{address!r} is no address of loopback with a port: whoever answers decides what is told to people; write one such as"
        " 127.0.0.1:9093, or nothing"
    )


def _body(answer: http.client.HTTPResponse, deadline: float) -> bytes:
    parts, size = [], 0
    while part := answer.read1(65536):
        size += len(part)
        if size > LARGEST:
            raise OSError(f"more than {LARGEST >> 20} MB of silences")
        if time.monotonic() > deadline:
            raise TimeoutError("it takes too long")
        parts.append(part)
    return b"".join(parts)


def _silence(raw: Mapping[str, Any]) -> Silence:
    # Before version 0.22 there was no inequality.
    matchers = tuple(
        Matcher(str(matcher["name"]), str(matcher["value"]), bool(matcher["isRegex"]), bool(matcher.get("isEqual", True)))
        for matcher in raw["matchers"]
    )
    return Silence(str(raw["id"]), matchers, str(raw.get("createdBy", "")), str(raw.get("comment", "")), epoch(str(raw["endsAt"])))


@lru_cache(256)
def _pattern(text: str) -> re.Pattern[str] | str:
    """A pattern of RE2 for Python, whose engine is another one; of what could mean something else to it, or take for ever, why it is not
    judged."""
    bare = re.sub(r"\\.|\[(?:\\.|[^]\\])+]", "x", text)
    if len(text) > LONGEST or _ENDLESS.search(bare) or _loops(bare) > LOOPS:
        return f"the pattern {text[:LONGEST]!r} is too involved to be judged here: write several silences"
    if _GO_ONLY.search(text):
        return f"the pattern {text!r} is one of RE2 alone: write it without classes and flags"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return re.compile(text)
    except (re.error, Warning, RecursionError, OverflowError) as error:
        return f"the pattern {text!r} cannot be read here: {error}"


def _loops(bare: str) -> int:
    """Quantifiers of the alternative that has most of them; of groups, whose alternatives follow each other, all."""
    alternatives = [bare] if "(" in bare else bare.split("|")
    return max(len(re.findall(r"[*+{]", alternative)) for alternative in alternatives)
