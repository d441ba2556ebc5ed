# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Traffic of a host, asked through a load balancer and read in its access log."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.upstreams import Member, Upstream
from ansible_collections.latentum.ops.plugins.module_utils.contracts.watchdog_settings import FrontSpec, SiteSpec
from ansible_collections.latentum.ops.plugins.module_utils.nginx import site_file
from ansible_collections.latentum.ops.plugins.module_utils.patching import traffic
from ansible_collections.latentum.ops.plugins.module_utils.patching.traffic import TrafficError, wait

SITE = """\
server {
    listen 80;
    server_name shop.example.test;
    location / { proxy_pass http://edge_shop; }
    location / {
        proxy_pass http://edge_shop;
    }
}
"""
ELSEWHERE = SITE.replace("edge_shop", "another").replace("shop.example.test", "other.example.test")
UPSTREAMS = [
    Upstream("edge_shop", members=(Member("web1", "10.0.0.1", 80), Member("web2", "10.0.0.2", 80))),
    Upstream("another", project="x", service="y"),
]
Answer = Callable[[int], tuple[str, str]]


@pytest.fixture
def edge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Answer], list[SiteSpec]]:
    """A load balancer: which server answers each request, and with what."""
    log = tmp_path / "access.json"
    log.touch()
    (tmp_path / "sites").mkdir()
    (tmp_path / "sites/shop.conf").write_text(SITE)
    (tmp_path / "sites/other.conf").write_text(ELSEWHERE)
    monkeypatch.setattr(site_file, "SITES", tmp_path / "sites")
    monkeypatch.setattr(traffic, "ACCESS_LOG", log)
    monkeypatch.setattr(traffic, "PAUSE", 0)
    monkeypatch.setattr(traffic.upstreams, "load", lambda: UPSTREAMS)

    def answering(answer: Answer) -> list[SiteSpec]:
        asked: list[SiteSpec] = []

        def read(spec: SiteSpec, front: FrontSpec) -> None:
            assert front.port == 80 and not front.tls, "the site has no certificate"
            server, status = answer(len(asked))
            asked.append(spec)
            record = {"upstream": "edge_shop", "upstream_address": server, "upstream_status": status, "status": int(status.split(",")[-1])}
            with log.open("a") as file:
                file.write(json.dumps(record) + "\n")

        monkeypatch.setattr(traffic.sites, "read", read)
        return asked

    return answering


def test_a_member_that_answers_has_its_traffic(edge: Callable[[Answer], list[SiteSpec]]) -> None:
    asked = edge(lambda number: (f"10.0.0.{1 + number % 2}:80", "200"))
    seen = wait("web2", 5)
    assert seen.ok and seen.answered >= 3 and seen.failed == 0 and seen.asked == ("shop.example.test/",)
    assert {spec.domain for spec in asked} == {"shop.example.test"}, "another site says nothing of it"


def test_a_member_that_gets_nothing_has_none(edge: Callable[[Answer], list[SiteSpec]]) -> None:
    edge(lambda _number: ("10.0.0.1:80", "200"))
    seen = wait("web2", 0)
    assert not seen.ok and (seen.answered, seen.failed) == (0, 0)


def test_a_member_whose_answers_are_errors_has_none(edge: Callable[[Answer], list[SiteSpec]]) -> None:
    """nginx asks another member then, and clients see nothing of it."""
    edge(lambda _number: ("10.0.0.2:80, 10.0.0.1:80", "502, 200"))
    seen = wait("web2", 0)
    assert not seen.ok and seen.failed == 4 and seen.answered == 0


def test_it_is_waited_for(edge: Callable[[Answer], list[SiteSpec]]) -> None:
    edge(lambda number: ("10.0.0.2:80", "502" if number < 6 else "200"))
    seen = wait("web2", 60)
    assert seen.ok and seen.failed == 6


def test_clients_answers_count_as_well(edge: Callable[[Answer], list[SiteSpec]]) -> None:
    edge(lambda _number: ("10.0.0.1:80", "200"))
    read = traffic.sites.read

    def with_clients(spec: SiteSpec, front: FrontSpec) -> None:
        read(spec, front)
        with traffic.ACCESS_LOG.open("a") as file:
            file.write(json.dumps({"upstream_address": "10.0.0.2:80", "upstream_status": "204", "status": 204}) + "\n")

    traffic.sites.read = with_clients  # type: ignore[assignment]  # the fixture puts it back
    assert wait("web2", 5).ok


def test_a_member_that_no_upstream_has_is_named_with_those_that_there_are() -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(traffic.upstreams, "load", lambda: UPSTREAMS)
        with pytest.raises(TrafficError, match="'web9': write one of web1, web2"):
            wait("web9", 0)
