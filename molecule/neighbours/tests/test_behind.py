# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nginx behind a proxy in front: a real nginx with the role's configuration, asked as the proxy, as its clients and as strangers would.

The proxy is a socket of the host, so that each byte of what it says is known; once it is a second nginx. What the application hears an
echo on the host tells, what counts as client and scheme the access log.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from conftest import CLIENT, HOST, changes, execute, playbook, sh, steady

pytestmark = pytest.mark.matrix

PORT, ECHO, FRONT = 8088, 8089, 8090
SHOP, ECHOING = "shop.neighbours.example.test", "echo.neighbours.example.test"
STRANGER = "192.0.2.10"  # an address of this host that is trusted by nobody
SITE = {"name": "echo", "domain": ECHOING, "locations": [{"path": "/", "target": f"http://127.0.0.1:{ECHO}", "websocket": True}]}
LIMITED = {"path": "/limited", "target": f"http://127.0.0.1:{ECHO}", "rate_limit": {"requests": 1, "per": "minute"}}
CLOSED = {"path": "/closed", "target": f"http://127.0.0.1:{ECHO}", "allow_from": ["203.0.113.0/24"]}
DIRECTORY = {"path": "/files", "directory": "/usr/share/common-licenses"}


def variables(**more: Any) -> dict[str, Any]:
    """An inventory with a proxy in front."""
    behind = {"listen": [f"0.0.0.0:{PORT}"], "trusted": ["127.0.0.1", "198.51.100.0/24"], **more}
    return {"nginx_behind": behind, "nginx_extra_sites": [{**SITE, "locations": [*SITE["locations"], LIMITED, CLOSED, DIRECTORY]}]}


ECHO_SERVER = f"""
import json, os
open("/tmp/echo.pid", "w").write(str(os.getpid()))
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = json.dumps({{name.lower(): value for name, value in self.headers.items()}}).encode()
        if self.headers.get("Upgrade"):
            self.send_response(101)
            self.send_header("Upgrade", "echo")
            self.send_header("Connection", "upgrade")
            self.end_headers()
            self.wfile.write(b"upgraded")
            self.close_connection = True
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *given):
        pass
ThreadingHTTPServer(("127.0.0.1", {ECHO}), Echo).serve_forever()
"""
# Sends bytes from an address of the host, and shows what comes back.
ASK = """
import json, socket, sys
given = json.loads(sys.argv[1])
with socket.create_connection((given["address"], given["port"]), 10, (given["source"], 0)) as channel:
    channel.sendall(bytes.fromhex(given["bytes"]))
    came = b""
    try:
        while part := channel.recv(65536):
            came += part
    except OSError as error:
        came += b""
head, _empty, body = came.partition(b"\\r\\n\\r\\n")
lines = head.decode("latin1").split("\\r\\n")
headers = {name.lower(): value for name, _colon, value in (line.partition(": ") for line in lines[1:])}
print(json.dumps({"status": int((lines[0].split() or ["", "0"])[1]) if lines[0] else 0, "headers": headers, "body": body.decode("latin1")}))
"""


class Answer:
    """What came back, and what nginx logged of it."""

    def __init__(self, seen: dict[str, Any], request: str) -> None:
        self.status, self.headers, self.body, self.request = int(seen["status"]), seen["headers"], str(seen["body"]), request

    @property
    def echoed(self) -> dict[str, str]:
        """The headers that the application had."""
        headers: dict[str, str] = json.loads(self.body)
        return headers

    @property
    def logged(self) -> dict[str, Any]:
        deadline = time.monotonic() + 10
        while not (line := sh(f'grep -F \'"id":"{self.request}"\' /var/log/nginx/access.json | tail -n 1', check=False)):
            assert time.monotonic() < deadline, "not logged"
            time.sleep(0.3)
        entry: dict[str, Any] = json.loads(line)
        return entry


def ask(path: str = "/", host: str = ECHOING, source: str = "127.0.0.1", first: bytes = b"", port: int = PORT, **headers: str) -> Answer:
    """One request; names of headers are written with underscores."""
    request = f"behind-{time.time_ns()}"
    written = {name.replace("_", "-"): value for name, value in headers.items()}
    given = {"Host": host, "X-Request-ID": request, "Connection": "close", **written}
    text = f"GET {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in given.items()) + "\r\n"
    sent = {"address": "127.0.0.1", "port": port, "source": source, "bytes": (first + text.encode()).hex()}
    done = execute(["docker", "exec", HOST, "python3", "-c", ASK, json.dumps(sent)])
    assert done.returncode == 0, done.stdout + done.stderr
    return Answer(json.loads(done.stdout), request)


