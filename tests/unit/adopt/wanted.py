# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the action would pass on for an inventory, as JSON: the wishes of today's roles, with their defaults and the given variables.

A process of its own, since Ansible's collection loader and the plain imports of the other unit tests exclude each other: each line of its
input is the path of an inventory, and has a line of output.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar


def main() -> None:
    init_plugin_loader([])
    from ansible_collections.latentum.ops.plugins.action.host_survey_info import ActionModule

    for line in sys.stdin:
        loader = DataLoader()
        variables: dict[str, Any] = loader.load_from_file(line.rstrip("\n"), trusted_as_template=True)
        action = object.__new__(ActionModule)
        action._templar, action._loader = Templar(loader=loader, variables=variables), loader
        arguments, unknown = action.gathered(variables, list(variables["roles"]))
        print(json.dumps({"wanted": arguments["wanted"], "stacks": arguments["stacks"], "unknown": unknown}), flush=True)


if __name__ == "__main__":
    main()
