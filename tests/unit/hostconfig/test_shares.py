# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stacks of other runs have a part in stays, what a stack declares no more goes, and runs come one after the other."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core.versioned_json import NewerState
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig import revert_timer, shares, transaction
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.entries import Entry, EntryError, parse_entries
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.sections import sections, shared, without
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.transaction import ConfigSet, ConfigSetError, apply

from .conftest import raw

pytestmark = pytest.mark.usefixtures("systemd", "stacks")
BASE = "# managed\n[DEFAULT]\nusedns = no\n\n[sshd]\nenabled = true\n"
SCANNERS = ("nginx-botsearch", "nginx-bad-request")
LIMIT = "nginx-limit-req"


def jail(name: str, retries: int = 20) -> str:
    return f"\n[{name}]\nenabled = true\nmaxretry = {retries}\n"


class Run:
    """Runs of role fail2ban with the stacks of an inventory."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "jail.local"

    def content(self, stacks: dict[str, tuple[str, ...]]) -> str:
        names = dict.fromkeys(name for jails in stacks.values() for name in jails)
        return BASE + "".join(jail(name) for name in names)

    def __call__(self, check: bool = False, **stacks: tuple[str, ...]) -> list[str]:
        """The changed paths."""
        entries = parse_entries([raw(self.file, content=self.content(stacks))])
        made, recorded = shared("fail2ban", entries, {str(self.file): stacks})
        return apply(ConfigSet("fail2ban", made, journal=True, recorded=recorded), check_mode=check).paths

    @property
    def jails(self) -> list[str]:
        return [name for name in sections(self.file.read_text()) if name.startswith("nginx")]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def test_a_single_stack_writes_what_it_wrote_before(run: Run) -> None:
    assert run(shop=SCANNERS) == [str(run.file)]
    assert run.file.read_text() == run.content({"shop": SCANNERS})
    assert run(shop=SCANNERS) == []


def test_two_inventories_leave_each_other_alone(run: Run) -> None:
    run(shop=SCANNERS)
    assert run(blog=(*SCANNERS, LIMIT)) == [str(run.file)]
    assert run.jails == [*SCANNERS, LIMIT]
    assert run(shop=SCANNERS) == [] == run(blog=(*SCANNERS, LIMIT))
    assert run.jails == [*SCANNERS, LIMIT]


def test_another_order_is_nothing_to_change(run: Run, stacks: Path) -> None:
    """A run that knows one stack writes the sections of others behind its own; one that knows both, in the order of the role."""
    run(shop=(LIMIT,), blog=SCANNERS)
    assert run.jails == [LIMIT, *SCANNERS]
    assert run(blog=SCANNERS) == [] == run(shop=(LIMIT,)) == run(blog=SCANNERS, shop=(LIMIT,))
    (stacks / "stacks" / "books.json").write_text("{}")
    assert run(books=("nginx-http-auth",)) == [str(run.file)]
    entries, recorded, names = without("fail2ban", "books")
    apply(ConfigSet("fail2ban", entries, journal=True, recorded=recorded))
    assert names == ["nginx-http-auth"] and run(shop=(LIMIT,), blog=SCANNERS) == []


def test_what_a_stack_declares_no_more_goes_and_what_another_needs_stays(run: Run) -> None:
    run(shop=(*SCANNERS, LIMIT), blog=(*SCANNERS, LIMIT))
    assert run(shop=SCANNERS) == [], "blog needs it"
    assert run.jails == [*SCANNERS, LIMIT]
    assert run(blog=SCANNERS) == [str(run.file)]
    assert run.jails == list(SCANNERS)
    run(shop=())
    assert run.jails == list(SCANNERS), "blog has them"
    run(blog=())
    assert run.jails == []


def test_a_host_from_before_shares_is_adopted_without_a_change(run: Run, stacks: Path) -> None:
    run.file.write_text(run.content({"shop": (*SCANNERS, LIMIT)}))
    run.file.chmod(0o644)
    (stacks / "stacks" / "shop.json").write_text("{}")
    assert run(shop=(*SCANNERS, LIMIT)) == []
    assert set(shares.recorded("fail2ban")) == {"shop"}


def test_a_run_of_another_stack_adopts_what_it_finds(run: Run, stacks: Path) -> None:
    run.file.write_text(run.content({"shop": (*SCANNERS, LIMIT)}))
    (stacks / "stacks" / "shop.json").write_text("{}")
    run(blog=SCANNERS)
    assert run.jails == [*SCANNERS, LIMIT]
    assert list(shares.recorded("fail2ban")["shop"]["sections"][str(run.file)]) == [LIMIT]
    run(shop=SCANNERS)  # its own word counts from now on
    assert run.jails == list(SCANNERS)


def test_without_stacks_on_the_host_nothing_is_adopted(run: Run) -> None:
    run.file.write_text(run.content({"x": (LIMIT,)}))
    run(blog=SCANNERS)
    assert run.jails == list(SCANNERS)


def test_a_host_that_only_leads_to_a_stack_has_it(run: Run, stacks: Path) -> None:
    (stacks / "upstreams").mkdir()
    for name in ("shop.json", "shop.kept.json", "none.json"):
        (stacks / "upstreams" / name).write_text("[]")
    assert shares.on_host() == {"shop"} and shares.unrecorded("fail2ban", ["blog"]) == ["shop"]


def test_a_check_changes_nothing(run: Run, stacks: Path) -> None:
    assert run(check=True, shop=SCANNERS) == [str(run.file)]
    assert not run.file.exists() and not (stacks / "shares").exists()


def test_a_refused_set_takes_its_shares_back(run: Run) -> None:
    run(shop=SCANNERS)
    before = {path: path.read_text() for path in (run.file, shares.path_of("shop", "fail2ban"))}
    entries = parse_entries([raw(run.file, content=run.content({"shop": (LIMIT,)}))])
    made, recorded = shared("fail2ban", entries, {str(run.file): {"shop": [LIMIT]}})
    with pytest.raises(ConfigSetError):
        apply(ConfigSet("fail2ban", made, validate=[["false"]], journal=True, recorded=recorded))
    assert {path: path.read_text() for path in before} == before


def test_shares_are_files_that_say_their_format(run: Run, stacks: Path) -> None:
    run(shop=SCANNERS)
    file = shares.path_of("shop", "fail2ban")
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert (stacks / "shares/.format").read_text().strip().isdigit()
    (stacks / "shares/.format").write_text("999\n")
    with pytest.raises(NewerState, match="newer engine"):
        run(shop=SCANNERS)


def test_a_damaged_share_is_named(run: Run) -> None:
    run(shop=SCANNERS, blog=SCANNERS)
    shares.path_of("shop", "fail2ban").write_text("{")
    with pytest.raises(ValueError, match=r"shop\.fail2ban\.json is damaged"):
        run(blog=SCANNERS)
    assert run(shop=SCANNERS) == []  # whose it is may write it anew


def test_the_whole_file_is_not_one_section() -> None:
    assert sections(BASE) == {"DEFAULT": "[DEFAULT]\nusedns = no\n", "sshd": "[sshd]\nenabled = true\n"}
    assert sections("") == sections("# nothing\n") == {}


def test_a_file_that_is_not_of_the_set_is_refused(run: Run) -> None:
    with pytest.raises(EntryError, match=r"not a file of this set: write one of .*jail.local"):
        shared("fail2ban", parse_entries([raw(run.file, content=BASE)]), {"/etc/other": {"shop": ["sshd"]}})


def test_a_jail_that_the_operator_left_out_is_no_part_of_the_share(run: Run) -> None:
    _made, recorded = shared("fail2ban", parse_entries([raw(run.file, content=BASE)]), {str(run.file): {"shop": ["sshd", LIMIT]}})
    assert list(json.loads(recorded[-1].content)["sections"][str(run.file)]) == ["sshd"]


def test_files_of_others_are_not_purged(tmp_path: Path) -> None:
    folder = tmp_path / "sites.d"
    folder.mkdir()
    for name in ("shop.conf", "blog.conf", "old.conf"):
        (folder / name).write_text("")
    purge = [{"directory": str(folder), "pattern": "*.conf"}]
    entries = parse_entries([raw(folder / "shop.conf", content="")])
    wanted = ConfigSet("nginx", entries, purge=purge, kept={folder / "blog.conf"}, journal=True)
    assert apply(wanted).paths == [str(folder / "old.conf")]
    assert sorted(path.name for path in folder.iterdir()) == ["blog.conf", "shop.conf"]


def test_two_runs_on_one_set_come_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the lock the second takes what the first keeps for a killed run's, and takes it back in the middle."""
    begun, go_on = threading.Event(), threading.Event()
    original, validated = transaction.run, []

    def slow(argv: Any, **options: Any) -> Any:
        if argv[-1] == "slow":
            begun.set()
            assert go_on.wait(10)
        validated.append(argv[-1])
        return original(argv, **options)

    monkeypatch.setattr(transaction, "run", slow)
    paths = [tmp_path / "a", tmp_path / "b"]

    def change(path: Path, command: str) -> None:
        apply(ConfigSet("both", parse_entries([raw(path, content="x")]), validate=[["true", command]], journal=True))

    first = threading.Thread(target=change, args=(paths[0], "slow"))
    second = threading.Thread(target=change, args=(paths[1], "quick"))
    first.start()
    assert begun.wait(10)
    second.start()
    second.join(0.3)
    assert second.is_alive() and paths[0].exists() and not paths[1].exists()
    go_on.set()
    for thread in (first, second):
        thread.join(10)
    assert validated == ["slow", "quick"] and all(path.exists() for path in paths)


def test_a_change_that_another_run_is_about_to_confirm_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = iter([True, True, False])
    monkeypatch.setattr(revert_timer, "armed", lambda _name: next(seen))
    monkeypatch.setattr(revert_timer, "PATIENCE", 10.0)
    assert revert_timer.await_confirmation("firewall")
    monkeypatch.setattr(revert_timer, "armed", lambda _name: True)
    monkeypatch.setattr(revert_timer, "PATIENCE", 0.3)
    assert not revert_timer.await_confirmation("firewall")


def test_a_share_is_recorded_although_nothing_else_changes(tmp_path: Path) -> None:
    share = Entry(path=tmp_path / "share.json", content=json.dumps({}).encode())
    wanted = ConfigSet("x", parse_entries([raw(tmp_path / "a", content="a")]), activate=[["true"]], journal=True)
    apply(wanted)
    assert apply(ConfigSet("x", wanted.entries, activate=[["false"]], journal=True, recorded=[share])).paths == []
    assert share.path.exists()
