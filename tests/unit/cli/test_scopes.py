# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls of opsctl within scopes: verb, stack and options are judged before anything is done, and each call is in the audit log."""

from __future__ import annotations

import json
import os
import pwd
import socket
import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.access import break_glass, register
from ansible_collections.latentum.ops.plugins.module_utils.access.operators import EVERY_STACK, Level, Operator, Scope
from ansible_collections.latentum.ops.plugins.module_utils.access.rules import OF_ADMINS, RULES, Reach
from ansible_collections.latentum.ops.plugins.module_utils.cli import audit, errors, gate, main, scoped, stack_choice
from ansible_collections.latentum.ops.plugins.module_utils.release import store

from . import host

READER = Operator("rita", scopes=(Scope(Level.READ),))
OF_SHOP = Operator("ben", scopes=(Scope(Level.READ, ("shop", "blog")), Scope(Level.DEPLOY, ("shop",))))
OF_BLOG = Operator("carl", scopes=(Scope(Level.READ, ("blog",)),))
ADMIN = Operator("anna", scopes=(Scope(Level.ADMIN),))
NOBODY = Operator("nina")
PEOPLE = {person.name: person for person in (READER, OF_SHOP, OF_BLOG, ADMIN, NOBODY)}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host with two stacks."""
    host.point_to(tmp_path, monkeypatch.setattr)
    monkeypatch.setattr(register, "FILE", tmp_path / "operators.json")
    monkeypatch.setattr(break_glass, "FILE", tmp_path / "break_glass.json")
    host.declare(tmp_path, "shop", "api")
    host.declare(tmp_path, "blog", "web")
    return tmp_path


class Journal:
    """What is written to the journal of systemd."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.setblocking(False)

    def lines(self) -> list[dict[str, str]]:
        """The fields of each datagram since the last look."""
        found = []
        while True:
            try:
                found.append(self._fields(self.socket.recv(1 << 16)))
            except BlockingIOError:
                return found

    @staticmethod
    def _fields(raw: bytes) -> dict[str, str]:
        fields = {}
        while raw:
            name, _line, rest = raw.partition(b"\n")
            (length,) = struct.unpack("<Q", rest[:8])
            fields[name.decode()], raw = rest[8 : 8 + length].decode(), rest[9 + length :]
        return fields


@pytest.fixture
def journal(here: Path) -> Iterator[Journal]:
    """The journal of that host."""
    opened = Journal(here / "journal.sock")
    yield opened
    opened.socket.close()


def judged(person: Operator, *words: str) -> str:
    """The stack that the call was pinned to; what it was refused for."""
    options = host.parser().parse_args(words)
    options.argv = list(words)
    try:
        gate.require(person, options, host.parser(), 0.0)
    except gate.Forbidden as error:
        return f"refused: {error}"
    return getattr(options, "stack", None) or ""


