# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes belong to the release: ports, services, paths and domains change and come back under load, and not one request is lost."""

from __future__ import annotations

from typing import Any

import harness
import pytest
import yaml
from conftest import (
    FORCE,
    MIX,
    ROOT,
    SERVICE,
    STACK,
    STATE,
    AppHost,
    eventually,
    execute,
    hosts_tool,
    images,
    none_lost,
    playbook,
    policies,
)

DECLARATION = yaml.safe_load((ROOT / "inventories/latentum/group_vars/all/stack.yml").read_text().replace("!unsafe", ""))["ops_stack"]
COMPOSE = "lookup('ansible.builtin.template', inventory_dir ~ '/group_vars/all/compose.yml.j2') | from_yaml"
SITES = "/etc/nginx/sites.d"
PREDICTOR = "predictor"
ADDED = "roll-new.example.test"
ROOT_ON_CLIENT = "/tmp/roll-routes-root.pem"
WITHOUT_JOBS = {**MIX, "jobs": 0}


def declaration(host: AppHost, port: int = 8080, listens: int | None = None, service: str = SERVICE) -> dict[str, Any]:
    """The declaration of the demo, its gateway at another port or under another name.

    :param listens: the port at which it really is, where that is not the one of the routes.
    """
    renamed = {service: DECLARATION["services"][SERVICE] | {"probe": {"path": "/health", "port": listens or port}}}
    return DECLARATION | {
        "compose": "{{ " + _gateway(service, listens or port) + " }}",
        "services": {name: spec for name, spec in DECLARATION["services"].items() if name != SERVICE} | renamed,
        "routes": [{**route, "service": service, "port": port, "domain": f"{host.name}.example.test"} for route in DECLARATION["routes"]],
    }


def _gateway(service: str, port: int) -> str:
    """The Compose file with its gateway under this name, at this port, as an expression."""
    written = f"({COMPOSE})"
    gateway = f"{written}.services['{SERVICE}'] | combine({{'environment': {{'PORT': '{port}'}}}}, recursive=true)"
    rest = f"{written}.services | dict2items | rejectattr('key', 'equalto', '{SERVICE}') | items2dict"
    return f"{written} | combine({{'services': ({rest}) | combine({{'{service}': {gateway}}})}})"


def split(host: AppHost) -> dict[str, Any]:
    """The same, with ``/predict`` in a service of its own."""
    declared = declaration(host)
    gateway = f"({COMPOSE}).services['{SERVICE}']"
    declared["compose"] = "{{ " + COMPOSE + f" | combine({{'services': {{'{PREDICTOR}': {gateway}}}}}, recursive=true)" + " }}"
    declared["services"] = declared["services"] | {PREDICTOR: {"replicas": 1}}
    declared["routes"] = [route | ({"service": PREDICTOR} if route.get("path") == "/predict" else {}) for route in declared["routes"]]
    # Without a limit, so that the load can follow what becomes of it.
    return declared


def roll(host: AppHost, declared: dict[str, Any], tag: str = "1.0.0", **more: Any) -> Any:
    """A rolling update to a declaration."""
    return playbook("rolling_update", policies(), images(tag), {"ops_stack": declared}, more, limit=host.name)


def route(host: AppHost, path: str) -> str:
    """The upstream that the site names for a path."""
    site = host.sh(f"cat {SITES}/{host.name}.example.test.conf")
    block = site.split(f"location {path} {{", 1)[1]
    return block.split("proxy_pass http://", 1)[1].split(";", 1)[0]


def answers(domain: str, path: str = "/health") -> bool:
    """The client gets 200 by a certificate that verifies."""
    ask = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", ROOT_ON_CLIENT, f"https://{domain}{path}"]
    return execute(["docker", "exec", harness.CLIENT_CONTAINER, *ask]).stdout == "200"


@pytest.fixture
def trusted() -> None:
    """The client knows the issuing root."""
    done = execute(["docker", "cp", hosts_tool("path", "pebble-root"), f"{harness.CLIENT_CONTAINER}:{ROOT_ON_CLIENT}"])
    assert done.returncode == 0, done.stderr


def as_declared(app: AppHost) -> str:
    """Roll the demo out as it is declared; gives the release."""
    done = roll(app, declaration(app), **FORCE)
    assert done.returncode == 0, done.stdout[-3000:]
    app.settled("1.0.0")
    return app.live()


@pytest.fixture(scope="module")
def declared(app: AppHost) -> str:
    """The release of the demo as it is declared."""
    return as_declared(app)


@pytest.fixture
def base(app: AppHost, declared: str) -> AppHost:
    """The demo as it is declared, whatever the test before left."""
    if app.live() != declared:
        as_declared(app)
    return app


