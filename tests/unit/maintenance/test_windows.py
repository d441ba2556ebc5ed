# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Maintenance: what it covers, how long it lasts, and what changes when it is declared again."""

from __future__ import annotations

import json

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.maintenance import windows as maintenance_windows
from ansible_collections.latentum.ops.plugins.module_utils.maintenance.windows import Window, absent, covering, load, present, seconds

from ..watchdog import samples
from ..watchdog.samples import Clock, Host

host, clock = samples.host, samples.clock

WHY = "a larger disk"


@pytest.fixture(autouse=True)
def stacks(host: Host, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host with two stacks; ada works on it."""
    host.declare("shop", api=2, db=1)
    host.declare("blog", web=1)
    monkeypatch.setattr(maintenance_windows, "caller", lambda: "ada")


def scopes() -> list[str]:
    return sorted(one.scope for one in load())


KEYS = ("host/disk /", "shop", "shop/api", "shop/api2", "shop2/api", "shop/site:shop.example.com", "blog/web")


@pytest.mark.parametrize(
    ("scope", "covered"),
    [
        ("host", [*KEYS]),
        ("shop", ["shop", "shop/api", "shop/api2", "shop/site:shop.example.com"]),
        ("shop/api", ["shop/api"]),
        ("blog", ["blog/web"]),
    ],
)
def test_a_scope_covers_what_is_below_it(scope: str, covered: list[str]) -> None:
    window = Window(scope, WHY, "ada", 0, 9e9)
    assert [key for key in KEYS if covering([window], key)] == covered


def test_a_window_says_who_works_on_what() -> None:
    _changed, (window,) = present("shop/api", f" {WHY} ", "30m")
    assert window.describe() == f"maintenance of shop/api by ada: {WHY}" and covering([window], "shop/db") is None


def test_it_begins_and_ends(clock: Clock) -> None:
    assert present("shop", WHY, "30m") == (True, [Window("shop", WHY, "ada", clock.wall, clock.wall + 1800)])
    assert scopes() == ["shop"]
    assert absent("shop") == (True, []) and scopes() == []
    assert absent("shop") == (False, [])


def test_it_ends_by_itself(clock: Clock) -> None:
    present("shop", WHY, "30m")
    clock.go(1799)
    assert scopes() == ["shop"]
    clock.go(1)
    assert scopes() == []


def test_the_same_again_changes_nothing(clock: Clock) -> None:
    present("shop", WHY, "1h")
    assert present("shop", WHY, "1h")[0] is False
    clock.go(600)
    changed, (window,) = present("shop", WHY, "50m")
    assert (changed, window.until) == (False, clock.wall + 3000)
    changed, (window,) = present("shop", WHY, "30m")  # it lasts long enough
    assert (changed, window.until) == (False, clock.wall + 3000)


def test_another_reason_or_a_later_end_changes_the_window_but_not_its_begin(clock: Clock) -> None:
    present("shop", WHY, "1h")
    began = clock.wall
    clock.go(600)
    changed, (window,) = present("shop", WHY, "1h")
    assert not changed and window.until == began + 3600
    changed, (window,) = present("shop", WHY, "2h")
    assert changed and (window.since, window.until) == (began, clock.wall + 7200)
    changed, (window,) = present("shop", "something else", "10m")
    assert changed and (window.reason, window.since, window.until) == ("something else", began, clock.wall + 600)
    assert scopes() == ["shop"]


def test_windows_of_other_scopes_are_left_alone() -> None:
    for scope in ("host", "shop", "shop/api"):
        present(scope, WHY, "30m")
    assert scopes() == ["host", "shop", "shop/api"]
    absent("shop")
    assert scopes() == ["host", "shop/api"]


def test_a_check_changes_nothing() -> None:
    assert present("shop", WHY, "30m", check=True)[0] is True and not maintenance_windows.FILE.exists()
    present("shop", WHY, "30m")
    before = maintenance_windows.FILE.read_text()
    assert present("shop", "something else", "30m", check=True)[0] is True
    assert absent("shop", check=True) == (True, []) and maintenance_windows.FILE.read_text() == before
    assert present("shop", WHY, "30m", check=True)[0] is False and absent("blog", check=True)[0] is False


@pytest.mark.parametrize(
    ("text", "lasts"), [("90s", 90), ("30m", 1800), (" 2h ", 7200), ("1d", 86400), ("14d", 14 * 86400), ("336h", 14 * 86400)]
)
def test_a_duration(text: str, lasts: int) -> None:
    assert seconds(text) == lasts


@pytest.mark.parametrize("text", ["", "30", "m", "0m", "-5m", "1.5h", "15d", "2 h", "1h30m", "1w", "forever"])
def test_what_is_no_duration_is_refused_before_anything_changes(text: str) -> None:
    with pytest.raises(ValueError, match="such as 30m"):
        present("shop", WHY, text)
    assert scopes() == []


@pytest.mark.parametrize(
    ("scope", "choice"), [("shpo", "host, shop"), ("shop/web", "api, db"), ("", "host"), ("host/x", ""), ("blog/api", "web")]
)
def test_an_unknown_scope_is_refused_and_the_known_ones_are_named(scope: str, choice: str) -> None:
    for ask in (lambda: present(scope, WHY, "30m"), lambda: absent(scope)):
        with pytest.raises(ValueError, match="maintenance: scope") as error:
            ask()
        assert all(one in str(error.value) for one in choice.split(", "))


def test_a_window_of_what_is_not_declared_any_more_can_be_ended(host: Host) -> None:
    present("blog", WHY, "30m")
    (host.etc / "stacks" / "blog.json").unlink()
    assert absent("blog") == (True, [])


@pytest.mark.parametrize("reason", ["", "  "])
def test_a_reason_is_asked_for(reason: str) -> None:
    with pytest.raises(ValueError, match="say why"):
        present("shop", reason, "30m")


def test_the_daemon_which_is_not_root_can_read_it() -> None:
    present("shop", WHY, "30m")
    assert maintenance_windows.FILE.stat().st_mode & 0o777 == 0o644
    assert [one["scope"] for one in json.loads(maintenance_windows.FILE.read_text())] == ["shop"]
