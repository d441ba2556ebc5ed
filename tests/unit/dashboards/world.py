# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A measured host: the real exporters, the watchdog's and the containers' numbers as the engine makes them, and a real Prometheus with the
configuration and the rules of role monitoring.

Of what cannot be had here, exporters of PostgreSQL and Redis, the numbers are written by their public names.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.monitoring import PROMETHEUS, MonitoredStack
from ansible_collections.latentum.ops.plugins.module_utils.contracts.objectives import Objective
from ansible_collections.latentum.ops.plugins.module_utils.monitoring.setup import FOLDER, setup
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.metrics import Collector
from prometheus_client import CollectorRegistry, generate_latest

from ..free_ports import free_port
from ..metrics.trees import LAYOUTS, Tree
from ..roles.exporters.log_lines import line
from ..roles.exporters.rendered import MTAIL

PATIENCE = 300.0  # seconds after which what is waited for has failed, on a machine that does much else
PROGRAMS = ("prometheus", "prometheus-node-exporter", "prometheus-nginx-exporter")
needs_programs = pytest.mark.skipif(
    not (MTAIL and all(map(shutil.which, PROGRAMS))), reason="no Prometheus and exporters here: tests/tools/unit.sh provides them"
)
needs_lighter = pytest.mark.skipif(
    not all(map(shutil.which, ("victoria-metrics", "vmagent", "vmalert"))),
    reason="no VictoriaMetrics here: tests/tools/unit.sh provides it",
)
STACK, SERVICE, HOST = "latentum", "api-gateway", "web1"
# As role exporters has them, without those that read what a sandbox of tests may not have.
COLLECTORS = ("conntrack", "cpu", "diskstats", "filefd", "filesystem", "loadavg", "meminfo", "netdev", "netstat", "pressure", "stat",
              "textfile", "time", "timex", "vmstat")  # fmt: skip
LOGS = """# TYPE latentum_ops_logs_records_total counter
latentum_ops_logs_records_total 120
# TYPE latentum_ops_logs_gaps_total counter
latentum_ops_logs_gaps_total 0
# TYPE latentum_ops_logs_forwarded_total counter
latentum_ops_logs_forwarded_total 100
# TYPE latentum_ops_logs_dropped_total counter
latentum_ops_logs_dropped_total 0
# TYPE latentum_ops_logs_waiting_bytes gauge
latentum_ops_logs_waiting_bytes 4096
# TYPE latentum_ops_logs_queue_bytes gauge
latentum_ops_logs_queue_bytes 1073741824
# TYPE latentum_ops_logs_sink_accepted_total counter
latentum_ops_logs_sink_accepted_total{sink="loki"} 100
# TYPE latentum_ops_logs_sink_rejected_total counter
latentum_ops_logs_sink_rejected_total{sink="loki"} 1
# TYPE latentum_ops_logs_sink_dropped_total counter
latentum_ops_logs_sink_dropped_total{sink="loki"} 0
# TYPE latentum_ops_logs_sink_waiting_bytes gauge
latentum_ops_logs_sink_waiting_bytes{sink="loki"} 4096
# TYPE latentum_ops_logs_sink_queue_bytes gauge
latentum_ops_logs_sink_queue_bytes{sink="loki"} 1073741824
# TYPE latentum_ops_logs_sink_up gauge
latentum_ops_logs_sink_up{sink="loki"} 1
"""
_DATABASE = 'datname="shop"'
# Names and types as postgres_exporter and redis_exporter have them.
POSTGRES = f"""# TYPE pg_up gauge
pg_up 1
pg_settings_max_connections 100
pg_stat_database_numbackends{{{_DATABASE}}} 7
# TYPE pg_stat_database_xact_commit counter
pg_stat_database_xact_commit{{{_DATABASE}}} 1000
# TYPE pg_stat_database_xact_rollback counter
pg_stat_database_xact_rollback{{{_DATABASE}}} 3
# TYPE pg_stat_database_blks_hit counter
pg_stat_database_blks_hit{{{_DATABASE}}} 90000
# TYPE pg_stat_database_blks_read counter
pg_stat_database_blks_read{{{_DATABASE}}} 800
# TYPE pg_stat_database_deadlocks counter
pg_stat_database_deadlocks{{{_DATABASE}}} 0
pg_database_size_bytes{{{_DATABASE}}} 73400320
pg_stat_activity_max_tx_duration{{{_DATABASE},state="active"}} 0.2
pg_locks_count{{{_DATABASE},mode="accesssharelock"}} 2
pg_replication_lag_seconds 0
"""
REDIS = """# TYPE redis_up gauge
redis_up 1
redis_memory_used_bytes 1048576
redis_memory_max_bytes 67108864
redis_connected_clients 4
redis_blocked_clients 0
# TYPE redis_commands_processed_total counter
redis_commands_processed_total 100
# TYPE redis_keyspace_hits_total counter
redis_keyspace_hits_total 90
# TYPE redis_keyspace_misses_total counter
redis_keyspace_misses_total 10
# TYPE redis_evicted_keys_total counter
redis_evicted_keys_total 0
# TYPE redis_expired_keys_total counter
redis_expired_keys_total 5
redis_db_keys{db="db0"} 42
# TYPE redis_net_input_bytes_total counter
redis_net_input_bytes_total 1000
# TYPE redis_net_output_bytes_total counter
redis_net_output_bytes_total 1000
# TYPE redis_rejected_connections_total counter
redis_rejected_connections_total 0
"""
_COUNTER = re.compile(r"^# TYPE (\S+) counter$", re.MULTILINE)
_SAMPLE = re.compile(r"^(\w+)((?:\{.*\})?) (\S+)$", re.MULTILINE)


