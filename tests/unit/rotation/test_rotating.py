# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotations: to their end, after a kill at each point, back when a service is ill, and what is refused."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core.masking import clean
from ansible_collections.latentum.ops.plugins.module_utils.rollout.request import DeployFailed
from ansible_collections.latentum.ops.plugins.module_utils.rotation.refusal import RotationFailed, RotationRefused
from ansible_collections.latentum.ops.plugins.module_utils.secretstore import versions

from .played import HOUR, Killed, Played

ALL = ["database_password", "cache_password", "api_key", "session_key"]


def ended(played: Played, names: list[str]) -> None:
    """All of them have another value, everybody has it, nobody takes the old one, and nothing of it is left."""
    for name in names:
        assert played.store.value(name) != played.first[name]
        readers = [service for service in played.held if service not in ("database", "cache")]
        assert not any(played.first[name] in text for service in readers for text in played.held[service].values()), name
        assert not any(played.first[name] in played.files(service).values() for service in played.services())
    for name, server in played.servers.items():
        if name in names:
            assert server.good == {played.store.value(name)}
    assert not any(played.store.folder.glob(f"{versions.FOLDER}/*"))
    assert played.journal.underway() is None and played.journal.pending() == {}
    played.serves()


def as_before(played: Played) -> None:
    """Nothing of a rotation is left, and everybody has what they had."""
    assert {name: played.store.value(name) for name in played.first} == played.first
    for server in played.servers.values():
        assert len(server.good) == 1
    assert not any(played.store.folder.glob(f"{versions.FOLDER}/*"))
    assert played.journal.underway() is None and played.journal.pending() == {}
    assert {service: played.files(service) for service in played.services()} == played.held
    played.serves()


def test_all_kinds_at_once(played: Played) -> None:
    path = played.store.folder / "services/database/database_password"
    database = (path.stat().st_ino, path.stat().st_mtime_ns)
    result = played.rotation().rotate(ALL)
    assert result.rotated == ALL and sorted(result.revoked) == ["cache_password", "database_password"] and result.waiting == ["api_key"]
    # The overlap: accepted by all, then sent by all.
    assert played.rolls == 2
    old, new = played.first["api_key"], played.store.value("api_key")
    assert played.held["model"]["api_key"] == f"{new}\n{old}"
    # The server's own file has the new value, and is the same file from before: its container is not to be replaced.
    assert played.files("database")["database_password"] == played.store.value("database_password")
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == database
    assert played.held["worker"]["database_url"].startswith("pg://app_a:")
    # A run of the site in the grace time changes nothing.
    assert not played.store.ensure(played.store.entries()).changed
    played.now += HOUR + 1
    result = played.rotation().finish()
    assert result.revoked == ["api_key"] and sorted(result.shredded) == sorted(ALL)
    ended(played, ALL)
    assert [entry["step"] for entry in played.journal.read()][:5] == ["begun", "prepared", "accepted", "switched", "rolled"]


def test_roles_take_turns(played: Played) -> None:
    for login in ("app_a", "app_b", "app_a"):
        played.rotation().rotate(["database_password"])
        assert played.store.metadata()["database_password"]["login"] == login
        assert played.held["api"]["database_url"].startswith(f"pg://{login}:")
        played.rotation().finish(now=True)
    assert played.store.metadata()["database_password"]["version"] == 4


def count_of_points(folder: Path) -> int:
    played = Played(folder)
    played.rotation().rotate(ALL)
    played.rotation().finish(now=True)
    return len(played.points)


def test_a_kill_at_each_point_and_the_next_run_completes(tmp_path: Path) -> None:
    """Each boundary of a phase, and each place between a line of the journal and what it says."""
    points = count_of_points(tmp_path / "counted")
    assert points > 25
    for number in range(1, points + 1):
        played = Played(tmp_path / str(number))
        played.kill_at = number
        with pytest.raises(Killed):
            played.rotation().rotate(ALL)
            played.rotation().finish(now=True)
        played.serves()
        begun = played.journal.underway() is not None
        if begun or not played.journal.pending():
            played.rotation().rotate(ALL)
        played.rotation().finish(now=True)
        ended(played, ALL)


def test_two_kills_in_a_row(tmp_path: Path) -> None:
    points = count_of_points(tmp_path / "counted")
    for first in range(2, points, 3):
        played = Played(tmp_path / str(first))
        for number in (first, first + 4):
            played.kill_at = number
            try:
                if played.journal.underway() or not played.journal.pending():
                    played.rotation().rotate(ALL)
                played.rotation().finish(now=True)
            except Killed:
                played.serves()
        played.kill_at = -1
        if played.journal.underway():
            played.rotation().rotate(ALL)
        played.rotation().finish(now=True)
        ended(played, ALL)


