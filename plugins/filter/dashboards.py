# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter of role grafana: from declarations to dashboards and the configuration of Grafana."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ansible_collections.latentum.ops.plugins.module_utils.dashboards.setup import setup
from ansible_collections.latentum.ops.plugins.module_utils.schema.nodes import plain


def dashboards_setup(stacks: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]) -> dict[str, Any]:
    """See the filter's own documentation."""
    # Strings of Ansible's own would not be written as YAML.
    made = asdict(setup(plain(stacks), plain(settings)))
    return {name: list(value) if isinstance(value, tuple) else value for name, value in made.items()}


class FilterModule:
    """It is documented in a file of its own name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters by name."""
        return {"dashboards_setup": dashboards_setup}
