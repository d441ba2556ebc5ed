# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scores of a host before and after this collection, by judges that others wrote.

For each platform a bare host is judged, becomes a production with the demo's stack, reboots, and is judged again. The table is printed, and
kept with all rules in ``.artifacts/audit``. The run fails where a score is below ``floors.yml``, where a rule fails that
``exceptions.yml`` does not explain, and where an exception has ended or nobody needs it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import judges
import verdicts
import yaml

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
RESULTS = ROOT / ".artifacts/audit"
sys.path.insert(0, str(ROOT / "tests/bench"))

import site_host  # noqa: E402  # of the benchmarks, which make a production of a host as well


@dataclass
class Scores:
    """What judges said about one host at one time."""

    numbers: dict[str, float] = field(default_factory=dict)
    failed: dict[str, list[str]] = field(default_factory=dict)
    suggested: list[str] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        return {"scores": self.numbers, "failed": self.failed, "lynis_suggests": self.suggested}


def judged(host: str, when: str) -> Scores:
    """All judges, one after the other."""
    scores = Scores()
    index, scores.suggested = judges.lynis(host)
    scores.numbers["lynis"] = index
    print(f"audit: {host}, {when}: Lynis {index}", flush=True)
    for profile in judges.PROFILES:
        verdict = judges.openscap(host, profile)
        scores.numbers[profile] = round(verdict.share, 1)
        scores.failed[profile] = sorted(verdict.failed)
        print(f"audit: {host}, {when}: {profile} {len(verdict.passed)} of {len(verdict.passed) + len(verdict.failed)}", flush=True)
    return scores


def answers(host: str) -> None:
    """The application answers over verified TLS, from the outside, after the reboot: a host that is only hard is worth nothing."""
    curl = f"curl --silent --show-error --fail --output /dev/null --cacert /tmp/root.pem https://{host}.example.test/"
    ask = f"cat > /tmp/root.pem; for _ in $(seq 60); do {curl} && exit 0; sleep 2; done; exit 1"
    argv = [*site_host.HOSTS_TOOL, "exec", "client", "sh", "-c", ask]
    done = subprocess.run(argv, input=Path(site_host.root_of_pebble()).read_text(), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"audit: {host} does not answer over verified TLS after its reboot: {done.stderr[-400:]}")


def audited(platform: str, level: str) -> dict[str, Scores]:
    """One platform, before and after."""
    host = f"audit-{platform}"
    site_host.tool("services")
    subprocess.run([sys.executable, str(ROOT / "tests/images/build.py")], cwd=ROOT, check=True)
    site_host.tool("up", f"{host}:{platform}")
    judges.prepare(host)
    before = judged(host, "bare")
    done = site_host.playbook("site", host, "-e", f"os_hardening_level={level}", "-e", "os_hardening_audit_immutable=true")
    if done.returncode != 0:
        raise SystemExit(f"audit: the site playbook failed:\n{done.stdout[-4000:]}{done.stderr[-2000:]}")
    judges.on(host, "systemctl start latentum-ops-aide-init.service 2>/dev/null || true")
    site_host.tool("restart", host)
    answers(host)
    return {"bare": before, level: judged(host, level)}


def table(found: dict[str, dict[str, Scores]]) -> str:
    """Judges as rows, hosts as columns."""
    columns = [(platform, when) for platform, times in found.items() for when in times]
    rows = [["", *(f"{platform}, {when}" for platform, when in columns)]]
    for name in ("lynis", *judges.PROFILES):
        rows.append([name, *(f"{found[platform][when].numbers[name]:g}" for platform, when in columns)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def main() -> int:
    """1 where a score is too low, or an exception is missing, over or not needed."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--platform", action="append", choices=["trixie", "forky"])
    options.add_argument("--level", choices=["baseline", "strict"], default="strict")
    options.add_argument("--keep", action="store_true", help="the hosts stay, to look at them")
    chosen = options.parse_args()
    found = {platform: audited(platform, chosen.level) for platform in chosen.platform or ["trixie", "forky"]}
    RESULTS.mkdir(parents=True, exist_ok=True)
    documents = {platform: {when: scores.document() for when, scores in times.items()} for platform, times in found.items()}
    (RESULTS / f"{chosen.level}.json").write_text(json.dumps(documents, indent=2) + "\n")
    print(table(found))
    wrong = []
    floors = yaml.safe_load((HERE / "floors.yml").read_text())[chosen.level]
    failed: dict[str, set[str]] = {profile: set() for profile in judges.PROFILES}
    for platform, times in found.items():
        wrong += [f"{platform}: {line}" for line in verdicts.below(times[chosen.level].numbers, floors)]
        for profile, rules in times[chosen.level].failed.items():
            failed[profile] |= set(rules)
    if chosen.level == "strict":
        listed = verdicts.exemptions(yaml.safe_load((HERE / "exceptions.yml").read_text()))
        wrong += verdicts.complaints(failed, listed, today=date.today())
    print("\n".join(wrong) or "audit: every score is as high as is asked, and every rule that fails is explained")
    if not chosen.keep:
        site_host.tool("down", *(f"audit-{platform}" for platform in found))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