# Who, the stack that the call is pinned to (`-` for none, `!` where it is refused), and the call.
MATRIX = """
rita - status
rita - status --all
rita shop status --stack shop
rita shop logs --stack shop -f
rita blog logs --stack blog --archive --host web2
rita - report
rita - access
rita - slo
rita blog releases --stack blog
rita shop tunnel --stack shop db
rita - log-archive list
rita ! deploy --stack shop
rita ! backup run --stack shop
rita ! upstreams sync
rita ! report --html /etc/cron.d/x
rita ! slo --svg /root/.ssh/authorized_keys
rita ! shell --stack shop api
rita ! report --prometheus http://evil.example
rita ! access --acknowledge
rita ! maintenance off
ben shop deploy --stack shop
ben shop deploy --stack shop --confirm production --wait 5
ben ! deploy --stack blog
ben shop deploy
ben shop rollback --stack shop --to abc
ben shop scale --stack shop api=3
ben ! scale --stack blog web=3
ben shop run --stack shop seed
ben ! run --stack shop seed --again
ben ! deploy --stack shop --force
ben ! deploy --stack shop --no-backup
ben ! deploy --stack shop --budget-override now
ben ! deploy --stack shop --security-fix CVE-2026-1
ben shop backup run --stack shop
ben ! backup run --stack shop --no-verify
ben blog backup list --stack blog
ben ! backup run --stack shop --new-repository offsite
ben ! backup escrow --stack shop --open
ben ! restore database --stack shop db
ben ! restore files --stack shop --into /etc /x
ben ! restore undo --stack shop
ben ! remove shop
ben ! remove shop --yes --volumes
ben ! recover --stack shop
ben ! isolate --show
ben ! shell --stack shop api id
ben ! status
ben blog status --stack blog
ben ! status --all
ben shop jobs --stack shop
ben shop jobs log --stack shop seed
ben ! jobs execute --stack shop seed
ben shop deploys --stack shop
ben shop deploys show --stack shop ab12
ben shop approve --stack shop ab12
ben ! approve --stack shop ab12 --link carl
ben ! deploys execute ab12
carl ! approve --stack blog ab12
ben ! watchdog steward
ben ! alert deliver
ben ! upstreams follow
ben ! backup connect shop.db
carl blog status
carl ! status --all
carl blog logs
carl ! logs --stack shop
carl ! logs --archive
carl ! logs --archive --host web2 --stack blog
carl ! logs --stack nothing
carl ! logs --stack ../shop
carl blog releases
carl blog ps
carl ! report
carl ! access
carl ! log-archive list
carl blog check
carl blog incident --since 1h
carl - runbook
carl - version
carl ! rollback
carl ! maintenance list
anna - remove shop --yes
anna shop shell --stack shop api
anna shop deploy --stack shop --force
nina ! version
nina ! runbook
nina ! status
"""
CALLS = [line.split(" ", 2) for line in MATRIX.strip().splitlines()]


@pytest.mark.parametrize(("who", "wanted", "words"), CALLS, ids=[f"{who}: {words}" for who, _wanted, words in CALLS])
def test_the_matrix_of_access(here: Path, who: str, wanted: str, words: str) -> None:
    found = judged(PEOPLE[who], *words.split())
    assert found.startswith("refused: ") if wanted == "!" else found == wanted.replace("-", ""), found


def test_every_verb_has_a_rule_and_every_rule_is_of_a_verb() -> None:
    parsers = dict(_leaves(host.parser()))
    assert set(RULES) == set(parsers)
    for verb, rule in RULES.items():
        known = {action.dest for action in parsers[verb]._actions}
        assert (rule.options | rule.everywhere) - known <= {"json"}, f"{verb}: an option that it has not"
        assert rule.reach not in (Reach.STACK, Reach.STACKS) or "stack" in known, f"{verb}: no stack could be written into it"


