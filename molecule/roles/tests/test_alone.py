# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each role alone must have left on its host: one observation that only a working role makes true."""

from __future__ import annotations

import os

import pytest
import testinfra
from testinfra.utils.ansible_runner import AnsibleRunner

INVENTORY = os.environ["MOLECULE_INVENTORY_FILE"]
HOSTS = sorted(AnsibleRunner(INVENTORY).get_hosts("all"))

# Host → a command as root on it, and what its output must contain.
OBSERVED = {
    "role-base": ("id --name --groups alice; hostname", "role-base"),
    "role-os-hardening": ("sysctl --values kernel.kptr_restrict net.ipv4.ip_forward fs.suid_dumpable", "2\n"),
    "role-ssh-hardening": ("sshd -T", "passwordauthentication no"),
    "role-firewall": ("ufw status", "9443/tcp"),
    "role-fail2ban": ("fail2ban-client status", "sshd"),
    "role-auto-updates": ("apt-config dump APT::Periodic::Unattended-Upgrade", '"1"'),
    "role-docker": ("docker info --format '{{.LiveRestoreEnabled}} {{.LoggingDriver}}'", "true json-file"),
    "role-secrets": ("stat --format '%a %u' /etc/latentum-ops/secrets/alone/services/cache/cache_password", "400 10080"),
    "role-stack": ("docker ps --format '{{.Names}} {{.Status}}'", "(healthy)"),
    "role-nginx": ("nginx -T 2>&1", "server_name role-nginx.example.test"),
    "role-certbot": ("openssl x509 -noout -issuer -in /etc/latentum-ops/tls/role-certbot.example.test/fullchain.pem", "Pebble"),
    "role-log-rotation": ("logrotate --debug /etc/logrotate.conf 2>&1", "nginx"),
    "role-opsctl": ("opsctl --help", "upstreams"),
}


@pytest.mark.parametrize("name", HOSTS)
def test_the_role_did_its_work_alone(name: str) -> None:
    command, wanted = OBSERVED[name]
    shown = testinfra.get_host(f"ansible://{name}?ansible_inventory={INVENTORY}").run("sudo sh -c %s", command)
    assert shown.rc == 0, shown.stderr
    assert wanted in shown.stdout


@pytest.mark.parametrize("name", HOSTS)
def test_no_unit_failed(name: str) -> None:
    host = testinfra.get_host(f"ansible://{name}?ansible_inventory={INVENTORY}")
    failed = host.run("systemctl list-units --failed --plain --no-legend").stdout.split("\n")
    # auditd cannot start in a container: the audit netlink is the kernel's own.
    assert {line.split()[0] for line in failed if line} <= {"auditd.service", "audit-rules.service"}
