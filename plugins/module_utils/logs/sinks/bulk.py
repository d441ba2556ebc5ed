# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bulk interface of Elasticsearch and OpenSearch. Sources: their documentation of C(POST /_bulk), and the Elastic Common Schema."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from .answers import Answer, Verdict, describe, refused
from .declared import Sink
from .entries import Entry, compact

CONTENT_TYPE = "application/x-ndjson"
THERE = 409  # a record of this identity is in: it was sent before
# What the cluster refuses of an item, and an operator puts right: credentials, an index that may not be made, a full disk.
_LATER = {401, 403, 404, 408, 429}
_OPERATOR = {
    "cluster_block_exception",  # the disk is full (429, of older ones 403), or somebody has closed it
    "index_closed_exception",
    "invalid_index_name_exception",
    "resource_already_exists_exception",  # two have made it at once
    "validation_exception",  # the cluster has as many shards as it may have
}
# By its beginning alone: further on a reason quotes what an application has written.
_NO_INDEX = ("no write index is defined", "no matching index template")


class Bulk:
    """One of these a sink.

    Documents have the same few fields whatever a text holds: what an application writes is no mapping. They are those of the Elastic Common
    Schema, since C(host) and C(service) are objects there, and a template that is installed already says so.
    """

    path = "/_bulk?filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason"
    content_type = CONTENT_TYPE

    def __init__(self, sink: Sink) -> None:
        self.sink = sink

    def headers(self) -> dict[str, str]:
        """What goes with each request."""
        return {}

    def index(self, entry: Entry) -> str:
        """A data stream, or an index a day of the tree: the same whenever the record is sent again."""
        return self.sink.index if self.sink.data_stream else f"{self.sink.index}-{entry.day.replace('-', '.')}"

    def body(self, entries: Sequence[Entry]) -> str:
        """Two lines a record: what is to be done, and the document."""
        lines = []
        for entry in entries:
            lines.append(compact({"create": {"_index": self.index(entry), "_id": entry.identity()}}))
            lines.append(compact(self.document(entry)))
        return "\n".join([*lines, ""])

    def document(self, entry: Entry) -> dict[str, Any]:
        """A record."""
        labels = {**self.sink.static, **entry.labels(), "source": entry.source}
        del labels["host"], labels["service"]
        program = {"process": {"name": entry.program}} if entry.program else {}
        return {
            "@timestamp": entry.stamp(),
            "message": entry.text,
            "host": {"name": entry.place.host},
            "service": {"name": entry.place.service},
            "event": {"sequence": entry.number},
            **program,
            "labels": labels,
        }

    def judge(self, entries: Sequence[Entry], answer: Answer) -> Verdict:
        """By the answer to each record: 200 says no more than that the request was read."""
        if answer.status >= 300:
            return refused(entries, describe(answer))
        items = _items(answer.text, len(entries))
        if items is None:
            return Verdict(later=tuple(entries), reason=f"answers without what became of each record: {describe(answer)}", slow=True)
        accepted, rejected, later, why, slow = 0, [], [], "", False
        for entry, (status, kind, reason) in zip(entries, items, strict=True):
            if 200 <= status < 300 or status == THERE:
                accepted += 1
            elif status in _LATER or status >= 500 or kind in _OPERATOR or reason.startswith(_NO_INDEX):
                later.append(entry)
                why, slow = why or f"{status} {kind}: {reason}"[:300], slow or status == 429 or status >= 500
            else:
                rejected.append((entry, f"{status} {kind}: {reason}"[:300]))
        return Verdict(accepted, tuple(rejected), later=tuple(later), reason=why, slow=slow)


def _items(text: str, count: int) -> list[tuple[int, str, str]] | None:
    """Status, type and reason of each record; None for an answer that does not have them all."""
    try:
        answer = json.loads(text)
        found = [next(iter(item.values())) for item in answer.get("items") or ()]
        items = [(int(item["status"]), *_reason(item.get("error"))) for item in found]
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration):
        return None
    return items if len(items) == count else None


def _reason(error: Any) -> tuple[str, str]:
    return (str(error.get("type") or ""), str(error.get("reason") or "")) if isinstance(error, dict) else ("", str(error or ""))
