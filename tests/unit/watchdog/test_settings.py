# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read at the start and by SIGHUP: whatever has another form is refused by the name of its file."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.watchdog_settings import (
    DeadmanSpec,
    HostSpec,
    ProbeSpec,
    ServiceSpec,
    SiteSpec,
    StackSpec,
    StatusPageSpec,
)
from ansible_collections.latentum.ops.plugins.module_utils.nginx import sync as upstreams
from ansible_collections.latentum.ops.plugins.module_utils.watchdog import settings
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.settings import Settings

from . import samples
from .samples import Host

host = samples.host


def loaded(host: Host) -> Settings:
    return settings.load(host.etc / "watchdog")


def test_what_is_written_is_read_and_the_rest_has_defaults(host: Host) -> None:
    probe = {"kind": "http", "name": "http /", "path": "/", "timeout": 5, "interval": 15}
    host.watch(
        "shop",
        services=[{"service": "api", "needs": ["db"], "heal_window": 60.5, "probes": [probe], "later": True}],
        sites=[{"domain": "example.com", "services": ["api"]}],
        deadman={"url_file": "/none", "interval": None},
        status_page={"title": "Shop"},
        interval=15,
    )
    (host.etc / "watchdog" / "host.json").write_text('{"name": "web-1", "clock_offset": 2, "units": ["docker.service"]}')
    service = ServiceSpec("api", needs=("db",), heal_window=60.5, probes=(ProbeSpec("http", "http /", 5, 15, {"path": "/"}),))
    shop = StackSpec("shop", (service,), (SiteSpec("example.com", services=("api",)),), deadman=DeadmanSpec("/none", 60))
    found = loaded(host)
    assert found.host == HostSpec("web-1", clock_offset=2, units=("docker.service",))
    assert found.stack("shop") == found.stacks[0] and found.stacks[0].status_page == StatusPageSpec("Shop")
    assert (found.stacks[0].services, found.stacks[0].sites, found.stacks[0].deadman) == (shop.services, shop.sites, shop.deadman)


def test_the_pace_is_that_of_the_stack_or_of_the_host(host: Host) -> None:
    host.watch("shop", confirm=3, recover=30)
    (host.etc / "watchdog" / "host.json").write_text('{"confirm": 1, "recover": 5}')
    found = loaded(host)
    assert found.pace("shop/api") == (3, 30) and found.pace("host/nginx") == found.pace("blog/web") == (1, 5)


WRONG: list[Any] = [
    [],
    "shop",
    5,
    None,
    {},
    {"stack": "shop", "services": {"api": {}}},
    {"stack": "shop", "services": ["api"]},
    {"stack": "shop", "services": [{"replicas": 1}]},
    {"stack": "shop", "services": [{"service": "api", "needs": "db"}]},
    {"stack": "shop", "services": [{"service": "api", "escalate": [{}]}]},
    {"stack": "shop", "services": [{"service": "api", "max_heals": "4"}]},
    {"stack": "shop", "services": [{"service": "api", "replicas": True}]},
    {"stack": "shop", "services": [{"service": "api", "routed": "yes"}]},
    {"stack": "shop", "services": [{"service": "api", "probes": [{"kind": "tcp"}]}]},
    {"stack": "shop", "services": [{"service": "api", "probes": [{"kind": "tcp", "name": "tcp", "timeout": [], "interval": 5}]}]},
    {"stack": "shop", "sites": [{"path": "/"}]},
    {"stack": "shop", "sites": [{"domain": "example.com", "interval": "soon"}]},
    {"stack": "shop", "recover": "10"},
    {"stack": "shop", "runbook": 5},
    {"stack": "shop", "deadman": "https://example.com"},
    {"stack": "shop", "deadman": {"interval": 60}},
    {"stack": "shop", "deadman": {"url_file": "/none", "interval": "soon"}},
    {"stack": "shop", "status_page": "Shop"},
]


@pytest.mark.parametrize("wrong", WRONG, ids=json.dumps)
def test_a_stack_of_another_form_is_refused_by_the_name_of_its_file(wrong: Any, host: Host) -> None:
    file = host.etc / "watchdog" / "shop.json"
    file.write_text(json.dumps(wrong))
    with pytest.raises(ValueError, match=rf"^{file}: .+; run the playbook again$"):
        loaded(host)


@pytest.mark.parametrize("wrong", [[], "web-1", None, {"metrics": 9753}, {"interval": "10"}, {"units": "docker.service"}], ids=json.dumps)
def test_a_host_of_another_form_is_refused_by_the_name_of_its_file(wrong: Any, host: Host) -> None:
    file = host.etc / "watchdog" / "host.json"
    file.write_text(json.dumps(wrong))
    with pytest.raises(ValueError, match=rf"^{file}: .+; run the playbook again$"):
        loaded(host)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ('{"sta', "Unterminated string"),
        ("{}", "stack: is missing"),
        ('{"stack": "shop", "recover": "10"}', 'recover: "10" must be a number'),
    ],
)
def test_the_reason_is_said(wrong: str, why: str, host: Host) -> None:
    (host.etc / "watchdog" / "shop.json").write_text(wrong)
    with pytest.raises(ValueError, match=why):
        loaded(host)


@pytest.mark.parametrize(
    "wrong",
    [
        5,
        None,
        ["shop_api_80"],
        [{}],
        [{"project": "shop", "service": "api", "port": 80}],
        [{"name": "shop", "project": "shop", "service": "api", "port": []}],
        [{"name": "shop", "members": [{"name": "web-1"}]}],
        [{"name": "shop", "members": 5}],
        [{"name": "shop"}],
        {"name": "shop"},
    ],
    ids=json.dumps,
)
def test_upstreams_of_another_form_are_refused_by_the_name_of_their_file(wrong: Any, host: Host) -> None:
    upstreams.CONFIGURATION.mkdir()
    file = upstreams.CONFIGURATION / "shop.json"
    file.write_text(json.dumps(wrong))
    with pytest.raises(ValueError, match=rf"^{file}: .+; run the playbook again$"):
        upstreams.load()
