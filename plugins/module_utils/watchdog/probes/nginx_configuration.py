# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether nginx accepts its files: root asks it for the watchdog."""

from __future__ import annotations

from ...core.masking import mask
from ...core.process import CommandError, run


def nginx_accepts() -> str:
    """What `nginx -t` says against the files on disk; empty when nothing."""
    try:
        done = run(["nginx", "-t", "-q"], timeout=30, check=False)
    except CommandError as error:
        return str(error)
    lines = done.stderr.strip().splitlines()
    why = next((line.partition("[emerg] ")[2] for line in lines if "[emerg]" in line), done.stderr.strip())
    return "" if done.rc == 0 else f"nginx refuses its files, so no reload works: {mask(why)[:400]}"
