# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is left of an error budget decides about releases of a real host: counted by the exporter, recorded by the rules, asked by the gate.

The objective is one of this test alone, of a path that no other objective is about, and alerts nobody: the tests beside it see nothing
of it. Its requests are lines in nginx's log, since ten thousand of them, nine of which fail, would take long.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import HOST, ROOT, Measured, visit, wait_for

INVENTORY = os.environ["MOLECULE_INVENTORY_FILE"]
ROUTE, LOG = f"{HOST}.example.test/predict", "/var/log/nginx/access.json"
RULES, SETTINGS = "/etc/latentum-ops/monitoring/rules.d/driven.yml", "/etc/latentum-ops/slo/latentum.json"
JOURNAL = "/var/lib/latentum-ops/stacks/latentum/journal.jsonl"
REGISTRY = "registry.example.test:5000/latentum"
NAME = f"driven-{int(time.time())}"  # of each run its own: what another one has spent stays in Prometheus
TRIAL = {"share": 20, "duration": 10, "min_requests": 20, "on_low_traffic": "promote"}
OBJECTIVE = {
    "stack": "latentum",
    "name": NAME,
    "subject": "route",
    "target": ROUTE,
    "indicator": "availability",
    "percent": 99.9,
    "window": 86400,
    "service": "api-gateway",
    "page": "none",
    "ticket": "none",
    "floor": 0,
    "scrape_interval": 5,
}
SLO = {"stack": "latentum", "objectives": [OBJECTIVE], "prometheus": "http://127.0.0.1:9090", "policy": {"canary": TRIAL}}
WRITE_RULES = (
    "import json; from pathlib import Path; from latentum_ops.slo.rules import rule_file; from latentum_ops.contracts.error_budget import"
    f" SloSettings; settings = SloSettings.from_dict(json.loads(Path('{SETTINGS}').read_text()));"
    f" Path('{RULES}').write_text(rule_file('latentum', settings.objectives))"
)
# A real line of the route, so often with success and so often without.
REQUESTS = """
import json, re, sys
good, failed = int(sys.argv[1]), int(sys.argv[2])
known = [line for line in open('{log}', encoding='utf-8') if '"route":"{route}"' in line]
well = re.sub(r'"status":[0-9]+', '"status":200', known[-1], count=1)
ill = well.replace('"status":200', '"status":500', 1)
with open('{log}', 'a', encoding='utf-8') as log:
    for number in range(good):
        log.write(well)
        if failed and number % max(1, good // failed) == 0 and number // max(1, good // failed) < failed:
            log.write(ill)
""".replace("{log}", LOG).replace("{route}", ROUTE)


