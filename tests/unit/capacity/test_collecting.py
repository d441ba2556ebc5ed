# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of what a real Prometheus has of 35 days."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.capacity.collecting import collect
from ansible_collections.latentum.ops.plugins.module_utils.capacity.report import Report, Resource, ServiceUse
from ansible_collections.latentum.ops.plugins.module_utils.contracts.capacity import Prices, ReportSettings
from ansible_collections.latentum.ops.plugins.module_utils.slo.source import SourceError

from ..slo.judge import needs_prometheus
from ..slo.recorded_prometheus import now, prometheus
from .world import DAY, GIB, HOST, MIB, whole

pytestmark = needs_prometheus


@dataclass(frozen=True)
class Asked:
    """A Prometheus that runs, and the report of it."""

    address: str
    end: int
    report: Report

    def resource(self, kind: str, name: str) -> Resource:
        """The one of this name."""
        (found,) = [one for one in self.report.resources if (one.kind, one.name) == (kind, name)]
        return found

    def service(self, stack: str, service: str) -> ServiceUse:
        """The one of this name."""
        (found,) = [one for one in self.report.services if (one.stack, one.service) == (stack, service)]
        return found


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    end = now()
    with prometheus(tmp_path_factory.mktemp("prometheus"), whole(end)) as address:
        settings = ReportSettings(HOST, address, (), Prices("EUR", 100.0))
        yield Asked(address, end, collect(settings, end - 35 * DAY, end))


def day(asked: Asked, at: float | None) -> float:
    """Days after the end."""
    assert at is not None
    return (at - asked.end) / DAY


def test_a_disk_that_grows_under_its_nightly_rotation(asked: Asked) -> None:
    """Its peaks are at 60 + 0.5 a day + 3, just before the rotation, of 100; after 35 days."""
    root = asked.resource("disk", "/")
    assert root.outlook == "fills" and root.per_day == pytest.approx(0.5 * GIB, rel=0.02)
    assert day(asked, root.earliest) - 3 <= (100 - 63 - 17.5) / 0.5 <= day(asked, root.latest) + 3
    assert root.capacity == 100 * GIB and len(root.history) == 33  # two days nobody measured


def test_what_is_no_disk_of_its_own_is_not_told_twice(asked: Asked) -> None:
    names = {one.name for one in asked.report.resources if one.kind == "disk"}
    assert names == {"/", "/srv/cache", "/srv/data", "/srv/media"}


def test_a_weekly_clean_up_has_no_date(asked: Asked) -> None:
    cache = asked.resource("disk", "/srv/cache")
    assert cache.outlook in ("no_trend", "steady") and cache.expected is None and "again and again" in cache.reason


def test_a_disk_that_was_grown_lately(asked: Asked) -> None:
    data = asked.resource("disk", "/srv/data")
    assert (data.outlook, data.capacity) == ("no_trend", 128 * GIB) and "was resized on" in data.reason


def test_a_disk_with_another_name_after_a_boot_is_the_same(asked: Asked) -> None:
    media = asked.resource("disk", "/srv/media")
    assert media.per_day == pytest.approx(0.2 * GIB, rel=0.01) and media.days == 33


def test_memory_and_connections_that_do_not_grow(asked: Asked) -> None:
    memory, firewall = asked.resource("memory", "of the host"), asked.resource("connections", "firewall")
    assert (memory.outlook, memory.capacity) == ("steady", 8 * GIB) and memory.used == pytest.approx(3 * GIB, rel=0.01)
    assert (firewall.outlook, firewall.capacity) == ("steady", 65536)


def test_a_certificate_has_a_date_and_not_a_trend(asked: Asked) -> None:
    site = asked.resource("certificate", "shop: shop.example.com")
    assert site.outlook == "ends" and day(asked, site.expected) == pytest.approx(85, abs=1)
    assert site.reason == "renewed 1 time in this time" and site.per_day is None


def test_backups_say_how_much_they_add_and_why_no_date(asked: Asked) -> None:
    backup = asked.resource("backup", "shop")
    assert backup.per_day == pytest.approx(100 * MIB, rel=0.1) and backup.expected is None and "nobody measures" in backup.reason