def test_a_port_changes_and_comes_back(base: AppHost) -> None:
    before = base.live()
    with base.load(**MIX) as results:
        done = roll(base, declaration(base, 9090))
        assert done.returncode == 0, done.stdout[-4000:]
        assert route(base, "/") == f"{STACK}_{SERVICE}_9090"
        assert base.live() != before
        done = base.opsctl("rollback")
        assert done.returncode == 0, done.stdout + done.stderr
    none_lost(results)
    assert base.live() == before
    assert route(base, "/") == f"{STACK}_{SERVICE}_8080"
    base.settled("1.0.0")
    assert "9090" not in base.sh("cat /etc/latentum-ops/upstreams/*.json; ls /etc/nginx/upstreams.d")


@pytest.mark.matrix
def test_a_port_at_which_nobody_listens_is_refused(base: AppHost) -> None:
    before = base.live()
    with base.load(**MIX) as results:
        done = roll(base, declaration(base, 9999, listens=9090))
    none_lost(results)
    assert done.returncode != 0
    assert "does not accept connections" in done.stdout, done.stdout[-3000:]
    assert base.live() == before
    assert route(base, "/") == f"{STACK}_{SERVICE}_8080"
    base.settled("1.0.0")


@pytest.mark.matrix
def test_a_service_gets_another_name(base: AppHost) -> None:
    with base.load(**WITHOUT_JOBS) as results:
        done = roll(base, declaration(base, service="gateway"))
        assert done.returncode == 0, done.stdout[-4000:]
        assert route(base, "/") == f"{STACK}_gateway_8080"
        assert base.running() == []  # under the old name
        done = base.opsctl("rollback")
        assert done.returncode == 0, done.stdout + done.stderr
    none_lost(results)
    base.settled("1.0.0")


@pytest.mark.matrix
def test_a_path_goes_to_a_service_of_its_own_and_back(base: AppHost) -> None:
    with base.load(**WITHOUT_JOBS) as results:
        done = roll(base, split(base), tag="1.1.0")
        assert done.returncode == 0, done.stdout[-4000:]
        assert (route(base, "/"), route(base, "/predict/")) == (f"{STACK}_{SERVICE}_8080", f"{STACK}_{PREDICTOR}_8080")
        done = base.opsctl("rollback")
        assert done.returncode == 0, done.stdout + done.stderr
    none_lost(results)
    assert route(base, "/predict/") == f"{STACK}_{SERVICE}_8080"
    base.settled("1.0.0")


@pytest.mark.matrix
def test_a_new_domain_has_its_certificate_before_anything_leads_to_it(base: AppHost, trusted: None) -> None:
    declared = declaration(base)
    declared["routes"] = [*declared["routes"], {"domain": ADDED, "service": SERVICE, "port": 8080}]
    with base.load(**MIX) as results:
        done = roll(base, declared)
        assert done.returncode == 0, done.stdout[-4000:]
        assert answers(ADDED)
        done = base.opsctl("rollback")
        assert done.returncode == 0, done.stdout + done.stderr
        assert not answers(ADDED)
    none_lost(results)


@pytest.mark.matrix
def test_without_a_certificate_nothing_is_begun(base: AppHost) -> None:
    before = base.live()
    declared = declaration(base)
    declared["routes"] = [*declared["routes"], {"domain": "nowhere.example.test", "service": SERVICE, "port": 8080}]
    with base.load(**MIX) as results:
        done = roll(base, declared)
    none_lost(results)
    assert done.returncode != 0
    assert "nowhere.example.test" in done.stdout
    assert base.live() == before
    base.sh(f"test ! -e {SITES}/nowhere.example.test.conf")


@pytest.mark.matrix
def test_a_run_that_is_killed_at_the_switch_is_finished_by_the_next(base: AppHost) -> None:
    done = roll(base, declaration(base, 9090), **FORCE)
    assert done.returncode == 0, done.stdout[-3000:]
    assert base.opsctl("rollback").returncode == 0
    with base.load(**MIX) as results:
        run = base.background("rollback", "--to", base.sh(f"grep -l 9090 {STATE}/releases/*/routes.json").split("/")[-2])
        eventually(lambda: "switch routes" in base.sh(f"cat {STATE}/rollout.json", check=False), "the switch is begun")
        base.sh("pkill -KILL -f '[l]atentum_ops.*rollback' || true")
        run.wait(timeout=60)
        done = roll(base, declaration(base, 9090), **FORCE)
        assert done.returncode == 0, done.stdout[-3000:]
        assert route(base, "/") == f"{STACK}_{SERVICE}_9090"
    none_lost(results)
