# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What routes have beyond a path and a port, on a real host: the sandbox of nginx, the release, the firewall, sshd.

Each key with its refusals is tested against a real nginx by tests/unit/roles/routes; here is what only a host has. The stack declares:

    routes:     routes.apps.example.test            cache: {valid: 10m}, cors: {origins: [https://app.example.test]}
                routes.apps.example.test /static    static: {immutable: [/static/assets], fallback: /static/index.html}
    redirects:  www.routes.apps.example.test        to: https://routes.apps.example.test
    streams:    port 7443, tls: routes.apps.example.test, to a service that answers TCP; port 7444 with allow_from: [192.0.2.0/24]
                port 7445, tls: own.apps.example.test; port 7446, proxy_protocol: true, to service echo
    routes:     rpc.apps.example.test               protocol: grpc; /test.Locked with auth: {api_key: ...}
                routes.apps.example.test /sticky    balance: sticky, two containers
    certificates: for own.apps.example.test and its alias www.own.apps.example.test, of an authority of prepare.yml
    nginx_http3: true
    error_pages: {503: "<h1>Back soon</h1>"}
    and stack neurocore a database with ports: ["127.0.0.1:5434:5432"] in a network with internal: false
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import CLIENT, HOST, ROOT, execute, request, sh

DOMAIN = "routes.apps.example.test"
OWN = "own.apps.example.test"
NETWORK = "latentum-ops-test"
TLS = "/etc/latentum-ops/tls"
STATE = ("/var/lib/nginx", "/var/cache/nginx")


@pytest.fixture(scope="module")
def stack(host: Any) -> str:
    """The stack that has these routes."""
    file: str = host.check_output(f"grep -l {DOMAIN} /etc/latentum-ops/stacks/*.json")
    return file.rpartition("/")[2].removesuffix(".json")


def test_the_name_that_leads_elsewhere_has_its_certificate(host: Any) -> None:
    shown = host.check_output(
        f"openssl s_client -connect 127.0.0.1:443 -servername www.{DOMAIN} </dev/null 2>/dev/null"
        " | openssl x509 -noout -issuer -ext subjectAltName"
    )
    assert f"DNS:www.{DOMAIN}" in shown and "placeholder" not in shown
    assert request(f"https://www.{DOMAIN}/a?b=c").headers["location"] == f"https://{DOMAIN}/a?b=c"


def test_the_cache_is_written_inside_the_sandbox(host: Any) -> None:
    """ProtectSystem=strict leaves nginx two folders, and its workers are not root."""
    first, second = request(f"https://{DOMAIN}/?cached={time.time_ns()}"), request(f"https://{DOMAIN}/?cached")
    assert first.headers["x-cache-status"] == "MISS" and second.headers["x-cache-status"] in ("MISS", "HIT")
    assert request(f"https://{DOMAIN}/?cached").headers["x-cache-status"] == "HIT"
    assert host.run(f"find {' '.join(STATE)} -path '*latentum_*' -type f 2>/dev/null | grep -q .").rc == 0
    assert host.run("grep -E '\\[(crit|alert|emerg)\\]' /var/log/nginx/error.log").stdout == ""


def test_a_release_begins_with_an_empty_cache(host: Any, stack: str) -> None:
    """The variable is in the upstream's file, which the engine renders of the containers that serve."""
    files = host.check_output("grep -l ops_generation /etc/nginx/upstreams.d/*.conf").split()
    before = {file: re.findall(r"default (\w+);", host.check_output(f"cat {file}")) for file in files}
    assert files and all(values and values != ["none"] for values in before.values())
    host.check_output("systemctl restart latentum-ops-watchdog.service || systemctl restart latentum-ops-upstreams.service")
    host.check_output("opsctl upstreams sync")
    assert {file: re.findall(r"default (\w+);", host.check_output(f"cat {file}")) for file in files} == before


def test_preflights_are_answered_by_nginx() -> None:
    origin, method = "Origin: https://app.example.test", "Access-Control-Request-Method: GET"
    answer = request(f"https://{DOMAIN}/", "--request", "OPTIONS", "--header", origin, "--header", method)
    assert answer.status == 204 and answer.headers["access-control-allow-origin"] == "https://app.example.test"


def test_streams_listen_and_the_firewall_knows_them(host: Any) -> None:
    shown = host.check_output(
        f"openssl s_client -connect 127.0.0.1:7443 -servername {DOMAIN} </dev/null 2>/dev/null | openssl x509 -noout -ext subjectAltName"
    )
    assert f"DNS:{DOMAIN}" in shown
    assert request(f"https://{DOMAIN}:7443/").status == 200
    rules = host.check_output("ufw status")
    assert re.search(r"^7443/tcp\s+ALLOW\s+Anywhere", rules, re.MULTILINE)
    assert re.search(r"^7444/tcp\s+ALLOW\s+192\.0\.2\.0/24", rules, re.MULTILINE)
    assert not re.search(r"^7444/tcp\s+ALLOW\s+Anywhere", rules, re.MULTILINE)


def test_a_service_behind_a_stream_is_told_who_connects() -> None:
    """By the PROXY protocol; what a client itself says of it is a line like any other."""
    address = _address()
    for said in ("hello", "PROXY TCP4 192.0.2.1 192.0.2.2 1 2"):
        asked = f"exec 3<>/dev/tcp/{address}/7446; echo '{said}' >&3; timeout 10 head -n 1 <&3"
        answer = json.loads(execute(["docker", "exec", CLIENT, "bash", "-c", asked]).stdout)
        _proxy, family, client_address, *_ports = answer["proxy"].split()
        assert (family, answer["line"]) == ("TCP4", said)
        assert client_address in execute(["docker", "exec", CLIENT, "hostname", "-i"]).stdout.split()


def calls(service: str, *metadata: str) -> dict[str, Any]:
    """gRPC from another host, by its own library (tests/images/applications/echo)."""
    root = execute([sys.executable, str(ROOT / "tests/hosts/hosts.py"), "path", "pebble-root"]).stdout.strip()
    image = "127.0.0.1:5000/latentum/echo:1.0.0"
    run = ["docker", "run", "--rm", "--network", NETWORK, "--volume", f"{root}:/root.pem:ro", image]
    done = execute([*run, "python3", "-m", "calls", "rpc.apps.example.test:443", "/root.pem", service, *metadata])
    assert done.returncode == 0, done.stdout + done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def test_grpc_calls_and_streams() -> None:
    said = calls("test.Echo", "x-forwarded-for=192.0.2.1", "x-request=seven")
    metadata = said["unary"]["metadata"]
    assert said["unary"]["message"] == "hello" and metadata["x-request"] == "seven"
    assert "192.0.2.1" not in metadata["x-forwarded-for"] and metadata["x-forwarded-proto"] == "https"
    assert said["refuse"] == {"status": "FAILED_PRECONDITION", "details": "not today"}
    assert said["unknown"]["status"] == "UNIMPLEMENTED"
    assert said["stream"] == {"answers": 50, "containers": 1}


def test_grpc_wants_a_key_where_it_is_declared(stack: str) -> None:
    key = sh(f"cat /etc/latentum-ops/secrets/{stack}/partner_key")
    assert calls("test.Locked", f"x-api-key={key}")["unary"]["message"] == "hello"
    for given in ((), ("x-api-key=" + "x" * 40,)):
        said = calls("test.Locked", *given)
        assert {said[kind]["status"] for kind in ("unary", "refuse", "stream")} == {"UNAUTHENTICATED"}


def test_a_client_with_a_cookie_comes_back_to_its_container() -> None:
    url = f"https://{DOMAIN}/sticky"
    first = request(url)
    cookie = first.headers["set-cookie"].partition(";")[0]
    assert cookie.startswith("latentum_route=")
    assert {request(url, "--cookie", cookie).document["container"] for _again in range(10)} == {first.document["container"]}
    assert len({request(url).document["container"] for _other in range(12)}) == 2, "clients without one are spread"


def own_authority() -> Path:
    """Where prepare.yml has left its certificates."""
    return Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "own"


def served(host: Any, name: str, port: int = 443) -> str:
    """The certificate that is served, verified against the authority of the tests alone; the result of that and who issued it."""
    root = (own_authority() / "root.pem").read_text()
    verify = f"openssl s_client -connect 127.0.0.1:{port} -servername {name} -verify_hostname {name} -CAfile /tmp/own-root.pem"
    shown: str = host.check_output(f"printf '%s' '{root}' > /tmp/own-root.pem; {verify} </dev/null 2>&1")
    return shown


@pytest.mark.parametrize(("name", "port"), [(OWN, 443), (f"www.{OWN}", 443), (OWN, 7445)])
def test_a_certificate_of_our_own_is_served(host: Any, name: str, port: int) -> None:
    shown = served(host, name, port)
    assert "Verify return code: 0 (ok)" in shown and "Test Issuing" in shown, shown[-600:]


def test_its_key_is_root_s_alone_and_certbot_does_not_know_it(host: Any) -> None:
    assert host.check_output(f"readlink {TLS}/{OWN}") == f"{TLS}/.own/{OWN}/current"
    assert host.check_output(f"stat -c '%a %U' {TLS}/{OWN}/privkey.pem") == "600 root"
    assert host.check_output(f"stat -c '%a %U' {TLS}/.own") == "700 root"
    assert not host.file(f"/etc/letsencrypt/live/{OWN}").exists and not host.file(f"/etc/letsencrypt/renewal/{OWN}.conf").exists
    assert host.run("grep -rlF -- '-----BEGIN PRIVATE KEY-----' /etc/latentum-ops/stacks /opt/gate /var/log/ansible.log").stdout == ""


def test_the_watchdog_knows_when_it_ends(host: Any) -> None:
    (shown,) = [item for item in json.loads(host.check_output("opsctl status --json"))["certificates"] if item["name"] == OWN]
    assert shown["placeholder"] is False and 80 < shown["days_left"] < 91 and "Test Issuing" in shown["issuer"]


def client(*argv: str) -> subprocess.CompletedProcess[str]:
    """curl on another host."""
    options = ("-sS", "--insecure", "--max-time", "20", "--dump-header", "-", "--output", "/dev/null")
    return subprocess.run(["docker", "exec", CLIENT, "curl", *options, *argv], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("path", ["/", "/static/", "/static/assets/missing.js"])
def test_http3_is_spoken_with_clients_and_offered(host: Any, path: str) -> None:
    for name in (DOMAIN, OWN, "neurocore.apps.example.test"):
        offered = client(f"https://{name}{path}")
        assert 'alt-svc: h3=":443"' in offered.stdout.lower(), f"{name}: {offered.stdout}{offered.stderr}"
        answer = client("--http3-only", f"https://{name}{path}")
        assert answer.stdout.startswith("HTTP/3 "), f"{name}: {answer.stdout}{answer.stderr}"
    assert client("--http3-only", "https://nobody.example.test/", "--resolve", f"nobody.example.test:443:{_address()}").returncode != 0


def _address() -> str:
    """The host's on the network of the tests."""
    return execute(["docker", "exec", CLIENT, "getent", "ahostsv4", HOST]).stdout.split()[0]


def test_http3_goes_on_after_a_reload(host: Any) -> None:
    """Old workers that still have requests may get new connections for as long as they live, as nginx has it today: a few tries."""
    for _again in range(3):
        host.check_output("systemctl reload nginx")
        tries = [client("--http3-only", "--max-time", "5", f"https://{DOMAIN}/") for _each in range(8)]
        assert any(answer.stdout.startswith("HTTP/3 ") for answer in tries), tries[-1].stderr
        assert client(f"https://{DOMAIN}/").returncode == 0, "by TCP at any time"


def test_the_port_of_http3_is_open_and_its_sockets_are_there_once_a_worker(host: Any) -> None:
    assert re.search(r"^443/udp\s+ALLOW\s+Anywhere", host.check_output("ufw status"), re.MULTILINE)
    assert host.check_output("grep -rhE 'quic.*reuseport' /etc/nginx | grep -vc '\\[::\\]'") == "1"
    workers = len(host.check_output("pgrep --parent $(cat /run/nginx.pid) -f 'worker process$'").split())
    assert len(host.check_output("ss -Hlun 'sport = :443' | grep -v '\\[::\\]'").splitlines()) >= workers


def test_ports_on_loopback_are_shown_and_reached_through_ssh_alone(host: Any) -> None:
    stack = "neurocore"
    assert "on loopback: 127.0.0.1:5434/tcp" in host.check_output(f"opsctl status --stack {stack} --wide")
    service = re.search(r"on loopback: 127\.0\.0\.1:5434/tcp is (\w+):5432", host.check_output(f"opsctl status --stack {stack} --wide"))
    assert service
    answer = json.loads(host.check_output(f"opsctl tunnel --stack {stack} --json {service[1]}"))
    assert answer["command"][0] == "ssh" and "5434:127.0.0.1:5434" in answer["command"]
    effective = host.check_output("sshd -T")
    assert re.search(r"^permitopen .*\b127\.0\.0\.1:5434\b", effective, re.MULTILINE)
    assert "permitopen any" not in effective and "allowtcpforwarding local" in effective


def test_a_second_look_changes_nothing(host: Any) -> None:
    assert "nothing to change" in host.check_output("opsctl upstreams sync")
    assert host.run("nginx -t -q").rc == 0