@pytest.mark.parametrize("sick", ["api", "model", "worker"])
def test_a_service_that_does_not_become_healthy_takes_it_back(played: Played, sick: str) -> None:
    played.sick = {sick}
    heal = played.roll

    def roll(recreate: object = ()) -> list[str]:
        try:
            return heal(recreate)  # type: ignore[arg-type]
        except DeployFailed:
            played.sick = set()  # it was the other value that it could not live with
            raise

    played.roll = roll  # type: ignore[method-assign]
    with pytest.raises(RotationFailed, match="taken back, the value from before counts"):
        played.rotation().rotate(ALL)
    as_before(played)
    assert played.journal.read()[-1]["step"] == "taken back" and "did not become healthy" in played.journal.read()[-1]["reason"]
    assert played.store.metadata()["database_password"].get("login") == "app"


def test_services_that_were_not_reached_are_not_replaced_again(played: Played) -> None:
    """The first service is ill: the containers of the others were made before, and their files say what they had."""
    before = dict(played.made)
    played.sick = {"api"}
    with pytest.raises(RotationFailed):
        played.rotation().rotate(["database_password"])
    assert played.made == before
    as_before(played)


def test_it_cannot_be_taken_back_at_once(played: Played) -> None:
    """The service that is ill stays ill: both values stay good, and the next run goes on taking back."""
    played.sick = {"worker"}
    with pytest.raises(RotationFailed):
        played.rotation().rotate(["database_password"])
    # api was replaced before worker fell ill, and is replaced once more.
    as_before(played)


def test_a_kill_while_it_is_taken_back(tmp_path: Path) -> None:
    number = 1
    while True:
        played = Played(tmp_path / str(number))
        played.sick, played.kill_at = {"worker"}, number
        try:
            played.rotation().rotate(["database_password", "api_key"])
        except Killed:
            played.serves()
            was_back = (state := played.journal.underway()) is not None and state.back
            played.kill_at = -1
            if was_back:
                with pytest.raises(RotationFailed):
                    played.rotation().rotate(["database_password", "api_key"])
                as_before(played)
            number += 1
            continue
        except RotationFailed:
            break
    assert number > 10


def test_a_server_that_does_not_let_the_next_one_in(played: Played) -> None:
    played.servers["database_password"].deaf = True
    with pytest.raises(RotationFailed, match="does not let it in"):
        played.rotation().rotate(["database_password"])
    assert played.rolls == 0
    as_before(played)


def test_a_connection_that_stays_is_waited_for_and_ended_after_the_grace_time(played: Played) -> None:
    """A pool outside of the stack: nothing replaces it."""
    played.servers["database_password"].connected["report"] = played.first["database_password"]
    result = played.rotation().rotate(["database_password"])
    assert result.waiting == ["database_password"] and any(
        "1 connections hold the value of database_password from before" in line for line in result.lines
    )
    # Since the switch, and not since the end: connections of new containers are younger, and are never ended.
    assert 0 < played.journal.pending()["database_password"].switched_at < min(played.made[service] for service in ("api", "worker"))
    assert played.rotation().finish().waiting == ["database_password"]
    with pytest.raises(RotationRefused, match="no third one can be: end it first, `opsctl rotate --finish --now"):
        played.rotation().rotate(["database_password"])
    played.now += HOUR + 60
    result = played.rotation().finish()
    assert result.revoked == ["database_password"] and "report" not in played.servers["database_password"].connected
    ended(played, ["database_password"])


def test_it_leaves_by_itself(played: Played) -> None:
    played.servers["cache_password"].connected["report"] = played.first["cache_password"]
    played.rotation().rotate(["cache_password"])
    del played.servers["cache_password"].connected["report"]
    assert played.rotation().finish().revoked == ["cache_password"]


def test_no_value_is_in_the_journal_or_in_what_is_said(played: Played) -> None:
    played.rotation().rotate(ALL)
    values = [played.first[name] for name in ALL] + [str(played.store.value(name)) for name in ALL]
    for path in played.journal.folder.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600 or path.name == ".format"
        assert not any(value in path.read_text() for value in values)
    assert not any(value in line for line in played.lines for value in values)
    entries = (played.store.folder / "entries.json").read_text()
    assert not any(value in entries for value in [*values, "from-a-vault-1"])


def test_what_comes_from_outside(played: Played) -> None:
    for given in ({}, {"smtp_password": "from-a-vault-1"}):
        with pytest.raises(RotationRefused, match="comes from outside, and no other one came"):
            played.rotation().rotate(["smtp_password"], given)
    assert played.journal.read() == [] and not any(played.store.folder.glob(f"{versions.FOLDER}/*"))
    played.rotation().rotate(["smtp_password"], {"smtp_password": "from-a-vault-2"})
    assert played.held["worker"]["smtp_password"] == "from-a-vault-2"


