# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which images were built on this host, of which commits.

    /var/lib/latentum-ops/builds/<stack>/records.json

A tag that is another commit than it was is noticed by it, and an image that is there is not built again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from ..core import paths
from ..core.versioned_json import known_fields, read_state, write_state

KEPT = 200  # of a stack; an image whose record is gone is built again when it is wanted


@dataclass(frozen=True)
class Record:
    """One image.

    :param reference: its tag, which is made of all its inputs.
    :param image: how a release names it: by the digest of its registry, or by its id.
    :param built: when (ISO 8601, UTC).
    """

    service: str
    repository: str
    revision: str
    commit: str
    reference: str
    image: str
    built: str = ""


def file_of(stack: str) -> Path:
    """Where they are kept."""
    return paths.BUILDS / stack / "records.json"


def load(stack: str) -> list[Record]:
    """All of a stack, the oldest first."""
    return [known_fields(Record, raw) for raw in read_state(file_of(stack), [])]


def add(stack: str, record: Record) -> None:
    """Keep a record, in place of one of the same image."""
    others = [known for known in load(stack) if known.reference != record.reference]
    write_state(file_of(stack), [asdict(other) for other in [*others, record][-KEPT:]], 0o640)


def commit_of(records: Iterable[Record], repository: str, revision: str) -> str:
    """The commit that a revision was when it was last built here; empty for one that never was."""
    return next((record.commit for record in reversed(list(records)) if (record.repository, record.revision) == (repository, revision)), "")
