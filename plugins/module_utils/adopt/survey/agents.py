# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that others have put on a host to manage or watch it: of the cloud, of monitoring, of access, of firewalls."""

from __future__ import annotations

from dataclasses import dataclass

from ..host import SurveyedHost

WANTS = tuple(f"/etc/systemd/system/{target}.target.wants" for target in ("multi-user", "sysinit", "basic", "cloud-init"))
# What each is and what it may do that matters here, by the beginning of its unit's name.
KNOWN: dict[str, tuple[str, str]] = {
    "walinuxagent": ("Azure's agent", "accounts, keys"),
    "google-guest-agent": ("Google Cloud's agent", "accounts, keys, routes"),
    "google-oslogin-cache": ("Google Cloud's OS Login", "accounts, keys"),
    "amazon-ssm-agent": ("AWS Systems Manager", "shell, packages"),
    "snap.amazon-ssm-agent": ("AWS Systems Manager", "shell, packages"),
    "ec2-instance-connect": ("EC2 Instance Connect", "keys"),
    "oracle-cloud-agent": ("Oracle Cloud's agent", "packages"),
    "snap.oracle-cloud-agent": ("Oracle Cloud's agent", "packages"),
    "droplet-agent": ("DigitalOcean's console", "keys"),
    "do-agent": ("DigitalOcean's metrics", ""),
    "qemu-guest-agent": ("the hypervisor's agent", "shell"),
    "open-vm-tools": ("VMware's agent", "shell"),
    "cloud-init": ("cloud-init", "keys, sshd's settings at a first boot"),
    "datadog-agent": ("Datadog", ""),
    "newrelic-infra": ("New Relic", ""),
    "zabbix-agent": ("Zabbix", ""),
    "netdata": ("Netdata", ""),
    "telegraf": ("Telegraf", ""),
    "prometheus-node-exporter": ("Prometheus node exporter", ""),
    "node_exporter": ("Prometheus node exporter", ""),
    "monit": ("Monit", "restarts of services"),
    "puppet": ("Puppet", "files, packages"),
    "salt-minion": ("Salt", "files, packages"),
    "chef-client": ("Chef", "files, packages"),
    "webmin": ("Webmin", "everything"),
    "cockpit": ("Cockpit", "everything"),
    "tailscaled": ("Tailscale", "packet filter, DNS"),
    "wg-quick@": ("WireGuard", "routes, packet filter"),
    "openvpn": ("OpenVPN", "routes"),
    "crowdsec": ("CrowdSec", "packet filter"),
    "firewalld": ("firewalld", "packet filter"),
    "nftables": ("rules of nftables", "packet filter"),
    "netfilter-persistent": ("rules of iptables", "packet filter"),
    "k3s": ("Kubernetes (k3s)", "packet filter, containers"),
    "kubelet": ("Kubernetes", "packet filter, containers"),
    "podman": ("Podman", "containers"),
    "ddclient": ("a client of dynamic DNS", ""),
    "postfix": ("Postfix", ""),
    "exim4": ("Exim", ""),
}


@dataclass(frozen=True)
class Agent:
    """A unit that starts at boot, or runs."""

    unit: str
    what: str
    changes: str  # what it may change by itself, for people
    running: bool


def agents(host: SurveyedHost) -> list[Agent]:
    """Those that are known."""
    enabled = {name for folder in WANTS for name in host.names(folder) if name.endswith(".service")}
    running = {process.unit for process in host.processes if process.unit}
    known_agents = []
    for unit in sorted(enabled | running):
        known = next((value for name, value in KNOWN.items() if unit.startswith(name)), None)
        if known:
            known_agents.append(Agent(unit, *known, running=unit in running))
    return known_agents
