# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of a report on the controller."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from ansible.errors import AnsibleActionFail

from ..module_utils.core.atomic_files import write_atomic

PRIVATE = 0o640  # what a host lacks is nobody else's to read


def write(folder: Path, files: Mapping[str, str], variable: str, *, mode: int = PRIVATE, replaced: str = "") -> None:
    """Write them into a folder, which is made.

    :param variable: that names the folder, for messages.
    :param replaced: a pattern of names; what an earlier report has left of them goes.
    :raises AnsibleActionFail: it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob(replaced) if replaced else ():
            if old.name not in files:
                old.unlink()
        for name, text in files.items():
            write_atomic(folder / name, text, mode, os.geteuid(), os.getegid())
    except OSError as error:
        raise AnsibleActionFail(f"{variable}: {folder} cannot be written ({error}): give a folder that is yours, -e {variable}=…") from None
