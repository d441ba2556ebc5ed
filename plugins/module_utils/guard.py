# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change that takes itself back: nobody is locked out by a mistake in sshd's or the firewall's configuration.

Before such a change is activated, what it replaces is kept on disk with a plain shell script that brings it back, and a
transient systemd timer is armed to run that script. It needs neither this engine nor a controller. Whoever made the change
confirms it through a *new* connection; then the timer is stopped and the copy removed.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from .config_entries import Found
from .files import write_atomic
from .runner import run

FOLDER = Path("/var/lib/latentum-ops/guard")


def unit(name: str) -> str:
    """The transient unit's name."""
    return f"latentum-ops-revert-{name}"


def armed(name: str) -> bool:
    """A change of this name waits for its confirmation."""
    return (FOLDER / name / "revert.sh").exists() and (
        run(["systemctl", "is-active", "--quiet", f"{unit(name)}.timer"], check=False).rc == 0
    )


def arm(name: str, replaced: Iterable[Found], after: Sequence[Sequence[str]], seconds: int) -> None:
    """Keep what is being replaced, and arm the timer that brings it back.

    :param replaced: the paths as they were.
    :param after: commands (argv) that activate the old state again.
    :param seconds: until the change is taken back unless ``confirm`` came.
    """
    folder = FOLDER / name
    disarm(name)
    folder.mkdir(parents=True, mode=0o700)
    lines = [
        "#!/bin/sh",
        f"# Takes the unconfirmed change of {name} back.",
        f"logger -t latentum-ops 'change of {name} was not confirmed: taking it back'",
    ]
    for number, found in enumerate(replaced):
        path = shlex.quote(str(found.path))
        if found.kind == "absent":
            lines.append(f"rm -rf -- {path}")
        elif found.kind == "link":
            lines.append(f"ln -sfn -- {shlex.quote(found.target)} {path}")
        elif found.kind == "directory":
            lines.append(f"mkdir -p -- {path} && chmod {found.mode:04o} {path} && chown {found.uid}:{found.gid} {path}")
        else:
            kept = folder / str(number)
            write_atomic(kept, found.content, found.mode, found.uid, found.gid)
            lines.append(f"cp -p -- {shlex.quote(str(kept))} {path}.reverted && mv -f -- {path}.reverted {path}")
    lines += [shlex.join(argv) for argv in after]
    lines.append(f"rm -rf -- {shlex.quote(str(folder))}")
    write_atomic(folder / "revert.sh", "\n".join(lines) + "\n", 0o700, 0, 0)
    argv = [
        "systemd-run",
        "--quiet",
        "--collect",
        f"--unit={unit(name)}",
        f"--on-active={seconds}s",
        "--timer-property=AccuracySec=1s",
    ]
    run([*argv, "/bin/sh", str(folder / "revert.sh")])


def disarm(name: str) -> None:
    """Stop the timer and forget what was kept: the change stays."""
    run(["systemctl", "stop", f"{unit(name)}.timer"], check=False)
    run(["systemctl", "reset-failed", f"{unit(name)}.service"], check=False)
    shutil.rmtree(FOLDER / name, ignore_errors=True)


def revert_now(name: str) -> None:
    """Take an armed change back without waiting for its timer."""
    script = FOLDER / name / "revert.sh"
    run(["systemctl", "stop", f"{unit(name)}.timer"], check=False)
    if script.exists():
        run(["/bin/sh", str(script)], timeout=120)
