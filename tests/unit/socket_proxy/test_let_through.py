# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the proxy lets through for the watchdog's own client: no document has a secret, and the engine is asked for nothing else."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.containers import client as client_module
from ansible_collections.latentum.ops.plugins.module_utils.containers.api import EngineApi, EngineError, NotFound
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import Container, DockerUnavailable, Engine, parse
from ansible_collections.latentum.ops.plugins.module_utils.core.masking import WITHHELD
from ansible_collections.latentum.ops.plugins.module_utils.metrics.inventory import describe
from ansible_collections.latentum.ops.plugins.module_utils.socket_proxy.policy import Policy

from .conftest import Proxy
from .engine import DB, OTHER, PASSWORD, PROJECT, SECRET, SEEN, SERVICE, SINGLE, WEB, event

MASK = "********"


def of(proxy: Proxy, identity: str) -> Container:
    found = proxy.client().container(identity)
    assert found is not None
    return found


def frame(content: bytes, stream: int = 1) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(content).to_bytes(4, "big") + content


def test_they_agree_on_a_version(proxy: Proxy) -> None:
    assert proxy.client().api.version == "1.45"
    assert proxy.ask("GET", "/v1.45/_ping").status == 200


def test_a_description_has_what_the_watchdog_reads_and_no_secret(proxy: Proxy) -> None:
    reply = proxy.ask("GET", f"/containers/{WEB}/json")
    assert SECRET.encode() not in reply.body
    assert reply.json["State"]["Health"]["Log"][-1] == {"ExitCode": 1, "Output": f"{MASK} 4"}
    assert reply.json["Config"].keys() == {"Image", "StopTimeout", "Labels"}
    assert reply.json.keys() == {"Id", "Name", "Created", "Image", "RestartCount", "State", "Config", "HostConfig", "NetworkSettings"}
    raw = proxy.engine.containers[WEB]
    plain = parse(json.loads(json.dumps(raw).replace(SECRET, MASK)))
    assert parse(reply.json) == plain  # to the watchdog it is the same container
    assert describe(reply.json) == describe(raw)


def test_of_somebody_elses_container_there_is_what_metrics_need(proxy: Proxy) -> None:
    reply = proxy.ask("GET", f"/containers/{OTHER}/json")
    assert SECRET.encode() not in reply.body and b"172.20" not in reply.body and "Health" not in reply.json["State"]
    assert describe(reply.json) == describe(proxy.engine.containers[OTHER])


def test_a_list_is_of_one_project(proxy: Proxy) -> None:
    client = proxy.client()
    names = {container.name for container in client.containers("shop")}
    assert names == {"shop-web-1", "shop-db-1", "shop-quiet-1"}
    with pytest.raises(EngineError, match="watched projects"):
        client.containers("other")


def test_a_list_of_all_has_names(proxy: Proxy) -> None:
    briefs = proxy.client().api.containers(all=True)
    assert {brief["Names"][0] for brief in briefs} >= {"/other-web-1", "/shop-web-1"}
    assert all(brief.keys() == {"Id", "Names", "State"} for brief in briefs)


def test_events_come_without_what_containers_carry(proxy: Proxy) -> None:
    labels = {PROJECT: "shop", SERVICE: "web", "traefik.auth": SECRET, "exitCode": "3", "name": "shop-web-1"}
    proxy.engine.happened = [
        event("container", "die", WEB, **labels),
        event("container", "health_status: unhealthy", WEB, **labels),
        event("container", "exec_start: psql " + SECRET, WEB, **labels),
        event("container", "die", OTHER, **{**labels, PROJECT: "other"}),
        event("container", "health_status: healthy", OTHER, **{**labels, PROJECT: "other"}),
        event("network", "connect", "1" * 64, container=WEB, name="shop_default", type="bridge", x=SECRET),
        event("network", "connect", "1" * 64, container=OTHER, name="other_default"),
        event("network", "connect", "1" * 64, container="7" * 64, name="shop_default"),
        event("image", "pull", SECRET),
    ]
    events = list(proxy.client().events(1.0, 2.0))
    assert SECRET not in json.dumps(events)
    assert [(one["Type"], one["Action"], one["Actor"]["ID"][0]) for one in events] == [
        ("container", "die", "a"),
        ("container", "health_status: unhealthy", "a"),
        ("container", "die", "c"),
        ("network", "connect", "1"),
    ]
    assert events[0]["Actor"]["Attributes"] == {PROJECT: "shop", SERVICE: "web", "exitCode": "3", "name": "shop-web-1"}
    assert events[2]["Actor"]["Attributes"] == {} and events[0]["timeNano"] == 5
    proxy.policy = Policy(stacks=frozenset({"shop"}))
    assert len(list(proxy.client().events(1.0, 2.0))) == 3


