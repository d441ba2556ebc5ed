# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the internet sees: TLS, redirect, headers, limits, WebSockets, unknown hosts, open ports."""

from __future__ import annotations

import json
import re

import pytest
from conftest import Production, client, eventually

# UFW limits new SSH connections of one address: the scan may find the port open or, after our own logins, closed.
SSH = {22}
ECHO = """
import asyncio, ssl, sys, websockets
async def main(url):
    context = ssl.create_default_context(cafile="/tmp/issuing-root.pem")
    async with websockets.connect(url, ssl=context) as socket:
        await socket.send("latentum")
        print(await asyncio.wait_for(socket.recv(), 10))
asyncio.run(main(sys.argv[1]))
"""


def handshake(production: Production, *arguments: str, name: str | None = None) -> tuple[int, str]:
    """One TLS handshake by openssl; its return code and what it said."""
    target = production.domain
    result = client(
        "sh", "-c", f"openssl s_client -connect {target}:443 -servername {name or target} {' '.join(arguments)} </dev/null 2>&1"
    )
    return result.returncode, result.stdout


def test_the_chain_is_verified_and_names_the_domain(production: Production) -> None:
    rc, output = handshake(production, "-CAfile /tmp/issuing-root.pem", "-verify_return_error", f"-verify_hostname {production.domain}")
    assert rc == 0, output
    assert "Verify return code: 0 (ok)" in output
    assert "Pebble" in output


@pytest.mark.parametrize(("protocol", "accepted"), [("-tls1_1", False), ("-tls1_2", True), ("-tls1_3", True)])
def test_only_modern_protocols(production: Production, protocol: str, accepted: bool) -> None:
    # SECLEVEL=0 lets the client itself offer the old protocol: the refusal must be the server's.
    rc, output = handshake(production, protocol, "-cipher ALL:@SECLEVEL=0")
    assert (rc == 0) is accepted, output


def test_http2_is_spoken(production: Production) -> None:
    shown = production.curl("/version", "--http2", "--output", "/dev/null", "--write-out", "%{http_version} %{http_code}")
    assert shown.stdout == "2 200"


def test_http_redirects_to_the_same_path(production: Production) -> None:
    shown = production.curl("/version?a=b", "--output", "/dev/null", "--write-out", "%{http_code} %{redirect_url}", scheme="http")
    code, target = shown.stdout.split()
    assert code in {"301", "308"}
    assert target == f"https://{production.domain}/version?a=b"


@pytest.mark.parametrize("path", ["/version", "/no-such-page"])
def test_security_headers_are_on_every_answer(production: Production, path: str) -> None:
    headers = production.curl(path, "--head" if path == "/version" else "--include").stdout.lower()
    for wanted in (
        "strict-transport-security: max-age=",
        "content-security-policy:",
        "x-content-type-options: nosniff",
        "referrer-policy:",
    ):
        assert wanted in headers, headers
    assert not re.search(r"server: nginx/\d", headers)


def test_counters_rise_in_database_and_cache(production: Production) -> None:
    before, after = production.counters(), production.counters()
    assert after["database"] == before["database"] + 1
    assert after["cache"] == before["cache"] + 1


def test_a_body_is_echoed_and_a_large_one_refused(production: Production) -> None:
    assert production.curl("/echo", "--data", "hello from outside").stdout.count("hello from outside") == 1
    refused = client(
        "sh", "-c",
        f"head -c 20000000 /dev/zero | curl --silent --max-time 20 --cacert /tmp/issuing-root.pem --output /dev/null"
        f" --write-out '%{{http_code}}' --data-binary @- https://{production.domain}/echo",
    )  # fmt: skip
    assert refused.stdout == "413"


def test_the_worker_takes_jobs(production: Production) -> None:
    def count() -> int:
        return int(json.loads(production.curl("/jobs/count").stdout)["count"])

    before = count()
    assert production.curl("/jobs", "--json", '{"name": "verify"}', "--fail").returncode == 0
    eventually(lambda: count() == before + 1, "the worker has written its row", 30)


def test_too_many_requests_are_told_so(production: Production) -> None:
    """`/predict` is limited in the scenario's declaration; the rest of the site must stay usable meanwhile."""
    # By one client: sixty of them took so long to start on a busy machine that their rate was nearly the permitted one.
    # Not more of them: who is refused a hundred times is banned by fail2ban.
    result = client(
        "curl", "--silent", "--parallel", "--parallel-immediate", "--max-time", "60", "--cacert", "/tmp/issuing-root.pem",
        "--output", "/dev/null", "--write-out", "%{http_code}\\n", f"https://{production.domain}/predict?[1-80]",
    )  # fmt: skip
    codes = result.stdout.split()
    assert len(codes) == 80
    assert codes.count("429") > 30, codes
    assert set(codes) <= {"200", "400", "405", "429"}, codes
    assert production.status("/version") == "200"


def test_websockets_pass(production: Production) -> None:
    shown = client("python3", "-c", ECHO, f"wss://{production.domain}/ws")
    assert "latentum" in shown.stdout, shown.stderr


def test_an_unknown_host_learns_nothing(production: Production) -> None:
    rc, output = handshake(production, name="somebody-else.example.test")
    assert rc != 0
    assert "BEGIN CERTIFICATE" not in output
    shown = client(
        "curl", "--silent", "--include", "--max-time", "10", "--header", "Host: somebody-else.example.test", f"http://{production.domain}/"
    )
    assert production.domain not in shown.stdout
    assert "latentum" not in shown.stdout.lower()
    assert not shown.stdout.startswith("HTTP/1.1 200")


def open_ports(production: Production, *arguments: str, ports: str = "-") -> set[int]:
    """Every TCP port that answers the client, of all or of these."""
    scan = ["nmap", "-n", "-Pn", f"-p{ports}", "--min-rate", "8000", "--max-retries", "1", "--open", "-oG", "-"]
    shown = client(*scan, *arguments, production.domain, timeout=300)
    assert shown.returncode == 0, shown.stderr
    return {int(port) for port in re.findall(r"(\d+)/open/tcp", shown.stdout)}


def test_only_declared_ports_are_open(production: Production) -> None:
    published = production.root("docker ps --format '{{.Ports}}'")
    assert "0.0.0.0:5432->5432/tcp" in published, "the scenario must publish the database, or this proves nothing"
    assert open_ports(production) - SSH == {80, 443}


def test_ssh_offers_keys_only(production: Production) -> None:
    done = client(
        "ssh",
        "-v",
        "-o",
        "StrictHostKeyChecking=no",
        "-o",
        "UserKnownHostsFile=/dev/null",
        "-o",
        "BatchMode=yes",
        f"ops@{production.domain}",
        "true",
    )
    assert done.returncode != 0
    offered = re.findall(r"Authentications that can continue: (\S+)", done.stderr)
    assert offered
    assert set(offered) == {"publickey"}
