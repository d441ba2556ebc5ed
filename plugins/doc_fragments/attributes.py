# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The attributes that every module of the collection states in the same words."""

from __future__ import annotations


class ModuleDocFragment:
    """C(attributes) for modules; a module adds C(support) to each, and C(details) where it is not plain."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in check mode and return the changed status prediction without modifying the target.
  diff_mode:
    description: Returns what has changed, or would change in check mode, when in diff mode.
"""
