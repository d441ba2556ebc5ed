# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What apt would do, asked anew only when something that it decides by has changed.

Each question costs a processor seconds, and `opsctl status` is asked all day. apt decides by its lists, dpkg's database, and its own
configuration; a time or a size that is another one there is another answer. Answers are kept until the next boot.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from ..core.atomic_files import read_text, write_atomic
from ..core.process import run
from . import apt

KEPT = Path("/run/latentum-ops-apt.json")
DECIDING = (
    apt.LISTS,
    Path("/var/lib/dpkg/status"),
    Path("/var/lib/apt/extended_states"),
    *(Path("/etc/apt", name) for name in ("sources.list", "sources.list.d", "preferences", "preferences.d", "apt.conf", "apt.conf.d")),
)


def simulated(*words: str, timeout: float = 30, deciding: Iterable[Path] = DECIDING) -> str:
    """What ``apt-get --simulate`` prints for these words; empty where apt cannot say.

    :param timeout: seconds.
    :raises CommandError: there is no apt-get, or it does not answer.
    """
    state, question = _state(deciding), " ".join(words)
    known = _known()
    if known.get("state") != state:
        known = {"state": state}
    if question in known:
        return known[question]
    answer = run(["apt-get", "--simulate", "--quiet", *words], env=apt.ENVIRONMENT, check=False, timeout=timeout)
    if answer.rc == 0:
        with suppress(OSError):  # a sandbox, or somebody who is not root
            write_atomic(KEPT, json.dumps({**known, question: answer.stdout}), 0o600, 0, 0)
    return answer.stdout


def _known() -> dict[str, str]:
    with suppress(OSError, ValueError):
        known = json.loads(read_text(KEPT) or "{}")
        if isinstance(known, dict):
            return known
    return {}


def _state(deciding: Iterable[Path]) -> str:
    return hashlib.sha256("\n".join(_seen(deciding)).encode()).hexdigest()


def _seen(paths: Iterable[Path]) -> Iterator[str]:
    for path in paths:
        with suppress(OSError):
            for file in [path, *(sorted(path.iterdir()) if path.is_dir() else ())]:
                status = file.stat()
                yield f"{file} {status.st_mtime_ns} {status.st_size} {status.st_ino}"
