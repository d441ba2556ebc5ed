# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of a store that a running container goes on with: their content changes, the file stays the same one.

A file of a store is mounted into its container by itself. One that is replaced (rename(2)) is another file, and the container has the old
one until it is started anew. A database server is not started anew because of a password that it was told already, but must find the new
one when it starts by itself; and what asks whether a secret was changed since a container was made (`rollout.plan`) looks at the time.
"""

from __future__ import annotations

import os
from pathlib import Path


def write_in_place(path: Path, content: bytes) -> bool:
    """Write into a file that is there, with its owner, mode and time; whether anything differed.

    Values are smaller than a page, so a reader gets one or the other.

    :raises OSError: it is not there, or cannot be written.
    """
    if path.read_bytes() == content:
        return False
    before = path.stat()
    descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.pwrite(descriptor, content, 0)
        os.ftruncate(descriptor, len(content))
        os.fsync(descriptor)
        os.utime(descriptor, ns=(before.st_atime_ns, before.st_mtime_ns))
    finally:
        os.close(descriptor)
    return True
