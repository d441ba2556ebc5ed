# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""adopt judges by every role that site.yml runs."""

from __future__ import annotations

from pathlib import Path

import yaml
from ansible_collections.latentum.ops.plugins.action.host_survey_info import WANTED

PLAYBOOKS = Path(__file__).parents[3] / "playbooks"


def test_each_role_of_the_site_is_one_of_adopt() -> None:
    site = next(play for play in yaml.safe_load((PLAYBOOKS / "site.yml").read_text()) if "__roles" in play.get("vars", {}))
    (adopt,) = yaml.safe_load((PLAYBOOKS / "adopt.yml").read_text())
    asked = next(task["vars"]["__adopt_roles"] for task in adopt["tasks"] if "__adopt_roles" in task.get("vars", {}))
    assert set(site["vars"]["__roles"]) == set(asked) == set(WANTED)