def test_a_stream_of_events_ends_with_the_client(proxy: Proxy) -> None:
    proxy.engine.happened, proxy.engine.keeps_open = [event("container", "die", WEB, **{PROJECT: "shop"})], True
    for _number in range(10):  # more than may be open at one time
        proxy.engine.closed.clear()
        events = proxy.client().events(1.0)
        assert next(events)["Action"] == "die"
        events.close()  # type: ignore[attr-defined]  # a generator
        assert proxy.engine.closed.wait(20)
        time.sleep(0.02)


def test_there_is_an_end_to_streams(proxy: Proxy) -> None:
    proxy.engine.happened, proxy.engine.keeps_open = [event("container", "die", WEB, **{PROJECT: "shop"})], True
    streams = [proxy.client().events(1.0) for _number in range(4)]
    assert all(next(stream) for stream in streams)
    with pytest.raises(EngineError, match="streams of events"):
        next(proxy.client().events(1.0))
    for stream in streams:
        stream.close()  # type: ignore[attr-defined]


def test_an_engine_that_goes_ends_the_stream(proxy: Proxy) -> None:
    proxy.engine.happened = [event("container", "die", WEB, **{PROJECT: "shop"})]
    assert [one["Action"] for one in proxy.client().events(1.0)] == ["die"]
    proxy.engine.close()
    proxy.engine.path.unlink()
    with pytest.raises(DockerUnavailable, match=r"does not answer: .*latentum-ops-socket-proxy"):
        proxy.client()


@pytest.mark.parametrize("terminal", [False, True])
def test_a_log_is_masked(proxy: Proxy, terminal: bool) -> None:
    lines = f"began\n{PASSWORD}\ntoken {SECRET} used\n".encode()
    proxy.engine.log = lines if terminal else frame(lines[:9]) + frame(lines[9:], 2)
    client = proxy.client()
    assert client.log_tail(of(proxy, WEB), 12) == ["began", f"password={MASK}", f"token {MASK} used"]
    assert b"hunter2" not in proxy.ask("GET", f"/containers/{WEB}/logs?stdout=1&stderr=1&tail=12").body
    assert proxy.engine.asked[-1][0] == f"GET /containers/{WEB}/logs?stdout=1&stderr=1&tail=12"


def test_a_secret_that_two_frames_share_is_masked(proxy: Proxy) -> None:
    proxy.engine.log = frame(f"token {SECRET[:7]}".encode()) + frame(f"{SECRET[7:]} used\n".encode())
    assert proxy.client().log_tail(of(proxy, WEB)) == [f"token {MASK} used"]


