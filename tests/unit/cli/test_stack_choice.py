# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which stack is meant, and what the parser suggests."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.cli import stack_choice
from ansible_collections.latentum.ops.plugins.module_utils.cli.stack_choice import StackNeeded

from . import host


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    host.point_to(tmp_path, monkeypatch.setattr)
    monkeypatch.chdir("/")
    return tmp_path


def chosen(named: str | None = None, argv: tuple[str, ...] = ("releases",)) -> str:
    return stack_choice.chosen(named, argv)


def test_the_only_stack_needs_no_name(root: Path) -> None:
    host.declare(root, "shop", "web")
    assert chosen() == "shop" and stack_choice.selected(None) == ["shop"]


def test_none_is_none(root: Path) -> None:
    with pytest.raises(ValueError, match=r"no stack is described on this host: run playbooks/site\.yml"):
        chosen()
    with pytest.raises(ValueError, match="no stack is described"):
        chosen("shop")


@pytest.mark.parametrize(
    ("argv", "commands"),
    [
        (["releases"], ["opsctl releases --stack blog", "opsctl releases --stack shop"]),
        (["deploy", "--image", "api=r/api:2"], ["opsctl deploy --stack blog --image api=r/api:2"]),
        (["restore", "database", "x"], ["opsctl restore database --stack blog x"]),
        (["shell", "web", "sh", "-c", "echo $HOME"], ["opsctl shell --stack blog web sh -c 'echo $HOME'"]),
    ],
)
def test_of_several_the_error_has_the_commands_to_type(root: Path, argv: list[str], commands: list[str]) -> None:
    host.declare(root, "shop", "web")
    host.declare(root, "blog", "web")
    with pytest.raises(StackNeeded) as needed:
        stack_choice.chosen(None, argv)
    assert needed.value.names == ["blog", "shop"]
    lines = [line.strip() for line in str(needed.value).splitlines()]
    assert set(commands) <= set(lines)
    for line in lines[1:]:
        options = host.parser().parse_args(shlex.split(line)[1:])
        assert options.stack in ("blog", "shop")


@pytest.mark.parametrize(
    ("folder", "stack"),
    [
        ("opt/shop", "shop"),
        ("opt/shop/data/files", "shop"),
        ("opt/shop2", "shop2"),  # a name that begins as another one does
        ("opt/shop2/data", "shop2"),
        ("opt/shop/inner", "inner"),  # a stack within the folder of another one
        ("opt/shop/inner/x", "inner"),
        ("opt", None),
        ("opt/sho", None),
        ("opt/shop-old", None),
    ],
)
def test_the_folder_names_the_stack(root: Path, monkeypatch: pytest.MonkeyPatch, folder: str, stack: str | None) -> None:
    host.declare(root, "shop", "web")
    host.declare(root, "shop2", "web")
    host.declare(root, "inner", "web", directory=root / "opt/shop/inner")
    place = root / folder
    place.mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(place)
    if stack:
        assert chosen() == stack and stack_choice.selected(None) == [stack]
    else:
        with pytest.raises(StackNeeded):
            chosen()
        assert stack_choice.selected(None) == ["inner", "shop", "shop2"]


def test_a_link_leads_to_the_folder_and_a_name_goes_before_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = host.declare(root, "shop", "web")
    host.declare(root, "blog", "web")
    (root / "here").symlink_to(place)
    monkeypatch.chdir(root / "here")
    assert chosen() == "shop" and chosen("blog") == "blog"


def test_a_folder_that_somebody_has_removed_is_none(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host.declare(root, "shop", "web")
    host.declare(root, "blog", "web")
    gone = root / "opt/shop/gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(StackNeeded):
        chosen()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("shopp", "there is no stack 'shopp': did you mean shop?"),
        ("SHOP", "did you mean shop?"),
        ("zz", "there is no stack 'zz': write one of blog, shop"),
    ],
)
def test_an_unknown_name_gets_the_nearest(root: Path, name: str, message: str) -> None:
    host.declare(root, "shop", "web")
    host.declare(root, "blog", "web")
    with pytest.raises(ValueError, match=message.replace("?", r"\?")):
        chosen(name)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["stauts"], "did you mean status?"),
        (["restore", "databse", "x"], "did you mean database?"),
        (["completion", "bsh"], "did you mean bash?"),
        (["qqqqqq"], "choose from"),
    ],
)
def test_an_unknown_verb_gets_the_nearest(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    for more in ([], ["--json"]):
        with pytest.raises(SystemExit) as left:
            host.run([*words, *more])
        answer = capsys.readouterr()
        assert left.value.code == 2 and message in answer.err
        if more:
            error = json.loads(answer.out)["error"]
            assert (error["kind"], error["status"]) == ("usage", 2) and message in error["message"]
        else:
            assert answer.out == ""


VERBS = {
    "status": [], "health": [], "releases": [], "history": [], "deploy": [], "rollback": [], "scale": ["web=2"], "incidents": [],
    "upstreams show": [], "alert test": [], "maintenance on": ["--reason", "x", "--for", "1h"], "maintenance off": [],
    "backup run": [], "backup list": [], "backup verify": [], "backup push": [], "backup escrow": [], "backup check": [],
    "restore database": ["x"], "restore cache": ["x"], "restore volume": ["x"], "restore everything": [], "restore files": ["/x"],
    "restore dump": ["x"], "restore identity": [], "restore resume": [], "restore undo": [], "restore confirm": [],
    "ps": [], "logs": [], "tunnel": ["db"], "slo": [],
}  # fmt: skip


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_takes_a_stack_and_answers_in_json(verb: str) -> None:
    options = host.parser().parse_args([*verb.split(), *VERBS[verb], "--stack", "shop", "--json"])
    assert options.stack == "shop" and options.json


@pytest.mark.parametrize("verb", ["version", "upstreams sync", "watchdog check", "maintenance list"])
def test_verbs_of_the_host_answer_in_json(verb: str) -> None:
    assert host.parser().parse_args([*verb.split(), "--json"]).json
