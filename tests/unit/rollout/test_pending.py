# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that is killed between the files and the reload: nginx must get them from the next one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError, Result
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig import transaction
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.entries import Entry
from ansible_collections.latentum.ops.plugins.module_utils.nginx import sync as upstreams


class Killed(BaseException):
    """SIGKILL, as far as a test can be killed."""


class Nginx:
    """What is asked of it, and when somebody is killed."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.killed_at = ""
        self.refuses = False

    def __call__(self, argv: Sequence[str], **_more: object) -> Result:
        command = " ".join(argv)
        self.asked.append(command)
        if self.killed_at and self.killed_at in command:
            raise Killed
        if self.refuses and "is-active" not in command:
            raise CommandError(Result(tuple(argv), 1, "", "emerg"), "failed")
        return Result(tuple(argv), 0, "", "")

    @property
    def reloads(self) -> int:
        return sum("reload" in one for one in self.asked)


@pytest.fixture
def nginx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Nginx:
    played = Nginx()
    for module in (transaction, upstreams):
        monkeypatch.setattr(module, "run", played)
    monkeypatch.setattr(upstreams, "PENDING", tmp_path / "pending")
    monkeypatch.setattr(upstreams, "one_writer", lambda: (tmp_path / "lock").open("w"))
    state = tmp_path.stat()
    entry = Entry(path=tmp_path / "api.conf", content=b"server 10.0.0.2:80;", uid=state.st_uid, gid=state.st_gid)
    monkeypatch.setattr(upstreams, "plan", lambda *_given: [entry])
    return played


def test_files_that_are_right_are_not_reloaded_again(nginx: Nginx) -> None:
    assert upstreams.sync(None, []).reloaded
    assert not upstreams.sync(None, []).reloaded
    assert nginx.reloads == 1


@pytest.mark.parametrize("moment", ["nginx -t", "reload"])
def test_a_killed_run_leaves_the_reload_to_the_next(nginx: Nginx, moment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    nginx.killed_at = moment
    # Who is killed takes nothing back.
    monkeypatch.setattr(transaction, "_take_back", lambda _written: [])
    with pytest.raises(Killed):
        upstreams.sync(None, [])
    nginx.killed_at, nginx.asked = "", []
    assert upstreams.sync(None, []).reloaded
    assert nginx.reloads == 1
    assert not upstreams.sync(None, []).reloaded


def test_what_nginx_refuses_stays_pending(nginx: Nginx) -> None:
    upstreams.sync(None, [], reload=False)
    nginx.refuses = True
    with pytest.raises(upstreams.ConfigSetError, match="does not take over"):
        upstreams.sync(None, [])
    nginx.refuses = False
    assert upstreams.sync(None, []).reloaded


def test_a_check_reloads_nothing(nginx: Nginx) -> None:
    assert upstreams.sync(None, [], check_mode=True).changes
    assert not nginx.asked
