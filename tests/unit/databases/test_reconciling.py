# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exporters follow their servers: a container that is replaced, a password that changes, a stack that goes; and what fails alone."""

from __future__ import annotations

import json
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.backup.psql import Psql
from ansible_collections.latentum.ops.plugins.module_utils.backup.settings import BackupError
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import Container, DockerUnavailable
from ansible_collections.latentum.ops.plugins.module_utils.contracts.database_exporters import DatabaseExporter, MeasuredQuery
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError, Result
from ansible_collections.latentum.ops.plugins.module_utils.databases import __main__ as program
from ansible_collections.latentum.ops.plugins.module_utils.databases import reconciling, role
from ansible_collections.latentum.ops.plugins.module_utils.databases.reconciling import reconcile
from ansible_collections.latentum.ops.plugins.module_utils.databases.role import RoleRefused
from ansible_collections.latentum.ops.plugins.module_utils.metrics import database_files, database_places
from ansible_collections.latentum.ops.plugins.module_utils.rollout import follower

DB = DatabaseExporter(
    "shop", "db", "postgresql", 9187, 5432, user="latentum_ops_metrics", admin="app", database="app",
    queries=(MeasuredQuery("shop_one_two", "SELECT 1"),),
)  # fmt: skip
CACHE = DatabaseExporter("shop", "cache", "redis", 9121, 6379)
UNITS = (DB.unit, CACHE.unit)


def container(service: str, address: str = "172.18.0.2", state: str = "running", **more: str) -> Container:
    """One container of the shop."""
    known: dict[str, Any] = {
        "id": f"{service}-{address}",
        "name": f"shop-{service}-1",
        "health": "none",
        "started_at": "2026-11-30T10:00:00Z",
        "project": "shop",
        **more,
    }
    return Container(
        service=service, number=1, state=state, restarts=0, exit_code=0, oom_killed=False, image="", image_id="",
        addresses=(("shop_default", address),) if address else (), health_log=(), **known,
    )  # fmt: skip


@dataclass
class Source:
    """Containers that there are."""

    there: list[Container] = field(default_factory=list)

    def containers(self, project: str) -> list[Container]:
        """Those of a project."""
        return [one for one in self.there if one.project == project]


@dataclass
class Units:
    """Units that run, and what was done to them."""

    there: set[str] = field(default_factory=set)
    done: list[str] = field(default_factory=list)
    broken: str = ""

    def instances(self) -> list[str]:
        """Those that systemd knows of."""
        return sorted(self.there)

    def running(self, unit: str) -> bool:
        """It runs."""
        return unit in self.there

    def restart(self, unit: str) -> None:
        """It runs anew."""
        if unit == self.broken:
            raise CommandError(Result(("systemctl", "restart", unit), 1, "", "no"), "failed")
        self.there.add(unit)
        self.done.append(f"restart {unit}")

    def stop(self, unit: str) -> None:
        """It runs no more."""
        self.there.discard(unit)
        self.done.append(f"stop {unit}")


@dataclass
class Host:
    """Folders of a host, and what is asked of it."""

    folder: Path
    source: Source = field(default_factory=lambda: Source([container("db"), container("cache", "172.18.0.3")]))
    units: Units = field(default_factory=Units)
    roles: list[tuple[str, str, bool]] = field(default_factory=list)
    refusals: list[Exception] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    def declare(self, *exporters: DatabaseExporter) -> None:
        """As role exporters writes it, with passwords of the store."""
        for file in database_places.CONFIGURATION.glob("*"):
            file.unlink()
        for stack in {exporter.stack for exporter in exporters}:
            entries = [
                replace(exporter, password_file=self.secret(exporter)).to_dict() for exporter in exporters if exporter.stack == stack
            ]
            (database_places.CONFIGURATION / f"{stack}.json").write_text(json.dumps(entries))

    def secret(self, exporter: DatabaseExporter) -> str:
        """The file of a password."""
        file = self.folder / f"secret-{exporter.name}"
        if not file.exists():
            file.write_text(f"word-of-{exporter.service}\n")
        return str(file)

    def round(self) -> bool:
        """One, and what it did alone."""
        self.units.done.clear()
        return reconcile(self.source, self.units, self.slept.append)  # type: ignore[arg-type]

    def applied(self) -> set[str]:
        """What is as it should be."""
        return set(database_places.read(database_places.APPLIED))

    def ensure(self, sql: Psql, password: str, *, reads: bool) -> list[str]:
        """In place of a server."""
        if self.refusals:
            raise self.refusals.pop(0)
        self.roles.append((sql.container, password, reads))
        return []


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """One with two databases."""
    for module, name, path in (
        (database_places, "CONFIGURATION", "etc"),
        (database_places, "PLACES", "places.json"),
        (database_places, "APPLIED", "run/applied.json"),
        (reconciling, "FOLDER", "run"),
        (reconciling, "UNITS", "units"),
    ):
        monkeypatch.setattr(module, name, tmp_path / path)
    for folder in ("etc", "units"):
        (tmp_path / folder).mkdir()
    monkeypatch.setattr(database_files, "QUERIES", str(tmp_path / "queries"))
    made = Host(tmp_path)
    monkeypatch.setattr(role, "ensure", made.ensure)
    made.declare(DB, CACHE)
    return made


