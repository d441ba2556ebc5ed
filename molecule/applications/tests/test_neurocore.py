# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Neurocore: a search by vectors, uploads, Celery tasks that outlive their workers, and Flower and the stores for administrators only."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
import time
from urllib.parse import quote

import pytest
from conftest import (
    CLIENT,
    FLOWER,
    HOST,
    NEUROCORE,
    ROOT,
    Answer,
    containers,
    eventually,
    execute,
    inside,
    playbook_command,
    post,
    request,
    rows,
    sh,
)

sys.path.insert(0, str(ROOT / "tests/images/applications/neurocore"))
from neurocore.embedding import embed

API = f"https://{NEUROCORE}/api"
TASKS = 60
# As an administrator who is on the host: its nginx is asked for a name, and says with which status it answers.
FROM_THE_HOST = """
import base64, http.client, socket, ssl, sys

connection = http.client.HTTPSConnection(sys.argv[1], timeout=20)
plain = socket.create_connection(("127.0.0.1", 443), 20)
connection.sock = ssl._create_unverified_context().wrap_socket(plain, server_hostname=sys.argv[1])
login = base64.b64encode(":".join(sys.argv[2:]).encode()).decode()
connection.request("GET", "/", headers={"Authorization": f"Basic {login}"} if sys.argv[2:] else {})
print(connection.getresponse().status)
"""


def kb(query: str) -> list[list[str]]:
    """Rows of the knowledge base."""
    return rows("neurocore", "database", "neurosurgery_kb", "neurosurgery_admin", query)


def distance(first: list[float], second: list[float]) -> float:
    """One minus the cosine of the angle, as `<=>` of pgvector has it."""
    dot = sum(a * b for a, b in zip(first, second, strict=True))
    return 1 - dot / math.sqrt(sum(a * a for a in first) * sum(b * b for b in second))


@pytest.mark.parametrize("words", ["temporal lobe", "spinal cord injury", "haematoma"])
def test_search_finds_what_a_comparison_of_all_vectors_finds(words: str) -> None:
    vectors = {title: json.loads(vector) for title, vector in kb("SELECT title, embedding FROM chapters")}
    assert len(vectors) >= 20
    expected = {title: distance(embed(words), vector) for title, vector in vectors.items()}
    hits = request(f"{API}/search?q={quote(words)}&limit=3").document
    assert [hit["distance"] for hit in hits] == pytest.approx(sorted(expected.values())[:3], abs=1e-4)
    assert all(hit["distance"] == pytest.approx(expected[hit["title"]], abs=1e-4) for hit in hits)
    assert set(words.split()) & set(hits[0]["title"].lower().split())


def test_the_migration_has_run_once_and_says_where_it_is() -> None:
    assert kb("SELECT version_num FROM alembic_version") == [["0001"]]


def test_the_page_and_its_deep_links_are_one_page_and_assets_are_cached_for_ever() -> None:
    page = request(f"https://{NEUROCORE}/")
    deep = request(f"https://{NEUROCORE}/chapters/12/references")
    assert (page.status, deep.status) == (200, 200) and page.body == deep.body and "<main" in page.body
    assert page.headers["cache-control"] == "no-cache"
    asset = re.search(r'src="(/assets/app\.[0-9a-f]{8}\.js)"', page.body)
    assert asset is not None
    script = request(f"https://{NEUROCORE}{asset[1]}")
    assert script.status == 200 and "immutable" in script.headers["cache-control"] and "javascript" in script.headers["content-type"]
    # An asset of a release that is gone must not be answered with the page, which a browser would take for a script.
    assert request(f"https://{NEUROCORE}/assets/app.00000000.js").status == 404


def test_the_api_has_its_own_errors_and_documentation() -> None:
    missing = request(f"{API}/nothing")
    assert missing.status == 404 and "application/json" in missing.headers["content-type"]
    assert request(f"{API}/docs").status == 200