def test_the_public_half_goes_with_its_key_and_comes_back_with_it(played: Played) -> None:
    public = played.store.folder / "signing_key.pub"
    before = public.read_text()
    played.rotation().rotate(["signing_key"])
    assert public.read_text() != before
    after, played.sick = public.read_text(), {"worker"}
    played.rotation().finish(now=True)
    with pytest.raises(RotationFailed):
        played.rotation().rotate(["signing_key"])
    assert public.read_text() == after


REFUSED = {
    "xyz": "xyz is no secret of this stack: write one of api_key, cache_password,",
    "database_pasword": "did you mean database_password?",
    "database_url": "secret database_url is made of database_password; rotate that, and it follows",
    "plain": "is not declared to rotate: write rotation: {kind: …}",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_rotated_is_refused_before_anything_changes(played: Played, name: str) -> None:
    before = {path: path.read_bytes() for path in played.store.folder.rglob("*") if path.is_file()}
    with pytest.raises(RotationRefused, match=re.escape(REFUSED[name])):
        played.rotation().rotate(["session_key", name])
    assert {path: path.read_bytes() for path in played.store.folder.rglob("*") if path.is_file()} == before
    assert played.journal.read() == []


def test_all_refusals_come_together(played: Played) -> None:
    with pytest.raises(RotationRefused) as refused:
        played.rotation().rotate(["plain", "database_url", "session_key"])
    assert len(str(refused.value).splitlines()) == 2


def test_nothing_is_declared(played: Played, tmp_path: Path) -> None:
    with played.store.locked():
        played.store.ensure([{"name": "plain", "kind": "uuid"}])
    with pytest.raises(RotationRefused, match="nothing of shop is declared to rotate: write secrets"):
        played.rotation().rotate(["plain"])


def test_the_server_is_away(played: Played) -> None:
    played.servers["database_password"].away = True
    with pytest.raises(RotationRefused, match="no container of database is running"):
        played.rotation().rotate(["session_key", "database_password"])
    as_before(played)


def test_the_server_is_away_when_the_grace_time_ends(played: Played) -> None:
    played.servers["cache_password"].connected["report"] = played.first["cache_password"]
    played.rotation().rotate(["cache_password", "session_key"])
    played.servers["cache_password"].away = True
    played.now += 2 * HOUR
    with pytest.raises(RotationFailed, match="the value of cache_password from before is good as before"):
        played.rotation().finish()
    assert list(played.journal.pending()) == ["cache_password"], "the other one has ended"
    played.servers["cache_password"].away = False
    played.rotation().finish()
    ended(played, ["cache_password", "session_key"])


def damage(played: Played) -> None:
    played.journal.state.write_text("{")


def of_a_newer_engine(played: Played) -> None:
    (played.journal.folder / ".format").write_text("999\n")


@pytest.mark.parametrize("broken", [damage, of_a_newer_engine])
def test_a_state_that_cannot_be_read_stops_everything(played: Played, broken: Callable[[Played], None]) -> None:
    played.rotation().rotate(["session_key"])
    broken(played)
    value = played.store.value("api_key")
    with pytest.raises(ValueError, match=r"damaged|newer engine"):
        played.rotation().rotate(["api_key"])
    assert played.store.value("api_key") == value


def test_the_state_holds_names_and_times(played: Played) -> None:
    played.rotation().rotate(["session_key"])
    state = json.loads(played.journal.state.read_text())
    assert state["underway"] is None and state["pending"]["session_key"]["revoked"] is True


def test_an_older_backup_came_back(played: Played) -> None:
    """Its server knows roles as they were; what the store has is let in again, and the others are shut out."""
    played.rotation().rotate(["database_password"])
    played.rotation().finish(now=True)
    server = played.servers["database_password"]
    server.good = {played.first["database_password"]}
    assert played.rotation().repair().repaired == ["database_password"]
    assert played.store.value("database_password") in server.good
    played.serves()


def test_a_server_that_begins_anew_knows_its_owner_alone(played: Played) -> None:
    played.rotation().rotate(["database_password"])
    assert played.rotation().begin_anew().repaired == ["database_password"]
    assert played.files("api")["database_url"].startswith("pg://app:") and played.journal.pending() == {}
    assert played.rotation().begin_anew().repaired == []
    played.kill_at = len(played.points) + 3
    with pytest.raises(Killed):
        played.rotation().rotate(["database_password"])
    with pytest.raises(RotationRefused, match="found an interrupted rotation of database_password"):
        played.rotation().begin_anew()


def test_the_masker_leaves_what_is_said_as_it_is(played: Played) -> None:
    """A name that ends in password, followed by a colon, would hide the word behind it."""
    said = []
    played.servers["cache_password"].connected["report"] = played.first["cache_password"]
    said += played.rotation().rotate(["database_password", "cache_password"]).lines
    for names in (["cache_password"], ["smtp_password"], ["database_url"], ["pasword"]):
        with pytest.raises(RotationRefused) as refused:
            played.rotation().rotate(names)
        said.append(str(refused.value))
    assert [clean(line) for line in said] == said
