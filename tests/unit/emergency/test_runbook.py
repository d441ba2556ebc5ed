# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runbooks: every command of opsctl in them can be typed, and every alert names a page that there is."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import runbook_pages
from ansible_collections.latentum.ops.plugins.module_utils.contracts.watchdog_settings import StackSpec
from ansible_collections.latentum.ops.plugins.module_utils.emergency import runbook
from ansible_collections.latentum.ops.plugins.module_utils.schema import values
from ansible_collections.latentum.ops.plugins.module_utils.schema.nodes import Refused
from ansible_collections.latentum.ops.plugins.module_utils.watchdog import runbooks
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting import message
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.incidents import Incident

from ..cli import host

DOCS = runbook_pages.PAGES
PAGES = sorted(file.stem for file in DOCS.glob("*.md") if file.stem != "README")
INLINE = re.compile(r"`(opsctl [^`]+)`")


def commands(text: str) -> Iterator[str]:
    """What an operator would type of a page: in a block of the console, or within a sentence."""
    for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
        yield from (line.partition("  #")[0].rstrip() for line in block.splitlines() if line.startswith("opsctl "))
    yield from INLINE.findall(re.sub(r"```.*?```", "", text, flags=re.DOTALL))


@pytest.mark.parametrize("page", [*PAGES, "README"])
def test_every_command_of_a_page_can_be_typed(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    typed = list(commands((DOCS / f"{page}.md").read_text()))
    assert typed
    for command in typed:
        try:
            host.parser().parse_args(shlex.split(command)[1:])
        except SystemExit:
            pytest.fail(f"{page}: {command}: {capsys.readouterr().err.splitlines()[-1]}")


def test_the_engine_carries_the_pages_of_the_documentation() -> None:
    assert runbook_pages.FILE.read_text() == runbook_pages.written(), "run `make docs`"
    assert runbook.names() == PAGES


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_a_heading_what_to_look_at_and_fits_a_screen(page: str) -> None:
    text = (DOCS / f"{page}.md").read_text()
    assert text.startswith("# ") and len(text.splitlines()) <= 75
    assert max(map(len, text.splitlines())) <= 160  # the pages are a file of Python, too
    blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    assert blocks and max(len(line) for block in blocks for line in block.splitlines()) <= 120


def test_no_page_tells_to_remove_volumes() -> None:
    """The document that these pages replace had `docker system prune -af --volumes`: a stopped database is an unused volume."""
    for page in PAGES:
        for line in (DOCS / f"{page}.md").read_text().splitlines():
            assert "--volumes" not in line or line.startswith("- **Never**"), page


@pytest.mark.parametrize("name", sorted(runbooks.NAMES))
def test_there_is_a_page_for_whatever_fails(name: str) -> None:
    assert name in PAGES


@pytest.mark.parametrize(
    ("stack", "subject", "name"),
    [
        ("shop", "api", "service-not-responding"),
        ("shop", "site:shop.example.com", "site-down"),
        ("shop", "certificate:shop.example.com", "certificate"),
        ("", "disk /var", "disk-full"),
        ("", "memory", "high-memory"),
        ("", "docker", "unit-down"),
        ("", "nginx", "unit-down"),
        ("", "nginx configuration", "nginx-configuration"),
        ("", "backup shop offsite", "backup"),
        ("", "clock jump", "clock"),
        ("", "held updates", "held-updates"),
        ("", "reboot", "reboot-required"),
        ("", "latentum-ops-watchdog", "unit-down"),
    ],
)
def test_a_subject_has_its_page_and_an_alert_names_the_command(stack: str, subject: str, name: str) -> None:
    assert runbooks.of(stack, subject) == name
    incident = Incident(f"{stack or 'host'}/{subject}", stack, subject, "critical", "why", 0, 0)
    assert message.commands("web1", incident)[2] == f"ssh web1 sudo opsctl runbook {name}"


def test_a_page_of_ones_own_has_the_name_in_its_address() -> None:
    spec = StackSpec("shop", runbook="https://wiki.example.com/{runbook}?service={service}")
    assert spec.runbook_of("api", "service-not-responding") == "https://wiki.example.com/service-not-responding?service=api"
    assert values.runbook(spec.runbook) == spec.runbook
    with pytest.raises(Refused, match="nothing fills"):
        values.runbook("https://wiki.example.com/{page}")


def test_links_are_commands_on_the_host() -> None:
    text = runbook.text("system-failure")
    assert "`opsctl runbook disk-full`" in text and ".md" not in text


def test_the_verb_lists_prints_and_suggests(capsys: pytest.CaptureFixture[str]) -> None:
    assert host.run(["runbook"]) == 0
    assert re.search(r"^disk-full +A disk is full$", capsys.readouterr().out, re.MULTILINE)
    assert host.run(["runbook", "disk-full"]) == 0
    assert capsys.readouterr().out.startswith("# A disk is full\n")
    assert host.run(["runbook", "disk-ful"]) == 2
    assert "did you mean disk-full?" in capsys.readouterr().err
    assert host.run(["runbook", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["pages"]) == len(PAGES)


def test_a_page_that_python_would_read_otherwise_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.md").write_text("# A\n\\n\n")
    with pytest.raises(ValueError, match=r"bad\.md"):
        runbook_pages.written(tmp_path)


@pytest.mark.parametrize("alert", sorted(runbook.ALERTS))
def test_an_alert_of_prometheus_leads_to_a_page_that_names_it(alert: str) -> None:
    page = runbook.page_of(alert)
    assert page in runbook.names(), f"write docs/runbooks/{page}.md, then `make docs`"
    assert f"`{alert}`" in runbook.text(page) or alert in runbook.text(page)


@pytest.mark.parametrize("name", runbook.names())
def test_what_a_page_runs_is_on_a_host(name: str) -> None:
    """No role brings these three: whoever copies the line at 3 a.m. is told "command not found"."""
    assert not re.search(r"^(?:.*[|;(] ?)?(?:sudo )?(?:curl|wget|jq) ", runbook.text(name), re.MULTILINE)