def test_an_upload_comes_back_as_it_was_and_is_in_the_volume() -> None:
    made = "head -c 20000000 /dev/urandom > /tmp/scan.pdf && sha256sum < /tmp/scan.pdf"
    expected = execute(["docker", "exec", CLIENT, "sh", "-c", made]).stdout.split()[0]
    sent = request(f"{API}/upload", "--form", "file=@/tmp/scan.pdf;type=application/pdf")
    assert sent.status == 201, sent.body
    assert sent.document == {"kind": "pdfs", "name": expected, "size": 20_000_000}
    back = f"curl -sS --cacert /tmp/apps-root.pem {API}/uploads/pdfs/{expected} | sha256sum"
    assert execute(["docker", "exec", CLIENT, "sh", "-c", back]).stdout.split()[0] == expected
    # Workers see it, too: they read what was uploaded.
    assert inside("neurocore", "worker", f"sha256sum /data/pdfs/{expected}").split()[0] == expected
    assert request(f"{API}/upload", "--form", "file=@/tmp/apps-root.pem;type=text/plain").status == 415


def test_flower_answers_administrators_and_nobody_else() -> None:
    assert request(f"https://{FLOWER}/").status == 403
    assert request(f"https://{FLOWER}/api/workers").status == 403
    password = sh("cat /etc/latentum-ops/secrets/neurocore/flower_password")
    for login, status in ([], 401), (["admin", password], 200):
        asked = execute(["docker", "exec", "-i", HOST, "python3", "-", FLOWER, *login], text_in=FROM_THE_HOST)
        assert int(asked.stdout) == status
    # Its port is published nowhere.
    assert execute(["docker", "exec", CLIENT, "nc", "-z", "-w", "3", f"{HOST}.example.test", "5555"]).returncode != 0


@pytest.mark.parametrize("port", [5434, 6381])
def test_database_and_cache_answer_on_loopback_only(port: int) -> None:
    assert execute(["docker", "exec", CLIENT, "nc", "-z", "-w", "3", f"{HOST}.example.test", str(port)]).returncode != 0
    # ufw and the engine aside, nothing listens elsewhere.
    assert {line.split()[3] for line in sh(f"ss -Htln 'sport = :{port}'").splitlines()} == {f"127.0.0.1:{port}"}
    connects = f"import socket; socket.create_connection(('127.0.0.1', {port}), 5).close()"
    sh(f'python3 -c "{connects}"')


@pytest.mark.parametrize(("service", "leaves"), [("database", False), ("cache", False), ("worker", True)])
def test_only_who_calls_out_has_a_way_out(service: str, leaves: bool) -> None:
    """The registry of the test network stands for the world outside of the host."""
    registry = sh("getent ahostsv4 registry.example.test | head -n 1 | cut -d ' ' -f 1")
    reach = (
        f"docker exec {containers('neurocore', service)[0]} bash -c 'exec 3<>/dev/tcp/{registry}/5000' 2>/dev/null && echo yes || echo no"
    )
    assert sh(f"timeout 5 sh -c {json.dumps(reach)} || echo no").split()[0] == ("yes" if leaves else "no")


def test_the_clock_ticks_once() -> None:
    """One beat: two ticks are never closer together than its period, less the time that a busy worker may take."""
    eventually(lambda: int(kb("SELECT count(*) FROM ticks")[0][0]) >= 2, "beat has made two ticks", 150)
    assert len(containers("neurocore", "beat")) == 1
    gaps = [float(gap) for (gap,) in kb("SELECT extract(epoch FROM at - lag(at) OVER (ORDER BY at)) FROM ticks ORDER BY at OFFSET 1")]
    assert min(gaps) > 15


def _submit(number: int) -> str:
    answer: Answer = post(f"{API}/chapters", {"title": f"Rolled {number}", "seconds": 1.0 + number % 3})
    assert answer.status == 202, answer.body
    return str(answer.document["task"])


