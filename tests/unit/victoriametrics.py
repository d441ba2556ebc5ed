# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real VictoriaMetrics for tests: started, filled with series of any time, asked."""

from __future__ import annotations

import json
import re
import shutil
import struct
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .free_ports import free_port

STORAGE = shutil.which("victoria-metrics")
needs_storage = pytest.mark.skipif(STORAGE is None, reason="no VictoriaMetrics here: tests/tools/unit.sh provides it")
# What a target that is gone leaves behind (a NaN that only this one is), as vmagent and Prometheus write it.
STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
PATIENCE = 240.0
_SERIES = re.compile(r"(\w+)(?:\{(.*)\})?")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_NUMBER = r"\d+(?:\.\d+)?(?:e[+-]?\d+)?"
_STEPS = re.compile(rf"(-?{_NUMBER})([+-]{_NUMBER})?x(\d+)")

Series = tuple[Mapping[str, str], Sequence[tuple[float, float]]]  # labels, and pairs of seconds and value


@dataclass(frozen=True)
class Storage:
    """It, by its address."""

    address: str

    def write(self, series: Iterable[Series]) -> None:
        """Hand over by remote write, as vmagent does."""
        message = b"".join(_field(1, _series(labels, points)) for labels, points in series)
        headers = {"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"}
        request = urllib.request.Request(f"http://{self.address}/api/v1/write", _snappy(message), headers)
        with urllib.request.build_opener().open(request, timeout=60) as answer:
            assert answer.status == 204

    def seen(self) -> None:
        """Everything that was written can be asked for."""
        with urllib.request.build_opener().open(f"http://{self.address}/internal/force_flush", timeout=60):
            pass

    def query(self, expression: str, at: float, **more: str) -> list[dict[str, Any]]:
        """The instant vector, as vmalert asks for it: a number of the last five minutes is one."""
        given = {"query": expression, "time": f"{at:.3f}", "step": "300s", "nocache": "1", **more}
        try:
            address = f"http://{self.address}/api/v1/query"
            with urllib.request.build_opener().open(address, urllib.parse.urlencode(given).encode(), timeout=60) as answer:
                return list(json.loads(answer.read())["data"]["result"])
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{expression}: {error.read().decode()}") from None


@contextmanager
def storage(folder: Path, *more: str) -> Iterator[Storage]:
    """One that is empty, for as long as this lasts."""
    address = f"127.0.0.1:{free_port()}"
    words = [str(STORAGE), f"-storageDataPath={folder}", f"-httpListenAddr={address}", "-loggerLevel=ERROR", *more]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + PATIENCE
        while True:
            assert process.poll() is None and time.monotonic() < end, "VictoriaMetrics does not answer"
            try:
                with urllib.request.build_opener().open(f"http://{address}/-/ready", timeout=5):
                    break
            except OSError:
                time.sleep(0.1)
        yield Storage(address)
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE)


def numbers(values: str, begin: float, step: float, *, moments: bool = False) -> Iterator[tuple[float, float]]:
    """Values as promtool writes them.

    :param step: seconds between two of them.
    :param moments: they are times, which there begin at 0.
    """
    at, shift = begin, begin if moments else 0.0
    for word in values.split():
        steps = _STEPS.fullmatch(word)
        if word.startswith("_"):
            at += step * int(word[2:] or 1)
            continue
        if word == "stale":
            found = [STALE]
        elif steps:
            found = [float(steps[1]) + number * float(steps[2] or 0) + shift for number in range(int(steps[3]) + 1)]
        else:
            found = [float(word) + shift]
        for value in found:
            yield at, value
            at += step


def labels_of(name: str) -> dict[str, str]:
    """Those of a series as PromQL writes it, its name among them."""
    shape = _SERIES.fullmatch(name)
    assert shape, name
    return {"__name__": shape[1], **{key: re.sub(r"\\(.)", r"\1", value) for key, value in _LABEL.findall(shape[2] or "")}}


def _series(labels: Mapping[str, str], points: Iterable[tuple[float, float]]) -> bytes:
    """A C(TimeSeries) of Prometheus' remote write (prompb/types.proto)."""
    named = b"".join(_field(1, _field(1, name.encode()) + _field(2, value.encode())) for name, value in sorted(labels.items()))
    samples = b"".join(_field(2, b"\x09" + struct.pack("<d", value) + b"\x10" + _varint(round(at * 1000))) for at, value in points)
    return named + samples


def _field(number: int, octets: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(octets)) + octets


def _varint(number: int) -> bytes:
    octets = bytearray()
    while number > 0x7F:
        octets.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*octets, number])


def _snappy(octets: bytes) -> bytes:
    """The block format with nothing but one literal, which is one of its forms."""
    return _varint(len(octets)) + b"\xfc" + struct.pack("<I", len(octets) - 1) + octets