def test_a_log_that_is_cut_begins_with_a_whole_line(proxy: Proxy) -> None:
    proxy.engine.log = frame(b"x" * 30 + SECRET.encode() + b"y" * ((1 << 20) - 9 - len(SECRET) // 2) + b"\nlast\n")
    assert proxy.client().log_tail(of(proxy, WEB)) == ["last"]


def test_by_the_proxy_no_store_need_be_readable_and_by_the_engine_itself_it_must(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "foreign", lambda _raw: WITHHELD)
    monkeypatch.setattr(EngineApi, "ping", lambda _api: None)
    assert proxy.client().text(b"plain words") == "plain words"
    assert Engine().text(b"plain words") == WITHHELD


def test_without_the_secrets_nothing_is_shown(proxy: Proxy) -> None:
    def unknown(_text: str) -> str:
        raise FileNotFoundError("values.json")

    proxy.operations.mask = unknown
    proxy.engine.log = frame(b"ready\n")
    assert proxy.ask("GET", f"/containers/{WEB}/logs?stdout=1&stderr=1&tail=12").status == 503
    assert proxy.ask("GET", f"/containers/{WEB}/json").json["State"]["Health"]["Log"][0]["Output"] == MASK


def test_a_declared_command_is_run_and_what_it_says_is_masked(proxy: Proxy) -> None:
    proxy.engine.log = frame(f"no connection with {SECRET}\n".encode(), 2)
    code, output = proxy.client().run(of(proxy, DB), ["pg_isready", "-q"], 5)
    assert (code, output) == (3, f"no connection with {MASK}\n".encode())
    made = [(line, body) for line, body in proxy.engine.asked if "exec" in line]
    assert made[0] == (f"POST /containers/{DB}/exec", {"AttachStdout": True, "AttachStderr": True, "Cmd": ["pg_isready", "-q"]})
    assert made[1] == (f"POST /exec/{'9' * 64}/start", {"Detach": False, "Tty": False})
    described = proxy.ask("GET", f"/exec/{'9' * 64}/json").json
    assert described == {"ID": "9" * 64, "Running": False, "ExitCode": 3}
    assert proxy.ask("POST", f"/exec/{'9' * 64}/start", {"Detach": False, "Tty": False}).status == 404  # once


def test_the_age_of_a_declared_file_is_told_also_behind_links(proxy: Proxy) -> None:
    api = proxy.client().api
    proxy.engine.links = {"/data/newest": "3/dump", "/data/3/dump": "/var/dump"}
    for path in ("/data/newest", "/data/3/dump", "/var/dump"):
        assert api.path_status(DB, path).keys() == {"name", "size", "mode", "mtime", "linkTarget"}
    with pytest.raises(EngineError):
        api.path_status(DB, "/run/secrets/word")


def test_what_heals_is_let_through(proxy: Proxy) -> None:
    client, container = proxy.client(), of(proxy, WEB)
    client.start(container)
    client.restart(container)
    client.unpause(container)
    client.connect(container, "shop_default_02_aaaaaa")
    assert [asked for asked in proxy.engine.asked if asked[0].startswith("POST")] == [
        (f"POST /containers/{WEB}/start", None),
        (f"POST /containers/{WEB}/restart?t=7", None),
        (f"POST /containers/{WEB}/unpause", None),
        (f"POST /networks/{'2' * 64}/connect", {"Container": WEB, "EndpointConfig": {"Aliases": ["web", "shop-web-1"]}}),
    ]


def test_a_shared_network_is_its_own_once_it_was_seen_in_it(proxy: Proxy) -> None:
    networks = proxy.engine.containers[WEB]["NetworkSettings"]["Networks"]
    networks["shared"] = {"IPAddress": "172.30.0.2", "NetworkID": "5" * 64}
    client, container = proxy.client(), of(proxy, WEB)
    del networks["shared"]
    client.connect(container, "shared")
    assert proxy.engine.asked[-1][0] == f"POST /networks/{'5' * 64}/connect"
    with pytest.raises(EngineError, match="own project"):
        client.connect(of(proxy, DB), "shared")


def test_a_container_of_compose_run_is_nobodys(proxy: Proxy) -> None:
    assert proxy.client().container(SINGLE) is None


def test_what_nginx_leads_to_is_roots_where_it_is_not_watched(proxy: Proxy) -> None:
    assert b"172.20" not in proxy.ask("GET", f"/containers/{SEEN}/json").body
    with pytest.raises(EngineError, match="watched projects"):
        proxy.client().containers("routed")


def test_the_words_of_the_engine_come_through_without_secrets(proxy: Proxy) -> None:
    container, client = of(proxy, WEB), proxy.client()
    proxy.engine.refuses = (409, f"cannot restart: {PASSWORD}")
    with pytest.raises(EngineError, match="cannot restart: password=") as refused:
        client.restart(container)
    assert refused.value.status == 409 and "hunter2" not in str(refused.value)
    proxy.engine.refuses = (500, "sick")
    with pytest.raises(DockerUnavailable, match="sick"):
        proxy.client()


def test_another_policy_holds_at_once(proxy: Proxy, tmp_path: Path) -> None:
    container, client = of(proxy, WEB), proxy.client()
    handed: Any = Policy.from_json(proxy.policy.to_json())
    assert handed.to_json() == proxy.policy.to_json()
    proxy.policy = Policy()
    with pytest.raises(NotFound):
        client.restart(container)
    proxy.policy = handed
    client.restart(container)
