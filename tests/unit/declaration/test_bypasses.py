# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refusals cannot be bypassed by words: whatever Compose takes for the same thing is judged as the same thing."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.declaration.compose_project import compose_project
from ansible_collections.latentum.ops.plugins.module_utils.declaration.loader import load, problems, report

from .samples import changed

DB = "compose.services.database"
WORKER = "compose.services.worker"
YES = [True, "true", "True", "TRUE", "tRuE", "yes", "Yes", "y", "Y", "on", "ON", "${NOWHERE:-true}", "${NOWHERE-yes}", "${LOG_LEVEL:+on}"]
NO = [False, "false", "False", "no", "No", "NO", "n", "off", "OFF", "${NOWHERE:-false}", "${NOWHERE:-no}", "${LOG_LEVEL:+off}"]


def waivers(*changes: tuple[str, Any]) -> list[str]:
    """What the changed declaration would need, by the fixes of its errors."""
    return [problem.fix.rpartition("allow: [")[2].rstrip("]") for problem in problems(changed(*changes)) if "allow: [" in problem.fix]


@pytest.mark.parametrize("word", YES)
def test_privileged_in_every_spelling(word: Any) -> None:
    assert waivers((f"{WORKER}.privileged", word)) == ["privileged"]


@pytest.mark.parametrize("word", NO)
def test_not_privileged_in_every_spelling(word: Any) -> None:
    assert problems(changed((f"{WORKER}.privileged", word))) == ()


@pytest.mark.parametrize("word", ["1", "t", "T", " true", "", "enabled", 1, 1.0, [True]])
def test_what_is_no_boolean_of_compose_is_refused(word: Any) -> None:
    errors = problems(changed((f"{WORKER}.privileged", word)))
    assert [problem.key for problem in errors] == [f"{WORKER}.privileged"], report(errors)


@pytest.mark.parametrize("word", YES)
def test_a_disabled_healthcheck_in_every_spelling(word: Any) -> None:
    assert waivers((f"{DB}.healthcheck", {"test": ["CMD", "true"], "disable": word})) == ["no_healthcheck"]


@pytest.mark.parametrize("word", NO)
def test_an_open_network_stays_open_in_every_spelling(word: Any) -> None:
    project = compose_project(load(changed(("compose.networks.backend", {"internal": word}))))
    assert project["networks"]["backend"] == {"internal": word}


@pytest.mark.parametrize("word", YES)
def test_a_network_of_somebody_else_in_every_spelling(word: Any) -> None:
    project = compose_project(load(changed(("compose.networks.backend", {"external": word}))))
    assert project["networks"]["backend"] == {"external": word}
    # … and one that is not external is internal, whatever the word says.
    project = compose_project(load(changed(("compose.networks.backend", {"external": "no"}))))
    assert project["networks"]["backend"] == {"external": "no", "internal": True}


@pytest.mark.parametrize(("word", "writes"), [*((word, False) for word in YES), *((word, True) for word in NO)])
def test_a_read_only_mount_in_every_spelling(word: Any, writes: bool) -> None:
    mount = {"type": "bind", "source": "/srv/data", "target": "/data", "read_only": word}
    service = load(changed((f"{WORKER}.volumes", [mount]))).compose.services["worker"]
    assert [found.single_writer for found in service.mounts] == [writes]


@pytest.mark.parametrize(
    "source",
    [
        *("/run", "/run/", "/var//run", "/./run", "/var/lib/../run", "//run", "/..", "${NOWHERE:-/run}"),
        *("/run/./docker.sock", "../../run/docker.sock", "../../run", "./../../run", "../..", "../../..", "../../../var/run"),
    ],
)
def test_the_engine_by_another_path(source: str) -> None:
    assert waivers((f"{WORKER}.volumes", [f"{source}:/host"])) == ["docker_socket"]
    assert waivers((f"{WORKER}.volumes", [{"type": "bind", "source": source, "target": "/host"}])) == ["docker_socket"]


