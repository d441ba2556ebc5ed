# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters for hosts of one inventory that ask each other: role firewall, exporters, monitoring, log_shipping and host_certificates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.latentum.ops.plugins.module_utils.monitoring import fleet
from ansible_collections.latentum.ops.plugins.module_utils.schema.nodes import plain
from ansible_collections.latentum.ops.plugins.plugin_utils.monitored import of_hosts, secrets_of
from jinja2 import Undefined

HostVars = Mapping[str, Mapping[str, Any]]


def _inventory(names: Iterable[str], hostvars: HostVars) -> dict[str, dict[str, Any]]:
    """Of each host what is read, and nothing else: values are rendered when they are looked at."""
    known = {str(name): hostvars[name] for name in names}
    return {name: {key: _read(name, variables, key) for key in fleet.KEYS if key in variables} for name, variables in known.items()}


def _read(name: str, variables: Mapping[str, Any], key: str) -> Any:
    """A variable of another host; Ansible renders none there that looks at a third one."""
    value = variables[key]
    if isinstance(value, Undefined):
        raise AnsibleFilterError(
            f"{key} of {name} cannot be read by other hosts of the inventory, since something in it is undefined there: write it without"
            " hostvars, for example the name or address itself, or a variable of group all; nothing was changed"
        )
    return plain(value)


def host_fleet(name: str, names: Iterable[str], hostvars: HostVars) -> dict[str, Any]:
    """See the filter's own documentation."""
    inventory = _inventory(names, hostvars)
    if name not in inventory:
        inventory[name] = {}
    monitor = fleet.monitor_of(name, inventory)
    return {
        "monitor": monitor,
        "sources": fleet.sources_of(monitor, inventory) if monitor in inventory else [],
        "scraped": [{"name": host, "address": fleet.target_of(host, inventory)} for host in fleet.scraped_by(name, inventory)],
        "log_host": fleet.log_host_of(name, inventory),
        "senders": fleet.senders_to(name, inventory),
        "names": fleet.names_of(name, inventory),
        "openings": fleet.openings(name, inventory) if not monitor or monitor in inventory else [],
        "problems": [
            {"key": found.key, "value": found.value, "problem": found.problem, "fix": found.fix}
            for found in fleet.problems(name, inventory)
        ],
    }


def host_openings(name: str, names: Iterable[str], hostvars: HostVars) -> list[dict[str, Any]]:
    """See the filter's own documentation."""
    inventory = _inventory(names, hostvars)
    if name not in inventory:
        return []
    if found := fleet.problems(name, inventory):
        raise AnsibleFilterError("\n".join(["hosts of the inventory do not fit together; nothing was changed:", *map(str, found)]))
    return fleet.openings(name, inventory)


class FilterModule:
    """Each is documented in a file of its own name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters by name."""
        return {
            "host_fleet": host_fleet,
            "host_openings": host_openings,
            "monitored_hosts": of_hosts,
            "monitored_secrets": secrets_of,
        }
