# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate: what root does for the watchdog, and all that it can be asked for.

It is a thread of the follower, which keeps nginx's upstreams true as root. The kernel says who is at the other end of the socket
(unix(7), SO_PEERCRED), and whoever it is, nobody is believed: a question names what is declared on this host, by names that are compared
with those of root's own settings, and root looks itself for all that decides. No address, no line of a configuration and no path comes
from the watchdog, and no file of a folder of its is read or written.
"""

from __future__ import annotations

import json
import os
import pwd
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from ..containers.client import DockerUnavailable, Engine
from ..contracts.watchdog_settings import ProbeSpec, ServiceSpec, StackSpec
from ..core import locks, paths, published_secrets
from ..core.journal import log
from ..core.masking import line
from ..nginx import out_of_rotation
from ..rollout import follower
from . import access, credentials, privileged_requests, settings
from .privileged_requests import ANSWERS, HELPER, LARGEST, REMEDIES, REQUESTS
from .probes import containers as container_probes
from .probes.nginx_configuration import nginx_accepts
from .settings import Settings

AT_ONCE = 8  # questions
LISTEN = 5.0  # seconds for a question to arrive
ROUND = 5.0  # seconds between two looks at the settings, and at the credentials of receivers
IDENTITY = re.compile(r"[A-Za-z0-9_.-]{1,64}")  # of a container
ENTRIES, REASON = 1000, 300  # containers of a stack that are out, characters of a reason
_PEER = struct.Struct("3i")


class NotAllowed(ValueError):
    """Something that is not declared, or no question at all."""


class Gate:
    """Answers questions.

    :param engine: gives the engine of Docker.
    :param synchronise: makes nginx's upstreams true.
    """

    def __init__(
        self,
        engine: Callable[[], Engine] = Engine,
        synchronise: Callable[[Engine], bool] | None = None,
    ) -> None:
        self.engine = engine
        self.synchronise = synchronise or follower.sync_and_tell
        self.settings = Settings()
        self._stamp: tuple[tuple[str, int, int], ...] | None = None
        self._failed = False  # nginx has not taken over who gets traffic
        self._questions: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
            "remedy": self._remedy,
            "answers": self._answers,
            "rotation": self._rotation,
            "sync": self._sync,
            "nginx": self._nginx,
            "probe": self._probe,
        }

    # Settings, locks and credentials

    def look(self) -> None:
        """Take over settings that have changed; what the watchdog needs for them is there afterwards.

        :raises OSError, ValueError: it cannot be done; what was known before stays.
        """
        files = sorted(settings.FOLDER.glob("*.json"))
        stamp = tuple((file.name, (status := file.stat()).st_mtime_ns, status.st_size) for file in files)
        if stamp != self._stamp:
            self.settings, self._stamp = settings.load(), stamp
        for stack in self.settings.stacks:
            locks.prepare(stack.name)
        credentials.publish(self.settings)
        published_secrets.refresh()
        if self._failed:
            self._sync({})

    # Questions

    def answer(self, raw: bytes) -> dict[str, Any]:
        """The answer to a line: ``ok`` with what was asked for, or why not."""
        try:
            question = json.loads(raw)
            if not isinstance(question, dict) or len(question) != 1:
                raise NotAllowed("a question is one name with its values")
            ((name, values),) = question.items()
            if name not in self._questions or not isinstance(values, dict):
                raise NotAllowed("there is no such question")
            return {"ok": True, **self._questions[name](values)}
        except (NotAllowed, DockerUnavailable, OSError, KeyError, TypeError, ValueError, RecursionError) as error:
            return {"ok": False, "error": line(error if isinstance(error, (NotAllowed, OSError)) else repr(error), REASON)}

    def _service(self, values: Mapping[str, Any]) -> tuple[str, ServiceSpec]:
        stack, service = str(values["stack"]), str(values["service"])
        declared = self._declared(stack)
        spec = next((spec for spec in declared.services if spec.service == service), None) if declared else None
        if spec is None:
            raise NotAllowed("no such service is declared on this host")
        return stack, spec

    def _declared(self, stack: str) -> StackSpec | None:
        if self.settings.stack(stack) is None:
            self.look()  # declared a moment ago
        return self.settings.stack(stack)

    def _remedy(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Leave it to the helper, which looks whether it is needed."""
        stack, spec = self._service(values)
        remedy = str(values["remedy"])
        if remedy not in REMEDIES or (remedy != "replace" and remedy not in spec.escalate):
            raise NotAllowed(f"{spec.service} has no such remedy")
        for folder in (HELPER, ANSWERS):
            paths.shared_folder(folder, paths.LISTED)
        REQUESTS.mkdir(mode=0o700, exist_ok=True)
        content = {"stack": stack, "service": spec.service, "remedy": remedy, "at": time.time()}
        waiting = REQUESTS / f".{stack}.{spec.service}.{remedy}"
        waiting.write_text(json.dumps(content))
        waiting.rename(REQUESTS / f"{stack}.{spec.service}.{remedy}.json")
        return {}

    def _answers(self, _values: Mapping[str, Any]) -> dict[str, Any]:
        given = []
        for file in sorted(ANSWERS.glob("*.json")):
            given.append(json.loads(file.read_text()))
            file.unlink()
        return {"answers": given}

    def _rotation(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Who gets no traffic. Nothing here can empty an upstream, and it names none: whoever is not there is passed over."""
        stack, out = str(values["stack"]), values["out"]
        if self._declared(stack) is None and (out or stack not in out_of_rotation.stacks()):
            raise NotAllowed("no such stack is declared on this host")
        if not isinstance(out, dict) or len(out) > ENTRIES or not all(IDENTITY.fullmatch(identity) for identity in out):
            raise NotAllowed("these are no containers")
        changed = out_of_rotation.put(stack, {identity: line(why, REASON) for identity, why in out.items()})
        if changed:
            self._sync({})
        return {"changed": changed}

    def _sync(self, _values: Mapping[str, Any]) -> dict[str, Any]:
        self._failed = not self.synchronise(self.engine())
        return {}

    def _nginx(self, _values: Mapping[str, Any]) -> dict[str, Any]:
        return {"refusal": nginx_accepts()}

    def _probe(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """A declared probe that takes a secret of the application, of one of its own containers."""
        stack, spec = self._service(values)
        probe: ProbeSpec | None = next((probe for probe in spec.probes if probe.name == values["probe"]), None)
        if probe is None or not probe.options.get("password_file"):
            raise NotAllowed(f"{spec.service} has no such probe with a secret")
        engine = self.engine()
        container = engine.container(_identity(values))
        if container is None or (container.project, container.service) != (stack, spec.service):
            raise NotAllowed(f"it is no container of {spec.service}")
        reading = container_probes.read(probe, container, engine)
        return {"reading": {name: value for name, value in vars(reading).items() if name != "name"}}

    # The socket

    def open(self) -> None:
        """Listen, beside whoever calls. Nothing on a host without the watchdog's user.

        :raises OSError: the socket cannot be made.
        """
        path = privileged_requests.SOCKET
        paths.shared_folder(path.parent, paths.LISTED)
        path.unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listening.bind(str(path))
        os.chown(path, 0, paths.watchdog_gid())
        path.chmod(0o660)
        listening.listen(AT_ONCE)
        listening.settimeout(ROUND)
        threading.Thread(target=self._serve, args=(listening,), name="gate", daemon=True).start()

    def _serve(self, listening: socket.socket) -> None:
        places = threading.BoundedSemaphore(AT_ONCE)
        failing, looked = "", float("-inf")
        while True:
            if time.monotonic() - looked >= ROUND:
                looked, failing = time.monotonic(), self._look(failing)
            try:
                channel, _address = listening.accept()
            except OSError:  # nobody came, or nobody can be taken now
                time.sleep(0.01)
                continue
            places.acquire()
            threading.Thread(target=self._converse, args=(channel, places), daemon=True).start()

    def _look(self, failing: str) -> str:
        """One look; a failure goes to the journal once."""
        try:
            self.look()
        except (DockerUnavailable, OSError, ValueError) as error:
            if str(error) != failing:
                log(f"gate: goes on with the settings that it knows: {error}")
            return str(error)
        return ""

    def _converse(self, channel: socket.socket, places: threading.BoundedSemaphore) -> None:
        try:
            with channel, suppress(OSError):
                channel.settimeout(LISTEN)
                _pid, user, _group = _PEER.unpack(channel.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
                if user not in (0, _watchdog()):
                    return
                with channel.makefile("rb") as lines:
                    raw = lines.readline(LARGEST)
                channel.sendall(json.dumps(self.answer(raw)).encode() + b"\n")
        finally:
            places.release()


def _identity(values: Mapping[str, Any]) -> str:
    identity = str(values["container"])
    if not IDENTITY.fullmatch(identity):
        raise NotAllowed("it is no container")
    return identity


def _watchdog() -> int:
    """The number of the watchdog's user; that of nobody where there is none."""
    try:
        return pwd.getpwnam(paths.WATCHDOG).pw_uid
    except KeyError:
        return -1


def main() -> None:
    """Follow Docker's events as root, and answer the watchdog where there is one. Ends when it is killed."""
    if _watchdog() >= 0:
        try:
            if os.geteuid() == 0:
                access.grant()
            Gate().open()
        except OSError as error:
            log(f"gate: not open, so nothing is healed that takes root: {error}")
    follower.follow()


if __name__ == "__main__":
    main()