def rolling_update(tag: str, **variables: Any) -> subprocess.CompletedProcess[str]:
    """A release with this version of the gateway, asked about the budget of the test."""
    names = {"model_server": "model-server:1.0.0", "worker": "worker:1.0.0", "database": "postgres:17", "cache": "redis:8"}
    images = {name: f"{REGISTRY}/{image}" for name, image in names.items()} | {"api_gateway": f"{REGISTRY}/api-gateway:{tag}"}
    given = {"ops_hosts": "apps", "latentum_images": images, "stack_slo": SLO, **variables}
    argv = ["ansible-playbook", "-i", INVENTORY, "playbooks/rolling_update.yml", "-e", json.dumps(given)]
    environment = {**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0"}
    done = subprocess.run(argv, capture_output=True, text=True, timeout=900, check=False, cwd=ROOT, env=environment)
    done.stdout += done.stderr
    return done


class Budget:
    """The budget of the objective, as the host knows it."""

    def __init__(self, host: Measured) -> None:
        self.host = host

    def left(self) -> float | None:
        """What is left of it; None while nothing is recorded."""
        shown = json.loads(self.host.sh("opsctl slo --stack latentum --json", check=False) or "{}")
        return next((entry["budget_remaining"] for entry in shown.get("objectives", []) if entry["name"] == NAME), None)

    def requests(self, good: int, failed: int) -> None:
        """So many requests, of which so many fail besides."""
        self.host.sh(f"python3 - {good} {failed} <<'END'\n{REQUESTS}\nEND")

    def becomes(self, least: float, most: float) -> None:
        """Wait until so much is left. The rules look at windows of days every two minutes, and at five minutes of requests."""

        def within() -> bool:
            left = self.left()
            return left is not None and least < left < most

        wait_for(f"a budget between {least:.0%} and {most:.0%}", within, 1200)

    def counted(self, code: int) -> bool:
        """Prometheus has a series of requests that ended so."""
        query = f"http://127.0.0.1:9090/api/v1/query?query=http_requests_total%7Broute%3D%22{ROUTE}%22%2Ccode%3D%22{code}%22%7D"
        return bool(json.loads(self.host.got(query) or '{"data": {"result": []}}')["data"]["result"])


def journal(host: Measured) -> list[dict[str, Any]]:
    """What was written down of releases."""
    return [json.loads(line) for line in host.sh(f"cat {JOURNAL}").splitlines()]


def version(host: Measured) -> str:
    """The one that runs; there is only one between rollouts."""
    shown = host.sh("docker ps --filter label=com.docker.compose.service=api-gateway --format '{{.Image}}'").splitlines()
    (tag,) = {str(image).rpartition(":")[2] for image in shown}
    return str(tag)


@pytest.fixture(scope="module")
def budget(host: Measured) -> Iterator[Budget]:
    """An objective that is measured; at the end nothing is left of it, and what runs is what is declared."""
    made = Budget(host)
    before = host.sh(f"cat {SETTINGS} 2>/dev/null", check=False)
    host.sh(f"mkdir -p $(dirname {SETTINGS}) && cat > {SETTINGS} <<'END'\n{json.dumps(SLO)}\nEND")
    host.sh(f'PYTHONPATH=/usr/lib/latentum-ops python3 -B -c "{WRITE_RULES}"; promtool check rules {RULES}')
    host.sh("systemctl reload latentum-ops-prometheus")
    try:
        visit("/predict?input=1,2,3")
        wait_for("the line of a request", lambda: host.sh(f'grep -c \'"route":"{ROUTE}"\' {LOG}', check=False) not in ("", "0"), 60)
        # A counter that appears with its first failure hides that one.
        made.requests(1, 1)
        wait_for("series of both", lambda: made.counted(200) and made.counted(500), 180)
        yield made
    finally:
        host.sh(f"rm -f {RULES}; systemctl reload latentum-ops-prometheus")
        done = rolling_update("1.0.0", stack_slo={}, rolling_update_force=True)
        host.sh(f"cat > {SETTINGS} <<'END'\n{before}\nEND" if before else f"rm -f {SETTINGS}")
        assert done.returncode == 0, done.stdout


def test_between_a_tenth_and_a_quarter_a_release_goes_by_canary(host: Measured, budget: Budget) -> None:
    # 14 % is left of it. Eight would leave 24 %, and how far a counter is extrapolated decides then on which side of a quarter that is.
    budget.requests(10_500, 9)
    budget.becomes(0.10, 0.25)
    before = len(journal(host))
    done = rolling_update("1.1.0")
    assert done.returncode == 0, done.stdout
    assert "api-gateway: canary in place of rolling, since little of the error budget is left" in done.stdout
    assert [entry for entry in journal(host)[before:] if str(entry.get("step", "")).startswith("canary: 20 % of the traffic")]
    assert version(host) == "1.1.0"


def test_below_a_tenth_a_release_is_refused_until_somebody_says_why(host: Measured, budget: Budget) -> None:
    budget.requests(5000, 22)
    budget.becomes(-1000, 0.10)
    before, running = len(journal(host)), version(host)
    refused = rolling_update("1.3.0")
    assert refused.returncode != 0, refused.stdout
    assert f"less than 10 % of the error budget is left: {NAME} has" in refused.stdout and "ops_budget_override" in refused.stdout
    assert len(journal(host)) == before and version(host) == running

    done = rolling_update("1.3.0", ops_budget_override="the fix of the outage itself")
    assert done.returncode == 0, done.stdout
    (entry,) = [entry for entry in journal(host)[before:] if entry.get("exemption")]
    assert (entry["exemption"], entry["reason"]) == ("budget_override", "the fix of the outage itself")
    assert "the fix of the outage itself" in host.sh("opsctl history --stack latentum --lines 400")
    assert version(host) == "1.3.0"

    # Whoever goes back is asked nothing, whatever is left.
    host.sh("opsctl rollback --stack latentum")
    assert version(host) == running
