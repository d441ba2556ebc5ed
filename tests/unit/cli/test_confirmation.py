# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Protected production: which verbs ask, what they take for an answer, and that units of the host are not stopped."""

from __future__ import annotations

import argparse
import io
import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.cli import confirmation, main
from ansible_collections.latentum.ops.plugins.module_utils.maintenance.protection import NotConfirmed

from . import host

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    host.point_to(tmp_path, monkeypatch.setattr)
    monkeypatch.chdir("/")
    host.declare(tmp_path, "shop", "web")
    host.protect(tmp_path)
    return tmp_path


def options(*words: str) -> argparse.Namespace:
    return host.parser().parse_args(words)


ASKED = [
    ["remove", "shop", "--yes"], ["recover", "--yes", "rollback"], ["recover", "--yes", "restore"],
    ["deploy"], ["deploy", "--image", "web=r/web:2"], ["rollback"], ["rollback", "--to", "ab"], ["scale", "web=2"],
    ["backup", "run", "--new-repository", "offsite"], ["run", "seed", "--again"], ["approve", "ab12"],
    ["restore", "database", "x", "--yes"], ["restore", "cache", "x", "--yes"], ["restore", "volume", "x", "--yes"],
    ["rotate", "key"], ["rotate", "--all"], ["rotate", "--due"],
    ["restore", "everything", "--yes"], ["restore", "identity"], ["restore", "undo"], ["restore", "confirm"],
]  # fmt: skip
FREE = [
    ["remove", "shop"], ["check"], ["runbook"], ["isolate"], ["incident"], ["recover"], ["recover", "--yes", "restart"],
    ["deploy", "--dry-run"], ["rollback", "--dry-run"], ["scale", "web=2", "--dry-run"], ["releases"], ["models"], ["history"], ["status"],
    ["health"], ["version"], ["incidents"], ["ps"], ["logs"], ["shell", "web"], ["tunnel", "db"], ["slo"], ["report"], ["report", "--mail"],
    ["access"], ["patches"], ["egress", "show"], ["egress", "refresh"], ["whatruns"],
    ["deploys", "show", "ab12"], ["deploys", "execute", "ab12"], ["approve", "ab12", "--link", "bob"],
    ["upstreams", "show"], ["upstreams", "sync"], ["upstreams", "follow"],
    ["backup", "run"], ["backup", "run", "--scheduled"], ["backup", "list"], ["backup", "verify"], ["backup", "push"], ["backup", "check"],
    ["backup", "escrow"], ["backup", "escrow", "--plant"], ["backup", "connect", "shop.db"],
    ["restore", "database", "x"], ["restore", "everything"], ["restore", "files", "/x"], ["restore", "dump", "x"], ["restore", "resume"],
    ["maintenance", "on", "--reason", "x", "--for", "1h"], ["maintenance", "off"], ["maintenance", "list"],
    ["run", "seed"], ["run", "seed", "--wait"], ["jobs", "log", "seed"], ["jobs", "execute", "seed"],
    ["log-archive", "list"], ["log-archive", "verify"], ["confinement"],
    ["rotate"], ["rotate", "key", "--dry-run"], ["rotate", "--finish"], ["rotate", "--finish", "--now"], ["rotate", "--repair"],
    ["alert", "test"], ["alert", "deliver"], ["watchdog", "steward"], ["watchdog", "check"],
]  # fmt: skip


@pytest.mark.parametrize("words", ASKED, ids=" ".join)
def test_what_deploys_or_destroys_wants_the_name(words: list[str]) -> None:
    with pytest.raises(NotConfirmed, match="protected environment production: nothing was changed; write --confirm production"):
        confirmation.require(options(*words), "shop", lambda _what, _name: "")
    for wrong in ("staging", "Production", "y", "yes"):
        with pytest.raises(NotConfirmed, match="this host belongs to production"):
            confirmation.require(options(*words, "--confirm", wrong), "shop")
    confirmation.require(options(*words, "--confirm", "production"), "shop")


@pytest.mark.parametrize("words", FREE, ids=" ".join)
def test_other_verbs_never_ask(words: list[str]) -> None:
    confirmation.require(options(*words), "shop", lambda _what, _name: pytest.fail("asked"))


def test_every_verb_is_in_one_of_the_lists() -> None:
    def leaves(parser: argparse.ArgumentParser, words: tuple[str, ...] = ()) -> Iterator[str]:
        below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
        for action in below:
            for name, sub in action.choices.items():
                yield from leaves(sub, (*words, name))
        if not below:
            yield " ".join(words)

    of_two = ("backup", "restore", "upstreams", "maintenance", "alert", "watchdog", "jobs", "deploys", "log-archive", "egress")
    listed = {" ".join(words[: 2 if words[0] in of_two else 1]) for words in [*ASKED, *FREE]}
    assert set(leaves(main.parser())) == listed | {"completion"}


