# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that host_patches and its info twin share."""

from __future__ import annotations


class ModuleDocFragment:
    """Which updates a host gets."""

    DOCUMENTATION = r"""
options:
  scope:
    description: V(security) installs what a security repository has; V(all) what any repository has.
    type: str
    choices: [security, all]
    default: security
  exclude:
    description: Packages that stay as they are (regular expressions, from the start of the name). What C(apt-mark) holds stays in any case.
    type: list
    elements: str
    default: []
  engine:
    description: Update the container engine, Compose and Buildx as well, whatever O(scope) says.
    type: bool
    default: false
  without_live_restore:
    description: Let an engine without live-restore stop its containers while it is updated.
    type: bool
    default: false
  repair:
    description: Finish an update that was interrupted before, by C(dpkg --configure).
    type: bool
    default: false
  never_restart:
    description: Units (beginnings of their names) that are not restarted when they use what was replaced.
    type: list
    elements: str
    default: []
  lock_timeout:
    description: Seconds to wait for another program that works with packages, and for the lock of each stack.
    type: float
    default: 300.0
  advisories_url:
    description: Where debsecan's data lies, by https, http or C(file:///); the name of the suite is put behind it.
    type: str
    default: https://security-tracker.debian.org/tracker/debsecan/release/1/
"""
