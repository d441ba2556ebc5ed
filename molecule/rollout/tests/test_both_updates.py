# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Updates of two hosts behind a load balancer, under load: the canary first, the engine too; one that fails, and how it goes on.

After the tests that need both hosts as they were made (files come in the order of their names): packages change, and containers do not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import EDGE, AppHost, none_lost, playbook, through_the_edge

pytestmark = pytest.mark.matrix
REPOSITORY = "/srv/updates"
MARK = "+patch1"
SCRIPT = Path(__file__).parents[2].joinpath("shared/updates.sh").read_text()


@pytest.fixture(scope="module")
def apps(app: AppHost) -> Iterator[tuple[AppHost, AppHost]]:
    """Both hosts, each with a repository of updates."""
    both = app, AppHost("roll-2")
    for each in both:
        each.sh(SCRIPT)
    yield both
    for each in both:
        each.sh("rm -f /srv/sample-fails; dpkg --configure --pending; dpkg --purge latentum-sample", check=False)
        each.sh(f"rm -rf {REPOSITORY} /etc/apt/sources.list.d/updates.list")


def version(app: AppHost, package: str) -> str:
    return app.sh(f"dpkg-query -W -f '${{Version}}' {package}")


def process(app: AppHost, unit: str) -> str:
    return app.sh(f"systemctl show --property MainPID --value {unit}")


def containers(app: AppHost) -> list[str]:
    return sorted(app.sh("docker ps --no-trunc --format '{{.ID}} {{.RunningFor}}'").splitlines())


def in_load_balancer() -> str:
    return AppHost("roll-edge").sh("grep -c '^ *server ' /etc/nginx/upstreams.d/edge_latentum.conf")


def patch(folder: Path, **variables: Any) -> Any:
    """The playbook over both hosts; a reboot may give a host an address that the load balancer does not know."""
    given = {
        "patch_reboot": "never",
        "patch_canary": "roll-2",
        "patch_report_dir": str(folder),
        "patch_advisories_url": "http://127.0.0.1:9/",
    }
    return playbook("patch", EDGE, {**given, **variables})


def test_an_update_that_fails_on_the_canary_stops_there_and_the_next_run_goes_on(apps: tuple[AppHost, AppHost], tmp_path: Path) -> None:
    first, canary = apps
    canary.sh("touch /srv/sample-fails")
    with through_the_edge() as results:
        done = patch(tmp_path)
    said = " ".join(done.stdout.split())
    assert done.returncode != 0 and "not begun: roll-1" in said and "run it again to go on" in said, done.stdout[-4000:]
    assert version(canary, "latentum-sample") == "1.1" and version(first, "latentum-sample") == "1.0"
    assert version(first, "libpcre2-8-0") == version(first, "libpcre2-8-0").removesuffix(MARK), "nothing was begun there"
    assert in_load_balancer() == "2", "its services are well, so it has its traffic"
    none_lost(results)
    record = json.loads(canary.sh("cat /var/lib/latentum-ops/patches/current.json"))
    assert record["phase"] == "failed" and "latentum-sample" in {change["package"] for change in record["changes"]}
    assert '"host"' not in canary.sh("cat /var/lib/latentum-ops/watchdog/maintenance.json", check=False), "its watchdog tells again"

    refused = patch(tmp_path)
    said = " ".join(refused.stdout.split())
    assert refused.returncode != 0 and "dpkg says of latentum-sample that they are not whole" in said and "patch_repair=true" in said

    canary.sh("rm /srv/sample-fails")
    with through_the_edge() as results:
        done = patch(tmp_path, patch_repair=True)
    assert done.returncode == 0, done.stdout[-4000:]
    none_lost(results)
    for app in apps:
        assert version(app, "latentum-sample") == "1.1" and version(app, "libpcre2-8-0").endswith(MARK)
        assert app.sh("cat /etc/latentum-sample.conf") == "an operator's own"
        assert json.loads(app.sh("cat /var/lib/latentum-ops/patches/current.json"))["phase"] == "finished"
        assert not version(app, "docker.io").endswith(MARK), "the engine has a switch of its own"


def test_the_engine_is_replaced_under_running_containers_without_a_lost_request(apps: tuple[AppHost, AppHost], tmp_path: Path) -> None:
    before = {app.name: (containers(app), process(app, "docker.service"), process(app, "containerd.service")) for app in apps}
    ids = {name: [line.split()[0] for line in seen[0]] for name, seen in before.items()}
    with through_the_edge() as results:
        done = patch(tmp_path, patch_engine=True)
    assert done.returncode == 0, done.stdout[-4000:]
    none_lost(results)
    assert done.stdout.index("roll-2") < done.stdout.index("Update the others")
    for app in apps:
        assert version(app, "docker.io").endswith(MARK) and version(app, "containerd").endswith(MARK)
        assert process(app, "docker.service") not in ("0", before[app.name][1]) and app.sh("systemctl is-active docker containerd nginx")
        assert [line.split()[0] for line in containers(app)] == ids[app.name], "live-restore"
        app.settled(app.tag)
    assert in_load_balancer() == "2"
    (report,) = [json.loads(file.read_text()) for file in tmp_path.glob("*.json")]
    assert [(host["host"], host["outcome"], host["canary"]) for host in report["hosts"]] == [
        ("roll-2", "updated", True),
        ("roll-1", "updated", False),
    ]
    assert {change["package"] for change in report["hosts"][0]["update"]["changes"]} == {"docker.io", "containerd"}
    assert "127.0.0.1:9" in report["hosts"][0]["update"]["advisories"]


def test_libraries_that_were_replaced_are_used_and_nothing_is_left_to_do(apps: tuple[AppHost, AppHost], tmp_path: Path) -> None:
    for app in apps:
        assert app.sh("cat /proc/$(systemctl show --property MainPID --value nginx)/maps | grep -c 'pcre.*deleted'", check=False) == "0"
    with through_the_edge() as results:
        done = patch(tmp_path, patch_engine=True)
    assert done.returncode == 0, done.stdout[-4000:]
    none_lost(results)
    said = " ".join(done.stdout.split())
    assert "roll-1 nothing to do" in said and "roll-2 nothing to do (canary)" in said
    assert "changed: [roll-1" not in done.stdout and "changed: [roll-2" not in done.stdout


def test_a_host_that_is_not_well_is_not_begun(apps: tuple[AppHost, AppHost], tmp_path: Path) -> None:
    """Before anything is changed on any host: what its update would break nobody could tell."""
    # The watchdog would have healed it by then.
    apps[0].sh("touch /run/reboot-required; opsctl maintenance on --reason test --for 10m")
    apps[0].sh("docker pause $(docker ps --quiet --filter label=com.docker.compose.service=cache)")
    try:
        done = patch(tmp_path, patch_reboot="when_due")
    finally:
        apps[0].sh("docker unpause $(docker ps --quiet --filter label=com.docker.compose.service=cache); rm -f /run/reboot-required")
        apps[0].sh("opsctl maintenance off")
    said = " ".join(done.stdout.split())
    assert done.returncode != 0 and "/cache is not well before the update" in said and "Nothing was changed on it" in said
    assert "Update the canary" not in said and in_load_balancer() == "2"