def test_each_gets_its_address_its_password_and_nothing_of_another(host: Host) -> None:
    assert host.round() and host.units.done == [f"restart {unit}" for unit in UNITS]
    run = host.folder / "run"
    assert 'DATA_SOURCE_NAME="postgresql://latentum_ops_metrics@172.18.0.2:5432/app?sslmode=disable&' in (run / "shop.db.env").read_text()
    assert (run / "shop.db.access").read_text() == "*:*:*:latentum_ops_metrics:word-of-db\n"
    assert json.loads((run / "shop.cache.access").read_text()) == {"redis://172.18.0.3:6379": "word-of-cache"}
    assert "word-of" not in "".join((run / f"shop.{name}.{kind}").read_text() for name in ("db", "cache") for kind in ("env", "mark"))
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in run.iterdir())
    assert "word-of" not in database_places.PLACES.read_text()
    assert host.roles == [("shop-db-1", "word-of-db", True)]
    # Nothing is done to what is as it should be.
    assert host.round() and host.units.done == [] and host.applied() == {"shop.db", "shop.cache"}


def test_a_container_that_is_replaced_is_followed(host: Host) -> None:
    host.round()
    host.source.there[0] = container("db", "172.18.0.9")
    assert database_places.follow(host.source) and not database_places.follow(host.source)
    assert host.round() and host.units.done == [f"restart {DB.unit}"]
    assert "@172.18.0.9:5432" in (host.folder / "run/shop.db.env").read_text()


def test_one_that_was_started_again_gets_its_role_again(host: Host) -> None:
    """A restore has brought back a time before the role, or before its password: at the same address."""
    host.round()
    host.roles.clear()
    host.source.there[0] = replace(host.source.there[0], started_at="2026-11-30T11:00:00Z")
    assert database_places.follow(host.source)
    assert host.round() and host.units.done == [] and [made[0] for made in host.roles] == ["shop-db-1"]


@pytest.mark.parametrize(
    "gone",
    [
        [],
        [container("db", state="exited")],
        [container("db", health="starting")],
        [container("db", "")],
        [container("db", project="other")],
    ],
    ids=["none", "exited", "starting", "without an address", "of another stack"],
)
def test_what_does_not_serve_leaves_its_last_place(host: Host, gone: Sequence[Container]) -> None:
    host.round()
    host.source.there = (
        [*gone, container("cache", "172.18.0.3")] if not any(one.project == "other" for one in gone) else [host.source.there[1]]
    )
    assert not database_places.follow(host.source)
    assert database_places.read(database_places.PLACES)["shop.db"].address == "172.18.0.2"


def test_what_never_served_is_not_started(host: Host) -> None:
    host.source.there = [container("cache", "172.18.0.3"), container("db", health="starting")]
    assert host.round() and host.units.done == [f"restart {CACHE.unit}"]
    host.source.there[1] = container("db", health="healthy")
    assert database_places.follow(host.source) and host.round() and host.units.done == [f"restart {DB.unit}"]


def test_a_password_that_changes_is_handed_over_and_set(host: Host) -> None:
    host.round()
    (host.folder / "secret-shop.db").write_text("rotated\n")
    assert host.round() and host.units.done == [f"restart {DB.unit}"] and host.roles[-1] == ("shop-db-1", "rotated", True)


def test_a_query_that_changes_is_asked(host: Host) -> None:
    host.round()
    (host.folder / "queries").mkdir()
    (host.folder / "queries/shop.db.yml").write_text("other: {}\n")
    assert host.round() and host.units.done == [f"restart {DB.unit}"]


