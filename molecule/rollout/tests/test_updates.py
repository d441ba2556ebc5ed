# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that is restarted for its updates, and comes back by itself. The last of all: its address may be another one afterwards."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import AppHost, execute, hosts_tool, playbook

pytestmark = pytest.mark.matrix


@contextmanager
def power(name: str) -> Iterator[None]:
    """What starts a machine again that restarts itself: a container stops then, and stays so."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(1):
            if execute(["docker", "inspect", "--format", "{{.State.Running}}", name]).stdout.strip() == "false":
                execute(["docker", "start", name])

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def test_a_reboot_that_is_due_is_made_and_waited_for(app: AppHost, tmp_path: Path) -> None:
    boot, tag = app.sh("systemctl show --property UserspaceTimestamp --value"), app.tag
    app.sh("touch /run/reboot-required; echo linux-base > /run/reboot-required.pkgs")
    with power(app.name):
        done = playbook("patch", {"patch_report_dir": str(tmp_path), "patch_advisories_url": "http://127.0.0.1:9/"}, limit=app.name)
    assert done.returncode == 0, done.stdout[-4000:]
    assert app.sh("systemctl show --property UserspaceTimestamp --value") != boot
    hosts_tool("exec", app.name, "--", "true")
    app.settled(tag)
    record = json.loads(app.sh("cat /var/lib/latentum-ops/patches/current.json"))
    assert record["phase"] == "finished" and record["rebooted"] is True and record["seconds"]["reboot"] > 0


def test_a_reboot_that_nobody_wants_is_told(app: AppHost, tmp_path: Path) -> None:
    app.sh("touch /run/reboot-required")
    try:
        done = playbook("patch", {"patch_report_dir": str(tmp_path), "patch_reboot": "never"}, limit=app.name)
    finally:
        app.sh("rm -f /run/reboot-required")
    assert done.returncode == 0 and "nothing to do" in done.stdout and "a reboot is due: /run/reboot-required" in done.stdout, done.stdout[
        -3000:
    ]


def test_what_is_known_of_its_packages_and_images_and_what_is_in_its_release(app: AppHost, tmp_path: Path) -> None:
    done = playbook(
        "vulnerabilities",
        {
            "vulnerabilities_report_dir": str(tmp_path),
            "vulnerabilities_fetch_sbom": str(tmp_path / "sbom"),
            "patch_advisories_url": "http://127.0.0.1:9/",
        },
        limit=app.name,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    report = json.loads((tmp_path / "vulnerabilities.json").read_text())
    host, *images = report["hosts"][app.name]
    assert host["kind"] == "host" and host["packages"] > 100 and "127.0.0.1:9" in host["unknown"]
    assert len(images) >= 4 and all(image["packages"] > 10 for image in images)
    (file,) = (tmp_path / "sbom").glob("*.cdx.json")
    document = json.loads(file.read_text())
    assert document["bomFormat"] == "CycloneDX" and all(len(image["components"]) > 10 for image in document["components"])
    given = {"vulnerabilities_report_dir": str(tmp_path), "patch_advisories_url": "http://127.0.0.1:9/"}
    again = playbook("vulnerabilities", given, limit=app.name)
    assert again.returncode == 0 and "changed: [" not in again.stdout