def test_a_service_is_one_over_its_releases_and_its_peak_counts(asked: Asked) -> None:
    """A scrape of 700 MiB each five days is beyond the 99th percentile; a limit by that would kill it."""
    web = asked.service("shop", "web")
    assert web.days == pytest.approx(35, abs=0.1) and web.containers == 1
    assert (web.memory_p99, web.memory_peak) == (200 * MIB, 700 * MIB)
    assert web.memory.kind == "lower" and web.memory.value == 848 * MIB
    # Over the replacement, too, at which its counter begins again at 0, and with the days that nobody measured left out.
    assert web.cpu_mean == pytest.approx(0.5, rel=0.02) and web.cpu_peak < 0.6
    assert (web.cpu_limit, web.cpu.kind, web.cpu.value) == (2.0, "lower", 0.65)


def test_a_service_that_was_killed_is_never_told_to_use_less(asked: Asked) -> None:
    worker = asked.service("shop", "worker")
    assert worker.ooms == 3 and (worker.memory.kind, worker.memory.value) == ("raise", 320 * MIB)
    assert worker.throttled == pytest.approx(0.3, abs=0.01) and worker.cpu.kind == "raise"


def test_services_of_yesterday_are_not_judged_and_idle_ones_are_asked_about(asked: Asked) -> None:
    assert asked.service("blog", "new").memory.kind == "unknown"
    assert {one.service for one in asked.report.services if one.idle} == {"old"}
    assert asked.service("blog", "old").memory.kind == "set"


def test_a_limit_that_was_taken_away_is_none(asked: Asked) -> None:
    free = asked.service("blog", "free")
    assert (free.memory_limit, free.cpu_limit, free.memory.kind, free.cpu.reason) == (None, None, "set", "no limit")


def test_the_bill_by_hand(asked: Asked) -> None:
    """50 for 4 processors, 50 for 8 GiB: shop used 0.5 + 0.2 processors and about 200 + 100 MiB on average."""
    cost = asked.report.cost
    assert cost and sum(Decimal(row.amount) for row in cost.rows) == Decimal("100.00")
    amounts = {row.name: float(row.amount) for row in cost.rows}
    assert amounts["shop"] == pytest.approx(50 * 0.7 / 4 + 50 * 300 / 8192, rel=0.03)
    # 64 MiB and a tenth of a processor all the time and for two of 33 days, and 512 MiB all the time.
    assert amounts["blog"] == pytest.approx(50 * (0.101 + 0.1 * 2 / 33) / 4 + 50 * (576 + 64 * 2 / 33) / 8192, rel=0.03)
    assert amounts["nobody (idle)"] == pytest.approx(50 * 0.7 + 50 * 5 / 8, rel=0.02)


def test_what_makes_numbers_less_than_they_seem_is_said(asked: Asked) -> None:
    assert any("hypervisor took 5%" in note for note in asked.report.notes)
    assert asked.report.measured == pytest.approx(33 / 35, abs=0.01)


def test_a_report_survives_its_way_to_the_controller(asked: Asked) -> None:
    assert Report.from_dict(json.loads(json.dumps(asked.report.to_dict(), allow_nan=False)), tolerant=True) == asked.report


def test_a_time_before_there_was_a_prometheus_is_said(asked: Asked) -> None:
    settings = ReportSettings(HOST, asked.address, (), Prices("EUR", 100.0))
    report = collect(settings, asked.end - 100 * DAY, asked.end - 30 * DAY)
    assert any(note.startswith("5.0 of 70.0 days were measured") for note in report.notes)
    assert all(one.earliest is None for one in report.resources)


def test_a_host_that_nobody_measured_is_an_error_that_says_what_to_look_at(asked: Asked) -> None:
    with pytest.raises(SourceError, match=r"has no number of host web9 .*monitoring_host_name"):
        collect(ReportSettings("web9", asked.address), asked.end - DAY, asked.end)
