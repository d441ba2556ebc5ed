# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Units are brought to a state once, in order, and what cannot be is refused before anything changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError, Result
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig import service_units
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.service_units import Unit

# `systemctl show` of nginx.service, no-such.service and systemd-tmpfiles-clean.timer on Debian 13, with the properties that are asked for.
SHOWN = """\
Id=nginx.service
LoadState=loaded
ActiveState=active
UnitFileState=enabled

Id=no-such.service
LoadState=not-found
ActiveState=inactive
UnitFileState=

Id=systemd-tmpfiles-clean.timer
LoadState=loaded
ActiveState=active
UnitFileState=static
"""


def unit(load: str = "loaded", active: str = "inactive", file: str = "disabled", name: str = "a.service") -> Unit:
    return Unit(name, load, active, file)


ABSENT = unit(load="not-found", file="")


def planned(*units: Unit, state: str | None = None, enabled: bool | None = None) -> list[str]:
    return [str(step) for step in service_units.steps(units, state, enabled)]


def test_units_are_read_in_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_units, "run", lambda argv: Result(tuple(argv), 0, SHOWN, ""))
    units = service_units.look(["nginx.service", "no-such.service", "systemd-tmpfiles-clean.timer"])
    assert [(unit.installed, unit.running, unit.file) for unit in units.values()] == [
        (True, True, "enabled"),
        (False, False, ""),
        (True, True, "static"),
    ]
    assert units["no-such.service"].described() == "no-such.service: not installed"


@pytest.mark.parametrize(
    ("state", "enabled", "now", "steps"),
    [
        ("started", True, unit(), ["enable a.service", "start a.service"]),
        ("started", True, unit(active="active", file="enabled"), []),
        ("started", True, unit(active="activating", file="enabled-runtime"), ["enable a.service"]),
        ("started", True, unit(active="failed", file="static"), ["start a.service"]),
        ("started", True, ABSENT, ["enable a.service", "start a.service"]),
        ("stopped", False, unit(active="active", file="enabled"), ["disable a.service", "stop a.service"]),
        ("stopped", False, unit(active="inactive", file="static"), []),
        ("stopped", False, unit(active="failed", file="generated"), ["reset-failed a.service"]),
        ("stopped", False, ABSENT, []),
        ("stopped", None, ABSENT, []),
        (None, True, unit(file="enabled"), []),
        (None, False, ABSENT, []),
        ("restarted", None, unit(active="active"), ["restart a.service"]),
        ("restarted", None, unit(), ["start a.service"]),
        ("reloaded", None, unit(active="active"), ["reload-or-restart a.service"]),
        ("reloaded", None, unit(active="failed"), ["start a.service"]),
    ],
)
def test_only_what_differs_is_done(state: str | None, enabled: bool | None, now: Unit, steps: list[str]) -> None:
    assert planned(now, state=state, enabled=enabled) == steps


def test_several_units_keep_their_order() -> None:
    first, second = unit(name="b.path"), unit(name="a.service")
    assert planned(first, second, state="started") == ["start b.path", "start a.service"]


@pytest.mark.parametrize(
    ("wrong", "words"), [(ABSENT, "is not installed"), (unit(load="masked", file="masked"), "systemctl unmask a.service")]
)
def test_what_cannot_start_is_refused_by_name(wrong: Unit, words: str) -> None:
    steps = list(service_units.steps([wrong], "started", True))
    with pytest.raises(service_units.UnitError, match=words):
        service_units.refuse_impossible([wrong], steps)
    service_units.refuse_impossible([wrong], [])


def test_a_unit_that_fails_is_reported_with_its_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(argv: Sequence[str], **_options: Any) -> Result:
        if argv[0] == "journalctl":
            return Result(tuple(argv), 0, "bind() to 0.0.0.0:80 failed (98: Address already in use)\n", "")
        raise CommandError(Result(tuple(argv), 1, "", 'See "systemctl status nginx.service"'), "failed with exit status 1")

    monkeypatch.setattr(service_units, "run", run)
    with pytest.raises(service_units.UnitError, match="Address already in use") as raised:
        service_units.take(service_units.Step("start", "nginx.service"))
    assert isinstance(raised.value.__cause__, CommandError)
