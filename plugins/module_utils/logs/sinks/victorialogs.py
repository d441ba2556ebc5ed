# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VictoriaLogs' JSON stream. Source: VictoriaLogs, Data ingestion, C(POST /insert/jsonline)."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from .answers import Answer, Verdict, describe, refused
from .declared import Sink
from .entries import Entry, compact

CONTENT_TYPE = "application/stream+json"


class VictoriaLogs:
    """One of these a sink. It keeps equal records: what is sent a second time is there twice."""

    content_type = CONTENT_TYPE

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        streams = ",".join([*sink.labels, *sink.static])
        self.path = f"/insert/jsonline?{urlencode({'_stream_fields': streams, '_time_field': '_time', '_msg_field': '_msg'})}"

    def headers(self) -> dict[str, str]:
        """What goes with each request."""
        account, _colon, project = self.sink.tenant.partition(":")
        return {"AccountID": account, "ProjectID": project or "0"} if account else {}

    def body(self, entries: Sequence[Entry]) -> str:
        """A line a record. All values are strings there."""
        lines = [
            compact(
                {
                    "_time": entry.stamp(),
                    "_msg": entry.text,
                    **self.sink.static,
                    **entry.labels(),
                    "source": entry.source,
                    "number": str(entry.number),
                    **({"program": entry.program} if entry.program else {}),
                }
            )
            for entry in entries
        ]
        return "\n".join([*lines, ""])

    def judge(self, entries: Sequence[Entry], answer: Answer) -> Verdict:
        """All or nothing."""
        return Verdict(accepted=len(entries)) if answer.status < 300 else refused(entries, describe(answer))