def watched() -> dict[str, Any]:
    """The watchdog's next look at a site (every 30 s); the application answers 404 there, which is well."""
    began = datetime.fromisoformat(sh("date --iso-8601=seconds"))
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        line = sh(f"grep -F latentum-ops-watchdog /var/log/nginx/access.json | grep -F '{SHOP}' | tail -n 1", check=False)
        if line and datetime.fromisoformat((entry := json.loads(line))["time"]) > began:
            return dict(entry)
        time.sleep(1)
    raise AssertionError("the watchdog has not asked")


def v1(client: str, port: int) -> bytes:
    return f"PROXY TCP4 {client} 192.0.2.1 40000 {port}\r\n".encode()


def v2(client: str, port: int) -> bytes:
    addresses = bytes([*(int(part) for part in client.split(".")), 192, 0, 2, 1])
    return b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c" + addresses + (40000).to_bytes(2, "big") + port.to_bytes(2, "big")


@pytest.fixture(scope="module", autouse=True)
def _moved() -> Iterator[None]:
    """The host behind a proxy while these tests run, and as it was afterwards."""
    execute(["docker", "exec", "-d", HOST, "python3", "-c", ECHO_SERVER])
    sh(f"ip address add {STRANGER}/32 dev lo")
    done = playbook("site", variables())
    assert done.returncode == 0, done.stdout[-3000:]
    yield
    sh(f"ip address del {STRANGER}/32 dev lo; kill $(cat /tmp/echo.pid)", check=False)
    done = playbook("site")
    assert done.returncode == 0, done.stdout[-3000:]
    assert sh("ls /etc/nginx/snippets").split().count("latentum-behind.conf") == 0
    with steady("shop") as requests:
        time.sleep(2)
    assert requests["lost"] == [] and requests["answered"] > 10


def test_nothing_of_ours_is_on_443_and_a_second_run_changes_nothing() -> None:
    done = playbook("site", variables())
    assert done.returncode == 0 and changes(done.stdout) == [], done.stdout[-3000:]
    ours = "/etc/nginx/sites.d /etc/nginx/conf.d/zz-latentum-ops.conf /etc/nginx/sites-enabled/zz-latentum-ops.conf"
    listens = set(sh(f"grep -rhoE '^ *listen [^ ;]+' {ours} 2>/dev/null", check=False).split()) - {"listen"}
    assert f"0.0.0.0:{PORT}" in listens and not [address for address in listens if address.rpartition(":")[2] in {"80", "443"}], listens
    assert sh("ls /etc/nginx/sites.d").split() and "ssl_certificate" not in sh("cat /etc/nginx/sites.d/*.conf")
    rules = sh("ufw status")
    assert f"{PORT}/tcp" in rules and "198.51.100.0/24" in rules and "# HTTPS" not in rules
    # Ours stood in the place of somebody else's, whose site needs it.
    assert [line.split()[-1] for line in rules.splitlines() if line.startswith("443/tcp")] == ["somebody", "somebody"], rules


def test_the_client_that_the_proxy_names_is_the_client() -> None:
    answer = ask(X_Forwarded_For="203.0.113.9", X_Forwarded_Proto="https")
    assert answer.status == 200
    echoed = answer.echoed
    assert (echoed["x-forwarded-for"], echoed["x-real-ip"]) == ("203.0.113.9", "203.0.113.9")
    assert (echoed["x-forwarded-proto"], echoed["x-forwarded-port"], echoed["x-forwarded-host"]) == ("https", "443", ECHOING)
    assert (answer.logged["client"], answer.logged["peer"], answer.logged["scheme"]) == ("203.0.113.9", "127.0.0.1", "https")


def test_an_address_that_the_client_has_forged_is_not() -> None:
    """The proxy appends the real one; one more proxy that is trusted may stand between."""
    assert ask(X_Forwarded_For="10.9.9.9, 203.0.113.9, 198.51.100.4", X_Forwarded_Proto="https").logged["client"] == "203.0.113.9"


@pytest.mark.parametrize(("proto", "status"), [("https", 200), ("", 200), ("http", 308), ("https, http", 200), ("wss", 200), ("HTTP", 308)])
def test_nobody_goes_in_circles(proto: str, status: int) -> None:
    answer = ask("/a?b=c", **({"X_Forwarded_Proto": proto} if proto else {}))
    assert answer.status == status
    assert ("strict-transport-security" in answer.headers) is (status == 200)
    if status == 308:
        assert answer.headers["location"] == f"https://{ECHOING}/a?b=c"


def test_strangers_get_nothing_and_forge_nothing() -> None:
    answer = ask(source=STRANGER, X_Forwarded_For="127.0.0.1", X_Forwarded_Proto="https")
    assert answer.status == 403 and answer.logged["client"] == answer.logged["peer"] == STRANGER
    done = execute(["docker", "exec", CLIENT, "python3", "-c", f"import socket; socket.create_connection(('{SHOP}', {PORT}), 3)"])
    assert done.returncode != 0  # the firewall


