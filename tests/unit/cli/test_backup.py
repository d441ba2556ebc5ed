# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verbs of opsctl for backups: what they carry out, what they print, and their exit status."""

from __future__ import annotations

import argparse
import io
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.backup import (
    catalogue,
    escrow,
    identity,
    restoring,
    restoring_beside,
    running,
    settings,
    staging,
    state,
    verification,
)
from ansible_collections.latentum.ops.plugins.module_utils.backup.proof import Finding
from ansible_collections.latentum.ops.plugins.module_utils.backup.restoring import Report, Request, Unconfirmed
from ansible_collections.latentum.ops.plugins.module_utils.backup.settings import BackupError, Settings
from ansible_collections.latentum.ops.plugins.module_utils.backup.verification import Verdict
from ansible_collections.latentum.ops.plugins.module_utils.cli import backup as backup_verbs
from ansible_collections.latentum.ops.plugins.module_utils.cli import output as opsctl_output
from ansible_collections.latentum.ops.plugins.module_utils.cli.arguments import Parser
from ansible_collections.latentum.ops.plugins.module_utils.cli.output import Output
from ansible_collections.latentum.ops.plugins.module_utils.contracts.backup_settings import Plan

from ..backup import fakes
from ..backup.fakes import NOW, Clock, Host, shop

host, clock = fakes.host, fakes.clock


def parser() -> argparse.ArgumentParser:
    made = Parser(prog="opsctl")
    backup_verbs.add_parsers(made.add_subparsers(dest="verb", required=True))
    return made


