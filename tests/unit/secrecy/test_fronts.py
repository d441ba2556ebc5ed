# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container, a program or a receiver repeats a secret: each kind is looked for in everything that comes out at each front."""

from __future__ import annotations

import copy
import json
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.latentum.ops.plugins.module_utils.backup import proof, restic_process, scratch_container
from ansible_collections.latentum.ops.plugins.module_utils.backup.psql import Psql
from ansible_collections.latentum.ops.plugins.module_utils.backup.restic_errors import TargetError
from ansible_collections.latentum.ops.plugins.module_utils.backup.settings import BackupError
from ansible_collections.latentum.ops.plugins.module_utils.builds import buildkit
from ansible_collections.latentum.ops.plugins.module_utils.cli import audit, output
from ansible_collections.latentum.ops.plugins.module_utils.cli.log_view import Lines
from ansible_collections.latentum.ops.plugins.module_utils.compose.cli import Compose
from ansible_collections.latentum.ops.plugins.module_utils.containers import api, client
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import Engine
from ansible_collections.latentum.ops.plugins.module_utils.contracts.health import Expectation
from ansible_collections.latentum.ops.plugins.module_utils.contracts.image_build import ImageBuild
from ansible_collections.latentum.ops.plugins.module_utils.contracts.rollout_policy import Task
from ansible_collections.latentum.ops.plugins.module_utils.contracts.watchdog_settings import ProbeSpec, ServiceSpec
from ansible_collections.latentum.ops.plugins.module_utils.core import journal as service_log
from ansible_collections.latentum.ops.plugins.module_utils.core import masking, paths, process, progress, tracebacks
from ansible_collections.latentum.ops.plugins.module_utils.core.failure import failure
from ansible_collections.latentum.ops.plugins.module_utils.core.process import Result
from ansible_collections.latentum.ops.plugins.module_utils.emergency import evidence, timeline
from ansible_collections.latentum.ops.plugins.module_utils.health.assessment import look
from ansible_collections.latentum.ops.plugins.module_utils.health.report import details, text
from ansible_collections.latentum.ops.plugins.module_utils.jobs import container as job_container
from ansible_collections.latentum.ops.plugins.module_utils.jobs import running as job_running
from ansible_collections.latentum.ops.plugins.module_utils.jobs import state as job_state
from ansible_collections.latentum.ops.plugins.module_utils.release.journal import Journal
from ansible_collections.latentum.ops.plugins.module_utils.rollout import transaction
from ansible_collections.latentum.ops.plugins.module_utils.rollout.host_actions import RolloutFailed
from ansible_collections.latentum.ops.plugins.module_utils.secretstore.store import Store
from ansible_collections.latentum.ops.plugins.module_utils.tls.issue import reason
from ansible_collections.latentum.ops.plugins.module_utils.watchdog import observing
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting import message
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting.digest import digest
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting.message_html import html
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting.routes import Route
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.findings import Evidence, judge
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.incidents import Incident
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.live_table import incidents_table, table
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.page.document import render
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.probes import containers as container_probes
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.probes import nginx_configuration
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.receivers import apprise, dispatch, email, pagerduty, slack, transport
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.receivers.transport import SendError
from ansible_collections.latentum.ops.plugins.modules import compose_health, compose_health_info

from ..core.planted import KINDS, STACK, WAYS, fill, found, pieces, printed

FORMS = ("as it is", "base64", "Basic, two before", "in JSON", "quoted for a URL")


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return fill(tmp_path_factory.mktemp("secrets"))


@pytest.fixture(scope="module")
def incidents() -> dict[str, Incident]:
    """By the kind of the secret that is repeated, without those that nothing was hidden in."""
    return {}


