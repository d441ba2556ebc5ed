# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands before a line of a table: all is well with it, or somebody has to look."""

from __future__ import annotations

GOOD, BAD = "ok", "!!"
