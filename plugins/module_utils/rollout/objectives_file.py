# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The objectives of a stack on its host, where `opsctl slo` and `opsctl deploy` find them."""

from __future__ import annotations

from ..contracts.error_budget import SloSettings
from ..hostconfig.entries import Change, Entry
from ..hostconfig.transaction import ConfigSet, apply
from ..slo.settings import file_of, text_of


def put(stack: str, settings: SloSettings | None, *, check: bool) -> list[Change]:
    """Write them, or remove the file of a stack that has none any more; returns what was, or would be, changed."""
    file = file_of(stack)
    if settings is None:
        return apply(ConfigSet(name=f"slo-{stack}", entries=[Entry(path=file, state="absent")]), check_mode=check).changes
    folders = [Entry(path=folder, state="directory", mode=0o755) for folder in (file.parent.parent, file.parent)]
    wanted = ConfigSet(name=f"slo-{stack}", entries=[*folders, Entry(path=file, content=text_of(settings).encode())], parents=True)
    return apply(wanted, check_mode=check).changes