class Host:
    """A host on which every program and every container writes the same: all values of one kind.

    :param incidents: those that other tests have seen with the same masker.
    """

    def __init__(self, store: Store, kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch, incidents: dict[str, Incident]) -> None:
        values = [(store.value(f"{kind}_{way}") or "").strip() for way in WAYS]
        self.lines = [line for value in values for form in FORMS for line in printed(value, form)]
        self.pieces = {piece for value in values for form in FORMS for piece in pieces(value, form)}
        self.kind, self.folder, self.monkeypatch, self.incidents = kind, folder, monkeypatch, incidents
        monkeypatch.setattr(paths, "SECRETS", store.folder.parent)
        monkeypatch.setattr(paths, "RELEASES", folder / "releases")
        monkeypatch.setattr(paths, "STACKS", folder / "stacks")
        monkeypatch.setattr(progress, "FOLDER", folder / "run")
        monkeypatch.setattr(client, "EngineApi", lambda _timeout: self)

    @property
    def words(self) -> str:
        return "\n".join(self.lines)

    # The engine's API.

    def ping(self) -> None:
        """It answers."""

    def containers(self, **_given: object) -> list[dict[str, str]]:
        return [{"Id": "id1"}]

    def inspect_container(self, _identity: str) -> dict[str, Any]:
        log = [{"ExitCode": 1, "Output": part} for part in (self.words, self.words[-4000:], self.words[:4000])]
        labels = {client.PROJECT: STACK, client.SERVICE: "web", client.NUMBER: "1"}
        state = {"Status": "running", "StartedAt": "2026-11-20T14:00:00.5Z", "Health": {"Status": "unhealthy", "Log": log}}
        networks = {"backend": {"IPAddress": "10.0.0.2"}}
        return {
            "Id": "id1", "Name": "/shop-web-1", "State": state, "Config": {"Labels": labels}, "NetworkSettings": {"Networks": networks}
        }  # fmt: skip

    def inspect_image(self, _reference: str) -> dict[str, Any]:
        return {}

    def logs(self, _identity: str, tail: int) -> bytes:
        return "\n".join(self.lines[-tail:]).encode()

    def execute(self, _identity: str, _argv: Sequence[str], _timeout: float) -> tuple[int, bytes]:
        raise NotImplementedError("each probe has its own answer")

    def program(self) -> list[str]:
        """One that writes it to both outputs, and fails."""
        (self.folder / "words").write_text(self.words)
        return ["sh", "-c", 'cat "$1"; cat "$1" >&2; exit 1', "sh", str(self.folder / "words")]

    # What comes out.

    def ansible(self, module: Any, capsys: pytest.CaptureFixture[str], **options: float) -> str:
        """All that a module returns, as -vvv shows it."""
        given = {"project": STACK, "services": [{"service": "web"}], "log_lines": 500, **options}
        with patch_module_args(given), pytest.raises(SystemExit):
            module.main()
        return capsys.readouterr().out

    def incident(self) -> Incident:
        """With the cause and log that the watchdog finds; many fronts show it, and whoever gets it may change it."""
        if self.kind not in self.incidents:
            self.incidents[self.kind] = self.seen()
        return copy.deepcopy(self.incidents[self.kind])

    def seen(self) -> Incident:
        """As the watchdog sees it."""
        engine = Engine()
        evidence = Evidence({}, {}, lambda _container: (), 0.0, lambda _container: 3600.0)
        finding = judge(STACK, ServiceSpec("web"), engine.containers(STACK), evidence)
        picture = SimpleNamespace(containers=lambda _stack: engine.containers(STACK))
        observer = cast(observing.Observer, SimpleNamespace(engine=engine, picture=picture))
        incident = Incident(f"{STACK}/web", STACK, "web", "critical", finding.cause, 0.0, 2.0)
        assert "unhealthy" in incident.cause
        self.monkeypatch.setattr(observing, "LINES", 500)
        incident.log = observing.Observer.log_of(observer, incident)
        incident.did(self.probe())
        incident.did(self.nginx())
        return incident

    def probe(self) -> str:
        """Why probes failed: their command's output, and that of psql."""
        engine = Engine()
        container = engine.containers(STACK)[0]
        command = ProbeSpec("command", "check", 5, 15, {"argv": ["check"]})
        database = ProbeSpec("postgresql", "database", 5, 15, {"user": "shop", "database": "shop"})
        self.monkeypatch.setattr(Host, "execute", lambda *_given: (1, self.words.encode()))
        readings = [container_probes.read(spec, container, engine) for spec in (command, database)]
        self.monkeypatch.setattr(Host, "execute", lambda *_given: (2, f"psql: FATAL: {self.words}".encode()))
        readings.append(container_probes.read(database, container, engine))
        self.monkeypatch.setattr(Host, "execute", lambda *_given: (0, self.words.encode()))
        readings.append(container_probes.read(database, container, engine))
        assert not any(reading.ok for reading in readings)
        return "\n".join(reading.reason for reading in readings)

    def status(self) -> dict[str, Any]:
        """What the watchdog publishes."""
        incident = self.incident()
        probes = [{"name": "check", "ok": False, "latency": 0.0, "reason": self.probe()}]
        service = {
            "service": "web", "state": "down", "reason": incident.cause, "replicas": 1, "healthy": 0, "out": [], "probes": probes,
            "heals": 0, "breaker": False, "days": [],
        }  # fmt: skip
        stack = {"name": STACK, "domains": [], "title": "", "state": "down", "busy": "", "services": [service], "sites": []}
        incidents = [incident.as_dict()]
        history = [incident.as_dict() | {"ended": 60.0}]
        return {
            "host": "web-1", "at": 100.0, "version": "1", "well": False, "loop": {}, "stacks": [stack], "host_checks": [],
            "incidents": incidents, "history": history, "maintenance": [], "alerts": {},
        }  # fmt: skip

    def alert(self) -> message.Message:
        """As the deliverer composes it."""
        notice = {"what": "open", "host": "web-1", "at": 2.0, "incident": self.incident().as_dict(), "runbook": ""}
        return message.compose(notice, 2.0)

    def report(self) -> str:
        """What opsctl says of a stack, and a rollout of new containers."""
        engine = Engine()
        return text(details(engine, look(engine, STACK, [Expectation("web")]), 500))

    def log(self) -> str:
        """What `opsctl logs` prints of a container."""
        lines = Lines(cast(Any, None))
        return "\n".join(line.text() for part in self.lines for line in lines.feed(1, f"{part}\n".encode()))

    def migration(self) -> str:
        """The failure of a migration, as a rollout reports it, notes it in the history and shows it to who follows."""
        shown = progress.Progress(STACK, "attempt")
        journal = Journal(STACK)
        site = SimpleNamespace(stack=STACK, engine=SimpleNamespace(named=lambda _name: None), progress=shown, step=lambda *_a, **_b: None)
        policy = SimpleNamespace(migration=SimpleNamespace(command=["migrate"], timeout=5))
        change = cast(transaction.Change, SimpleNamespace(site=site, _wait_for_left_behind=lambda *_given: None))
        program = process.run(self.program(), check=False)
        compose = cast(Compose, SimpleNamespace(once=lambda *_given: program))
        with pytest.raises(RolloutFailed) as failed:
            transaction.Change._migrate(change, cast(Any, SimpleNamespace(service="web", policy=policy)), compose)
        journal.write(step="failed", reason=str(failed.value))
        shown.say(f"failed: {failed.value}")
        return json.dumps(failure(failed.value)) + journal.lines.read_text() + progress.path(STACK, "attempt").read_text()

    def sentence_of_our_own(self) -> str:
        """A secret that slipped into a sentence of the engine."""
        shown, journal = progress.Progress(STACK, "attempt"), Journal(STACK)
        shown.say(self.words)
        journal.write(step=self.words)
        return json.dumps(failure(ValueError(self.words))) + journal.lines.read_text() + progress.path(STACK, "attempt").read_text()

    def command(self) -> str:
        with pytest.raises(process.CommandError) as failed:
            process.run(self.program())
        return f"{failed.value}{failed.value.argv}{json.dumps(failure(failed.value))}"

    def argument(self) -> str:
        """A program whose arguments hold it."""
        with pytest.raises(process.CommandError) as failed:
            process.run(["false", *self.lines])
        return f"{failed.value}{failed.value.argv}{json.dumps(failure(failed.value))}"

    def restic(self) -> str:
        with pytest.raises(TargetError) as failed:
            restic_process.run("offsite", self.program(), env={}, secrets=[], deadline=30)
        return f"{failed.value}{failed.value.reason}"

    def database(self) -> str:
        """A check of a restored database."""
        self.monkeypatch.setattr(
            "ansible_collections.latentum.ops.plugins.module_utils.backup.proof.run",
            lambda *_a, **_b: Result((), 1, self.words, self.words),
        )
        return str(proof.amcheck(cast(Psql, SimpleNamespace(container="scratch", admin="postgres"))))

    def scratch_container(self) -> str:
        """A throw-away container that does not get ready."""
        self.monkeypatch.setattr(Host, "inspect_container", lambda *_given: {"State": {"Running": False, "ExitCode": 1}})
        with pytest.raises(BackupError) as failed:
            scratch_container.wait(Engine(), "scratch", lambda: False, 5, lambda _line: None)
        return str(failed.value)

    def certbot(self) -> str:
        return reason(Result((), 1, self.words, self.words))

    def nginx(self) -> str:
        self.monkeypatch.setattr(nginx_configuration, "run", lambda *_a, **_b: Result((), 1, "", f"nginx: [emerg] {' '.join(self.lines)}"))
        return nginx_configuration.nginx_accepts()

    def receiver(self) -> str:
        """A receiver of alerts that repeats what it was sent, or knows."""
        import requests

        self.monkeypatch.setattr(requests, "post", lambda *_a, **_b: SimpleNamespace(text=self.words, status_code=400, headers={}))
        with pytest.raises(SendError) as failed:
            transport.post("https://example.com/hook", {}, secret="hook")
        return str(failed.value)

    def mail_server(self) -> str:
        """One that refuses a mail and repeats what was in it."""
        return email._words((550, self.words.encode()))

    def told(self, kind: str) -> str:
        """All that a receiver of this kind is sent of an incident, in its rich form and in the plain one, and of many at once."""
        sent: list[str] = []
        self.monkeypatch.setattr(transport, "read_secret", lambda _path: "https://example.com/hook")
        for receiver in (slack, pagerduty, apprise):
            self.monkeypatch.setattr(receiver, "read_secret", lambda _path: "https://example.com/hook")
        for receiver in (slack, pagerduty):
            self.monkeypatch.setattr(receiver, "post", lambda _url, body, **_given: sent.append(json.dumps(body)))
        self.monkeypatch.setattr(email, "hand_over", lambda _route, mail, _left=(): sent.append(mail.as_string()))
        channel = SimpleNamespace(add=lambda _url: True, notify=lambda **given: sent.append(json.dumps(given)) or True)
        self.monkeypatch.setattr(apprise.importlib, "import_module", lambda _name: SimpleNamespace(Apprise=lambda: channel))
        options = {"url_file": "/u", "key_file": "/k", "from": "a@example.com", "to": ["b@example.com"], "server": "mail", "port": 25}
        route = cast(Route, SimpleNamespace(name="team", kind=kind, options=options))
        notice = {"what": "open", "host": "web-1", "at": 2.0, "incident": self.incident().as_dict(), "runbook": ""}
        for each in (message.compose(notice, 2.0), digest([notice], 2.0)):
            for plain in (False, True):
                dispatch.send(route, each, plain, ())
        return "\n".join(sent)

    def job(self, capsys: pytest.CaptureFixture[str]) -> str:
        """What a job wrote: in its record, and in the journal by its unit."""
        written = job_container.Output(service_log.log, deque())
        stream = [(1, f"2026-11-20T14:00:00.123456789Z {line}\n".encode()) for line in self.lines]
        engine = SimpleNamespace(api=SimpleNamespace(log_stream=lambda *_a, **_b: stream))
        job_container.Container(cast(Engine, engine), "id1", 10, written.say)._listen()
        why = "" if self.kind == "word" else self.words  # in a sentence of the engine itself
        run = job_running._failed(job_state.Run("1", 0.0, "root", "hand"), f"could not start: {why}")
        return json.dumps([list(written.lines), run.reason]) + capsys.readouterr().out

    def task(self) -> str:
        """A task after a release that fails."""
        container = SimpleNamespace(name="shop-web-1", id="id1", serves=True)
        change = cast(transaction.Change, SimpleNamespace(site=SimpleNamespace(engine=Engine()), _live_ones=lambda _service: [container]))
        self.monkeypatch.setattr(Host, "execute", lambda *_given: (1, self.words.encode()))
        self.monkeypatch.setattr(transaction, "TASK_LINES", 500)
        return transaction.Change._task(change, "web", Task(("warm",)))

    def engine_refuses(self) -> str:
        answer = SimpleNamespace(status=500, reason="", read=lambda: json.dumps({"message": self.words}).encode())
        with pytest.raises(api.EngineError) as failed:
            api._answered(cast(Any, SimpleNamespace(getresponse=lambda: answer)))
        return str(failed.value)

    def build(self) -> str:
        """Steps of a build, and its failure."""
        shown = progress.Progress(STACK, "attempt")
        self.monkeypatch.setattr(progress, "SOON", 0.0)
        tell = buildkit.teller("web", [], shown)
        for line in self.lines:
            tell(line)
        self.monkeypatch.setattr(buildkit, "LAST", 500)
        error = process.CommandError(Result(("docker",), 1, self.words, ""), "failed")
        return "\n".join(shown.lines) + buildkit._failure(ImageBuild("web", "https://example.com/web.git", "v1"), "0" * 40, error, [])

    def evidence(self) -> str:
        archive = evidence.Archive()
        archive.part("log.txt", lambda: self.words)
        archive.part("broken.txt", lambda: str(int(self.words)))
        archive.text("gaps.txt", "".join(archive.gaps))
        return b"".join(archive.files.values()).decode()

    def timeline(self) -> str:
        incident = self.incident()
        events = [
            timeline.Event(1.0, "watchdog", "shop/web", incident.cause),
            *(timeline.Event(at, "", "", what) for at, what in incident.done),
        ]
        return timeline.markdown("web-1", [STACK], 0.0, events, [incident], 2.0)

    # The last chance: what was not masked where it came in. A word that is also a value stays.

    def journal(self, capsys: pytest.CaptureFixture[str]) -> str:
        service_log.log(self.words, service_log.Level.ERROR)
        return capsys.readouterr().out

    def printed(self, capsys: pytest.CaptureFixture[str]) -> str:
        """By opsctl."""
        for as_json in (False, True):
            said = output.Output(as_json=as_json)
            said.line(self.words)
            said.result({"said": [self.words]}, self.words)
        output.aside(self.words)
        shown = capsys.readouterr()
        return shown.out + shown.err

    def traceback(self, capsys: pytest.CaptureFixture[str]) -> str:
        try:
            raise RuntimeError(self.words)
        except RuntimeError as error:
            tracebacks._show(type(error), error, error.__traceback__)
        shown = capsys.readouterr().err
        assert "Traceback" in shown and "RuntimeError" in shown
        return shown

    def audited(self) -> str:
        sent: list[bytes] = []
        channel = SimpleNamespace(sendto=lambda data, _to: sent.append(data))
        self.monkeypatch.setattr(audit.socket, "socket", lambda *_given: nullcontext(channel))
        self.monkeypatch.setattr(audit, "LONGEST", 0)
        audit.note(f"exec in web: {self.words}", OPSCTL_COMMAND=self.words)
        return b"".join(sent).decode(errors="replace")


