# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A sink as ``log_shipping_sinks`` declares it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from ...core.versioned_json import known_fields
from ..records import CLASSES
from ..sizes import size_from

LOKI, ELASTICSEARCH, OPENSEARCH, VICTORIALOGS = KINDS = ("loki", "elasticsearch", "opensearch", "victorialogs")
BULK = (ELASTICSEARCH, OPENSEARCH)
# What a stream is made of. All of them are bounded by what is declared; sources, numbers and texts are not.
LABELS = ("host", "stack", "service", "class", "stream")
# Each is handed to the service by systemd as NAME.FILE, and stands in no file that anybody else reads.
FILES = ("password_file", "token_file", "api_key_file", "authority", "certificate", "key")
INDEX, DATA_STREAM = "latentum", "logs-latentum-default"


@dataclass(frozen=True)
class Sink:
    """Where records go.

    :param url: of the server, without the path of the interface.
    :param queue: bytes of the tree that may wait, and `queue_days` for how many days.
    :param batch: bytes of records in a request.
    :param longest: bytes of a record; the text of a longer one is cut, since servers drop it or refuse the whole request.
    :param static: labels that all records have.
    :param own: of this host alone, not what a log host has of others.
    """

    name: str
    kind: str
    url: str
    classes: tuple[str, ...] = CLASSES
    queue: int = 1 << 30
    queue_days: int = 7
    batch: int = 1 << 20
    longest: int = 250_000
    labels: tuple[str, ...] = LABELS
    static: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    index: str = ""
    data_stream: bool = False
    tenant: str = ""
    own: bool = False
    plain: bool = False
    user: str = ""
    password_file: str = ""
    token_file: str = ""
    api_key_file: str = ""
    authority: str = ""
    certificate: str = ""
    key: str = ""

    @property
    def path(self) -> str:
        """What stands before the paths of the interface."""
        return urlsplit(self.url).path.rstrip("/")

    def files(self) -> dict[str, str]:
        """The files that are declared, by their keys."""
        return {name: path for name in FILES if (path := getattr(self, name))}


def sink_from(raw: Mapping[str, Any]) -> Sink:
    """A sink from what the role has written.

    :raises ValueError: a size that is none, or no name.
    """
    given = {name: value for name, value in raw.items() if value is not None}
    for name in ("queue", "batch", "longest"):
        if name in given:
            given[name] = size_from(given[name])
    for name in ("classes", "labels"):
        if name in given:
            given[name] = tuple(map(str, given[name]))
    if "static" in given:
        given["static"] = {str(name): str(value) for name, value in given["static"].items()}
    if not given.get("index"):
        given["index"] = DATA_STREAM if given.get("data_stream") else INDEX
    return known_fields(Sink, given)
