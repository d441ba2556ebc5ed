# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits of logins (pam_limits): files by name, and a user or a group wins over everybody, wherever it stands (limits.conf(5))."""

from __future__ import annotations

from collections.abc import Iterator

from ..preflight.host import Host
from .deviation import Deviation

ROLE = "os_hardening"
FOLDER = "/etc/security/limits.d"
OWN = f"{FOLDER}/90-latentum-ops.conf"
FIRST = "/etc/security/limits.conf"


def judge(host: Host) -> Iterator[Deviation]:
    """Lines of others that allow core dumps, which ours forbids."""
    if host.read(OWN) is None:
        return
    for path in [FIRST, *(str(file) for file in host.files(FOLDER, "*.conf"))]:
        if path == OWN:
            continue
        for number, line in enumerate((host.read(path) or "").splitlines(), 1):
            words = line.split("#")[0].split()
            domain = words[0] if words else ""
            # `name -` takes all limits from somebody.
            undone = (len(words) == 4 and words[2] == "core" and words[3] != "0") or (len(words) == 2 and words[1] == "-")
            if undone and (domain not in ("*", "root") or path > OWN):
                yield Deviation(ROLE, f"limits core {domain}", "0", words[-1] if len(words) == 4 else "without limits", f"{path}:{number}")