def test_the_host_itself_is_answered_and_not_believed() -> None:
    answer = ask(source="127.0.0.9", X_Forwarded_For="203.0.113.9", X_Forwarded_Proto="http")
    assert answer.status == 200 and answer.echoed["x-forwarded-for"] == "127.0.0.9" and answer.echoed["x-forwarded-proto"] == "https"


def test_headers_of_schemes_by_other_names_do_not_arrive() -> None:
    forged = {"X_Forwarded_Ssl": "off", "Front_End_Https": "off", "X_Forwarded_Port": "8088", "Forwarded": "proto=http"}
    echoed = ask(X_Forwarded_Proto="https", **forged).echoed
    assert not {"x-forwarded-ssl", "front-end-https", "forwarded"} & set(echoed) and echoed["x-forwarded-port"] == "443"


def test_networks_and_limits_go_by_the_client() -> None:
    assert ask("/closed", X_Forwarded_For="203.0.113.9").status == 200
    assert ask("/closed", X_Forwarded_For="203.0.114.9").status == 403
    assert [ask("/limited", X_Forwarded_For="203.0.113.77").status for _again in range(2)] == [200, 429]
    assert ask("/limited", X_Forwarded_For="203.0.113.78").status == 200


def test_a_folder_without_its_slash_leads_to_no_port_of_this_host() -> None:
    assert ask("/files", X_Forwarded_Proto="https").headers["location"] == "/files/"


def test_a_load_balancer_asks_for_health_by_an_address() -> None:
    assert ask("/.latentum-ops-alive", host="10.0.0.1").status == 200
    assert ask("/", host="10.0.0.1").status == 0  # no answer for unknown names


def test_websockets_pass() -> None:
    answer = ask(X_Forwarded_Proto="https", Upgrade="echo", Connection="upgrade")
    assert answer.status == 101 and answer.body == "upgraded"


def test_the_watchdog_sees_the_site_up() -> None:
    assert json.loads(sh("cat /etc/latentum-ops/watchdog/host.json"))["front"]["port"] == PORT
    seen = watched()
    assert seen["status"] == 404 and seen["peer"] == "127.0.0.1", seen


def test_a_second_nginx_in_front() -> None:
    """As the guide writes it."""
    server = (
        f"server {{ listen 127.0.0.1:{FRONT}; location / {{ proxy_pass http://127.0.0.1:{PORT}; proxy_http_version 1.1;"
        " proxy_set_header Host $host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"
        " proxy_set_header X-Forwarded-Proto https; } }"
    )
    sh(f"echo 'pid /run/front.pid; error_log /tmp/front.log; events {{}} http {{ access_log off; {server} }}' > /tmp/front.conf")
    sh("nginx -c /tmp/front.conf")
    try:
        assert ask("/health", host=SHOP, port=FRONT).status == 200
        echoed = ask(port=FRONT, source="127.0.0.9", X_Forwarded_For="1.2.3.4").echoed
        assert echoed["x-forwarded-for"] == "127.0.0.9"  # the client of the proxy, whatever it claimed to be
    finally:
        sh("kill $(cat /run/front.pid); rm -f /tmp/front.conf /tmp/front.log")


def test_the_proxy_is_never_banned() -> None:
    assert "198.51.100.0/24" in sh("fail2ban-client get nginx-botsearch ignoreip")
    assert "198.51.100.0/24" not in sh("fail2ban-client get sshd ignoreip")


def test_the_proxy_protocol() -> None:
    """Versions 1 and 2; headers are the client's own then; the port tells the scheme; who does not speak it is ended."""
    only = ("--tags", "nginx,watchdog")
    done = playbook("site", variables(proxy_protocol=True), arguments=only)
    assert done.returncode == 0, done.stdout[-3000:]
    for line in (v1, v2):
        answer = ask(first=line("203.0.113.9", 443), X_Forwarded_For="1.2.3.4", X_Forwarded_Proto="http")
        assert answer.status == 200 and answer.echoed["x-forwarded-for"] == "203.0.113.9", (line, answer.body)
        assert (answer.logged["client"], answer.logged["peer"], answer.logged["scheme"]) == ("203.0.113.9", "127.0.0.1", "https")
        assert ask(first=line("203.0.113.9", 80), X_Forwarded_Proto="https").status == 308
        assert ask(first=line("203.0.113.9", 443), source=STRANGER).status == 403
    assert ask().status in {0, 400}
    assert json.loads(sh("cat /etc/latentum-ops/watchdog/host.json"))["front"]["proxy_protocol"] is True
    assert watched()["status"] == 404
    assert playbook("site", variables(), arguments=only).returncode == 0
