# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock of whoever writes files of nginx that stacks have: upstreams, their definitions, sites."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..core.locks import file_lock

WRITER_LOCK = Path("/run/latentum-ops-upstreams.lock")


@contextmanager
def one_writer() -> Iterator[None]:
    """The follower and runs of Ansible look and write one after the other, so that an older look never wins."""
    with file_lock(WRITER_LOCK):
        yield
