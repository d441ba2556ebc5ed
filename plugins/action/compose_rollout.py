# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs compose_rollout detached on the host and shows its progress."""

from __future__ import annotations

from typing import Any

from ansible_collections.latentum.ops.plugins.plugin_utils.followed import FollowedAction, display


class ActionModule(FollowedAction):
    """See FollowedAction."""

    module = "latentum.ops.compose_rollout"
    what = "rollout"
    afterwards = "Traffic is where it was; the next run finishes the rollout or takes it back."

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The module's result, images that came by themselves as warnings."""
        result = super().run(tmp, task_vars)
        for sentence in result.get("delivered") or ():
            display.warning(str(sentence))
        return result
