# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change that takes itself back: nobody is locked out by a mistake in sshd's or the firewall's configuration.

Before such a change is activated, what it replaces is kept on disk with a plain shell script that brings it back, and a
transient systemd timer is armed to run that script; a unit does the same at the next boot, for those who reach for the reset
button. Neither needs this engine nor a controller. Whoever made the change confirms it through a *new* connection.

Taking back and confirming may meet at the last second: both begin by renaming the folder, so exactly one of them happens.
"""

from __future__ import annotations

import re
import shlex
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..core.atomic_files import write_atomic
from ..core.locks import file_lock
from ..core.process import run
from .entries import EntryError, PathState

FOLDER = Path("/var/lib/latentum-ops/config-sets")
UNITS = Path("/etc/systemd/system")
PATIENCE = 10.0  # seconds that a run needs at the most to open a new connection and confirm


def unit(name: str) -> str:
    """The transient unit's name."""
    return f"latentum-ops-revert-{name}"


def require_name(name: str) -> None:
    """Refuse a name that cannot be one of a folder and a unit.

    :raises EntryError: with what to write instead.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", name):
        raise EntryError(f"name: {name!r} must be 1 to 64 letters, digits, '_' or '-', and begin with a letter or a digit")


@contextmanager
def locked(name: str) -> Iterator[None]:
    """One run at a time works on what has this name; another one waits for it.

    :raises EntryError: not a name.
    """
    require_name(name)
    locks = FOLDER.with_suffix(".locks")
    locks.mkdir(mode=0o700, parents=True, exist_ok=True)
    with file_lock(locks / name, mode=0o600):
        yield


def await_confirmation(name: str) -> bool:
    """Wait while another run opens the connection by which it confirms a change of this name; whether none waits any more.

    One whose run is gone is still waiting afterwards: it was never confirmed.
    """
    deadline = time.monotonic() + PATIENCE
    while waiting := armed(name):
        if time.monotonic() >= deadline:
            break
        time.sleep(0.2)  # what is waited for is a rename by another process
    return not waiting


def armed(name: str) -> bool:
    """A change of this name waits for its confirmation."""
    return (FOLDER / name / "revert.sh").exists() and (
        run(["systemctl", "is-active", "--quiet", f"{unit(name)}.timer"], check=False).rc == 0
    )


def kept(name: str) -> bool:
    """Something is kept of this name: its change waits, is being taken back, or its run died."""
    return any(folder.exists() for folder in _folders(name))


def left_behind(name: str) -> bool:
    """A run that wrote this set died before its end, or a timer was lost: nobody knows whether the files are good."""
    return any((folder / "revert.sh").exists() for folder in _folders(name)) and not armed(name)


def keep(name: str, replaced: Iterable[PathState], after: Sequence[Sequence[str]], touched: Iterable[PathState] = ()) -> None:
    """Keep what is being replaced, with the script that brings it back; an earlier copy is forgotten.

    :param replaced: the paths as they were, in the order in which they are brought back.
    :param after: commands (argv) that activate the old state again.
    :param touched: paths that those commands write, as they were; brought back after them.
    """
    require_name(name)
    disarm(name)
    folder, claimed = _folders(name)
    folder.mkdir(parents=True, mode=0o700)
    lines = [
        "#!/bin/sh",
        f"# Takes the unconfirmed change of {name} back.",
        "cd /",
        # The rename decides: a confirmation that came first has moved the folder away.
        f"[ -d {shlex.quote(str(claimed))} ] || mv -T -- {shlex.quote(str(folder))} {shlex.quote(str(claimed))} || exit 0",
        f"logger -t latentum-ops 'change of {name} was not confirmed: taking it back'",
    ]
    lines += [_kept(before, folder, claimed, str(number)) for number, before in enumerate(replaced)]
    lines += [shlex.join(argv) for argv in after]
    lines += [_kept(before, folder, claimed, f"touched-{number}") for number, before in enumerate(touched)]
    lines.append(f"rm -f -- {shlex.join(str(path) for path in _boot_files(name))}")
    lines.append(f"sync; rm -rf -- {shlex.quote(str(claimed))}")
    write_atomic(folder / "revert.sh", "\n".join(lines) + "\n", 0o700, 0, 0)


def arm(name: str, replaced: Iterable[PathState], after: Sequence[Sequence[str]], seconds: int) -> None:
    """Keep what is being replaced, and arm the timer that brings it back.

    :param seconds: until the change is taken back unless ``confirm`` came.
    :raises CommandError: systemd refuses; nothing is kept then.
    """
    keep(name, replaced, after)
    start_timer(name, seconds)


def start_timer(name: str, seconds: int) -> None:
    """Arm the timer, and the unit for the next boot, of what is already kept.

    :raises CommandError: systemd refuses; nothing is armed then.
    """
    folder, claimed = _folders(name)
    boot, wanted = _boot_files(name)
    text = (
        f"[Unit]\nDescription=Take the unconfirmed change of {name} back after a restart\n\n[Service]\nType=oneshot\n"
        f"ExecStart=-/bin/sh {claimed}/revert.sh\nExecStart=-/bin/sh {folder}/revert.sh\n"
    )
    wanted.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(boot, text, 0o644, 0, 0)
    wanted.unlink(missing_ok=True)
    wanted.symlink_to(boot)
    argv = [
        "systemd-run",
        "--quiet",
        "--collect",
        f"--unit={unit(name)}",
        f"--on-active={seconds}s",
        "--timer-property=AccuracySec=1s",
    ]
    try:
        run([*argv, "/bin/sh", str(folder / "revert.sh")])
    except BaseException:
        disarm(name)
        raise


def disarm(name: str) -> bool:
    """Stop the timer and forget what was kept: the change stays. Returns whether one was waiting and not yet being taken back."""
    folder, _claimed = _folders(name)
    confirmed = folder.with_name(f"{name}.confirmed")
    shutil.rmtree(confirmed, ignore_errors=True)
    try:
        folder.rename(confirmed)
    except FileNotFoundError:
        return False
    run(["systemctl", "stop", f"{unit(name)}.timer"], check=False)
    run(["systemctl", "reset-failed", f"{unit(name)}.service"], check=False)
    for path in _boot_files(name):
        path.unlink(missing_ok=True)
    shutil.rmtree(confirmed)
    return True


def revert_now(name: str) -> None:
    """Take a kept or armed change back without waiting for its timer."""
    run(["systemctl", "stop", f"{unit(name)}.timer"], check=False)
    for folder in _folders(name):
        if (folder / "revert.sh").exists():
            run(["/bin/sh", str(folder / "revert.sh")], timeout=120, check=False)


def _folders(name: str) -> tuple[Path, Path]:
    """Where a copy is kept, and what that folder is called while it is being taken back."""
    return FOLDER / name, FOLDER / f"{name}.reverting"


def _boot_files(name: str) -> tuple[Path, Path]:
    """The unit that takes back at boot, and the link that enables it."""
    file = f"{unit(name)}-at-boot.service"
    return UNITS / file, UNITS / "multi-user.target.wants" / file


def _kept(before: PathState, folder: Path, claimed: Path, name: str) -> str:
    """Keep what a path has under this name; the shell command that brings it back."""
    if before.kind == "file":
        write_atomic(folder / name, before.content, before.mode, before.uid, before.gid)
    return _line(before, claimed / name)


def _line(before: PathState, kept: Path) -> str:
    """The shell command that brings one path back."""
    path = shlex.quote(str(before.path))
    if before.kind == "absent":
        # A folder goes only when it is empty: what others put there since is not ours to remove.
        return f"if [ -d {path} ] && [ ! -L {path} ]; then rmdir --ignore-fail-on-non-empty -- {path}; else rm -f -- {path}; fi"
    if before.kind == "link":
        return f"ln -sfnT -- {shlex.quote(before.target)} {path}"
    if before.kind == "directory":
        return f"mkdir -p -- {path} && chown {before.uid}:{before.gid} {path} && chmod {before.mode:04o} {path}"
    return f"cp -p -- {shlex.quote(str(kept))} {path}.reverted && mv -fT -- {path}.reverted {path}"
