# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operations that the proxy lets through: each request of a client is recognised, judged, and asked of the engine in the proxy's own words.

Everything is refused that is not in `ROUTES`. Containers are named by their whole id: a name or a prefix may soon be another one's.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

from ..containers.api import CHUNK, EngineError, NotFound
from ..containers.client import CHANGES, ONEOFF, PROJECT, SERVICE
from ..core.masking import HIDDEN
from . import views
from .http_request import Refused, Request
from .policy import Policy
from .session import Session

MOST_LINES = 1000  # of a log
LARGEST = 1 << 20  # bytes of a log: the last ones
LONGEST = 310.0  # seconds of a command: the longest that a probe may take, and a little more
LINKS = 8  # that a declared path may lead over (watchdog/probes/freshness.py)
REMEMBERED = 4096  # containers, and executions
GRACE = 3600  # seconds that a container may be given to stop
_TIME = re.compile(r"\d{1,11}(?:\.\d{1,9})?")
_NUMBER = re.compile(r"\d{1,5}")
_HEADER = b"\1\0\0\0"  # of a frame of the standard output


@dataclass(frozen=True)
class Answer:
    """What a client gets: as a whole, or, with `parts`, bit by bit."""

    status: int = 200
    body: bytes = b""
    kind: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    parts: Iterator[bytes] | None = None


@dataclass(frozen=True)
class Owner:
    """Whose a container is. It never changes: labels are given once."""

    project: str = ""
    service: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """As policies name it."""
        return self.project, self.service


