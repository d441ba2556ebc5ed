# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The receiver of calls behind a real nginx, on the socket that nginx alone reaches: signed calls come in, others do not."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.delivery import RECEIVER_SOCKET
from ansible_collections.latentum.ops.plugins.module_utils.delivery.queue import Queue
from ansible_runs import AnsibleRuns

from ...delivery.samples import GENERIC, signed
from ...delivery.test_receiver import Host
from .declared_site import Declared, rendered
from .nginx_runs import Nginx, Service, needs_nginx, running

pytestmark = needs_nginx
SITE = "shop.example.com"
DELIVERY: dict[str, Any] = {
    "services": {"web": "registry.example.com/acme/web"},
    "push": {"generic": {"provider": "generic", "secret": "deploy_hook", "repositories": ["acme/shop"]}},
    "rules": [{"tag": "v*"}],
    "address": f"https://{SITE}/deploy",
}


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A receiver on a socket with a path, which workers of nginx may open."""
    folder = tmp_path_factory.mktemp("receiver")
    (folder / "etc").mkdir()
    queue = Queue(folder / "delivery")
    queue.prepare()
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(folder / "s"))
    listening.listen(256)
    (folder / "s").chmod(0o666)
    for parent in (folder, *folder.parents):
        if os.access(parent, os.W_OK) and parent.stat().st_uid == os.geteuid():
            parent.chmod(parent.stat().st_mode | 0o011)
    host = Host(queue, folder / "etc", listening=listening)
    yield host
    host.close()


@pytest.fixture(scope="module")
def declared(ansible: AnsibleRuns, host: Host, tmp_path_factory: pytest.TempPathFactory) -> Declared:
    """The files of the role for a stack that releases come to."""
    made = rendered(
        ansible,
        tmp_path_factory.mktemp("deliveries") / "rendered",
        routes=[{"domain": SITE, "service": "web", "port": 8080}],
        secrets={"deploy_hook": {"kind": "token"}},
        delivery=DELIVERY,
    )
    here = host.listening.getsockname()
    return Declared(made.stack, {path: text.replace(RECEIVER_SOCKET, here) for path, text in made.files.items()}, made.upstreams)


@pytest.fixture(scope="module")
def nginx(declared: Declared, service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    with running(declared.files, tmp_path_factory.mktemp("nginx"), declared.upstreams, web=service) as nginx:
        yield nginx


def call(nginx: Nginx, ref: str, *, path: str = "/deploy/deliver/shop/generic", **headers: str) -> tuple[int, dict[str, Any]]:
    given, body = signed("generic", {**GENERIC, "ref": ref}, now=time.time())
    answer = nginx.ask(f"https://{SITE}{path}", "POST", headers={**given, **headers}, body=body.decode())
    return answer.status, json.loads(answer.body) if answer["content-type"].startswith("application/json") else {}


def test_a_signed_call_is_taken_and_can_be_asked_about(nginx: Nginx) -> None:
    status, told = call(nginx, "refs/tags/v1.4.3")
    assert status == 202, told
    asked = nginx.ask(f"https://{SITE}/deploy{told['status']}")
    assert asked.status == 200 and json.loads(asked.body)["ref"] == "v1.4.3"
    assert call(nginx, "refs/tags/v1.4.3")[0] in (202, 409)


def test_a_call_without_a_good_signature_is_refused(nginx: Nginx, host: Host) -> None:
    before = len(host.entries())
    assert call(nginx, "refs/tags/v1.4.4", **{"x-deliver-signature": "sha256=" + "0" * 64})[0] == 401
    assert len(host.entries()) == before


def test_the_receiver_is_told_who_calls_whatever_the_caller_says(nginx: Nginx, host: Host) -> None:
    host.receiver.failures.known.clear()
    call(nginx, "refs/tags/v1.4.5", **{"x-deliver-signature": "none", "X-Real-IP": "203.0.113.9", "X-Forwarded-For": "203.0.113.9"})
    assert list(host.receiver.failures.known) == ["127.0.0.1"]


def test_what_is_too_large_never_reaches_it(nginx: Nginx) -> None:
    given, _body = signed("generic", GENERIC, now=time.time())
    answer = nginx.ask(f"https://{SITE}/deploy/deliver/shop/generic", "POST", headers=given, body="x" * ((1 << 20) + 1))
    assert answer.status == 413


def test_one_address_cannot_flood_it(nginx: Nginx) -> None:
    with ThreadPoolExecutor(32) as pool:
        statuses = list(pool.map(lambda _number: nginx.ask(f"https://{SITE}/deploy/health").status, range(200)))
    assert set(statuses) == {200, 429}


def test_all_else_of_the_domain_is_the_services(nginx: Nginx) -> None:
    assert nginx.ask(f"https://{SITE}/deliver/shop/generic").asked["path"] == "/deliver/shop/generic"


def test_only_networks_that_are_named_may_call(ansible: AnsibleRuns, tmp_path: Path) -> None:
    made = rendered(
        ansible,
        tmp_path / "rendered",
        secrets={"deploy_hook": {"kind": "token"}},
        delivery={**DELIVERY, "address": "https://deploy.example.com", "allow_from": ["192.0.2.0/24"]},
    )
    (text,) = [content for path, content in made.files.items() if path.endswith("/deploy.example.com.conf")]
    assert "allow 192.0.2.0/24;" in text and "deny all;" in text
    assert f"proxy_pass http://unix:{RECEIVER_SOCKET};" in text and "limit_req zone=" in text
