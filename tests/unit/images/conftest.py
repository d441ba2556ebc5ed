# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sample application and the tools around it are no packages of the collection: they are imported from their folders."""

from __future__ import annotations

import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[2]
sys.path[:0] = [
    str(TESTS / folder)
    for folder in ("images", "images/app", "images/applications/neurocore", "images/applications/kafka", "demo", "hosts")
]
