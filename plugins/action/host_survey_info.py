# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gathers what the roles of a run and its declaration want of a host, and has the module judge what is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.latentum.ops.plugins.module_utils.declaration.loader import InvalidDeclaration
from ansible_collections.latentum.ops.plugins.module_utils.declaration.together.given import ONE, ONLY, SEVERAL
from ansible_collections.latentum.ops.plugins.plugin_utils.declared import EACH, NAMES, REMEMBERED, remember, written
from ansible_collections.latentum.ops.plugins.plugin_utils.role_variables import RoleVariables

display = Display()

# What the rules of the engine (module_utils/adopt/rules) read of a role, by the role's variable.
WANTED: Mapping[str, Mapping[str, str]] = {
    "access": {"preflight": "__access_preflight"},
    "base": {"operators": "base_operators", "preflight": "__base_preflight"},
    "os_hardening": {
        "sysctl": "__os_hardening_settings",
        "preflight": "__os_hardening_preflight",
        "blocked_modules": "os_hardening_blocked_modules",
        "removed_packages": "os_hardening_removed_packages",
        "path_modes": "os_hardening_path_modes",
    },
    "ssh_hardening": {
        "permit_root_login": "ssh_hardening_permit_root_login",
        "allow_users": "ssh_hardening_allow_users",
        "allow_groups": "ssh_hardening_allow_groups",
        "tcp_forwarding": "ssh_hardening_tcp_forwarding",
        "preflight": "__ssh_hardening_preflight",
    },
    "firewall": {
        "ssh_rule": "__firewall_ssh_rule",
        "declared_rules": "firewall_rules",
        "extra_rules": "firewall_extra_rules",
        "incoming": "firewall_incoming",
        "outgoing": "firewall_outgoing",
        "routed": "firewall_routed",
        "docker": "firewall_docker",
        "keep_foreign": "firewall_keep_foreign",
        "preflight": "__firewall_preflight",
    },
    "fail2ban": {
        "jails": "__fail2ban_all_jails",
        "ignore": "fail2ban_ignore",
        "bantime": "fail2ban_ban_time",
        "findtime": "fail2ban_find_time",
        "maxretry": "fail2ban_max_retry",
    },
    "auto_updates": {
        "reboot": "auto_updates_reboot",
        "reboot_time": "auto_updates_reboot_time",
        "reboot_with_users": "auto_updates_reboot_with_users",
        "mail": "auto_updates_mail",
        "extra_origins": "auto_updates_extra_origins",
        "held": "auto_updates_held",
        "extra_held": "auto_updates_extra_held",
    },
    "opsctl": {},
    "docker": {"address_pools": "docker_address_pools", "preflight": "__docker_preflight"},
    "secrets": {},
    "jobs": {"preflight": "__jobs_preflight"},
    "stack": {"preflight": "__stack_preflight"},
    "nginx": {
        "sites": "__nginx_all_sites",
        "acme_webroot": "nginx_acme_webroot",
        "keep_foreign": "nginx_keep_foreign",
        "preflight": "__nginx_preflight",
    },
    "backup": {},
    "deploy_hook": {},
    "watchdog": {},
    "exporters": {"preflight": "__exporters_preflight"},
    "monitoring": {"preflight": "__monitoring_preflight"},
    "grafana": {"preflight": "__grafana_preflight"},
    "log_shipping": {"preflight": "__log_shipping_preflight"},
    "host_certificates": {"preflight": "__host_certificates_preflight"},
    "log_rotation": {
        "docker_limits": "log_rotation_docker_limits",
        "unlimited": "log_rotation_docker_unlimited",
        "preflight": "__log_rotation_preflight",
    },
    "certbot": {
        "certificates": "certbot_certificates",
        "key_type": "certbot_key_type",
        "directory_url": "certbot_directory_url",
        "dns_plugin": "certbot_dns_plugin",
    },
}


