# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine as this collection has it, on the controller: its version, and all its files as one archive."""

from __future__ import annotations

import gzip
import io
import tarfile
from functools import cache
from pathlib import Path

from ..module_utils.core.version import OWN, EngineVersion, digest, tree_files

SOURCE = Path(__file__).parents[1] / "module_utils"


@cache
def own_engine() -> EngineVersion:
    """Version and digest."""
    return EngineVersion(OWN.version, digest(tree_files(SOURCE)), OWN.state_format)


@cache
def archive() -> bytes:
    """A compressed tar archive; the same files give the same bytes."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content in tree_files(SOURCE).items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), mtime=0)
