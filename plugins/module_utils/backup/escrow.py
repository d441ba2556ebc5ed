# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys of the repositories, for those who rebuild this host when it is gone: encrypted to people, or handed to the controller.

Without them the backups are noise. The bundle holds everything that is needed to open the targets again, and nothing else.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

from ..core import paths
from ..core.atomic_files import read_text, write_atomic
from ..core.process import CommandError, run
from .settings import ROOT, BackupError, Settings


def path(stack: str) -> Path:
    """The encrypted bundle; ciphertext, so anybody who may read backups' sizes may read it."""
    return ROOT / f"{stack}.escrow.age"


def bundle(settings: Settings) -> dict[str, Any]:
    """Where the targets are, and what opens them: paths of secret files with their contents.

    :raises BackupError: a secret is missing.
    """
    files: dict[str, str] = {}
    for target in settings.targets:
        for name in (target.key_file, target.ssh_key_file, *target.environment.values()):
            if name and name not in files:
                content = read_text(name)
                if not content:
                    raise BackupError(f"{name} is missing: run site.yml with --tags secrets")
                files[name] = content
    targets = [{"name": target.name, "repository": target.repository} for target in settings.targets]
    return {"format": 1, "stack": settings.stack, "targets": targets, "files": files}


def seal(settings: Settings) -> bool:
    """Write the bundle for its recipients when it, or who they are, has changed; whether it was written.

    :raises BackupError: no recipient is declared, or age refuses one.
    """
    recipients = list(settings.escrow.recipients)
    if not recipients:
        raise BackupError("escrow.recipients is empty: nobody could open the bundle")
    text = json.dumps(bundle(settings), indent=1, sort_keys=True)
    # age encrypts to something else each time; a keyed hash of what is in it tells whether it is still the same.
    first = next(iter(json.loads(text)["files"].values()))
    mark = hmac.new(first.encode(), "\n".join([*sorted(recipients), text]).encode(), hashlib.sha256).hexdigest()
    noted = path(settings.stack).with_suffix(".mark")
    if path(settings.stack).exists() and read_text(noted) == mark:
        return False
    argv = ["age", "--encrypt", "--armor", *(word for recipient in recipients for word in ("--recipient", recipient))]
    try:
        sealed = run(argv, input=text).stdout
    except CommandError as error:
        raise BackupError(f"the keys could not be encrypted: {error.stderr.strip() or error}") from error
    paths.shared_folder(ROOT, paths.LISTED)  # the watchdog tells the age of the last proven backup
    write_atomic(path(settings.stack), sealed, 0o600, 0, 0)
    write_atomic(noted, mark, 0o600, 0, 0)
    return True


def plant(opened: str) -> list[str]:
    """Put what a bundle holds where it was, on a host that is to be rebuilt; the files that were written.

    :param opened: the decrypted bundle.
    :raises BackupError: it is no bundle, or a file is there already with something else in it: nothing was changed then.
    """
    try:
        files: dict[str, str] = json.loads(opened)["files"]
        if not isinstance(files, dict) or not all(isinstance(content, str) for content in files.values()):
            raise TypeError("`files` is no mapping of paths to texts")
    except (ValueError, KeyError, TypeError) as error:
        raise BackupError("this is no bundle of keys: give the decrypted text of STACK.age") from error
    for name, content in files.items():
        if not Path(name).is_relative_to(paths.SECRETS) or ".." in Path(name).parts:
            raise BackupError(f"{name} is not below {paths.SECRETS}: this is no bundle of keys")
        present = read_text(name)
        if present and present != content:
            raise BackupError(f"{name} is there already with another value: this host has backups of its own; nothing was changed")
    written = []
    for name, content in files.items():
        if not read_text(name):
            Path(name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            Path(name).parent.chmod(0o700)
            write_atomic(name, content, 0o600, 0, 0)
            written.append(name)
    return written
