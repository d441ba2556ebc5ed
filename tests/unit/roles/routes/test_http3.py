# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP/3: what is rendered for it, and what a client gets from a real nginx that has it.

The client is a curl with HTTP/3 on this machine, or the one that C(LATENTUM_TEST_CURL) names.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_runs import AnsibleRuns

from ..test_nginx_templates import NEW, ROOT, parse
from .declaration import CORS, ONCE, WEB
from .declared_site import Declared, rendered
from .nginx_runs import NGINX, Answer, Nginx, Service, running

FOUND: dict[str, Any] = {
    "nginx": {**NEW, "version": "1.26.3", "keepalive_min_timeout": False, "post_quantum": True, "ipv6": False, "http3": True}
}
ON = {"nginx_http3": True, "__nginx_found": FOUND}
SNIPPET = "/etc/nginx/snippets/latentum-http3.conf"
OFFER = "/etc/nginx/snippets/latentum-http3-offer.conf"
KEYS: dict[str, Any] = {
    "routes": [
        {"domain": "h3.example.com", **WEB, "headers": {"X-Site": "h3"}, "body_limit": "1k"},
        {"domain": "h3.example.com", "path": "/called", **WEB, "cors": CORS},
        {"domain": "h3.example.com", "path": "/once", **WEB, "rate_limit": ONCE},
        {"domain": "h3.example.com", "path": "/inside", **WEB, "allow_from": ["192.0.2.1"]},
        {"domain": "h3.example.com", "path": "/static", **WEB, "static": {"immutable": ["/static/assets"]}},
        {"domain": "h3.example.com", "path": "/socket", **WEB, "websocket": True},
        {"domain": "other.example.com", **WEB},
    ],
    "redirects": [{"domain": "old.example.com", "to": "https://h3.example.com", "status": 302}],
    "error_pages": {"404": "<h1>nothing</h1>", "503": "<h1>later</h1>"},
}
CURL = os.environ.get("LATENTUM_TEST_CURL") or shutil.which("curl") or ""


