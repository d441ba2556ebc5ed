# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Authentication of routes on a real host: systemd's socket, the sandbox of the service, groups and modes, and the jail.

Each kind with its refusals is tested against a real nginx by tests/unit/authentication; here is what only a host has. The routes:

    auth.example.test           basic: {users: {ada: ada_password}}, public: [/health]
    auth.example.test /keys     api_key: {keys: {partner: partner_key}}
    auth.example.test /tokens   jwt: {public_keys: [...], audience: [test]}
    auth.example.test /members  forward: {service: echo, path: /decide, login: https://auth.example.test/login}
    machines.apps.example.test  client_ca, with a revocation list

Service `echo` answers with the headers that reached it; prepare.yml has made what callers have (tests/hosts/callers.py).
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from conftest import CLIENT, Answer, eventually, execute, request

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


def callers() -> Path:
    """Where prepare.yml has left what they have."""
    return Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "callers"


def token(key: str | None = None, algorithm: str = "ES256", **claims: Any) -> tuple[str, str]:
    """The option of a request with a token; signed by the declared key unless another is given."""
    body = {"sub": "ada", "aud": "test", "exp": int(time.time()) + 300, **claims}
    signed = jwt.encode(body, (callers() / "signer.key").read_text() if key is None else key, algorithm=algorithm)
    return "--header", f"Authorization: Bearer {signed}"


def test_a_token_is_verified(host: Any) -> None:
    assert ask("/tokens", *token()) == 404, "the service has no such file: it was asked"
    foreign = (callers() / "good.pem").read_text().partition("-----BEGIN PRIVATE KEY-----")
    for refused in (
        token(exp=int(time.time()) - 600),
        token(nbf=int(time.time()) + 600),
        token(aud="another"),
        token("".join(foreign[1:])),
        token("", "none"),
        token("a shared secret of at least thirty-two bytes", "HS256"),
        (token()[0], token()[1][:-4] + "AAAA"),
    ):
        assert ask("/tokens", *refused) == 401, refused
    assert ask("/tokens", *token()) == 404


def machine(name: str, path: str = "/", *options: str) -> Answer:
    """A request by somebody with a certificate; without one when there is no name."""
    if name:
        assert execute(["docker", "cp", str(callers() / f"{name}.pem"), f"{CLIENT}:/tmp/{name}.pem"]).returncode == 0
    certificate = ("--cert", f"/tmp/{name}.pem", "--key", f"/tmp/{name}.pem") if name else ()
    return request(f"https://machines.apps.example.test{path}", *certificate, *options)


def test_a_machine_shows_its_certificate(host: Any) -> None:
    forged = ("--header", "X-Client-Cert-Subject: CN=root", "--header", "Remote-User: root")
    answer = machine("good", "/", *forged)
    assert answer.status == 200 and "root" not in json.dumps(answer.document["headers"])
    assert "good" in answer.document["headers"]["x-client-cert-subject"]
    for name in ("revoked", "expired", "foreign", ""):
        assert machine(name).status == 403, name or "without a certificate"
    assert machine("good").status == 200


def test_another_service_decides(host: Any) -> None:
    url = f"https://{DOMAIN}/members/area?page=2"
    answer = request(url, "--cookie", "session=ada", "--header", "Remote-User: root")
    assert answer.status == 200 and answer.document["headers"]["remote-user"] == "ada"
    assert request(url, "--cookie", "session=suspended").status == 403
    assert request(url).status == 401 and request(url, "--header", "Remote-User: ada").status == 401
    page = request(url, "--header", "Accept: text/html")
    asked = "https%3A%2F%2Fauth.example.test%2Fmembers%2Farea%3Fpage%3D2"
    assert page.status == 302 and page.headers["location"] == f"https://{DOMAIN}/login?rd={asked}"
    assert request(f"https://{DOMAIN}/login", "--header", "Remote-User: root").status == 200


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