def test_the_table_of_the_documentation_is_this_one() -> None:
    page = (ROOT / "docs/reference/opsctl.md").read_text()
    table = page.partition("## Protected production")[2].partition("\n## ")[0]
    asked = {verb for row in re.findall(r"^\| (`.*) \|.*$", table, re.MULTILINE) for verb in re.findall(r"`opsctl ([a-z ]+)", row)}
    assert {verb.strip() for verb in asked} == set(confirmation.GUARDED)


def test_a_host_that_is_not_protected_compares_what_is_given(root: Path) -> None:
    host.protect(root, "staging", protected=False)
    confirmation.require(options("deploy"), "shop")
    with pytest.raises(NotConfirmed, match="confirmed for 'production', and this host belongs to staging"):
        confirmation.require(options("deploy", "--confirm", "production"), "shop")
    with pytest.raises(NotConfirmed):
        confirmation.require(options("deploy", "--dry-run", "--confirm", "production"), "shop")


def test_the_units_of_this_host_run_no_verb_that_asks() -> None:
    """They need no way around the question: nothing that an environment variable says would be one."""
    units = [*ROOT.glob("roles/*/templates/etc/systemd/system/*"), ROOT / "plugins/module_utils/watchdog/alerting/notices.py"]
    texts = [file.read_text() for file in units if file.is_file()]
    commands = {words.strip() for text in texts for words in re.findall(r"sbin/opsctl((?: [a-z]+)+(?: --[a-z-]+)*)", text)}
    assert len(commands) >= 4
    for words in commands:
        given = [word for word in words.split() if word != "--stack"] + (["shop.db"] if words.endswith("connect") else [])
        given += ["3f2a90c1"] if words.endswith("execute") else []
        confirmation.require(options(*given), "shop", lambda _what, _name: pytest.fail("asked"))


def test_an_answer_through_a_pipe_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("production\n"))
    with pytest.raises(NotConfirmed):
        confirmation.require(options("deploy"), "shop")


def test_a_refusal_is_a_status_and_an_object(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)  # as a daemon has it
    assert host.run(["deploy", "--json"]) == 3
    answer = capsys.readouterr()
    error = json.loads(answer.out)["error"]
    assert (error["kind"], error["status"], error["expected"]) == ("not_confirmed", 3, "production")
    assert answer.err == f"opsctl: {error['message']}\n"


def test_a_damaged_file_refuses(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "etc/environment.json").write_text("production")
    assert host.run(["deploy", "--confirm", "production"]) == 2
    assert "environment.json is damaged" in capsys.readouterr().err


@pytest.mark.parametrize(("typed", "passes"), [("production\n", True), ("staging\n", False), ("\n", False), ("\x04", False)])
def test_whoever_sits_at_the_terminal_is_asked(root: Path, typed: str, passes: bool) -> None:
    """opsctl on a terminal of its own; after the question it finds no release, which is another error than the refusal."""
    master, slave = pty.openpty()
    process = subprocess.Popen(host.command("deploy"), stdin=slave, stdout=slave, stderr=slave, env=host.environment(root), cwd="/")
    os.close(slave)
    output = b""
    answered = False
    deadline = time.monotonic() + 900
    while time.monotonic() < deadline:
        if select.select([master], [], [], 0.2)[0]:
            try:
                output += os.read(master, 65536)
            except OSError:
                break
        if not answered and b"Write its name to go on: " in output:
            os.write(master, typed.encode())
            answered = True
        if process.poll() is not None and not select.select([master], [], [], 0)[0]:
            break
    os.close(master)
    assert process.wait(900) == (1 if passes else 3), output
    assert b"deploy of shop: this host belongs to the protected environment production." in output
    assert (b"no live release" in output) is passes and (b"nothing was changed" in output) is not passes


@pytest.mark.parametrize(
    ("answer", "guarded", "agreed"),
    [("y", False, True), ("yes", False, True), ("", False, False), ("n", False, False), ("production", True, True), ("", True, False)],
)
def test_a_step_is_agreed_to_by_a_person_and_a_guarded_one_by_the_name(answer: str, guarded: bool, agreed: bool) -> None:
    assert confirmation.agreed("rollback of shop", guarded=guarded, ask=lambda _question: answer) is agreed


def test_yes_is_no_name_of_an_environment() -> None:
    with pytest.raises(NotConfirmed):
        confirmation.agreed("rollback of shop", guarded=True, ask=lambda _question: "yes")


def test_nobody_agrees_where_nobody_sits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert not confirmation.agreed("restart of shop", guarded=False)
