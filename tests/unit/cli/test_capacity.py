# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`opsctl report`: the table, the object, files and mail, of what a real Prometheus has; and what it says where there is none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.capacity import mail
from ansible_collections.latentum.ops.plugins.module_utils.capacity import settings as capacity_settings
from ansible_collections.latentum.ops.plugins.module_utils.capacity.report import Report
from ansible_collections.latentum.ops.plugins.module_utils.cli.capacity import whole_month
from ansible_collections.latentum.ops.plugins.module_utils.contracts.capacity import Prices, ReportSettings
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting import routes

from ..capacity.world import DAY, GIB, HOST, World
from ..free_ports import free_port
from ..slo.judge import needs_prometheus
from ..slo.recorded_prometheus import now, prometheus
from ..watchdog import receiving as shared
from ..watchdog.receiving import Receiving
from . import host

LAST = whole_month("last", now())
receiving = shared.receiving


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A disk that grows by one GiB a day over 70 days, until now."""
    world = World(now(), 70)
    world.disk("/", lambda day: (20 + day) * GIB, lambda _day: 120.0 * GIB)
    world.add("machine_cpu_cores", lambda _day: 2.0, step=300)
    world.add("machine_memory_bytes", lambda _day: 4.0 * GIB, step=300)
    with prometheus(tmp_path_factory.mktemp("prometheus"), world.series) as running:
        yield running


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    host.point_to(tmp_path, monkeypatch.setattr)
    monkeypatch.setattr(mail, "STATE", tmp_path / "var/sent.json")
    monkeypatch.setattr(routes.load_alerts, "__defaults__", (tmp_path / "etc/alerts",))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def declare(address: str, *monthly: str) -> None:
    """What role monitoring leaves on the host."""
    capacity_settings.FILE.parent.mkdir(parents=True)
    capacity_settings.FILE.write_text(json.dumps(ReportSettings(HOST, address, monthly, Prices("EUR", 40)).to_dict()))


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Exit status, output, and what went wrong."""
    status = host.run(["report", *words])
    said = capsys.readouterr()
    return status, said.out, said.err


@needs_prometheus
def test_the_table_the_object_and_the_files(root: Path, address: str, capsys: pytest.CaptureFixture[str]) -> None:
    declare(address)
    status, out, _err = run(capsys, "--html", "r.html", "--markdown", "r.md")
    assert status == 0 and "disk /  75% (90.0 GiB of 120.0 GiB)  +1.0 GiB a day" in out and "40.00 EUR" in out
    assert "<svg" in (root / "r.html").read_text()
    linked = (root / "r.md").read_text()
    pictures = sorted(file.name for file in root.glob("r-*.svg"))
    assert pictures == ["r-01-disk.svg", "r-cost.svg"] and all(f"({name})" in linked for name in pictures)
    status, out, _err = run(capsys, "--json", "--since", "10d")
    report = Report.from_dict(json.loads(out))
    assert status == 0 and report.end - report.start == pytest.approx(10 * DAY, abs=60)
    assert report.resources[0].outlook == "fills" and report.resources[0].days == 10
    assert any("node_exporter is not asked" in note for note in report.notes)


@needs_prometheus
def test_a_month_is_one_of_utc(root: Path, address: str, capsys: pytest.CaptureFixture[str]) -> None:
    declare(address)
    _status, out, _err = run(capsys, "--json", "--month", f"{datetime.fromtimestamp(LAST[0], timezone.utc):%Y-%m}")
    report = Report.from_dict(json.loads(out))
    assert (report.start, report.end) == LAST and report.measured > 0.9


@needs_prometheus
def test_one_elsewhere_is_asked_without_anything_on_this_host(root: Path, address: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "--prometheus", address, "--host", HOST)[0] == 0
    status, _out, err = run(capsys, "--prometheus", address, "--host", "other")
    assert status == 2 and "has no number of host other" in err and "monitoring_host_name" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "no Prometheus measures this host: set monitoring_enabled: true"),
        (["--prometheus", "http://127.0.0.1:1"], "--prometheus ADDRESS --host NAME"),
        (["--prometheus", "http://127.0.0.1:1", "--host", "a"], "cannot be asked"),
        (["--prometheus", "ftp://x", "--host", "a"], "is no address"),
        (["--prometheus", "http://127.0.0.1:1", "--host", "a", "--since", "10m"], "less than an hour"),
        (["--prometheus", "http://127.0.0.1:1", "--host", "a", "--since", "a month"], "report: --since 'a month': write a time"),
        (["--prometheus", "http://127.0.0.1:1", "--host", "a", "--month", "2026-13"], "is no month: write one such as"),
        (["--prometheus", "http://127.0.0.1:1", "--host", "a", "--month", "2099-01"], "has not begun"),
        (["--prometheus", "http://127.0.0.1:1", "--host", "a", "--mail"], "monitoring.report.monthly: true"),
    ],
)
def test_what_cannot_be_is_one_sentence(root: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, *words)
    assert status == 2 and said in err and out == "" and err.count("\n") == 1


def test_a_damaged_file_says_what_to_run(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    declare(f"http://127.0.0.1:{free_port()}")
    capacity_settings.FILE.write_text("{")
    status, _out, err = run(capsys)
    assert status == 2 and "is damaged" in err and "--tags monitoring" in err


def mails(root: Path, stack: str, *alerts: dict[str, Any]) -> None:
    """The routes of a stack, as role watchdog leaves them."""
    (root / "etc/alerts").mkdir(parents=True, exist_ok=True)
    named = [{"name": f"r{number}", "severities": ["critical"], **alert} for number, alert in enumerate(alerts)]
    (root / f"etc/alerts/{stack}.json").write_text(json.dumps({"stack": stack, "alerts": named}))


@needs_prometheus
def test_the_past_month_is_mailed_once(
    root: Path,
    address: str,
    receiving: Receiving,
    capsys: pytest.CaptureFixture[str],
) -> None:
    declare(address, "shop")
    mails(root, "shop", receiving.email())
    mails(root, "blog", receiving.email(to=["nobody@example.com"]))
    receiving.order("refuse-smtp", "451")
    status, out, _err = run(capsys, "--mail")
    assert status == 1 and "shop/r0: FAILED: localhost" in out and "hush" not in out
    receiving.order("refuse-smtp", None)
    assert run(capsys, "--mail")[0] == 0 and run(capsys, "--mail", "--json")[0] == 0
    (came,) = receiving.kept("mail")
    assert came["receivers"] == ["anna@example.com", "bert@example.com"]
    assert f"{datetime.fromtimestamp(LAST[0], timezone.utc):%Y-%m-%d}" in came["headers"]["Subject"]


@needs_prometheus
def test_a_stack_whose_routes_are_not_there_is_named(root: Path, address: str, capsys: pytest.CaptureFixture[str]) -> None:
    declare(address, "shop")
    status, out, _err = run(capsys, "--mail")
    assert status == 1 and "no entry of kind email in watchdog.alerts of shop" in out


@pytest.mark.parametrize(
    ("now_", "begin", "end"),
    [
        ("2026-12-01T06:00", "2026-11-01", "2026-12-01"),
        ("2027-01-15T00:00", "2026-12-01", "2027-01-01"),
        ("2024-03-31T23:59", "2024-02-01", "2024-03-01"),
    ],
)
def test_the_month_before(now_: str, begin: str, end: str) -> None:
    found = whole_month("last", datetime.fromisoformat(f"{now_}+00:00").timestamp())
    assert [f"{datetime.fromtimestamp(at, timezone.utc):%Y-%m-%dT%H:%M}" for at in found] == [f"{begin}T00:00", f"{end}T00:00"]
