# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator reads of services that were tried with less, and may paste."""

from __future__ import annotations

import yaml
from ansible_collections.latentum.ops.plugins.module_utils.cli.confinement import table
from ansible_collections.latentum.ops.plugins.module_utils.declaration.loader import read
from ansible_collections.latentum.ops.plugins.module_utils.rollout.rehearsal import Rehearsal, State

TRIED = [
    Rehearsal("web", State.TAKES, confinement={"capabilities": [], "read_only": True, "tmpfs": ["/run"]}),
    Rehearsal("db", State.PARTLY, "it ended with exit status 1", judged=False, confinement={"capabilities": ["SETUID"]}),
    Rehearsal("api", State.UNKNOWN, "it writes to /srv of the host"),
]


def test_what_is_to_be_written_is_a_declaration() -> None:
    lines = table(TRIED, ["cron"])
    first = lines.index("services:")
    declared = yaml.safe_load("\n".join(lines[first : first + 3]))
    compose = {"services": {name: {"image": f"{name}:1"} for name in ("web", "db")}}
    assert read({"name": "shop", "compose": compose, **declared})[1] == ()
    assert declared["services"]["web"]["confinement"] == TRIED[0].confinement


def test_what_is_not_known_is_said() -> None:
    text = "\n".join(table(TRIED, ["cron"]))
    assert "api  not known     it writes to /srv of the host" in text
    assert "no healthcheck says whether it works: db" in text and "not tried unasked" in text and text.endswith("cron")
    assert table([], []) == ["nothing was tried"]