def test_tasks_outlive_the_workers_that_are_rolled() -> None:
    """Tasks run, wait and are handed in while each worker is replaced: each is carried out once, and its result arrives."""
    tasks = [_submit(number) for number in range(TASKS // 2)]
    before = set(containers("neurocore", "worker"))
    argv = playbook_command("rolling_update", {"ops_only": "neurocore", "neurocore_worker_version": "1.1.0"})
    update = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT)
    while update.poll() is None and len(tasks) < 4 * TASKS:
        tasks.append(_submit(len(tasks)))
        time.sleep(1.5)
    output, _none = update.communicate(timeout=900)
    assert update.returncode == 0, output[-4000:]
    after = set(containers("neurocore", "worker"))
    assert len(after) == 2 and not before & after
    states = dict.fromkeys(tasks, "PENDING")

    def all_done() -> bool:
        for task in [task for task, state in states.items() if state != "SUCCESS"]:
            states[task] = _state(task)
        return set(states.values()) == {"SUCCESS"}

    eventually(all_done, f"the results of all {len(tasks)} tasks arrive", 300)
    executed = {task: int(count) for task, count in kb("SELECT task, count(*) FROM executions GROUP BY task")}
    assert {task: executed.get(task, 0) for task in tasks} == dict.fromkeys(tasks, 1), "none is lost, none is done twice"
    workers = {worker for task, worker in kb("SELECT task, worker FROM executions") if task in states}
    assert len(workers) >= 3, "old and new workers have worked"


def _state(task: str) -> str:
    """From inside, which no limit of requests counts."""
    look = f"import urllib.request as r; print(r.urlopen('http://127.0.0.1:8002/api/chapters/{task}').read().decode())"
    return str(json.loads(inside("neurocore", "api", f'python3 -c "{look}"'))["state"])


def test_a_task_whose_worker_is_killed_is_not_lost() -> None:
    """The hard way: no time to end anything. It may begin twice, and is done once, since the row is written at its end."""
    task = str(post(f"{API}/chapters", {"title": "Killed", "seconds": 20}).document["task"])
    eventually(lambda: _state(task) == "STARTED", "a worker has begun it")
    # Celery's main process sees that its children are gone, and gives the task back (task_reject_on_worker_lost).
    for worker in containers("neurocore", "worker"):
        sh(f"pkill -9 -P $(pgrep -P $(docker inspect -f '{{{{.State.Pid}}}}' {worker}))")
    eventually(lambda: _state(task) == "SUCCESS", "another has done it", 180)
    assert [executed for (executed,) in kb("SELECT task FROM executions")].count(task) == 1


def _opsctl(words: str, **more: bool) -> str:
    return sh(f"opsctl {words} --stack neurocore 2>&1", timeout=900, **more)


def test_each_plan_of_backups_has_its_times_and_its_backups() -> None:
    timers = sh("systemctl list-timers --all --no-legend 'latentum-ops-backup@neurocore*'")
    assert {f"latentum-ops-backup@neurocore.{plan}.timer" for plan in ("database", "files", "full")} == set(
        re.findall(r"\S+\.timer", timers)
    )
    for plan in ("database", "files", "full"):
        assert "can be restored" in _opsctl(f"backup run --plan {plan}")
    (target,) = [target for target in json.loads(_opsctl("backup list --json"))["targets"] if target["name"] == "offsite"]
    assert {backup.get("plan") for backup in target["backups"]} >= {"database", "files", "full"}


def test_a_search_by_vectors_finds_the_same_after_a_restore() -> None:
    """The table is lost, index and all."""
    asked = f"{API}/search?q={quote('temporal lobe')}&limit=5"
    before = request(asked).document
    assert "can be restored" in _opsctl("backup run --plan database")
    moment = sh("date -u '+%Y-%m-%d %H:%M:%S+00'")
    time.sleep(2)  # what is lost is lost after that second
    assert kb("DROP TABLE chapters CASCADE") is not None
    assert request(asked).status >= 500
    _opsctl(f"restore database neurosurgery_kb --to '{moment}' --yes")
    _opsctl("restore confirm")
    eventually(lambda: request(asked).status == 200, "the search answers again", 120)
    assert request(asked).document == before
