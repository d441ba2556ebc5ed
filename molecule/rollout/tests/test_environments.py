# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Staging and production: the difference, a promotion by digest under load, and a production that nobody works on by mistake."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import INVENTORY, SERVICE, STACK, AppHost, execute, images, none_lost, playbook, policies

FILE = "/etc/latentum-ops/environment.json"
CONFIRMED = {"ops_confirm": "production"}


@pytest.fixture(scope="module")
def staging(app: AppHost) -> AppHost:
    return app


@pytest.fixture(scope="module")
def inventory(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One environment a host, as a second file of the inventory."""
    hosts = {
        "staging": {"hosts": {"roll-1": {}}, "vars": {"ops_environment": "staging"}},
        "production": {"hosts": {"roll-2": {}}, "vars": {"ops_environment": "production", "ops_protected": True}},
    }
    path: Path = tmp_path_factory.mktemp("environments") / "environments.yml"
    path.write_text(yaml.safe_dump(hosts))
    return str(path)


@pytest.fixture(scope="module")
def production(inventory: str) -> Iterator[AppHost]:
    """The host knows what it is."""
    host = AppHost("roll-2")
    done = run("site", inventory, {**CONFIRMED, "ops_hosts": "roll-2"}, arguments=("--tags", "opsctl_environment"))
    assert done.returncode == 0, done.stdout[-3000:]
    assert json.loads(host.sh(f"cat {FILE}"))["environment"] == "production"
    yield host
    host.sh(f"rm -f {FILE}")


def run(name: str, inventory: str, *variables: dict[str, Any], arguments: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """A playbook with both files."""
    argv = ["ansible-playbook", "-i", INVENTORY, "-i", inventory, f"playbooks/{name}.yml", *arguments]
    for document in (policies(), *variables):
        argv += ["-e", json.dumps(document)]
    done = execute(argv, timeout=600)
    done.stdout += done.stderr
    return done


def as_it_is(host: AppHost) -> str:
    """What a run that is refused leaves alone."""
    return host.sh(
        f"docker ps --no-trunc --format '{{{{.ID}}}}' | sort; cat /var/lib/latentum-ops/stacks/{STACK}/live.json; ls /opt/{STACK}"
    )


def test_what_staging_runs_goes_to_production_by_digest(staging: AppHost, production: AppHost, inventory: str) -> None:
    tag = next(version for version in ("1.1.0", "1.3.0", "1.4.0") if version not in (staging.tag, production.tag))
    done = playbook("rolling_update", policies(), images(tag), {"rolling_update_force": True}, limit=staging.name)
    assert done.returncode == 0, done.stdout[-3000:]

    shown = run("diff_environments", inventory, images(tag), {"diff_format": "json"})
    assert shown.returncode == 0 and f"services.{SERVICE}.runs" in shown.stdout, shown.stdout[-3000:]

    before = as_it_is(production)
    for confirmed in ({}, {"ops_confirm": "staging"}):
        refused = run("promote", inventory, images(tag), confirmed)
        assert refused.returncode != 0 and "ops_confirm=production" in refused.stdout, refused.stdout[-3000:]
        assert as_it_is(production) == before

    with production.load() as results:
        done = run("promote", inventory, images(tag), {**CONFIRMED, "rolling_update_force": True})
    assert done.returncode == 0, done.stdout[-3000:]
    none_lost(results)
    production.settled(tag)
    assert f"promoted from staging@{staging.live()}" in production.opsctl("releases").stdout
    of_both = [
        host.sh(f"docker ps -q --filter label=com.docker.compose.service={SERVICE} | head -1 | xargs docker inspect -f '{{{{.Image}}}}'")
        for host in (staging, production)
    ]
    assert of_both[0] == of_both[1]

    live = as_it_is(production)
    again = run("promote", inventory, images(tag), CONFIRMED)
    assert again.returncode == 0 and as_it_is(production) == live, again.stdout[-3000:]


@pytest.mark.parametrize(
    "verb", [("rollback",), ("scale", f"{SERVICE}=3"), ("deploy", "--image", f"{SERVICE}=registry.example.test:5000/x:1")]
)
def test_a_verb_on_production_wants_its_name(production: AppHost, verb: tuple[str, ...]) -> None:
    before = as_it_is(production)
    for confirmation in ((), ("--confirm", "staging")):
        done = production.opsctl(*verb, *confirmation)
        assert done.returncode != 0 and "production" in done.stdout + done.stderr, (done.stdout, done.stderr)
    assert as_it_is(production) == before


def test_an_inventory_that_knows_nothing_of_the_protection_does_not_open_it(production: AppHost) -> None:
    """As one of another environment would be, by mistake."""
    before = as_it_is(production)
    done = playbook("rolling_update", policies(), images(production.another()), limit=production.name)
    assert done.returncode != 0 and "production" in done.stdout, done.stdout[-3000:]
    assert as_it_is(production) == before


def test_with_its_name_a_verb_is_carried_out(production: AppHost) -> None:
    tag = production.tag
    done = production.opsctl("rollback", "--confirm", "production")
    assert done.returncode == 0, done.stdout + done.stderr
    assert production.tag != tag