class Remembered:
    """What is known for good, by ids; the oldest is forgotten first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[str, Any] = OrderedDict()

    def get(self, identity: str) -> Any:
        """None for what is not known."""
        with self._lock:
            return self._known.get(identity)

    def put(self, identity: str, value: Any) -> None:
        """From now on."""
        with self._lock:
            self._known[identity] = value
            self._known.move_to_end(identity)
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)

    def take(self, identity: str) -> Any:
        """The same, and it is forgotten."""
        with self._lock:
            return self._known.pop(identity, None)


class Operations:
    """What clients may do, by the policy of now.

    :param policy: gives the one that holds now.
    :param mask: hides secrets; raises OSError where it does not know them.
    """

    def __init__(self, policy: Callable[[], Policy], mask: Callable[[str], str]) -> None:
        self._current = policy
        self.mask = mask
        self._owners, self._networks = Remembered(), Remembered()
        self._created, self._started = Remembered(), Remembered()
        self.version = ""  # of the API, as the engine and this collection agree on it

    @property
    def policy(self) -> Policy:
        """What holds now."""
        return self._current()

    def carry_out(self, request: Request, session: Session) -> Answer:
        """One request.

        :raises Refused: it is not let through.
        :raises OSError: the engine does not answer, or refuses it.
        """
        for method, pattern, names, operation in ROUTES:
            if method == request.method and (match := pattern.fullmatch(request.path)):
                if unknown := sorted(request.query.keys() - names):
                    raise Refused(403, f"the query parameter {unknown[0]} is not let through")
                if request.body is not None and operation not in WITH_BODY:
                    raise Refused(403, "a body is not let through there")
                answer: Answer = operation(self, request, session, *match.groups())
                return answer
        raise Refused(403, "the socket proxy does not let this through")

    # Looking

    def ping(self, _request: Request, session: Session) -> Answer:
        """Whether the engine answers, and in which version."""
        session.ping()
        self.version = session.version
        return Answer(body=b"OK", kind="text/plain", headers={"Api-Version": self.version} if self.version else {})

    def containers(self, request: Request, session: Session) -> Answer:
        """Those of one project; or, for their metrics, names of all."""
        filters, policy = _object(request.query.get("filters", "{}")), self.policy
        if request.query.get("all") != "1":
            raise Refused(403, "only all containers are listed, running or not")
        if not filters:
            if not policy.metrics:
                raise Refused(403, "containers are listed by their project")
            return _json([views.brief(raw, foreign=True) for raw in session.containers(all=True)])
        labels = filters.get("label")
        project = next((label.partition("=")[2] for label in _strings(labels) if label.startswith(f"{PROJECT}=")), "")
        if filters.keys() != {"label"} or sorted(_strings(labels)) != sorted([f"{PROJECT}={project}", f"{ONEOFF}=False"]):
            raise Refused(403, "containers are listed by their project, and by nothing else")
        if project not in policy.stacks:
            raise Refused(403, "containers are listed of watched projects alone")
        briefs = [views.brief(raw, foreign=False) for raw in session.containers(all=True, filters={"label": list(_strings(labels))})]
        # Whatever else the engine may understand by a label: what is told is of this project.
        return _json([brief for brief in briefs if brief["Labels"].get(PROJECT) == project])

    def inspect(self, _request: Request, session: Session, identity: str) -> Answer:
        """One container; of others on the host only what their metrics need."""
        raw = session.inspect_container(identity)
        owner = self._note(raw)
        foreign = owner.project not in self.policy.stacks
        if foreign and not self.policy.metrics:
            raise _no_such(identity)
        return _json(views.container(raw, self._hide, foreign=foreign))

    def events(self, request: Request, session: Session) -> Answer:
        """What happens to them, as it happens."""
        filters, query = _object(request.query.get("filters", "{}")), request.query
        actions, kinds = list(_strings(filters.get("event"))), list(_strings(filters.get("type")))
        if filters.keys() != {"event", "type"} or not actions or not set(actions) <= set(CHANGES):
            raise Refused(403, f"events are asked for by their names: some of {', '.join(CHANGES)}")
        if not kinds or not set(kinds) <= {"container", "network"}:
            raise Refused(403, "events are those of containers and networks")
        since, until = query.get("since", ""), query.get("until", "")
        if not _TIME.fullmatch(since) or (until and not _TIME.fullmatch(until)):
            raise Refused(403, "events are asked for since a time")
        happened = session.events(float(since), float(until) if until else None, {"event": actions, "type": kinds})
        return Answer(parts=self._told(happened, session))

    def _told(self, happened: Iterator[dict[str, Any]], session: Session) -> Iterator[bytes]:
        for raw in happened:
            view = self._event(raw, session)
            if view is not None:
                yield json.dumps(view, separators=(",", ":")).encode() + b"\n"

    def _event(self, raw: Mapping[str, Any], session: Session) -> dict[str, Any] | None:
        actor = raw.get("Actor") or {}
        attributes = actor.get("Attributes") or {}
        if raw.get("Type") == "network":
            seen = self._is_seen(str(attributes.get("container") or ""), session)
            return views.event_of_network(raw) if seen else None
        if raw.get("Type") != "container":
            return None
        foreign = attributes.get(PROJECT, "") not in self.policy.stacks
        return None if foreign and not self.policy.metrics else views.event_of_container(raw, foreign=foreign)

    def logs(self, request: Request, session: Session, identity: str) -> Answer:
        """The last lines that a container wrote, without secrets."""
        query = request.query
        if query.get("stdout") != "1" or query.get("stderr") != "1" or not _NUMBER.fullmatch(query.get("tail", "")):
            raise Refused(403, "of a log the last lines are shown, of both outputs")
        if not 0 < int(query["tail"]) <= MOST_LINES:
            raise Refused(403, f"of a log the last {MOST_LINES} lines are shown at most")
        if self._owner(identity, session).project not in self.policy.stacks:
            raise _no_such(identity)
        text = session.logs(identity, tail=int(query["tail"]))
        return self._text(text[-LARGEST:], cut=len(text) > LARGEST)

    def path(self, request: Request, session: Session, identity: str) -> Answer:
        """When a declared file was written; also where a link leads that is declared."""
        path = request.query.get("path", "")
        declared = self.policy.files.get(self._owner(identity, session).key, frozenset())
        if not declared:
            raise _no_such(identity)
        if path not in declared and not any(path in _led(session, identity, file) for file in declared):
            raise Refused(403, "only files are looked at whose age is watched")
        status = json.dumps(views.path(session.path_status(identity, path))).encode()
        return Answer(kind="application/x-tar", headers={"X-Docker-Container-Path-Stat": base64.b64encode(status).decode()})

    # Acting

    def start(self, _request: Request, session: Session, identity: str) -> Answer:
        """Start a container."""
        self._healed(identity, session)
        session.start(identity)
        return Answer(204)

    def restart(self, request: Request, session: Session, identity: str) -> Answer:
        """Start it again."""
        grace = request.query.get("t", "")
        if not _NUMBER.fullmatch(grace) or int(grace) > GRACE:
            raise Refused(403, f"a container has up to {GRACE} s to stop")
        self._healed(identity, session)
        session.restart(identity, timeout=int(grace))
        return Answer(204)

    def unpause(self, _request: Request, session: Session, identity: str) -> Answer:
        """Let it go on."""
        self._healed(identity, session)
        session.unpause(identity)
        return Answer(204)

    def connect(self, request: Request, session: Session, network: str) -> Answer:
        """Put a container back into a network of its own."""
        body = request.body
        if not isinstance(body, dict) or body.keys() != {"Container", "EndpointConfig"}:
            raise Refused(403, "a container is put into a network with its names, and with nothing else")
        endpoint, identity = body["EndpointConfig"], body["Container"]
        if not isinstance(endpoint, dict) or endpoint.keys() != {"Aliases"} or not isinstance(identity, str) or not _ID.fullmatch(identity):
            raise Refused(403, "a container is put into a network with its names, and with nothing else")
        owner = self._healed(identity, session)
        raw = session.inspect_container(identity)
        names = {owner.service, str(raw["Name"]).lstrip("/")}
        if not isinstance(endpoint["Aliases"], list) or not set(_strings(endpoint["Aliases"])) <= names:
            raise Refused(403, "a container answers to its own names alone")
        there = next((known for known in session.networks({"name": [network]}) if known.get("Name") == network), None)
        if there is None:
            raise NotFound(f"network {network} not found", 404)
        own = (there.get("Labels") or {}).get(PROJECT) == owner.project
        # One that is shared with others has no label of a project: it is its own if it was in it.
        if not own and there.get("Id") not in (self._networks.get(identity) or ()):
            raise Refused(403, "a container is put into networks of its own project alone")
        session.connect_container_to_network(identity, str(there["Id"]), endpoint["Aliases"])
        return Answer()

    def create_execution(self, request: Request, session: Session, identity: str) -> Answer:
        """A declared command, as the container's own user."""
        body = request.body
        if not isinstance(body, dict) or body.keys() != {"AttachStdout", "AttachStderr", "Cmd"}:
            raise Refused(403, "a command has no other options than what it is")
        argv = body["Cmd"]
        if body["AttachStdout"] is not True or body["AttachStderr"] is not True or not isinstance(argv, list):
            raise Refused(403, "a command has no other options than what it is")
        if tuple(_strings(argv)) not in self.policy.commands.get(self._owner(identity, session).key, frozenset()):
            raise Refused(403, "only commands of declared probes are run, in containers of their service")
        execution = session.create_execution(identity, {"AttachStdout": True, "AttachStderr": True, "Cmd": list(argv)})
        self._created.put(execution, identity)
        return _json({"Id": execution}, 201)

    def start_execution(self, request: Request, session: Session, execution: str) -> Answer:
        """Run it to its end, once; what it wrote, without secrets."""
        if request.body != {"Detach": False, "Tty": False}:
            raise Refused(403, "a command runs to its end, without a terminal")
        if self._created.take(execution) is None:
            raise NotFound(f"No such exec instance: {execution}", 404)
        self._started.put(execution, True)
        ended, output = session.run_execution(execution, LONGEST)
        if not ended:
            raise Refused(504, f"the command did not end within {LONGEST:g} s")
        return self._text(output, cut=len(output) == CHUNK)

    def inspect_execution(self, _request: Request, session: Session, execution: str) -> Answer:
        """How it ended."""
        if self._started.get(execution) is None:
            raise NotFound(f"No such exec instance: {execution}", 404)
        return _json(views.execution(session.inspect_execution(execution)))

    # Whose it is

    def _note(self, raw: Mapping[str, Any]) -> Owner:
        """Remember whose a container is, and which networks it is in."""
        identity, labels = str(raw["Id"]), views.labels(raw["Config"])
        single = labels.get(ONEOFF) == "True"  # of `docker compose run`: no container of the service
        owner = Owner() if single else Owner(labels.get(PROJECT, ""), labels.get(SERVICE, ""))
        self._owners.put(identity, owner)
        if owner.project in self.policy.stacks:
            networks = (raw.get("NetworkSettings") or {}).get("Networks") or {}
            there = {str(network["NetworkID"]) for network in networks.values() if network and network.get("NetworkID")}
            self._networks.put(identity, (self._networks.get(identity) or set()) | there)
        return owner

    def _owner(self, identity: str, session: Session) -> Owner:
        """Whose a container is, as the engine says."""
        known = self._owners.get(identity)
        return known if isinstance(known, Owner) else self._note(session.inspect_container(identity))

    def _is_seen(self, identity: str, session: Session) -> bool:
        if not _ID.fullmatch(identity):
            return False
        try:
            return self._owner(identity, session).project in self.policy.stacks
        except NotFound:
            return False  # gone already; the event that says so comes by itself

    def _healed(self, identity: str, session: Session) -> Owner:
        """One that may be acted upon."""
        owner = self._owner(identity, session)
        if owner.key not in self.policy.healed:
            raise _no_such(identity)
        return owner

    # What containers wrote

    def _text(self, text: bytes, *, cut: bool) -> Answer:
        """In one frame of the standard output.

        :param cut: its beginning is missing; half a secret may stand there, so the first line goes, too.
        """
        if cut:
            text = text.partition(b"\n")[2]
        masked = self.mask(text.decode(errors="replace")).encode()
        body = _HEADER + len(masked).to_bytes(4, "big") + masked if masked else b""
        return Answer(body=body, kind="application/vnd.docker.raw-stream")

    def _hide(self, text: str) -> str:
        """For a description of a container, which is needed also where secrets are not known: then nothing of the text is shown."""
        try:
            return self.mask(text) if text else ""
        except OSError:
            return HIDDEN