def moving(text: str, ticks: int) -> str:
    """The same numbers later: counters have risen, by one a tick."""
    counters = set(_COUNTER.findall(text))

    def later(sample: re.Match[str]) -> str:
        return f"{sample[1]}{sample[2]} {float(sample[3]) + ticks if sample[1] in counters else sample[3]}"

    return _SAMPLE.sub(later, text)


@dataclass
class World:
    """The Prometheus, and what it was made of."""

    address: str
    stacks: tuple[MonitoredStack, ...]
    jobs: tuple[str, ...]
    began: float = field(default_factory=time.time)

    def ask(self, path: str) -> Any:
        """An answer of its API; an error, such as one of a question that is not PromQL, fails."""
        try:
            with urllib.request.build_opener().open(f"http://{self.address}/api/v1/{path}", timeout=60) as answer:
                return json.loads(answer.read())["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path}: {error.read().decode()}") from None


@contextmanager
def served(text: Callable[[], str]) -> Iterator[str]:
    """Where this is served, whatever the path."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            octets = text().encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(octets)))
            self.end_headers()
            self.wfile.write(octets)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def running(words: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A program, for as long as this lasts."""
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE)


def until(happened: Callable[[], Any], what: str) -> Any:
    """What it gives once that is something."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := happened():
            return found
        time.sleep(0.2)
    raise AssertionError(f"{what} did not happen")


def answers(url: str) -> bool:
    """Somebody is there."""
    try:
        with urllib.request.build_opener().open(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


class Clock:
    """Ticks for as long as somebody asks."""

    def __init__(self) -> None:
        self.ticks = 0

    def tick(self) -> int:
        """One more."""
        self.ticks += 1
        return self.ticks


def stacks() -> tuple[MonitoredStack, ...]:
    """What is declared."""
    objective = Objective(STACK, "web", "route", f"{STACK}.example.com/", "availability", 99.0, service=SERVICE, scrape_interval=1)
    return (MonitoredStack(STACK, 1, {SERVICE: "critical"}, objectives=(objective,), backup_max_age=86400),)


def status_of(sample: Mapping[str, Any]) -> dict[str, Any]:
    """The status of a watchdog that looks now."""
    return {**sample, "at": time.time()}


@contextmanager
def world(folder: Path, program: str, sample: Mapping[str, Any], backend: str = PROMETHEUS) -> Iterator[World]:
    """All of it.

    :param program: of mtail, as role exporters writes it.
    :param sample: a status of the watchdog.
    :param backend: what keeps numbers and evaluates rules.
    """
    with ExitStack() as open_now:
        targets = _targets(open_now, folder, program, sample)
        others = {"postgres": POSTGRES, "redis": REDIS}
        clocks = {name: Clock() for name in others}
        scrapes = []
        for name, text in others.items():
            place = open_now.enter_context(served(lambda text=text, name=name: moving(text, clocks[name].tick())))  # type: ignore[misc]
            scrapes.append({"job_name": name, "static_configs": [{"targets": [place], "labels": {"instance": HOST}}]})
        prometheus, alertmanager, agent, ruler = (f"127.0.0.1:{free_port()}" for _program in range(4))
        declared = stacks()
        settings = {"host": HOST, "targets": targets, "scrapes": scrapes, "prometheus_address": prometheus,
                    "alertmanager_address": alertmanager, "backend": backend, "vmagent_address": agent,
                    "vmalert_address": ruler}  # fmt: skip
        made = setup([stack.to_dict() for stack in declared], settings)
        assert made.problems == ()
        for path, content in made.files.items():
            file = folder / "written" / path.removeprefix(f"{FOLDER}/")
            file.parent.mkdir(parents=True, exist_ok=True)
            # What is evaluated in minutes, and must hold for minutes, is so at once.
            content = re.sub(r"^(\s+(?:interval|evaluation_interval): ).*$", r"\g<1>1s", content, flags=re.M)
            file.write_text(re.sub(r"^(\s+for: ).*$", r"\g<1>0s", content, flags=re.M))
        written, data = folder / "written", folder / "data"
        programs = {
            prometheus: ["prometheus", f"--config.file={written}/prometheus.yml", f"--storage.tsdb.path={data}", "--log.level=error",
                         f"--web.listen-address={prometheus}"],
        }  # fmt: skip
        if backend != PROMETHEUS:
            here = f"http://{prometheus}"
            programs = {
                prometheus: ["victoria-metrics", f"-storageDataPath={data}", "-search.latencyOffset=1s", f"-httpListenAddr={prometheus}"],
                agent: ["vmagent", f"-promscrape.config={written}/vmagent.yml", f"-remoteWrite.url={here}/api/v1/write",
                        f"-remoteWrite.tmpDataPath={folder}/waiting", f"-httpListenAddr={agent}"],
                ruler: ["vmalert", f"-rule={written}/rules/*.yml", f"-datasource.url={here}", f"-remoteRead.url={here}",
                        f"-remoteWrite.url={here}", "-remoteWrite.flushInterval=1s", f"-notifier.url=http://{alertmanager}",
                        "-evaluationInterval=1s", "-disableAlertgroupLabel", f"-httpListenAddr={ruler}"],
            }  # fmt: skip
        for address, words in programs.items():
            process = open_now.enter_context(running(words))

            def ready(address: str = address, process: subprocess.Popen[bytes] = process, words: list[str] = words) -> bool:
                assert process.poll() is None, f"{words[0]} has ended"
                return answers(f"http://{address}/-/ready")

            until(ready, f"{words[0]} is ready")
        jobs = (*(job for job, address in targets.items() if address), *others)
        yield World(prometheus, declared, jobs)


def _targets(open_now: ExitStack, folder: Path, program: str, sample: Mapping[str, Any]) -> dict[str, str]:
    """Where each job answers."""
    registry = CollectorRegistry()
    registry.register(Collector(lambda: status_of(sample)))  # type: ignore[arg-type]
    watchdog = open_now.enter_context(served(lambda: generate_latest(registry).decode()))
    tree = Tree(folder / "host", LAYOUTS[-1])
    tree.add(1, **{"com.docker.compose.project": STACK, "com.docker.compose.service": SERVICE})
    exporter, beat = tree.exporter(), Clock()
    containers = open_now.enter_context(served(lambda: moving(exporter.scrape().decode(), beat.tick())))
    return {
        "node": _node(open_now, folder),
        "requests": _requests(open_now, folder, program),
        "nginx": _nginx(open_now),
        "watchdog": watchdog,
        "containers": containers,
    }


def _node(open_now: ExitStack, folder: Path) -> str:
    textfiles = folder / "textfiles"
    textfiles.mkdir()
    (textfiles / "latentum_ops_logs.prom").write_text(LOGS)
    address = f"127.0.0.1:{free_port()}"
    words = ["prometheus-node-exporter", f"--web.listen-address={address}", "--collector.disable-defaults"]
    words += [f"--collector.{name}" for name in COLLECTORS]
    open_now.enter_context(running([*words, f"--collector.textfile.directory={textfiles}"]))
    until(lambda: answers(f"http://{address}/metrics"), "node_exporter answers")
    return address


def _requests(open_now: ExitStack, folder: Path, program: str) -> str:
    """mtail, and somebody who writes its log."""
    programs, log = folder / "programs", folder / "access.json"
    programs.mkdir()
    (programs / "requests.mtail").write_text(program)
    log.touch()
    address = f"127.0.0.1:{free_port()}"
    host, port = address.split(":")
    words = [MTAIL, f"--address={host}", f"--port={port}", f"--progs={programs}", f"--logs={log}", "--emit_prog_label=false"]
    open_now.enter_context(running([*words, "--logtostderr"]))
    until(lambda: answers(f"http://{address}/metrics"), "mtail answers")
    ended = Event()

    def write() -> None:
        whose = {"stack": STACK, "service": SERVICE, "route": f"{STACK}.example.com/"}
        retried = {"upstream_address": "10.0.0.2:80, 10.0.0.3:80", "upstream_status": "502, 200", "upstream_duration": "0.001, 0.012"}
        while not ended.wait(0.1):
            with log.open("ab") as file:
                for lines in (line(**whose), line(**whose, **retried), line(**whose, status=500), line(route="", service="", stack="")):
                    file.write(lines + b"\n")

    writer = Thread(target=write, daemon=True)
    writer.start()
    open_now.callback(writer.join)
    open_now.callback(ended.set)
    return address


def _nginx(open_now: ExitStack) -> str:
    beat = Clock()

    def told() -> str:
        number = 1000 + beat.tick()
        counted = f" {number} {number} {2 * number} "
        return f"Active connections: 3 \nserver accepts handled requests\n{counted}\nReading: 0 Writing: 1 Waiting: 2 \n"

    status = open_now.enter_context(served(told))
    address = f"127.0.0.1:{free_port()}"
    open_now.enter_context(
        running(["prometheus-nginx-exporter", f"--web.listen-address={address}", f"--nginx.scrape-uri=http://{status}/nginx_status"])
    )
    until(lambda: answers(f"http://{address}/metrics"), "nginx-prometheus-exporter answers")
    return address