FRONTS: dict[str, Callable[[Host, pytest.CaptureFixture[str]], str]] = {
    "compose_health": lambda host, capsys: host.ansible(compose_health, capsys, timeout=0, patience=0),
    "compose_health_info": lambda host, capsys: host.ansible(compose_health_info, capsys),
    "report of health and rollout": lambda host, _capsys: host.report(),
    "migration, journal, progress": lambda host, _capsys: host.migration(),
    "own sentences": lambda host, _capsys: host.sentence_of_our_own(),
    "failed program": lambda host, _capsys: host.command(),
    "arguments of a program": lambda host, _capsys: host.argument(),
    "restic": lambda host, _capsys: host.restic(),
    "pg_amcheck": lambda host, _capsys: host.database(),
    "scratch container": lambda host, _capsys: host.scratch_container(),
    "certbot": lambda host, _capsys: host.certbot(),
    "nginx -t": lambda host, _capsys: host.nginx(),
    "probes": lambda host, _capsys: host.probe(),
    "answer of a receiver": lambda host, _capsys: host.receiver(),
    "status JSON": lambda host, _capsys: json.dumps(host.status()),
    "status page": lambda host, _capsys: render(host.status()),
    "opsctl status": lambda host, _capsys: table(host.status()),
    "opsctl logs": lambda host, _capsys: host.log(),
    "opsctl incidents": lambda host, _capsys: incidents_table(host.status()),
    "mail": lambda host, _capsys: email.build(host.alert(), "a@example.com", ["b@example.com"]).as_string() + message.text(host.alert()),
    "mail, HTML": lambda host, _capsys: html(host.alert()),
    "chat": lambda host, _capsys: json.dumps(slack.payload(host.alert())),
    "pager": lambda host, _capsys: json.dumps(pagerduty.event(host.alert(), "trigger", "key")),
    **{f"receiver {kind}": partial(lambda kind, host, _capsys: host.told(kind), kind) for kind in dispatch.KINDS},
    "mail server that refuses": lambda host, _capsys: host.mail_server(),
    "job": lambda host, capsys: host.job(capsys),
    "task after a release": lambda host, _capsys: host.task(),
    "refusal of the engine": lambda host, _capsys: host.engine_refuses(),
    "build": lambda host, _capsys: host.build(),
    "evidence": lambda host, _capsys: host.evidence(),
    "timeline": lambda host, _capsys: host.timeline(),
    "journal of a service": lambda host, capsys: host.journal(capsys),
    "output of opsctl": lambda host, capsys: host.printed(capsys),
    "traceback": lambda host, capsys: host.traceback(capsys),
    "audit line": lambda host, _capsys: host.audited(),
}
# Where a sentence of the engine itself ends up: a word that is also a value stays in it.
OWN = ("own sentences", "journal of a service", "output of opsctl", "traceback", "audit line")


@pytest.fixture(params=KINDS)
def host(
    request: pytest.FixtureRequest, planted: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, incidents: dict[str, Incident]
) -> Host:
    return Host(planted, request.param, tmp_path, monkeypatch, incidents)


@pytest.mark.parametrize("front", FRONTS)
def test_no_secret_comes_out(front: str, host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    shown = FRONTS[front](host, capsys)
    if front in OWN and host.kind == "word":
        return
    assert masking.HIDDEN in shown
    assert found(shown, host.pieces) == []


@pytest.mark.parametrize("front", FRONTS)
def test_without_the_masker_each_front_gives_it_away(
    front: str, planted: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The search above is not blind, and what it searches has the secret in it."""
    monkeypatch.setattr(masking.Masker, "mask", lambda _masker, words, **_given: words)
    monkeypatch.setattr(masking.Masker, "hide", lambda _masker, words, **_given: words)
    host = Host(planted, "password", tmp_path, monkeypatch, {})
    assert found(FRONTS[front](host, capsys), host.pieces)