def _leaves(parser: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    below = [action for action in parser._actions if type(action).__name__ == "_SubParsersAction"]
    if not below or not below[0].required:
        yield " ".join(words), parser
    for action in below:
        for name, sub in action.choices.items():
            yield from _leaves(sub, (*words, name))


def test_what_reads_or_writes_a_file_or_destroys_is_for_admins() -> None:
    dangerous = {
        "svg",
        "html",
        "markdown_file",
        "into",
        "paths",
        "yes",
        "force",
        "no_backup",
        "volumes",
        "secrets",
        "open",
        "plant",
        "no_verify",
    }
    dangerous |= {"new_repository", "root", "command", "again", "budget_override", "security_fix", "prometheus", "mail", "acknowledge"}
    assert not {verb: found for verb, rule in RULES.items() if (found := (rule.options | rule.everywhere) & dangerous)}
    assert gate.rule_of("a verb of tomorrow") is OF_ADMINS


def test_what_was_judged_is_what_is_done(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that becomes another one between the look and the deed."""
    monkeypatch.chdir(host.declare(here, "shop", "api"))
    options = host.parser().parse_args(["releases"])
    options.argv = ["releases"]
    gate.require(OF_SHOP, options, host.parser(), 0.0)
    monkeypatch.chdir(host.declare(here, "blog", "web"))
    assert stack_choice.chosen(options.stack, options.argv) == "shop"


def test_no_names_are_learned_by_asking(here: Path) -> None:
    for name in ("shop", "nothing"):
        assert judged(OF_BLOG, "logs", "--stack", name) == f"refused: logs of {name} needs scope read on it; carl has read on blog"
    with pytest.raises(ValueError, match="there is no stack 'blgo'"):
        judged(READER, "logs", "--stack", "blgo")


@pytest.mark.parametrize(
    ("image", "permitted"),
    [
        ("api=registry.example.com/shop/api:2", True),
        ("api=registry.example.com/shop/api@sha256:aa", True),
        ("api=registry.example.com/evil/api:2", False),
        ("api=evil.example/shop/api:2", False),
        ("api=alpine", False),
        ("cache=docker.io/library/redis:8", True),
        ("cache=redis", True),
        ("cache=redislabs/redis:8", False),
    ],
)
def test_who_deploys_brings_versions_and_no_other_programs(
    here: Path, monkeypatch: pytest.MonkeyPatch, image: str, permitted: bool
) -> None:
    images = {"api": "registry.example.com/shop/api@sha256:00", "cache": "redis:7@sha256:11"}
    monkeypatch.setattr(store, "Store", lambda _stack: SimpleNamespace(live=lambda: SimpleNamespace(images=images)))
    found = judged(OF_SHOP, "deploy", "--stack", "shop", "--image", image)
    assert (found == "shop") is permitted and ("is another program" in found) is not permitted


def test_an_operator_who_has_expired_may_nothing(here: Path) -> None:
    options = host.parser().parse_args(["version"])
    with pytest.raises(gate.Forbidden, match="anna is no operator of this host any more"):
        gate.require(replace(ADMIN, expires=10.0), options, host.parser(), 10.0)


def run(person: Operator | None, monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["opsctl", *words])
    return main.main(person)


def told(journal: Journal) -> list[tuple[str, ...]]:
    names = ("OPSCTL_PERSON", "OPSCTL_VERB", "OPSCTL_STACK", "OPSCTL_ARGUMENTS", "OPSCTL_RESULT")
    return [tuple(line[name] for name in names) for line in journal.lines()]


def test_each_call_is_in_the_audit_log(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(OF_SHOP, monkeypatch, "releases", "--stack", "shop", "--json") == 0
    assert told(journal) == [("ben", "releases", "shop", "", "begun"), ("ben", "releases", "shop", "", "exit 0")]
    assert run(OF_SHOP, monkeypatch, "deploy", "--stack", "shop", "--wait", "5") == 1
    last = told(journal)[-1]
    assert last[:4] == ("ben", "deploy", "shop", "wait=5.0") and last[4].startswith("failed: shop has no live release yet")


def test_a_refusal_is_told_and_written_down(journal: Journal, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(OF_SHOP, monkeypatch, "remove", "shop", "--yes", "--json") == errors.FORBIDDEN
    shown = capsys.readouterr()
    assert json.loads(shown.out)["error"]["kind"] == "forbidden" and shown.err == "opsctl: remove needs scope admin; ben has" + (
        " read on shop, blog and deploy on shop\n"
    )
    assert told(journal) == [
        ("ben", "remove", "shop", "name=shop yes", "refused: remove needs scope admin; ben has read on shop, blog and deploy on shop")
    ]


def test_without_its_line_nothing_is_done(here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(main, "run_verb", lambda *_given: pytest.fail("carried out"))
    assert run(OF_SHOP, monkeypatch, "releases", "--stack", "shop") == 2
    assert "releases was not begun, since the audit log does not take it" in capsys.readouterr().err


def test_an_end_that_nobody_foresaw_is_written_down(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_given: Any) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(main, "run_verb", fails)
    with pytest.raises(ZeroDivisionError):
        run(OF_SHOP, monkeypatch, "releases", "--stack", "shop")
    assert told(journal)[-1][-1] == "died"


def test_root_and_units_are_not_asked_and_what_they_change_is_written_down(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SUDO_UID", raising=False)
    monkeypatch.setattr(audit, "login", lambda: None)
    monkeypatch.setattr(main, "run_verb", lambda *_given: 0)
    assert run(None, monkeypatch, "status") == 0 and run(None, monkeypatch, "backup", "push", "--stack", "shop") == 0
    assert told(journal) == []
    assert run(None, monkeypatch, "remove", "shop", "--yes") == 0
    assert [line[0] for line in told(journal)] == ["", ""]
    monkeypatch.setenv("SUDO_UID", str(pwd.getpwnam("daemon").pw_uid))
    assert run(None, monkeypatch, "status") == 0
    assert [line[:2] for line in told(journal)] == [("daemon", "status")] * 2, "a person's calls are all written down"


def test_secrets_are_not_in_the_audit_log(journal: Journal, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "run_verb", lambda *_given: 0)
    run(ADMIN, monkeypatch, "shell", "--stack", "shop", "api", "psql", "postgres://u:hunter2secret@db/x")
    assert "hunter2secret" not in str(journal.lines())


# -- the entry of sudo ---------------------------------------------------------------------------------------------------


@pytest.fixture
def known(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    daemon = Operator("daemon", scopes=(Scope(Level.READ, ("blog",)),))
    (here / "operators.json").write_text(register.Register((daemon,)).text())
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return here


def test_who_calls_is_who_sudo_says(known: Path) -> None:
    number = str(pwd.getpwnam("daemon").pw_uid)
    assert scoped.caller({"SUDO_UID": number, "SUDO_USER": "anna"}).name == "daemon"
    for wrong in ({}, {"SUDO_UID": ""}, {"SUDO_UID": "x"}, {"SUDO_USER": "daemon"}):
        with pytest.raises(gate.Forbidden, match="write sudo opsctl"):
            scoped.caller(wrong)
    with pytest.raises(gate.Forbidden, match="root is no operator of this host"):
        scoped.caller({"SUDO_UID": "0"})
    with pytest.raises(gate.Forbidden, match="uid 4242424 is no account"):
        scoped.caller({"SUDO_UID": "4242424"})


@pytest.mark.parametrize("text", [None, "{", '{"operators": []}'])
def test_without_a_file_of_operators_nobody_may_anything(
    known: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str | None
) -> None:
    monkeypatch.setattr(main, "main", lambda *_given: pytest.fail("let through"))
    monkeypatch.setenv("SUDO_UID", str(pwd.getpwnam("daemon").pw_uid))
    (known / "operators.json").unlink() if text is None else (known / "operators.json").write_text(text)
    assert scoped.main() == errors.FORBIDDEN
    assert capsys.readouterr().err.startswith("opsctl: ")


def test_nothing_of_the_caller_reaches_programs() -> None:
    hostile = {"PYTHONPATH": "/tmp", "DOCKER_HOST": "tcp://evil", "LATENTUM_OPS_WHO": "x", "PATH": "/tmp", "HOME": "/tmp", "TERM": "xterm"}
    assert scoped.environment(hostile) == {
        **{"PATH": scoped.PATH, "HOME": "/root", "USER": "root", "LOGNAME": "root", "SHELL": "/bin/sh"},
        "TERM": "xterm",
    }


# -- who may do what -----------------------------------------------------------------------------------------------------


def test_the_table(known: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(READER, monkeypatch, "access", "--json") == 2, "no journal here"
    monkeypatch.setattr(audit, "note", lambda *_what, **_fields: "")
    capsys.readouterr()
    assert run(READER, monkeypatch, "access", "--json") == 0
    assert json.loads(capsys.readouterr().out)["operators"][0]["scopes"] == {"read": ["blog"], "deploy": [], "admin": []}
    assert run(READER, monkeypatch, "access", "--markdown") == 0
    assert "| daemon | blog | - | - |" in capsys.readouterr().out


def test_a_use_of_the_account_for_emergencies_is_acknowledged(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    break_glass.note({"PAM_USER": "glass", "PAM_RHOST": "192.0.2.1", "PAM_SERVICE": "sshd"}, 5.0)
    monkeypatch.setattr(audit, "note", lambda *_what, **_fields: "")
    assert run(ADMIN, monkeypatch, "access", "--acknowledge") == 0
    assert break_glass.load() is None


def test_everywhere_is_one_word() -> None:
    assert EVERY_STACK == "*" and not Operator("x", scopes=(Scope(Level.READ, ("shop",)),)).permits(Level.READ, EVERY_STACK)