class Opsctl:
    """The command line, with everything behind it written down instead of done."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.did: list[tuple[Any, ...]] = []
        self.said: list[str] = []
        self.outcome = running.Outcome({"offsite": "a"})
        self.verdict = Verdict("offsite", "abc", NOW, 1.0, [Finding("files", True, "all")])
        self.declared = shop("offsite", "nas")
        self.due = True
        self.error: Exception | None = None

        def note(*what: Any) -> None:
            self.did.append(what)
            if self.error:
                fakes.throw(self.error)

        def load(stack: str = "") -> Settings:
            self.did.append(("load", stack))
            return self.declared

        def backup(*_given: Any) -> running.Outcome:
            note("backup")
            return self.outcome

        def push(*_given: Any) -> running.Outcome:
            note("push")
            return self.outcome

        def verify(_engine: Any, _settings: Any, _progress: Any, name: str = "", snapshot: str = "") -> Verdict:
            note("verify", name, snapshot)
            return self.verdict

        def restore(_engine: Any, _settings: Any, request: Request, _progress: Any, *_given: Any) -> Report:
            note("restore", request)
            return Report(["restored"], NOW, [Finding("SELECT 1", False, "0, at least 1 expected")])

        def lines(*what: Any) -> list[str]:
            note(*what)
            return ["done"]

        monkeypatch.delenv("LATENTUM_OPS_ATTEMPT", raising=False)
        monkeypatch.setattr(backup_verbs, "Engine", lambda: "engine")
        monkeypatch.setattr(settings, "load", load)
        monkeypatch.setattr(running, "backup", backup)
        monkeypatch.setattr(running, "push_wal", push)
        monkeypatch.setattr(verification, "verify", verify)
        monkeypatch.setattr(catalogue, "proof_is_due", lambda _settings: self.due)
        monkeypatch.setattr(restoring, "restore", restore)
        monkeypatch.setattr(restoring, "confirm", lambda _settings: lines("confirm"))
        monkeypatch.setattr(restoring, "undo", lambda *_given: lines("undo"))
        monkeypatch.setattr(restoring, "resume", lambda *_given: lines("resume"))
        monkeypatch.setattr(identity, "bring_back", lambda _settings, source, snapshot, _progress: lines("identity", source, snapshot))
        monkeypatch.setattr(restoring_beside, "files", lambda _settings, *given: lines("files", *given[:-1]))
        monkeypatch.setattr(restoring_beside, "dump", lambda _engine, _settings, *given: lines("dump", *given[:-1]))

    def __call__(self, *words: str) -> int:
        self.did.clear()
        self.said.clear()
        options = parser().parse_args(words, argparse.Namespace(argv=list(words)))
        return backup_verbs.run_verb(options, Output(as_json=getattr(options, "json", False), write=self.said.append))

    @property
    def done(self) -> list[tuple[Any, ...]]:
        """All but the look at the configuration."""
        return [one for one in self.did if one[0] != "load"]


@pytest.fixture
def opsctl(host: Host, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Opsctl:
    return Opsctl(monkeypatch)


# The command line


@pytest.mark.parametrize(
    "words", [["backup"], ["restore"], ["restore", "database"], ["restore", "files"], ["backup", "connect"], ["backup", "rm"]]
)
def test_what_is_not_whole_is_refused_with_its_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parser().parse_args(words)
    assert caught.value.code == 2 and "usage: opsctl" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["backup", "run"], ["backup", "list"], ["restore", "undo"], ["restore", "volume", "x"]])
def test_a_stack_may_be_named_everywhere(words: list[str], opsctl: Opsctl) -> None:
    opsctl.declared = shop()
    opsctl(*words, "--stack", "blog")
    assert opsctl.did[0] == ("load", "blog")
    opsctl(*words)
    assert opsctl.did[0] == ("load", "")


ENGINE = Path(backup_verbs.__file__).parents[1] / "backup"
HINT = re.compile(r"opsctl ((?:backup|restore) [a-z]+)((?: --[a-z-]+)*)")


TOLD = sorted(
    {
        (verb, option)
        for file in ENGINE.glob("*.py")
        for verb, options in HINT.findall(file.read_text())
        for option in options.split() or [""]
    }
)


@pytest.mark.parametrize(("verb", "option"), TOLD)
def test_what_messages_tell_people_to_type_exists(verb: str, option: str) -> None:
    needs = {"restore dump": ["orders"], "restore files": ["/x"]}.get(verb, [])
    parser().parse_args([*verb.split(), *needs, *([option, "x"] if option else [])])


# Backups


@pytest.mark.parametrize(
    ("words", "due", "proven"),
    [([], True, True), (["--no-verify"], True, False), (["--scheduled"], True, True), (["--scheduled"], False, False), ([], False, True)],
)
def test_a_backup_is_proven_unless_told_otherwise(words: list[str], due: bool, proven: bool, opsctl: Opsctl) -> None:
    opsctl.due = due
    assert opsctl("backup", "run", *words) == 0
    assert opsctl.done == [("backup",), *([("verify", "", "")] if proven else [])]


@pytest.mark.parametrize("words", [[], ["--no-verify"]])
def test_a_target_that_failed_is_in_the_exit_status(words: list[str], opsctl: Opsctl) -> None:
    opsctl.outcome.errors["nas"] = "away"
    assert opsctl("backup", "run", *words) == 1


@pytest.mark.parametrize("words", [["run"], ["verify"]])
def test_a_backup_that_cannot_be_restored_is_in_the_exit_status(words: list[str], opsctl: Opsctl) -> None:
    opsctl.verdict.findings.append(Finding("cache", False, "2 keys"))
    assert opsctl("backup", *words) == backup_verbs.NOT_PROVEN
    assert "!!  cache: 2 keys" in opsctl.said[0] and "CANNOT BE RESTORED" in opsctl.said[0]


def test_a_backup_that_no_target_took_is_not_proven(opsctl: Opsctl) -> None:
    opsctl.error = BackupError("no target took the backup")
    with pytest.raises(BackupError, match="no target"):
        opsctl("backup", "run")
    assert opsctl.done == [("backup",)]


def test_what_is_verified_may_be_chosen(opsctl: Opsctl) -> None:
    assert opsctl("backup", "verify", "--target", "nas", "--snapshot", "abc") == 0
    assert opsctl.done == [("verify", "nas", "abc")]


@pytest.mark.parametrize(("errors", "status"), [({}, 0), ({"nas": "away"}, 1)])
def test_a_push_tells_by_its_status(errors: dict[str, str], status: int, opsctl: Opsctl) -> None:
    opsctl.outcome.errors.update(errors)
    assert opsctl("backup", "push") == status and opsctl.done == [("push",)]


def test_the_list_is_for_people_or_for_programs(opsctl: Opsctl, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = {"stack": "shop", "targets": [], "local": NOW}
    asked: list[str] = []

    def collect(_settings: Settings, only: str, plan: str) -> dict[str, Any]:
        asked.append(only + plan)
        return listed

    monkeypatch.setattr(catalogue, "collect", collect)
    assert opsctl("backup", "list", "--target", "nas") == 0
    assert opsctl.said == ["this host: databases to any moment until 2027-01-15 08:00:00"]
    opsctl("backup", "list", "--json")
    assert json.loads(opsctl.said[0]) == listed and asked == ["nas", ""]


# Keys


def test_keys_are_sealed_opened_and_planted(opsctl: Opsctl, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed = [True, False]
    monkeypatch.setattr(escrow, "seal", lambda _settings: sealed.pop(0))
    monkeypatch.setattr(escrow, "bundle", lambda one: {"stack": one.stack})
    assert opsctl("backup", "escrow") == 0 and opsctl.said == [f"{escrow.path('shop')} written"]
    assert opsctl("backup", "escrow") == 0 and opsctl.said == ["unchanged"]
    assert opsctl("backup", "escrow", "--open") == 0 and json.loads(opsctl.said[0]) == {"stack": "shop"}
    planted = [["/a", "/b"], []]
    monkeypatch.setattr(escrow, "plant", lambda text: planted.pop(0) if text == "bundle" else None)
    for wanted in ("/a written\n/b written", "all there already"):
        monkeypatch.setattr(sys, "stdin", io.StringIO("bundle"))
        assert opsctl("backup", "escrow", "--plant") == 0 and opsctl.said == [wanted]


def test_a_database_is_connected_by_the_name_that_barman_has_for_it(opsctl: Opsctl, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    from ansible_collections.latentum.ops.plugins.module_utils.backup import postgres

    opsctl.declared = shop(clusters=(fakes.cluster(host, "main.db"),))
    monkeypatch.setattr(postgres, "Postgres", lambda _engine, _settings, one: one.service)
    monkeypatch.setattr(staging, "connect", lambda server, _say: opsctl.did.append(("connect", server)))
    assert opsctl("backup", "connect", "shop.main.db") == 0
    assert opsctl.did == [("load", "shop"), ("connect", "main.db")]
    with pytest.raises(BackupError, match="'web' is no database of shop"):
        opsctl("backup", "connect", "shop.web")


# Restores


@pytest.mark.parametrize(
    ("words", "request_"),
    [
        (["database", "orders"], Request("database", "orders")),
        (["database", "orders", "--to", "2027-01-15 07:00:00+00", "--yes"], Request("database", "orders", NOW - 3600, confirmed=True)),
        (["cache", "cache", "--from", "nas"], Request("cache", "cache", source="nas")),
        (["volume", "files", "--snapshot", "abc", "--yes"], Request("volume", "files", snapshot="abc", confirmed=True)),
        (["everything", "--from", "local", "--to", "2027-01-15T07:00:00Z"], Request("everything", at=NOW - 3600, source="local")),
    ],
)
def test_a_restore_is_what_was_asked_for(words: list[str], request_: Request, opsctl: Opsctl) -> None:
    assert opsctl("restore", *words) == 0
    assert opsctl.done == [("restore", request_)]
    assert "restored" in opsctl.said[0] and "!!  SELECT 1: 0, at least 1 expected" in opsctl.said[0]


@pytest.mark.parametrize("to", ["2027-01-15 07:00:00", "yesterday", "2027-01-15 09:00:00+00"])
def test_a_moment_that_is_none_restores_nothing(to: str, opsctl: Opsctl) -> None:
    with pytest.raises(BackupError, match="restore_to"):
        opsctl("restore", "database", "orders", "--to", to, "--yes")
    assert opsctl.done == []


def test_without_a_yes_the_status_says_so(opsctl: Opsctl) -> None:
    opsctl.error = Unconfirmed("nothing was changed: say --yes")
    assert opsctl("restore", "everything") == backup_verbs.NOT_CONFIRMED
    assert opsctl.said == ["nothing was changed: say --yes"]


def test_a_restore_that_failed_is_an_error(opsctl: Opsctl) -> None:
    opsctl.error = BackupError("what was there before is in its place again")
    with pytest.raises(BackupError, match="in its place again"):
        opsctl("restore", "everything", "--yes")


@pytest.mark.parametrize(
    ("words", "did"),
    [
        (["confirm"], ("confirm",)),
        (["undo"], ("undo",)),
        (["resume"], ("resume",)),
        (["identity"], ("identity", "", "")),
        (["identity", "--from", "nas", "--snapshot", "abc"], ("identity", "nas", "abc")),
        (["files", "/a", "/b", "--into", "/x", "--from", "nas"], ("files", ("/a", "/b"), "nas", "", "/x")),
        (["dump", "orders", "--table", "sales.lines", "--into", "copy"], ("dump", "orders", "sales.lines", "", "", "copy")),
    ],
)
def test_other_ways_are_what_was_asked_for(words: list[str], did: tuple[Any, ...], opsctl: Opsctl) -> None:
    assert opsctl("restore", *words) == 0 and opsctl.done == [did] and opsctl.said == ["done"]


# Plans


@pytest.fixture
def planned(opsctl: Opsctl, host: Host) -> Opsctl:
    """Databases by one plan, everything else by another; both have run."""
    names = {"database": ("databases",), "files": ("volumes", "host")}
    plans = tuple(Plan(name, "daily", takes, {"daily": 7}) for name, takes in names.items())
    opsctl.declared = shop("offsite", plans=plans)
    for name in names:
        state.note("shop", "plans", name, "backup", at=NOW)
    return opsctl


@pytest.mark.parametrize(
    ("words", "runs"),
    [([], 2), (["--plan", "files"], 1), (["--stack", "shop.files", "--scheduled"], 1), (["--stack", "shop", "--scheduled"], 2)],
)
def test_a_run_is_of_the_plan_that_is_named_or_of_all_that_are_needed(words: list[str], runs: int, planned: Opsctl) -> None:
    assert planned("backup", "run", *words, "--json") == 0
    assert planned.done == [("backup",), ("verify", "", "")] * runs
    said = json.loads(planned.said[0])
    names = ["database", "files"] if runs == 2 else ["files"]
    assert [one["plan"] for one in said["plans"]] == names and said["plans"][0]["proof"]["ok"] is True
    if "--stack" in words:
        assert planned.did[0] == ("load", "shop")


def test_a_timer_of_a_plan_proves_only_what_is_due(planned: Opsctl) -> None:
    planned.due = False
    assert planned("backup", "run", "--scheduled", "--stack", "shop.database") == 0 and planned.done == [("backup",)]


@pytest.mark.parametrize(
    "words",
    [["backup", "run", "--plan", "nightly"], ["backup", "verify", "--plan", "nightly"], ["restore", "everything", "--plan", "nightly"]],
)
def test_an_unknown_plan_is_refused_before_anything_begins(words: list[str], planned: Opsctl) -> None:
    with pytest.raises(BackupError, match="'nightly' is no plan of shop: write one of database, files"):
        planned(*words)
    assert planned.done == []
    planned.declared = shop()
    with pytest.raises(BackupError, match="the backups of shop have no plans"):
        planned(*words)


def test_what_is_young_enough_is_not_made_again(planned: Opsctl, host: Host) -> None:
    state.note("shop", "parts", databases=NOW - 60, volumes=NOW - 7200, host=NOW - 7200)
    assert planned("backup", "run", "--if-older", "1h", "--json") == 0 and len(planned.done) == 2
    assert [one["plan"] for one in json.loads(planned.said[0])["plans"]] == ["files"]
    assert planned("backup", "run", "--if-older", "3h", "--json") == 0 and planned.done == []
    assert json.loads(planned.said[0]) == {"stack": "shop", "age": 7200}


def test_one_plan_that_fails_is_in_the_exit_status(planned: Opsctl) -> None:
    planned.verdict.findings.append(Finding("cache", False, "2 keys"))
    assert planned("backup", "verify") == backup_verbs.NOT_PROVEN
    said = "\n".join(planned.said)
    assert said.count("CANNOT BE RESTORED") == 2 and "plan files: volumes, host" in said


def test_a_restore_may_be_of_one_plan(planned: Opsctl) -> None:
    planned("restore", "everything", "--plan", "files", "--yes")
    assert planned.done[0][1].plan == "files"


def test_keys_are_given_out_as_they_are_and_nothing_else_is(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A vault of the controller once held eight stars in place of each key."""
    monkeypatch.setattr(opsctl_output, "hide", lambda text: text.replace("the-key-itself", "********"))
    Output().secrets({"files": {"key": "the-key-itself"}})
    assert json.loads(capsys.readouterr().out) == {"files": {"key": "the-key-itself"}}
    Output(as_json=True).result({"key": "the-key-itself"}, None)
    assert json.loads(capsys.readouterr().out) == {"key": "********"}
