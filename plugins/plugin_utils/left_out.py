# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles that a run of site.yml leaves out (C(ops_roles_skip)), and what nobody promises then."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

LOST = {
    "access": "accounts of operators are as somebody left them, also of whoever has left",
    "base": "the clock, the journal and the packages of the host are as somebody left them",
    "os_hardening": "kernel settings, file modes and accounts are as somebody left them",
    "ssh_hardening": "sshd lets in whom it let in, by a password too",
    "firewall": "no port is closed, nor one that a container publishes",
    "fail2ban": "nobody is banned who guesses passwords or floods a route",
    "auto_updates": "security updates come when somebody installs them",
    "docker": "the engine is as somebody left it: its restart may stop every container",
    "secrets": "no secret is made or changed; what a service reads has to be on the host",
    "jobs": "no job runs by itself, nor before a first start",
    "stack": "nothing is deployed",
    "nginx": "no request is led to a service, and an update loses those that a proxy of your own sends to a container that goes",
    "backup": "nothing is backed up or proven, and data are lost with the host",
    "deploy_hook": "no release comes by itself, nor is one that came told to anybody",
    "watchdog": "nothing is healed, and nobody is told of a failure",
    "host_certificates": "no host gets a certificate by which others know it, and none is renewed",
    "exporters": "nothing measures the host, nginx and requests for Prometheus",
    "monitoring": "no Prometheus evaluates rules, and no Alertmanager tells of them",
    "grafana": "no dashboard shows what is measured",
    "log_shipping": "logs stay where they are written, and are gone with the host or its rotation",
    "log_rotation": "no log of the host is rotated, and no container is asked for a limit of its own",
    "certbot": "no certificate is issued or renewed: a site without one shows a placeholder",
}
# Role: what it cannot do its work without.
NEEDS = {"certbot": "nginx"}


def refused(left_out: Sequence[str]) -> Iterator[str]:
    """Why these cannot be left out, a sentence each."""
    for role in sorted(set(left_out) - set(LOST)):
        what = "is the engine that all others use" if role == "opsctl" else "is no role of site.yml"
        yield f"ops_roles_skip: {role} {what}; write some of {', '.join(LOST)}"
    for role, needed in NEEDS.items():
        if needed in left_out and role not in left_out:
            yield f"ops_roles_skip: {role} needs {needed}, which is left out; leave out {role} as well"


def lost(left_out: Sequence[str]) -> list[str]:
    """What is not promised, in the order of the roles."""
    return [f"without role {role}: {what}" for role, what in LOST.items() if role in left_out]
