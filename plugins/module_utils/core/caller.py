# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who asks for something: for the journal of a stack, the holder of its lock, and the messages to others."""

from __future__ import annotations

import getpass
import os


def automatic() -> bool:
    """Whether a unit of ours asks, and no person."""
    return bool(os.environ.get("LATENTUM_OPS_WHO"))


def caller() -> str:
    """Who asks, for the journal and for the messages to others; a unit of ours says its name in LATENTUM_OPS_WHO."""
    return f"{os.environ.get('LATENTUM_OPS_WHO') or os.environ.get('SUDO_USER') or getpass.getuser()} (pid {os.getpid()})"
