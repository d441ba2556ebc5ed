# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One measured host for all tests that ask its Prometheus."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.monitoring import PROMETHEUS, VICTORIAMETRICS
from ansible_collections.latentum.ops.plugins.module_utils.core import paths
from ansible_collections.latentum.ops.plugins.module_utils.release.journal import LIVE, Journal
from ansible_collections.latentum.ops.plugins.module_utils.release.store import Store
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.probes import host as host_checks
from ansible_runs import AnsibleRuns

from ..roles.exporters.rendered import ON, PROGRAM, render
from .world import STACK, World, world

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "browser"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "dashboards"))

from sample import sample

HOUR = 3600


def backups() -> dict[str, object]:
    """What runs and proofs of backups note."""
    at = time.time() - HOUR
    plan = {"backup": {"at": at, "ok": True, "bytes": 10**8}, "restorable": at, "verify": {"ok": True}}
    return {
        "backup": {"at": at, "ok": True, "seconds": 60, "bytes": 10**9, "added": 10**6},
        "restorable": at,
        "verify": {"ok": True, "seconds": 90},
        "targets": {"offsite": {"pushed": at, "wal": at, "restorable": at}},
        "plans": {"files": plan},
    }


@pytest.fixture(scope="package")
def program(ansible: AnsibleRuns, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Of mtail, as role exporters writes it."""
    return render({"on": ON}, ansible, tmp_path_factory.mktemp("program"))["on"].files[PROGRAM]


@pytest.fixture(scope="package")
def measured(program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """It runs until all tests have asked."""
    with measured_by(PROMETHEUS, program, tmp_path_factory.mktemp("measured")) as made:
        yield made


@pytest.fixture(scope="package")
def lighter(program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The same, kept by VictoriaMetrics."""
    with measured_by(VICTORIAMETRICS, program, tmp_path_factory.mktemp("lighter")) as made:
        yield made


@contextmanager
def measured_by(backend: str, program: str, folder: Path) -> Iterator[World]:
    """A host that one of them measures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(host_checks, "BACKUPS", folder / "backups")
        (folder / "backups").mkdir()
        (folder / f"backups/{STACK}.json").write_text(json.dumps(backups()))
        patch.setattr(paths, "RELEASES", folder / "stacks")
        (folder / "stacks" / STACK).mkdir(parents=True)
        Store(STACK).set_live("r2")
        Journal(STACK).write(kind="deploy", step=LIVE, release="r2", attempt="1")
        with world(folder, program, sample(), backend) as made:
            yield made
