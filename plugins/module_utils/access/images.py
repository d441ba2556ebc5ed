# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of images: whether one is another version of the same program."""

from __future__ import annotations

_HUB = ("docker.io/library/", "index.docker.io/library/", "docker.io/", "index.docker.io/", "library/")


def repository(reference: str) -> str:
    """The name without tag and digest; Docker Hub's own is left out, as Docker prints it."""
    name = reference.partition("@")[0]
    head, slash, last = name.rpartition("/")
    name = f"{head}{slash}{last.partition(':')[0]}"
    return next((name[len(prefix) :] for prefix in _HUB if name.startswith(prefix)), name)
