# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Installation of the engine on a host: every version in a folder of its own, one small file that says which is used.

    /usr/lib/latentum-ops/engines/<digest>/latentum_ops/   the files of an engine; never changed once they are complete
    /usr/lib/latentum-ops/latentum_ops/__init__.py         names that folder; replaced in one step (rename(2))
    /usr/lib/latentum-ops/engines/<digest>/completion/     its command line for shells, made of its parser; copied to where shells look
    /usr/lib/latentum-ops/engine.json                      version, digest and state format

A program that starts gets the old engine or the new one as a whole. A program that runs goes on with the one it began with, also for
what it imports later, because ``__path__`` was read once; a symbolic link would hand it files of both.
"""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..core.locks import file_lock
from ..core.process import CommandError, run
from ..core.version import HOME, RECORD, EngineVersion, digest, installed, tree_files
from .entries import Change, Entry
from .transaction import ConfigSet, Outcome, apply

PACKAGE = "latentum_ops"
COMMAND = Path("/usr/local/sbin/opsctl")
LOCK = Path("/run/latentum-ops-engine.lock")
DAEMONS = (
    "latentum-ops-auth.service*",
    "latentum-ops-delivery.service*",
    "latentum-ops-log-collector*",
    "latentum-ops-log-forwarder*",
    "latentum-ops-log-sinks*",
    "latentum-ops-receiver.service*",
    "latentum-ops-socket-proxy.service*",
    "latentum-ops-upstreams*",
    "latentum-ops-watchdog*",
)
# Where the distributions have what packages bring for a shell, below /usr/share.
COMPLETION = {
    "bash": "bash-completion/completions/opsctl",
    "fish": "fish/vendor_completions.d/opsctl.fish",
    "zsh": "zsh/vendor-completions/_opsctl",
}
WAIT = 120.0  # seconds to wait for another run that installs


class EngineRefused(Exception):
    """The new engine does not start, or its archive is not what it should be; the engine that was there stays."""


@dataclass
class Installation:
    """What was, or in check mode would be, done.

    :param before: what was installed; None for nothing.
    :param kept: the host has a newer engine, which stays.
    :param wanting: the files of the engine differ, and no archive was given.
    """

    before: EngineVersion | None
    kept: bool = False
    wanting: bool = False
    changed: bool = False
    changes: list[Change] = field(default_factory=list)


class Host:
    """The engine's place on a host."""

    def __init__(self, home: Path = HOME, lock: Path = LOCK, share: Path = Path("/usr/share")) -> None:
        self.home, self.lock, self.share = home, lock, share
        self.package = home / PACKAGE
        self.pointer = self.package / "__init__.py"
        self.engines = home / "engines"

    def current(self) -> Path | None:
        """The folder of the engine in use; None before the first of this layout."""
        try:
            named = json.loads(self.pointer.read_text().rpartition("__path__ = [")[2].rstrip("]\n"))
        except (OSError, ValueError):
            return None
        return Path(named).parent

    def install(self, wanted: EngineVersion, files: Sequence[Entry], archive: bytes = b"", *, check_mode: bool = False) -> Installation:
        """Bring the engine about, with the files (command, units) that belong to it.

        :param archive: a tar archive of the engine's files; empty to learn first whether it is needed.
        :raises EngineRefused: the archive is damaged, or the new engine does not start.
        :raises ConfigSetError: it could not be activated; the old one is back and active.
        """
        if check_mode:
            return self._install(wanted, files, archive, check_mode=True)
        with file_lock(self.lock, timeout=WAIT):
            return self._install(wanted, files, archive, check_mode=False)

    def _install(self, wanted: EngineVersion, files: Sequence[Entry], archive: bytes, *, check_mode: bool) -> Installation:
        before = installed(self.home)
        if before is not None and wanted.older_than(before):
            return Installation(before, kept=True)
        current = self.current()
        # What is there is measured rather than believed, so that a file somebody changed by hand is put right.
        same = current is not None and digest(tree_files(current / PACKAGE)) == wanted.digest
        if not same and (check_mode or not archive):
            outcome = apply(self._set(wanted, None, files), check_mode=True) if check_mode else Outcome()
            return Installation(before, wanting=True, changed=True, changes=self._shown(outcome))
        folder = current if same and current is not None else self._unpacked(wanted, archive)
        try:
            outcome = apply(self._set(wanted, folder, files), check_mode=check_mode)
        except BaseException:
            if folder != current:
                shutil.rmtree(folder)
            raise
        if not check_mode and not same:
            self._forget({folder, current})
        return Installation(before, changed=bool(outcome.changes), changes=self._shown(outcome))

    def _shown(self, outcome: Outcome) -> list[Change]:
        """Changes of the files that belong to the engine; its own are told by version and digest."""
        own = (self.home, self.share)
        return [change for change in outcome.changes if not any(change.entry.path.is_relative_to(place) for place in own)]

    def _set(self, wanted: EngineVersion, folder: Path | None, files: Sequence[Entry]) -> ConfigSet:
        """What makes a complete folder the engine in use."""
        named = json.dumps(str((folder or self.engines / wanted.digest[:12]) / PACKAGE))
        pointer = f'"""The engine in use; the folders of engines/ are complete and never changed."""\n\n__path__ = [{named}]\n'
        return ConfigSet(
            name="opsctl",
            entries=[
                Entry(self.home, "directory", mode=0o755),
                Entry(self.package, "directory", mode=0o755),
                Entry(self.pointer, content=pointer.encode()),
                Entry(self.home / RECORD, content=(json.dumps(wanted.to_dict(), sort_keys=True) + "\n").encode()),
                *files,
                *self._completion(folder),
            ],
            parents=True,
            validate=[[str(COMMAND), "--help"]] if any(entry.path == COMMAND for entry in files) else [],
            # By pattern: what does not run, or is not installed, is no error.
            activate=[["systemctl", "daemon-reload"], ["systemctl", "try-restart", *DAEMONS]],
            journal=True,
        )

    def _completion(self, folder: Path | None) -> list[Entry]:
        """What completes the command line, for each shell; nothing of an engine that does not know how."""
        scripts = {path: folder / "completion" / shell for shell, path in COMPLETION.items()} if folder else {}
        return [Entry(self.share / path, content=script.read_bytes()) for path, script in scripts.items() if script.exists()]

    def _unpacked(self, wanted: EngineVersion, archive: bytes) -> Path:
        """A new folder with the engine of an archive, complete and able to start."""
        self.engines.mkdir(mode=0o755, parents=True, exist_ok=True)
        names = [wanted.digest[:12], *(f"{wanted.digest[:12]}.{number}" for number in range(1, 100))]
        # A folder of that name that is damaged may be in use: the new one gets another name.
        folder = next(self.engines / name for name in names if not (self.engines / name).exists())
        try:
            with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
                for member in packed:
                    content = packed.extractfile(member)
                    path = folder / PACKAGE / member.name
                    if content is None or ".." in Path(member.name).parts or Path(member.name).is_absolute():
                        raise EngineRefused(f"the archive of the engine holds {member.name}, which is no plain file below it")
                    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
                    path.write_bytes(content.read())
            if digest(tree_files(folder / PACKAGE)) != wanted.digest:
                raise EngineRefused("the archive of the engine was damaged on its way: run again")
            # Every file is compiled: a syntax error in any ends here, and programs start in half the time.
            run(["/usr/bin/python3", "-m", "compileall", "-q", str(folder)], timeout=120)
            command = ["/usr/bin/env", f"PYTHONPATH={folder}", "/usr/bin/python3", "-B", "-m", f"{PACKAGE}.cli"]
            run([*command, "--help"], timeout=120)
            (folder / "completion").mkdir()
            for shell in COMPLETION:
                (folder / "completion" / shell).write_text(run([*command, "completion", shell], timeout=120).stdout)
            for path in (self.engines, folder, *folder.rglob("*")):
                path.chmod(0o755 if path.is_dir() else 0o644)  # the watchdog, which is not root, runs them whatever the umask is
        except BaseException as error:
            shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, CommandError | tarfile.TarError | EOFError):
                raise EngineRefused(f"the engine {wanted} was refused, and the one that was there stays: {error}") from error
            raise
        return folder

    def _forget(self, kept: set[Path | None]) -> None:
        """Remove engines that nobody uses: all but this one and the one before it, and the files of the layout without folders."""
        for path in self.engines.iterdir():
            if path not in kept:
                shutil.rmtree(path)
        for path in self.package.iterdir():
            if path != self.pointer:
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