def _says(program: str, *argv: str) -> str:
    if not program:
        return ""
    done = subprocess.run([program, *argv], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


needs_http3 = pytest.mark.skipif(
    "--with-http_v3_module" not in _says(NGINX, "-V") or "HTTP3" not in _says(CURL, "-V"), reason="no nginx and curl with HTTP/3 here"
)


@pytest.fixture(scope="module")
def with_http3(ansible: AnsibleRuns, tmp_path_factory: pytest.TempPathFactory) -> Declared:
    """The files of the role with HTTP/3."""
    return rendered(ansible, tmp_path_factory.mktemp("http3") / "rendered", ON, **KEYS)


@pytest.fixture(scope="module")
def without(ansible: AnsibleRuns, tmp_path_factory: pytest.TempPathFactory) -> Declared:
    """The files of the same declaration without it."""
    return rendered(ansible, tmp_path_factory.mktemp("plain") / "rendered", {"__nginx_found": FOUND}, **KEYS)


@pytest.fixture(scope="module")
def nginx(with_http3: Declared, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """nginx, which speaks it."""
    service = Service()
    service.replies["/broken"] = (500, {"Alt-Svc": 'h3=":8443"; ma=5'}, "broken")
    with running(with_http3.files, tmp_path_factory.mktemp("nginx"), with_http3.upstreams, web=service) as nginx:
        yield nginx
    service.close()


def ask(nginx: Nginx, address: str, *argv: str) -> Answer:
    """One request by HTTP/3 and nothing else.

    :raises subprocess.CalledProcessError: no answer.
    """
    name, slash, path = address.partition("/")
    port = nginx.ports["443"]
    target = [f"https://{name}:{port}{slash}{path}", "--resolve", f"{name}:{port}:127.0.0.1", "--insecure", "--max-time", "20"]
    done = subprocess.run([CURL, "-sS", "-i", "--http3-only", *target, *argv], capture_output=True, text=True, check=True)
    head, _blank, body = done.stdout.replace("\r\n", "\n").partition("\n\n")
    first, *lines = head.split("\n")
    assert first.startswith("HTTP/3 "), first
    headers = [(key.lower(), value) for key, value in (line.split(": ", 1) for line in lines if ": " in line)]
    return Answer(int(first.split()[1]), headers, body)


def test_a_port_is_shared_by_the_workers_once_and_for_names_that_nobody_serves(with_http3: Declared) -> None:
    listening = [line.strip() for text in with_http3.files.values() for line in text.splitlines() if "quic" in line and "listen" in line]
    assert [line for line in listening if "reuseport" in line] == ["listen 443 quic reuseport default_server;"]
    assert "listen 443 quic;" in with_http3.files[SNIPPET] and "reuseport" not in with_http3.files[SNIPPET]
    main = with_http3.files["/etc/nginx/nginx.conf"]
    server = main[: main.index("ssl_reject_handshake on;")].rpartition("server {")[2]
    assert "listen 443 quic reuseport default_server;" in server, "a handshake for an unknown name is refused by QUIC as well"


def test_ipv6_is_listened_on_where_the_host_has_it(ansible: AnsibleRuns, tmp_path: Path) -> None:
    found = {"nginx": {**FOUND["nginx"], "ipv6": True}}
    files = rendered(ansible, tmp_path / "rendered", {**ON, "__nginx_found": found}, **KEYS).files
    assert "listen [::]:443 quic;" in files[SNIPPET] and "listen [::]:443 quic reuseport default_server;" in files["/etc/nginx/nginx.conf"]


def test_tls_1_3_is_there_and_nothing_is_sent_before_the_handshake(with_http3: Declared) -> None:
    text = "\n".join(with_http3.files.values())
    assert "TLSv1.3" in text and "ssl_early_data" not in text, "what is sent early can be sent again by whoever has seen it"


def test_each_place_with_headers_of_its_own_offers_it(with_http3: Declared) -> None:
    include = ["include", OFFER.replace("3-offer.conf", "3-offer[.]conf")]

    def blocks(block: list[Any], name: str) -> Iterator[tuple[str, list[Any]]]:
        for directive in block:
            if directive and isinstance(directive[-1], list):
                yield " ".join(map(str, directive[:-1])), directive[-1]
                yield from blocks(directive[-1], name)

    site = with_http3.files["/etc/nginx/sites.d/h3.example.com.conf"]
    with_headers = [
        (name, block) for name, block in blocks(parse(site), "") if any(item[0] == "add_header" for item in block) and "errors" not in name
    ]
    lacking = [name for name, block in with_headers if include not in block]
    # The server that answers for an upstream while its service is recreated is on loopback, and nginx its only client.
    assert len(with_headers) > 10 and not [name for name in lacking if not re.search(r"latentum-ops-error", name)], lacking
    tls = site[site.index("listen 443 ssl") :]
    inner = [
        name
        for name, block in blocks(parse(f"server {{ {tls}"), "")
        if any(item[0] == "add_header" for item in block) and include not in block
    ]
    assert not inner, inner


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"nginx_http3": True}, ""),
    ({"nginx_http3": False, "nginx_behind": {"listen": ["127.0.0.1:8080"]}}, ""),
    ({"nginx_http3": True, "nginx_behind": {"listen": ["127.0.0.1:8080"]}}, "nginx_behind"),
    ({"nginx_http3": True, "nginx_keep_foreign": True}, "nginx_keep_foreign"),
    ({"nginx_http3": True, "nginx_proxy_protocol": True}, "nginx_proxy_protocol"),
    ({"nginx_http3": True, "nginx_real_ip_from": ["10.0.0.0/8"]}, "nginx_real_ip_from"),
    (
        {"nginx_http3": True, "nginx_upstreams": [{"name": "a"}, {"name": "b", "stream": {"port": 443, "protocol": "udp"}}]},
        "ops_stack.streams",
    ),
    ({"nginx_http3": True, "nginx_upstreams": [{"name": "b", "stream": {"port": 4433, "protocol": "udp"}}]}, ""),
    ({"nginx_http3": True, "__nginx_features": {"installed": True, "version": "1.22.1", "http3": False}}, "1.22.1 of this host"),
    ({"nginx_http3": True, "__nginx_features": {"installed": False}}, ""),
]