def described(name: str, derived: Mapping[str, Any]) -> dict[str, Any]:
    """What a host needs to know of a stack; no secret, and what it would start as module compose_rollout is given it.

    :param derived: all that is derived of it, its Compose project among it.
    """
    project = derived["compose_project"]
    services = project.get("services") or {}
    return {
        "name": name,
        "directory": str(derived.get("directory") or f"/opt/{name}"),
        "services": sorted(services),
        "ports": [port for service, spec in services.items() for port in _ports(service, spec.get("ports") or ())],
        "volumes": sorted(str((spec or {}).get("name") or f"{name}_{volume}") for volume, spec in (project.get("volumes") or {}).items()),
        "networks": dict(_subnets(project.get("networks") or {})),
        "container_names": [str(spec["container_name"]) for spec in services.values() if spec.get("container_name")],
        "rollout": {
            "project": project,
            "environment": derived.get("environment") or {},
            "services": derived["health_expectations"],
            "policies": derived["rollout_policies"],
        },
    }


def _ports(service: str, ports: Any) -> Iterator[dict[str, Any]]:
    """Ports of the host, of both forms that Compose knows; of a range each."""
    for port in ports:
        if isinstance(port, Mapping):
            published, protocol = str(port.get("published") or ""), str(port.get("protocol") or "tcp")
        else:
            text, _slash, protocol = str(port).partition("/")
            published = text.rpartition(":")[0].rpartition(":")[2]
        first, _dash, last = published.partition("-")
        if first.isdigit() and (last or first).isdigit():
            yield from (
                {"port": number, "protocol": protocol or "tcp", "service": service} for number in range(int(first), int(last or first) + 1)
            )


def _subnets(networks: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, spec in networks.items():
        for pool in ((spec or {}).get("ipam") or {}).get("config") or ():
            if pool.get("subnet"):
                yield str(name), str(pool["subnet"])


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible has no type hints
    """The roles' variables are read from their files, so that the play need not import them."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The module's result."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        options = {
            "roles": {"type": "list", "elements": "str", "default": list(WANTED)},
            "judge": {"type": "bool", "default": True},
            "show": {"type": "bool", "default": False},
        }
        _validated, arguments = self.validate_argument_spec(argument_spec=options)
        if unknown := [role for role in arguments["roles"] if role not in WANTED]:
            raise AnsibleActionFail(f"roles: {', '.join(unknown)} is no role of this collection: write some of {', '.join(WANTED)}")
        show = arguments.pop("show")
        gathered, lost = self.gathered(variables, arguments["roles"]) if arguments["judge"] else ({"wanted": {}, "stacks": []}, {})
        module_arguments = {**arguments, **gathered}
        result: dict[str, Any] = self._execute_module(
            module_name="latentum.ops.host_survey_info", module_args=module_arguments, task_vars=variables
        )
        if lost and not result.get("failed"):
            result["unseen"] = [*result["unseen"], *(f"variable {name}: {' '.join(text.split())}" for name, text in lost.items())]
        if show and not result.get("failed"):
            display.display("\n".join([*result["table"], ""]))
        return result

    def gathered(self, variables: Mapping[str, Any], names: Sequence[str]) -> tuple[dict[str, Any], dict[str, str]]:
        """What the module is told, and the variables that could not be read, each with the reason.

        :raises AnsibleActionFail: a declaration contradicts itself.
        """
        given = written(*(self._templar.template(variables.get(name)) for name in (ONE, SEVERAL, ONLY)))
        try:
            remembered = remember(given)
        except InvalidDeclaration as error:
            raise AnsibleActionFail(str(error)) from None
        several: Mapping[str, Any] = remembered.get(EACH, {})
        roles = RoleVariables(self._templar, self._loader, WANTED, {**variables, "ops_declared": remembered})
        wanted = {role: self._wanted(role, roles) for role in names}
        if "stack" in wanted and several:  # the role runs once a stack
            wanted["stack"] = {"each": {stack: roles.get("__stack_preflight", ops_turn=stack) for stack in several}}
        stacks = several or {stack: remembered[REMEMBERED] for stack in remembered[NAMES]}
        return {"wanted": wanted, "stacks": [described(name, derived) for name, derived in stacks.items()]}, roles.unknown

    @staticmethod
    def _wanted(role: str, roles: RoleVariables) -> dict[str, Any]:
        values = {key: roles.get(name) for key, name in WANTED[role].items()}
        if role == "firewall":
            ssh = values.pop("ssh_rule")
            values["rules"] = [*([ssh] if ssh else []), *(values.pop("declared_rules") or []), *(values.pop("extra_rules") or [])]
        return {key: value for key, value in values.items() if value is not None}
