# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs image_build detached on the host that builds, and shows its progress."""

from __future__ import annotations

from typing import Any

from ansible_collections.latentum.ops.plugins.plugin_utils.followed import FollowedAction, display


class ActionModule(FollowedAction):
    """See FollowedAction."""

    module = "latentum.ops.image_build"
    what = "build"
    afterwards = "Nothing was deployed, and the next run builds what is not there."

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The module's result, its notes as warnings."""
        result = super().run(tmp, task_vars)
        for note in result.get("notes") or ():
            display.warning(str(note))
        return result
