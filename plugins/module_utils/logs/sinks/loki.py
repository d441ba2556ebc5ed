# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loki's push API. Source: Grafana Loki, HTTP API, C(POST /loki/api/v1/push)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..search import nanoseconds
from .answers import Answer, Verdict, describe, refused
from .declared import Sink
from .entries import Entry, compact

CONTENT_TYPE = "application/json"
# What is too old says from when on a record is taken; of the others of the request, those are in.
_OLDEST = re.compile(r"oldest acceptable timestamp is: (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z)")
_IGNORED = re.compile(r"total ignored: (\d+) out of (\d+)")


class Loki:
    """One of these a sink.

    A line is JSON with the number of the record, so that two lines of one time are two: Loki keeps one of equal lines, whatever their
    structured metadata (grafana/loki 8943, 15425). By the same, what is sent a second time is there once.
    """

    path = "/loki/api/v1/push"
    content_type = CONTENT_TYPE

    def __init__(self, sink: Sink) -> None:
        self.sink = sink

    def headers(self) -> dict[str, str]:
        """What goes with each request."""
        return {"X-Scope-OrgID": self.sink.tenant} if self.sink.tenant else {}

    def body(self, entries: Sequence[Entry]) -> str:
        """A push: a stream for each set of labels, nanoseconds as strings."""
        streams: dict[tuple[tuple[str, str], ...], list[list[str]]] = {}
        for entry in entries:
            line = {"text": entry.text, "source": entry.source, "number": entry.number, "program": entry.program}
            line |= {name: value for name, value in entry.labels().items() if name not in self.sink.labels}
            shown = {name: value for name, value in line.items() if value != ""}
            streams.setdefault(self._labels(entry), []).append([str(entry.at), compact({"text": entry.text, **shown})])
        return compact({"streams": [{"stream": dict(labels), "values": values} for labels, values in streams.items()]})

    def _labels(self, entry: Entry) -> tuple[tuple[str, str], ...]:
        own = {name: value for name, value in entry.labels().items() if name in self.sink.labels}
        return tuple({**self.sink.static, **own}.items())

    def judge(self, entries: Sequence[Entry], answer: Answer) -> Verdict:
        """A request that is refused (400) may be refused in part, so it is sent again a stream at a time, without what is too old."""
        if answer.status < 300:
            return Verdict(accepted=len(entries))
        reason = describe(answer)
        streams: dict[tuple[tuple[str, str], ...], list[Entry]] = {}
        for entry in entries:
            streams.setdefault(self._labels(entry), []).append(entry)
        if len(streams) > 1:
            return Verdict(pieces=tuple(tuple(of_stream) for of_stream in streams.values()))
        oldest = _OLDEST.search(answer.text)
        bound = nanoseconds(oldest[1]) if oldest else 0
        old = [entry for entry in entries if entry.at < bound]
        if old:
            rest = tuple(entry for entry in entries if entry.at >= bound)
            return Verdict(rejected=tuple((entry, reason) for entry in old), pieces=(rest,) if rest else ())
        ignored = _IGNORED.search(answer.text)
        if ignored and ignored[1] == ignored[2] == str(len(entries)):
            return Verdict(rejected=tuple((entry, reason) for entry in entries))
        return refused(entries, reason)
