# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each role alone must have left on its host: one observation that only a working role makes true.

That it does is tested too: every observation is made on a host that has not been provisioned, and must fail there.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest
import testinfra
from testinfra.host import Host
from testinfra.utils.ansible_runner import AnsibleRunner

INVENTORY = os.environ["MOLECULE_INVENTORY_FILE"]
BARE = "role-none"
HOSTS = sorted(set(AnsibleRunner(INVENTORY).get_hosts("all")) - {BARE})


@dataclass(frozen=True)
class Observation:
    """A command as root on a host, and what its output contains where the role has worked."""

    command: str
    wanted: str

    def holds(self, host: Host) -> tuple[bool, str]:
        """Whether it is made on this host, and what was seen instead."""
        shown = host.run("sudo sh -c %s", self.command)
        return shown.rc == 0 and self.wanted in shown.stdout, f"{self.command} ended with {shown.rc}: {shown.stdout}{shown.stderr}"


OBSERVED = {
    # Keys of root's alone open the account, and it becomes root.
    "role-access": Observation(
        "sshd -T -C user=anna,host=x,addr=192.0.2.1,laddr=192.0.2.2,lport=22 | grep authorizedkeysfile && sudo -l -U anna && id anna",
        "authorizedkeysfile /etc/latentum-ops/access/keys/%u",
    ),
    # The age of a password that nobody has never shuts the account.
    "role-base": Observation("id --name --groups alice && getent shadow alice | cut -d: -f5 | grep -qx ''", "sudo"),
    # Settings of the network namespace: those of the kernel are shared by all hosts of the tests. The level is strict: what runs of it, and
    # that nobody but root becomes somebody else, nor comes in with an empty password.
    "role-os-hardening": Observation(
        "sysctl net.ipv4.tcp_rfc1337 net.ipv4.conf.all.rp_filter | tr '\\n' ' '"
        " && systemctl is-active --quiet acct.service sysstat.service aidecheck.timer latentum-ops-aide-init.timer"
        " && debsums --version > /dev/null && rkhunter --config-check"
        " && grep -q sugroup /etc/pam.d/su && ! grep -q nullok /etc/pam.d/common-auth"
        " && sed -n 's/.*\\(remember=[0-9]*\\).*/\\1/p' /etc/pam.d/common-password",
        "net.ipv4.tcp_rfc1337 = 1 net.ipv4.conf.all.rp_filter = 1 remember=24",
    ),
    "role-ssh-hardening": Observation("sshd -T", "passwordauthentication no"),
    "role-firewall": Observation("ufw status", "9443/tcp"),
    "role-fail2ban": Observation("fail2ban-client status", "sshd"),
    "role-auto-updates": Observation("apt-config dump APT::Periodic::Unattended-Upgrade", '"1"'),
    "role-docker": Observation("docker info --format '{{.LiveRestoreEnabled}} {{.LoggingDriver}}'", "true json-file"),
    "role-secrets": Observation("stat --format '%a %u' /etc/latentum-ops/secrets/alone/services/cache/cache_password", "400 10080"),
    "role-jobs": Observation("systemctl list-timers --all latentum-ops-job-alone-report.timer", "latentum-ops-job-alone-report.service"),
    "role-stack": Observation("docker ps --format '{{.Names}} {{.Status}}'", "(healthy)"),
    "role-nginx": Observation("nginx -T 2>&1", "server_name role-nginx.example.test"),
    "role-certbot": Observation("openssl x509 -noout -issuer -in /etc/latentum-ops/tls/role-certbot.example.test/fullchain.pem", "Pebble"),
    "role-log-rotation": Observation("logrotate --debug /etc/logrotate.conf 2>&1", "nginx"),
    "role-opsctl": Observation("opsctl --help", "upstreams"),
    "role-backup": Observation("systemctl start latentum-ops-backup@alone && opsctl backup list", "restored and checked"),
    "role-watchdog": Observation(
        "python3 -c \"import urllib.request as web; print(web.urlopen('http://127.0.0.1:9753/metrics').read().decode())\"",
        "latentum_ops_watchdog_well 1.0",
    ),
    # A request through nginx (502: nobody is behind it), counted by its route; the clock's state, which a sandbox may hide; and nothing of
    # it listens elsewhere.
    "role-exporters": Observation(
        """python3 - <<'END'
import time, urllib.error, urllib.request as web
def numbers(port): return web.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read().decode()
request = web.Request("http://127.0.0.1/", headers={"Host": "role-exporters.example.test"})
try: web.urlopen(request, timeout=10)
except urllib.error.HTTPError: pass
counted = 'http_requests_total{code="502",method="GET",route="role-exporters.example.test/",service="web",stack=""}'
until = time.monotonic() + 20
while counted not in numbers(3903) and time.monotonic() < until: time.sleep(0.5)
node = ("node_timex_offset_seconds", "node_filesystem_avail_bytes")
wanted = [(3903, counted), *((9100, name) for name in node), (9113, "nginx_up 1"), (9115, "blackbox_")]
for port, name in wanted:
    assert name in numbers(port), f"{name} is not on port {port}"
import subprocess
listening = [line.split()[3] for line in subprocess.run(["ss", "-Hltn"], capture_output=True, text=True).stdout.splitlines()]
ours = sorted(address for address in listening if address.rpartition(":")[2] in ("3903", "9100", "9113", "9115"))
assert ours == [f"127.0.0.1:{port}" for port in (3903, 9100, 9113, 9115)], ours
print("all measured")
END""",
        "all measured",
    ),
    # Through nginx: a signed call is taken, as often as this is run, and one that is not is refused.
    "role-deploy-hook": Observation(
        """python3 - <<'END'
import hashlib, hmac, json, time, urllib.error, urllib.request as web
def call(secret):
    body = json.dumps({"repository": "acme/alone", "ref": "refs/tags/v1.0.0", "commit": "5ff6c0df" * 5, "nonce": time.time_ns()}).encode()
    now = str(int(time.time()))
    signature = hmac.new(secret, now.encode() + b"." + body, hashlib.sha256).hexdigest()
    headers = {"Host": "role-deploy-hook.example.test", "X-Deliver-Timestamp": now, "X-Deliver-Signature": "sha256=" + signature}
    request = web.Request("http://127.0.0.1/deploy/deliver/alone/pipeline", body, headers, method="POST")
    try: return web.urlopen(request, timeout=20).status
    except urllib.error.HTTPError as error: return error.code
print("answered", call(b"signs-the-calls-of-the-test"), call(b"guesses-the-calls-of-the-test"))
END""",
        "answered 202 401",
    ),
    # Both are ready, the alert that is always there has reached Alertmanager, and nothing of them listens elsewhere.
    "role-monitoring": Observation(
        """python3 - <<'END'
import json, subprocess, time, urllib.request as web
def answer(port, path): return web.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10).read().decode()
until, alerts = time.monotonic() + 60, []
while "Watchdog" not in alerts and time.monotonic() < until:
    time.sleep(1)
    alerts = [alert["labels"]["alertname"] for alert in json.loads(answer(9093, "/api/v2/alerts"))]
assert "Watchdog" in alerts, alerts
listening = [line.split()[3] for line in subprocess.run(["ss", "-Hltn"], capture_output=True, text=True).stdout.splitlines()]
ours = sorted(address for address in listening if address.rpartition(":")[2] in ("9090", "9093", "9094"))
assert ours == ["127.0.0.1:9090", "127.0.0.1:9093"], ours
print("all watched")
END""",
        "all watched",
    ),
    # Dashboards that can be read, whose source is the one that is provisioned beside them.
    "role-grafana": Observation(
        """python3 - <<'END'
import json, pathlib
folder = pathlib.Path("/etc/latentum-ops/grafana")
shown = {file.stem: json.loads(file.read_text()) for file in (folder / "dashboards").glob("*.json")}
assert sorted(shown) == ["host", "nginx", "overview"], sorted(shown)
sources = (folder / "provisioning/datasources/latentum-ops.yml").read_text()
for dashboard in shown.values():
    for panel in dashboard["panels"]:
        assert panel["type"] == "row" or panel["datasource"]["uid"] in sources, panel["title"]
assert not (folder / "grafana.ini").exists() and not pathlib.Path("/etc/systemd/system/latentum-ops-grafana.service").exists()
print("all shown")
END""",
        "all shown",
    ),
    # The host has a certificate that the authority which it keeps has signed, for its own name.
    "role-host-certificates": Observation(
        "cd /etc/latentum-ops/host-certificate"
        " && openssl verify -CAfile authority.pem -verify_hostname role-host-certificates certificate.pem"
        " && stat --format='%a %U' /etc/latentum-ops/authority/1.key",
        "certificate.pem: OK\n600 root",
    ),
    # What somebody writes into the journal is in the tree, whose closer can reach it.
    "role-log-shipping": Observation(
        "logger -t told 'a line of the test' && systemctl start latentum-ops-log-close.service"
        " && timeout 60 sh -c 'until opsctl logs --archive --grep \"a line of the test\" | grep .; do sleep 1; done'",
        "a line of the test",
    ),
    # The update is there, what the operator wrote too, and what was done is known on the host.
    "role-patch": Observation(
        "dpkg-query --show --showformat='${Version} ' latentum-sample && cat /etc/latentum-sample.conf"
        " && grep phase /var/lib/latentum-ops/patches/current.json",
        '1.1 an operator\'s own\n "phase": "finished"',
    ),
}


def reach(name: str) -> Host:
    """The host, as Ansible reaches it."""
    return testinfra.get_host(f"ansible://{name}?ansible_inventory={INVENTORY}")


def test_every_role_has_a_host() -> None:
    """The collection's roles are those that are applied here, so that a new one cannot be forgotten."""
    roles = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"], "roles").iterdir()
    assert HOSTS == sorted(OBSERVED) == sorted(f"role-{role.name.replace('_', '-')}" for role in roles)


@pytest.mark.parametrize("name", sorted(OBSERVED))
def test_a_host_without_the_role_does_not_show_it(name: str) -> None:
    made, seen = OBSERVED[name].holds(reach(BARE))
    assert not made, f"true without the role, so it proves nothing: {seen}"


@pytest.mark.parametrize("name", HOSTS)
def test_the_role_did_its_work_alone(name: str) -> None:
    made, seen = OBSERVED[name].holds(reach(name))
    assert made, seen


@pytest.mark.parametrize("name", HOSTS)
def test_no_unit_failed(name: str) -> None:
    assert reach(name).run("systemctl list-units --failed --plain --no-legend").stdout == ""