def test_what_it_cannot_stand_beside_is_refused(ansible: AnsibleRuns, tmp_path: Path) -> None:
    """The assertions of the role themselves."""
    files = [yaml.safe_load((ROOT / f"roles/nginx/tasks/{name}.yml").read_text()) for name in ("preflight", "configure")]
    asserted = [task for tasks in files for task in tasks if "HTTP/3" in task["name"]]
    assert len(asserted) == 3
    given = {
        "nginx_behind": {},
        "nginx_keep_foreign": False,
        "nginx_proxy_protocol": False,
        "nginx_real_ip_from": [],
        "nginx_upstreams": [],
    }
    given["__nginx_features"] = {"installed": True, "version": "1.26.3", "http3": True}
    tasks = [
        {"name": str(index), "block": [{**task, "ignore_errors": True} for task in asserted], "vars": {**given, **variables}}
        for index, (variables, _text) in enumerate(REFUSED)
    ]
    (tmp_path / "play.yml").write_text(yaml.safe_dump([{"name": "Assert", "hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    environment = {"ANSIBLE_LOCALHOST_WARNING": "false", "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"}
    done = ansible("ansible-playbook", "-i", "localhost,", "-c", "local", "play.yml", folder=tmp_path, environment=environment)
    results = [task["hosts"]["localhost"] for task in json.loads(done.stdout[done.stdout.index("{") :])["plays"][0]["tasks"]]
    for index, (variables, text) in enumerate(REFUSED):
        said = "".join(str(result.get("msg", "")) for result in results[3 * index : 3 * index + 3] if result.get("failed"))
        assert (text in said and "nginx_http3: false" in said) if text else not said, (variables, said)


def test_without_it_nothing_of_it_is_there(without: Declared) -> None:
    assert not [path for path, text in without.files.items() if "quic" in text or "http3" in path or "http3" in text or "Alt-Svc" in text]


def test_behind_a_proxy_there_is_none(ansible: AnsibleRuns, tmp_path: Path) -> None:
    behind = {"listen": ["127.0.0.1:8443"], "trusted": ["127.0.0.1"], "tls": True, "proxy_protocol": True}
    files = rendered(ansible, tmp_path / "rendered", {"nginx_behind": behind, "__nginx_found": FOUND}, **KEYS).files
    assert "quic" not in "\n".join(files.values())


@needs_http3
def test_a_client_is_answered(nginx: Nginx) -> None:
    answer = ask(nginx, "h3.example.com/x?y=1", "-H", "X-Forwarded-For: 192.0.2.9")
    assert answer.status == 200 and answer["x-site"] == "h3" and answer["alt-svc"] == 'h3=":443"; ma=86400'
    sent = {name.lower(): value for name, value in answer.asked["headers"]}
    assert answer.asked["path"] == "/x?y=1" and sent["host"] == "h3.example.com" and sent["x-forwarded-for"] == "127.0.0.1"
    assert sent["x-forwarded-proto"] == "https"
    assert '"protocol":"HTTP/3.0"' in log(nginx)


def log(nginx: Nginx) -> str:
    """The access log, which is written within a second."""
    path = nginx.root / "var/log/nginx/access.json"
    for _attempt in range(100):
        with contextlib.suppress(OSError):
            if "HTTP/3.0" in (text := path.read_text()):
                return text
        subprocess.run(["sleep", "0.1"], check=True)
    return path.read_text()


@needs_http3
@pytest.mark.parametrize(
    ("address", "argv", "status"),
    [
        ("h3.example.com/", (), 200),
        ("h3.example.com/broken", (), 500),
        ("h3.example.com/inside", (), 403),
        ("h3.example.com/", ("--data-raw", "x" * 2000), 413),
        (
            "h3.example.com/called",
            ("-X", "OPTIONS", "-H", "Origin: https://app.example.com", "-H", "Access-Control-Request-Method: PUT"),
            204,
        ),
        ("h3.example.com/static/assets/a.js", (), 200),
        ("h3.example.com/socket", (), 200),
        ("old.example.com/page", (), 302),
    ],
)
def test_it_is_offered_in_every_answer(nginx: Nginx, address: str, argv: tuple[str, ...], status: int) -> None:
    answer = ask(nginx, address, *argv)
    assert (answer.status, answer["alt-svc"]) == (status, 'h3=":443"; ma=86400'), "once, and nginx's own rather than that of the service"


@needs_http3
def test_it_is_offered_by_tcp_as_well_and_beyond_a_limit(nginx: Nginx) -> None:
    answers = [nginx.ask("https://h3.example.com/once") for _again in range(2)]
    assert [answer.status for answer in answers] == [200, 429] and all(answer["alt-svc"] for answer in answers)
    assert not nginx.ask("http://h3.example.com/")["alt-svc"], "not where there is no TLS"


@needs_http3
def test_a_name_that_nobody_serves_is_refused_by_quic(nginx: Nginx) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        ask(nginx, "unknown.example.net/")


@needs_http3
def test_it_goes_on_after_reloads(nginx: Nginx) -> None:
    for _again in range(3):
        nginx.reload()
        assert ask(nginx, "other.example.com/").status == 200
    assert "emerg" not in nginx.errors()


@needs_http3
def test_turned_off_with_a_site_of_a_release_that_has_it(nginx: Nginx, without: Declared, with_http3: Declared) -> None:
    """Role nginx has taken its snippets away; a rollback brings a site that includes them."""
    nginx.write({path: without.files[path] for path in without.files if path == "/etc/nginx/nginx.conf"})
    for path in (SNIPPET, OFFER):
        (nginx.root / path.lstrip("/")).unlink()
    try:
        nginx.reload()
        assert not nginx.ask("https://h3.example.com/")["alt-svc"]
        with pytest.raises(subprocess.CalledProcessError):
            ask(nginx, "h3.example.com/")
    finally:
        nginx.write({path: text for path, text in with_http3.files.items() if not path.endswith(".json")})
        nginx.reload()
    assert ask(nginx, "h3.example.com/").status == 200, "and on again"