def _led(session: Session, identity: str, path: str) -> Iterator[str]:
    """Where a path leads, link by link, as the engine sees it."""
    for _link in range(LINKS):
        try:
            target = str(session.path_status(identity, path).get("linkTarget") or "")
        except EngineError:
            return
        if not target:
            return
        path = urljoin(path, target)
        yield path


def _no_such(identity: str) -> Refused:
    """The same for what is not there and for what is somebody else's."""
    return Refused(404, f"No such container: {identity}")


def _json(document: object, status: int = 200) -> Answer:
    return Answer(status, json.dumps(document, separators=(",", ":")).encode())


def _object(text: str) -> dict[str, Any]:
    """Filters: a JSON object of lists."""
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        raise Refused(400, "filters are a JSON object")
    return parsed


def _strings(raw: Any) -> Iterator[str]:
    """Items of a list that has nothing but strings."""
    if not isinstance(raw, list) or not all(isinstance(item, str) for item in raw):
        raise Refused(403, "a list of strings is expected")
    yield from raw


_ID = re.compile(r"[0-9a-f]{64}")
_CONTAINER, _NETWORK = r"([0-9a-f]{64})", r"([A-Za-z0-9][A-Za-z0-9_.-]{0,254})"


def _route(method: str, path: str, names: str, operation: Callable[..., Answer]) -> tuple[Any, ...]:
    return method, re.compile(path), frozenset(names.split()), operation


ROUTES = (
    _route("GET", "/_ping", "", Operations.ping),
    _route("GET", "/events", "since until filters", Operations.events),
    _route("GET", "/containers/json", "all filters", Operations.containers),
    _route("GET", f"/containers/{_CONTAINER}/json", "", Operations.inspect),
    _route("GET", f"/containers/{_CONTAINER}/logs", "stdout stderr tail", Operations.logs),
    _route("HEAD", f"/containers/{_CONTAINER}/archive", "path", Operations.path),
    _route("POST", f"/containers/{_CONTAINER}/start", "", Operations.start),
    _route("POST", f"/containers/{_CONTAINER}/restart", "t", Operations.restart),
    _route("POST", f"/containers/{_CONTAINER}/unpause", "", Operations.unpause),
    _route("POST", f"/networks/{_NETWORK}/connect", "", Operations.connect),
    _route("POST", f"/containers/{_CONTAINER}/exec", "", Operations.create_execution),
    _route("POST", f"/exec/{_CONTAINER}/start", "", Operations.start_execution),
    _route("GET", f"/exec/{_CONTAINER}/json", "", Operations.inspect_execution),
)
WITH_BODY = (Operations.connect, Operations.create_execution, Operations.start_execution)
