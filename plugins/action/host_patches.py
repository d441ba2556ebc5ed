# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Updates packages detached on the host and shows the progress."""

from __future__ import annotations

from ansible_collections.latentum.ops.plugins.plugin_utils.followed import FollowedAction


class ActionModule(FollowedAction):
    """See FollowedAction."""

    module = "latentum.ops.host_patches"
    what = "update"
    stack = "host"
    afterwards = "What it has changed is recorded on the host, and the next run goes on; see `dpkg --audit` there."
