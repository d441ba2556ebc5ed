# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers templates from standard input, one JSON line each: {expression, variables} -> {result} or {error}.

A process of its own: Ansible's collection loader and the plain imports of the other unit tests exclude each other.
"""

from __future__ import annotations

import json
import sys

from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar, trust_as_template


def main(inventory: str) -> None:
    init_plugin_loader([])
    loader = DataLoader()
    # As an inventory file gives it: trusted templates, tagged with their origin, lazily templated.
    stack = loader.load_from_file(inventory, trusted_as_template=True)
    for line in sys.stdin:
        request = json.loads(line)
        templar = Templar(loader=loader, variables={**stack, **request["variables"]})
        try:
            answer = {"result": templar.template(trust_as_template("{{ " + request["expression"] + " }}"))}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
