# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No package operation removes or downgrades what it was not told to; what apt plans is recorded from hosts."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core import locks
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError, Result
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig import apt

DISTRIBUTION = ["docker.io", "docker-cli", "docker-compose"]
# Debian 13 with Docker's own packages: what `docker_source: distribution` would do.
ENGINE_REPLACED = """\
The following packages will be REMOVED:
  containerd.io docker-ce docker-ce-cli
0 upgraded, 12 newly installed, 3 to remove and 0 not upgraded.
Remv docker-ce [5:28.5.2-1~debian.13~trixie]
Remv containerd.io [1.7.28-1~debian.13~trixie]
Remv docker-ce-cli [5:28.5.2-1~debian.13~trixie]
Inst containerd (1.7.24~ds1-6+deb13u1 Debian:13.8/stable, Debian-Security:13/stable-security [amd64])
Inst docker.io (26.1.5+dfsg1-9+deb13u1+b1 Debian:13.8/stable [amd64])
Inst docker-cli (26.1.5+dfsg1-9+deb13u1+b1 Debian:13.8/stable [amd64])
Conf docker.io (26.1.5+dfsg1-9+deb13u1+b1 Debian:13.8/stable [amd64])
"""
DOWNGRADED = """\
0 upgraded, 0 newly installed, 1 downgraded, 0 to remove and 0 not upgraded.
Inst containerd.io [1.7.28-1~debian.13~trixie] (1.6.9-1 local-deb [all])
Conf containerd.io (1.6.9-1 local-deb [all])
"""
UPGRADED = """\
Inst openssl [3.5.1-1] (3.5.4-1~deb13u1 Debian-Security:13/stable-security [amd64])
Inst libssl3t64:amd64 [3.5.1-1] (3.5.4-1~deb13u1 Debian-Security:13/stable-security [amd64])
"""
TAKES_ANOTHER = """\
Remv docker-ce [5:28.5.2-1~debian.13~trixie]
Remv containerd.io [1.7.28-1~debian.13~trixie]
"""
TAKES_METAPACKAGE = """\
Remv ubuntu-standard [1.481]
Remv telnet [0.17-44build1]
"""


class Apt:
    """apt-get and dpkg: a recorded plan for each simulation."""

    def __init__(self, plan: str, *, refuses: bool = True) -> None:
        self.plan, self.refuses = plan, refuses
        self.done: list[list[str]] = []

    def run(self, argv: Sequence[str], **options: Any) -> Result:
        """As core.process.run."""
        rc, out, err = 0, "", ""
        if argv[0] == "dpkg-query":
            out = "ubuntu/metapackages" if "ubuntu-standard" in argv else "admin"
        elif argv[0] == "dpkg":
            rc = 0 if argv[2].startswith("1.6") else 1
        elif "--simulate" in argv:
            out = self.plan
        else:
            self.done.append(list(argv))
            if self.refuses and "--no-remove" in argv:
                rc, err = 100, "E: Packages need to be removed but remove is disabled."
        result = Result(tuple(argv), rc, out, err)
        if rc and options.get("check", True):
            raise CommandError(result, f"failed with exit status {rc}")
        return result


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> Any:
    """An apt with this plan."""
    monkeypatch.setattr(apt, "lists_age", lambda: 0.0)

    def replay(plan: str, **options: Any) -> Apt:
        fake = Apt(plan, **options)
        monkeypatch.setattr(apt, "run", fake.run)
        return fake

    return replay


def test_an_engine_of_another_source_is_not_replaced(plans: Any) -> None:
    fake = plans(ENGINE_REPLACED)
    with pytest.raises(apt.PackageError) as refused:
        apt.install(DISTRIBUTION, lists_valid=3600, chosen_by="docker_source")
    message = str(refused.value)
    assert "remove docker-ce 5:28.5.2-1~debian.13~trixie, remove containerd.io" in message
    assert "change docker_source" in message and "nothing was done" in message
    assert all("--no-remove" in argv and "APT::Get::allow-downgrades=false" in argv for argv in fake.done)


def test_a_downgrade_is_named_with_both_versions(plans: Any) -> None:
    plans(DOWNGRADED)
    with pytest.raises(apt.PackageError, match=r"downgrade containerd\.io from 1\.7\.28-1~debian\.13~trixie to 1\.6\.9-1"):
        apt.install(["x"], lists_valid=3600)


def test_other_failures_are_said_in_apt_s_own_words(plans: Any) -> None:
    plans(UPGRADED)
    with pytest.raises(CommandError, match="remove is disabled"):
        apt.install(["openssl"], lists_valid=3600)


def test_what_harms_nobody_is_installed_at_once(plans: Any) -> None:
    fake = plans("", refuses=False)
    apt.install(["tree"], lists_valid=3600)
    assert [argv[1] for argv in fake.done] == ["install"]


def test_packages_that_need_a_removed_one_are_named(plans: Any) -> None:
    fake = plans(TAKES_ANOTHER)
    with pytest.raises(apt.PackageError, match=r"removing containerd\.io would also remove docker-ce 5:28.*change unwanted, or"):
        apt.remove(["containerd.io"], chosen_by="unwanted")
    assert fake.done == []


def test_a_metapackage_does_not_keep_what_it_lists(plans: Any) -> None:
    fake = plans(TAKES_METAPACKAGE)
    apt.remove(["telnet"])
    assert fake.done[0][-1] == "telnet"


@pytest.mark.parametrize(("verb", "plan"), [("install", ENGINE_REPLACED), ("remove", TAKES_ANOTHER)])
def test_a_check_refuses_the_same(plans: Any, verb: str, plan: str) -> None:
    fake = plans(plan)
    with pytest.raises(apt.PackageError):
        apt.require_no_losses(verb, ["containerd.io"])
    assert fake.done == []


CHRONY = """\
Remv chrony [4.6.1-3]
Inst systemd-timesyncd (257.9-1~deb13u1 Debian:13.8/stable [amd64])
"""


def test_what_a_package_replaces_may_go(plans: Any) -> None:
    fake = plans(CHRONY)
    apt.install(["systemd-timesyncd"], lists_valid=3600, replaces=["chrony", "ntp"])
    assert ["--no-remove" in argv for argv in fake.done] == [True, False]
    with pytest.raises(apt.PackageError, match="remove chrony"):
        apt.install(["systemd-timesyncd"], lists_valid=3600, replaces=["ntp"])
    apt.require_no_losses("install", ["systemd-timesyncd"], replaces=["chrony"])


HOLDER = """
import fcntl, sys
file = open(sys.argv[1], "a")
fcntl.lockf(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def test_lists_that_the_host_fetches_by_itself_are_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fresh server does so at its first boot, and `apt-get update` has no patience of its own."""
    (tmp_path / "lock").touch()
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "lock")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdin and holder.stdout and holder.stdout.readline() == "held\n"
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3 and holder.stdin:
            holder.stdin.close()
            holder.wait()

    ran: list[tuple[int, str]] = []
    monkeypatch.setattr(apt, "LISTS", tmp_path)
    monkeypatch.setattr(locks.time, "sleep", sleep)
    monkeypatch.setattr(apt, "run", lambda argv, **_options: ran.append((len(waited), argv[1])))
    apt.fetch_lists()
    holder.stdout.close()
    assert ran == [(3, "update")]