@pytest.mark.parametrize(
    ("limits", "refused"),
    [
        *(({"core": limit}, True) for limit in (-1, "-1", 1, "${NOWHERE:--1}", {"soft": 0, "hard": -1}, {"soft": "1", "hard": "1"})),
        *((limits, False) for limits in ({"core": 0}, {"core": {"soft": 0, "hard": 0}}, {"nofile": 9}, None)),
    ],
)
def test_core_dumps_in_every_spelling(limits: Any, refused: bool) -> None:
    assert waivers((f"{WORKER}.ulimits", limits)) == (["core_dumps"] if refused else [])


@pytest.mark.parametrize("source", ["/srv/run", "./run", "../run", "./docker", "/run/app", "/var/lib/app"])
def test_other_paths_are_not_the_engine(source: str) -> None:
    assert waivers((f"{WORKER}.volumes", [f"{source}:/data"])) == []


@pytest.mark.parametrize("device", ["/var/run/docker.sock", "/run", "/"])
def test_the_engine_by_a_named_volume(device: str) -> None:
    volume = {"driver": "local", "driver_opts": {"type": "none", "o": "bind", "device": device}}
    assert waivers(("compose.volumes.host", volume), (f"{WORKER}.volumes", ["host:/host"])) == ["docker_socket"]


@pytest.mark.parametrize("part", ["configs", "secrets"])
@pytest.mark.parametrize("use", ["engine", {"source": "engine", "target": "/engine"}])
def test_the_engine_by_a_config_or_secret(part: str, use: Any) -> None:
    uses = [(f"{WORKER}.{part}", [use]), (f"compose.{part}.engine", {"file": "/var/run/docker.sock"})]
    assert "docker_socket" in waivers(*uses)


@pytest.mark.parametrize(
    "spec", [{"external": "yes", "name": "host"}, {"external": {"name": "host"}}, {"external": True, "name": "${NOWHERE:-host}"}]
)
def test_the_network_of_the_host_by_another_name(spec: dict[str, Any]) -> None:
    assert waivers(("compose.networks.outside", spec), (f"{WORKER}.networks", ["outside"])) == ["host_network"]


@pytest.mark.parametrize("address", ["0.0.0.0", "[::]", "[::0]", "[0:0:0:0:0:0:0:0]", "[::ffff:0.0.0.0]", "${NOWHERE:-0.0.0.0}"])
def test_every_address_in_every_spelling(address: str) -> None:
    opened = ("compose.networks.backend", {"internal": False})
    assert waivers((f"{WORKER}.ports", [f"{address}:9000:9000"]), opened) == ["publish_all"]
    long = {"target": "${NOWHERE:-9000}", "published": "9000", "host_ip": address.strip("[]")}
    assert waivers((f"{WORKER}.ports", [long]), opened) == ["publish_all"]


@pytest.mark.parametrize("replicas", ["2", "+2", "02", "${NOWHERE:-2}", 2])
def test_replicas_in_every_spelling(replicas: Any) -> None:
    declaration = load(changed((f"{WORKER}.deploy", {"replicas": replicas})))
    assert declaration.compose.services["worker"].replicas == 2


@pytest.mark.parametrize("driver", ["json-file", "local", "${NOWHERE:-json-file}"])
def test_logs_are_limited_whatever_the_driver_is_written_as(driver: str) -> None:
    service = compose_project(load(changed((f"{WORKER}.logging", {"driver": driver}))))["services"]["worker"]
    assert service["logging"] == {"driver": driver, "options": {"max-size": "10m", "max-file": "5"}}


def test_security_options_are_judged_as_resolved() -> None:
    service = compose_project(load(changed((f"{WORKER}.security_opt", ["${NOWHERE:-no-new-privileges:true}"]))))["services"]["worker"]
    assert service["security_opt"] == ["${NOWHERE:-no-new-privileges:true}"]