def test_without_its_password_it_waits_and_the_others_are_measured(host: Host) -> None:
    (host.folder / "secret-shop.db").write_text("")
    assert not host.round() and host.units.done == [f"restart {CACHE.unit}"] and host.applied() == {"shop.cache"}
    (host.folder / "secret-shop.db").write_text("two\nlines\n")
    assert not host.round() and host.units.done == []


def test_what_does_not_start_keeps_no_other_from_it(host: Host) -> None:
    host.units.broken = DB.unit
    assert not host.round() and host.units.done == [f"restart {CACHE.unit}"] and host.applied() == {"shop.cache"}
    host.units.broken = ""
    assert host.round() and host.units.done == [f"restart {DB.unit}"]


def test_a_server_that_is_not_ready_is_waited_for(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.refusals = [BackupError("the database system is starting up"), BackupError("the same")]
    assert host.round() and len(host.slept) == 2 and len(host.roles) == 1
    # Not for ever; and it is tried again.
    host.refusals = [BackupError("never")] * 3
    monkeypatch.setattr(reconciling, "PATIENCE", 0.0)
    assert not host.round() and host.applied() == {"shop.cache"}


def test_a_role_that_is_refused_is_no_reason_to_wait(host: Host) -> None:
    host.refusals = [RoleRefused("it is a superuser")]
    assert not host.round() and host.slept == []


def test_what_nobody_declares_any_more_ends_and_leaves_no_password(host: Host) -> None:
    host.round()
    host.declare(CACHE)
    assert host.round() and host.units.done == [f"stop {DB.unit}"]
    assert sorted(file.name for file in (host.folder / "run").iterdir()) == [
        "applied.json",
        "shop.cache.access",
        "shop.cache.env",
        "shop.cache.mark",
    ]
    host.declare()
    assert host.round() and host.units.done == [f"stop {CACHE.unit}"] and host.units.there == set()


def test_what_was_not_taken_over_is_written_once_more(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change while a round is under way wakes nobody up."""
    host.refusals = [RoleRefused("not yet")]
    host.round()
    assert not database_places.follow(host.source)
    monkeypatch.setattr(database_places, "AGAIN", 0.0)
    assert database_places.follow(host.source)
    host.round()
    assert not database_places.follow(host.source)


def test_a_host_without_any_is_left_alone(host: Host) -> None:
    host.declare()
    assert not database_places.follow(host.source) and not database_places.PLACES.exists()


def test_a_damaged_file_of_the_engine_is_written_anew_and_one_of_the_role_is_named(host: Host) -> None:
    host.round()
    database_places.PLACES.write_text("{")
    assert database_places.follow(host.source) and len(database_places.read(database_places.PLACES)) == 2
    (database_places.CONFIGURATION / "shop.json").write_text('[{"stack": "shop"}]')
    with pytest.raises(ValueError, match=r"shop\.json.*run the playbook again"):
        database_places.follow(host.source)


def test_nginx_is_served_whatever_becomes_of_databases(
    host: Host, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[str] = []

    def synced(_engine: object) -> bool:
        seen.append("nginx")
        return True

    monkeypatch.setattr(follower, "_sync_upstreams", synced)
    (database_places.CONFIGURATION / "shop.json").write_text("{")
    assert follower.sync_and_tell(host.source) and seen == ["nginx"]
    assert "databases: where they are was not written" in capsys.readouterr().out


def test_what_is_not_as_it_should_be_is_tried_again_by_systemd(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "Engine", lambda: host.source)
    monkeypatch.setattr(program, "Systemd", lambda: host.units)
    host.refusals = [RoleRefused("not yet")]
    assert program.main() == program.NOT_YET and program.main() == 0

    def gone() -> None:
        raise DockerUnavailable("the Docker engine does not answer")

    monkeypatch.setattr(program, "Engine", gone)
    assert program.main() == program.NOT_YET


def test_what_changes_during_a_round_has_a_round_of_its_own(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    rounds: list[str] = []

    def moves(source: Source, _units: Units) -> bool:
        rounds.append("round")
        done = reconcile(source, host.units, host.slept.append)  # type: ignore[arg-type]
        if len(rounds) == 1:
            source.there[0] = container("db", "172.18.0.77")
            database_places.follow(source)
        return done

    monkeypatch.setattr(program, "Engine", lambda: host.source)
    monkeypatch.setattr(program, "Systemd", lambda: host.units)
    monkeypatch.setattr(program, "reconcile", moves)
    assert program.main() == 0 and len(rounds) == 2
    assert "172.18.0.77" in (host.folder / "run/shop.db.env").read_text()
