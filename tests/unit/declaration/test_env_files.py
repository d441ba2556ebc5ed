# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""C(env_file): .env is ours and is known before it is written; other files must be on the host."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.declaration.compose_project import compose_project
from ansible_collections.latentum.ops.plugins.module_utils.declaration.loader import load, problems
from ansible_collections.latentum.ops.plugins.module_utils.release.pinning import Declared, definition_of, pinned_release

from .samples import changed

WORKER = "compose.services.worker"


def worker(*changes: tuple[str, Any]) -> dict[str, Any]:
    """The service as it is written on the host."""
    found: dict[str, Any] = compose_project(load(changed(("secrets.api_key.environment", {"migrate": "API_KEY"}), *changes)))["services"][
        "worker"
    ]
    return found


@pytest.mark.parametrize("written", [".env", "./.env", [".env"], [{"path": ".env", "required": False}], "/opt/acme/.env", "conf/../.env"])
def test_variables_of_the_env_file_are_written_into_the_service(written: Any) -> None:
    """The first release could not start with "env file /opt/acme/.env not found"; later ones had the values of the one before."""
    found = worker((f"{WORKER}.env_file", written), ("environment.REGION", "eu"))
    assert "env_file" not in found
    assert found["environment"] == {"LOG_LEVEL": "${LOG_LEVEL}", "REGION": "${REGION}"}


def test_what_the_service_sets_itself_and_its_secrets_win() -> None:
    changes = [(f"{WORKER}.env_file", ["/srv/site.env", ".env"]), ("environment", {"LOG_LEVEL": "info", "API_KEY": "none", "REGION": "eu"})]
    changes += [("secrets.api_key.environment", {"worker": "API_KEY"})]
    for written in ({"LOG_LEVEL": "debug"}, ["LOG_LEVEL=debug"]):
        found = worker(*changes, (f"{WORKER}.environment", written))
        assert found["env_file"] == ["/srv/site.env", "/etc/latentum-ops/secrets/acme/env/worker.env"]
        if isinstance(written, dict):
            assert found["environment"] == {"LOG_LEVEL": "debug", "REGION": "${REGION}"}
        else:
            assert found["environment"] == ["LOG_LEVEL=debug", "REGION=${REGION}"]


def test_a_changed_value_is_a_changed_service() -> None:
    found = set()
    for value in ("info", "debug", "debug"):
        stack = changed((f"{WORKER}.env_file", ".env"), ("environment.LOG_LEVEL", value))
        declared = Declared("acme", "/opt/acme", compose_project(load(stack)), load(stack).environment, [], [])
        found.add(definition_of(pinned_release(declared, {}), "worker"))
    assert len(found) == 2


@pytest.mark.parametrize(
    ("written", "key", "what"),
    [
        ("app.env", "env_file", "is a file beside the Compose file"),
        (["./conf/app.env"], "env_file", "is a file beside the Compose file"),
        (["/srv/a.env", {"path": "../b.env"}], "env_file[1]", "is a file beside the Compose file"),
        ([".env", "/srv/a.env"], "env_file[0]", "comes before another file"),
    ],
)
def test_files_that_nobody_brings_to_the_host(written: Any, key: str, what: str) -> None:
    (found,) = problems(changed((f"{WORKER}.env_file", written)))
    assert (found.key, found.problem.partition(",")[0]) == (f"{WORKER}.{key}", what)


@pytest.mark.parametrize("written", [["/srv/a.env", "/srv/b.env"], [{"path": "own.env", "required": False}], ["/srv/a.env", ".env"]])
def test_files_that_may_stay(written: Any) -> None:
    assert problems(changed((f"{WORKER}.env_file", written))) == ()
