# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Authentication of routes on a real host: systemd's socket, the sandbox of the service, groups and modes, and the jail.

Each kind with its refusals is tested against a real nginx by tests/unit/authentication; here is what only a host has. The routes:

    auth.example.test           basic: {users: {ada: ada_password}}, public: [/health]
    auth.example.test /keys     api_key: {keys: {partner: partner_key}}
    auth.example.test /tokens   jwt: {public_keys: [...], audience: [test]}
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from conftest import CLIENT, eventually, execute, request

DOMAIN = "auth.example.test"
FOLDER = "/etc/latentum-ops/authentication"
SOCKET = "/run/latentum-ops-auth.sock"


@pytest.fixture(scope="module")
def stack(host: Any) -> str:
    """The stack that has these routes."""
    name: str = host.check_output(f"grep -l {DOMAIN} {FOLDER}/*/policies.json").split("/")[-2]
    return name


def ask(path: str, *options: str) -> int:
    """The status of a request from outside."""
    return request(f"https://{DOMAIN}{path}", *options).status


def secret(host: Any, stack: str, name: str) -> str:
    value: str = host.check_output(f"cat /etc/latentum-ops/secrets/{stack}/{name}")
    return value


def test_who_is_let_in(host: Any, stack: str) -> None:
    password, key = secret(host, stack, "ada_password"), secret(host, stack, "partner_key")
    assert ask("/") == 401 and ask("/health") != 401
    assert ask("/", "--user", f"ada:{password}") not in (401, 403, 500)
    assert ask("/", "--user", "ada:wrong") == 401
    assert ask("/keys") == 401 and ask("/keys", "--header", "X-API-Key: " + "x" * 40) == 401
    assert ask("/keys", "--header", f"X-API-Key: {key}") not in (401, 403, 500)
    assert ask("/tokens") == 401 and ask("/tokens", "--header", "Authorization: Bearer a.b.c") == 401


def test_files_are_read_by_those_who_need_them_and_hold_no_secret(host: Any, stack: str) -> None:
    workers = host.check_output("ps -o group= --ppid $(cat /run/nginx.pid) | sort -u")  # not those of containers
    for path in host.check_output(f"ls {FOLDER}/{stack}/*").split():
        file = host.file(path)
        assert (file.user, file.mode & 0o007) == ("root", 4 if path.endswith(".pem") else 0), path
        assert file.group == {"htpasswd": workers, "json": "latentum-auth"}.get(path.rpartition(".")[2], "root")
        for name in ("ada_password", "partner_key"):
            assert secret(host, stack, name) not in file.content_string
    assert host.file(SOCKET).group == workers and host.file(SOCKET).mode == 0o660


def test_the_service_is_kept_small(host: Any) -> None:
    ask("/keys")  # starts it
    assert host.service("latentum-ops-auth.socket").is_enabled and host.service("latentum-ops-auth.service").is_running
    shown = host.check_output("systemd-analyze security --no-pager latentum-ops-auth.service | tail -1")
    assert float(shown.split()[-3]) < 3, shown
    arguments = host.check_output("systemctl show -p MainPID --value latentum-ops-auth.service")
    assert host.check_output(f"stat -c %U /proc/{arguments.strip()}") == "latentum-auth"


def test_nobody_is_refused_while_it_is_restarted(host: Any, stack: str) -> None:
    key = secret(host, stack, "partner_key")
    assert ask("/keys", "--header", f"X-API-Key: {key}") not in (401, 500)
    host.check_output("systemctl stop latentum-ops-auth.service")
    assert ask("/keys", "--header", f"X-API-Key: {key}") not in (401, 500), "the socket starts it"
    host.check_output("systemctl kill --signal=KILL latentum-ops-auth.service")
    assert ask("/keys", "--header", f"X-API-Key: {key}") not in (401, 500)


def test_the_log_has_names_and_reasons_and_no_key(host: Any, stack: str) -> None:
    key = secret(host, stack, "partner_key")
    ask("/keys?logged=1", "--header", f"X-API-Key: {key}")
    ask("/keys", "--header", "X-API-Key: " + "y" * 40)
    host.check_output("sleep 2")  # nginx writes its log once a second
    lines = [json.loads(line) for line in host.check_output(f"grep {DOMAIN} /var/log/nginx/access.json | tail -n 50").splitlines()]
    assert {"partner"} <= {line["user"] for line in lines} and {"refused: unknown"} <= {line["refused"] for line in lines}
    searched = f"grep -r --fixed-strings --file=/etc/latentum-ops/secrets/{stack}/partner_key /var/log /proc/[0-9]*/cmdline"
    assert host.run(searched).stdout == ""


def test_who_guesses_is_banned(host: Any, stack: str) -> None:
    """The last one of this file: an address of the client is shut out of all sites until its ban is lifted. Its other one is not."""
    addresses = execute(["docker", "exec", CLIENT, "hostname", "-i"]).stdout.split()
    address = next(address for address in addresses if ":" not in address)
    key = secret(host, stack, "partner_key")

    def asked(given: str) -> int:
        argv = ["docker", "exec", CLIENT, "curl", "-4sk", "-m", "5", "-H", f"X-API-Key: {given}", f"https://{DOMAIN}/keys"]
        return execute(argv).returncode

    try:
        for number in range(6):
            asked(f"guess-{number}-{'z' * 30}")
        eventually(lambda: asked(key) in (7, 28), "refused, or nobody answers", 30)
        assert address in host.check_output("fail2ban-client get nginx-authentication banip")
    finally:
        host.check_output(f"fail2ban-client set nginx-authentication unbanip {address}")
    assert ask("/keys", "--header", f"X-API-Key: {key}") not in (401, 403, 500)
