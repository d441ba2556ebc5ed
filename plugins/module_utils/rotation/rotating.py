# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One rotation, from the next value to the end of the one before; each step on disk before it is done, and good to be done again.

``begun → prepared → accepted → switched → rolled``; then what was before waits until nobody uses it (a database knows) or its grace time
is over, is taken away, and is shredded at the end of that time. Whoever is killed leaves a state that the next run goes on with. What
fails is taken back: the value before counts again, everybody who has the next one gets the old one, and then the next one is good no more.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

from ..contracts.secret_rotation import OVERLAP, POSTGRESQL, REDIS
from ..core.caller import caller
from ..core.locks import stack_lock
from ..core.times import moment
from ..rollout.deployment import EXPECTED
from ..secretstore import versions
from ..secretstore.kinds import Made
from ..secretstore.store import Outcome as StoreOutcome
from ..secretstore.store import Store
from . import declared, servers
from .declared import Rotating
from .journal import Item, Journal, Pending, Phase, Underway
from .postgresql import following
from .refusal import RotationFailed, RotationRefused
from .rolling import Rolling

PATIENCE = 30.0  # seconds in which connections of containers that are gone end, and a database says that nobody uses the old value
STEP = 1.0
REVOKED, TAKEN_BACK, SHREDDED = "revoked", "taken back", "shredded"  # words of the history beside the phases


class Roller(Protocol):
    """What rolls the consumers."""

    def roll(self, recreate: Collection[str] = ()) -> list[str]:
        """See `Rolling`."""

    def made_since(self, when: float, services: Collection[str]) -> list[str]:
        """See `Rolling`."""


Serving = Callable[[Rotating, Item, tuple[str, ...]], servers.Server]


@dataclass
class Result:
    """What came of a run, by the names of secrets."""

    rotated: list[str] = field(default_factory=list)
    revoked: list[str] = field(default_factory=list)
    shredded: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)
    rolled: list[str] = field(default_factory=list)
    found: str = ""
    lines: list[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        """Anything at all."""
        return bool(self.rotated or self.revoked or self.shredded or self.rolled or self.repaired or self.found)


@dataclass
class Rotation:
    """Rotations of one stack.

    :param at: told each point at which a kill would leave something behind.
    :param wait: seconds to wait for the lock of the stack.
    """

    stack: str
    store: Store
    journal: Journal
    roller: Roller
    serving: Serving
    tell: Callable[[str], None] = lambda _line: None
    at: Callable[[str], None] = lambda _point: None
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    wait: float = 0.0
    result: Result = field(default_factory=Result)

    @classmethod
    def here(cls, stack: str, *, tell: Callable[[str], None] = lambda _line: None, wait: float = 0.0) -> Rotation:
        """Of a stack on this host."""

        def serving(secret: Rotating, item: Item, passwords: tuple[str, ...]) -> servers.Server:
            return servers.of(stack, secret, item, passwords)

        return cls(stack, Store(stack), Journal(stack), Rolling(stack, tell), serving, tell=tell, wait=wait)

    # -- verbs ------------------------------------------------------------------------------------------------------

    def rotate(self, names: Collection[str], given: Mapping[str, str] | None = None) -> Result:
        """Give these secrets another value; first whatever somebody left half done.

        :param given: values that come from outside, by name.
        :raises RotationRefused: one of them cannot be rotated; nothing was changed.
        :raises RotationFailed: it was taken back.
        """
        with stack_lock(self.stack, caller(), self.wait, what="rotation"):
            finished = self._resume()
            for problem in self._finish(now=False):
                self._say(problem)
            wanted = [name for name in dict.fromkeys(names) if name not in finished]
            if wanted:
                self._begin(declared.chosen(self.store, wanted), given or {})
                self._carry_on()
                self._await_unused(wanted)
        self.journal.trim()
        return self.result

    def finish(self, *, now: bool = False) -> Result:
        """Go on with what was left half done, and end what waits and is due.

        :param now: before its grace time is over: what still uses it is ended.
        :raises RotationFailed: something was taken back, or is let in all the same.
        """
        with stack_lock(self.stack, caller(), self.wait, what="rotation"):
            self._resume()
            problems = self._finish(now=now)
        if problems:
            raise RotationFailed("\n".join(problems))
        return self.result

    def repair(self) -> Result:
        """Let database servers take what the store has: a backup from before a rotation brings roles back as they were then.

        :raises RotationFailed: a server does not let it in.
        """
        with stack_lock(self.stack, caller(), self.wait, what="rotation"):
            self._resume()
            waiting = {kept.login for kept in self.journal.pending().values() if not kept.revoked}
            for secret in declared.every(self.store).values():
                if secret.rotation.kind != POSTGRESQL:
                    continue
                login = self._login(secret)
                self._server(secret, Item(secret.name, POSTGRESQL, login, login)).accept(self.store.value(secret.name) or "")
                for other in {secret.rotation.user, *secret.rotation.logins} - {login, *waiting}:
                    self._server(secret, Item(secret.name, POSTGRESQL, other)).shut_out("", self.clock())
                self.result.repaired.append(secret.name)
                self._say(f"{login} logs in with {secret.name}")
        self.journal.write(step="repaired", secrets=self.result.repaired, who=caller())
        return self.result

    def begin_anew(self) -> Result:
        """Let owners log in themselves, as before the first rotation: their server begins anew, and knows no other role.

        :raises RotationRefused: a rotation is under way.
        """
        with stack_lock(self.stack, caller(), self.wait, what="rotation"):
            if underway := self.journal.underway():
                raise RotationRefused(
                    f"found an interrupted {underway.describe()}: end it first, `opsctl rotate --finish --stack {self.stack}`"
                )
            secrets = [secret for secret in declared.every(self.store).values() if secret.rotation.kind == POSTGRESQL]
            changed = [secret for secret in secrets if self._login(secret) != secret.rotation.user]
            if changed:
                with self.store.locked():
                    self._ensure(logins={secret.name: secret.rotation.user for secret in changed})
                self.result.repaired = [secret.name for secret in changed]
            names = [secret.name for secret in secrets]
            self._shred(names, versions.PREVIOUS)
            self._keep(None, {name: kept for name, kept in self.journal.pending().items() if name not in names})
        return self.result

    # -- forward ----------------------------------------------------------------------------------------------------

    def _begin(self, secrets: list[Rotating], given: Mapping[str, str]) -> None:
        pending = self.journal.pending()
        items = []
        for secret in secrets:
            if (kept := pending.get(secret.name)) and not kept.revoked:
                raise RotationRefused(
                    f"secret {secret.name}, the value before the last rotation is good until {moment(kept.until)}, and no third one can"
                    f" be: end it first, `opsctl rotate --finish --now --stack {self.stack}`"
                )
            if self.store.value(secret.name) is None:
                raise RotationRefused(f"secret {secret.name}, there is no value yet: run site.yml first")
            item = Item(secret.name, secret.rotation.kind)
            if secret.rotation.kind == POSTGRESQL:
                item.old_login = self._login(secret)
                item.new_login = following(secret.rotation, item.old_login)
            items.append(item)
            self._server(secret, item).require()
        # Before anything is written: a value that nobody brings is refused here.
        made = {secret.name: secret.another(given.get(secret.name, ""), self.store.value(secret.name)) for secret in secrets}
        underway = Underway(uuid.uuid4().hex[:12], caller(), items=[asdict(item) for item in items])
        with self.store.locked():
            for name, value in made.items():
                for version in (versions.PREVIOUS, versions.BESIDE):
                    versions.shred(self.store.folder, name, version)  # it is good no more, and only kept
                versions.write(self.store.folder, name, versions.NEXT, value)
        self.at("next values written")
        self._keep(underway, {name: one for name, one in pending.items() if name not in made})
        self._note(underway, "begun")
        self._reach(underway, Phase.PREPARED)

    def _carry_on(self) -> None:
        """From wherever it is to its end, or back.

        :raises RotationFailed: it was taken back.
        """
        underway = self._underway()
        steps = {Phase.ACCEPTED: self._accept, Phase.SWITCHED: self._switch, Phase.ROLLED: self._roll}
        phases = list(Phase)
        try:
            if not underway.back:
                for phase, act in steps.items():
                    if phases.index(Phase(underway.phase)) < phases.index(phase):
                        self._say(f"{phase.value}: {_TITLES[phase]} ({', '.join(item.name for item in underway.secrets)})")
                        self.at(f"before {phase.value}")
                        act(underway)
                        self.at(f"after {phase.value}")
                        self._reach(underway, phase)
                self._settle(underway)
                return
        except (*EXPECTED, RotationFailed, RotationRefused, TimeoutError) as error:
            underway.back, underway.reason = True, str(error)[:4000]
            self._keep(underway)
            self._note(underway, "failed", reason=underway.reason)
            self._say(f"failed: {str(error).splitlines()[0]}")
        self._take_back(underway)

    def _accept(self, underway: Underway) -> None:
        """Whoever checks a secret takes both values."""
        secrets = self._secrets(underway)
        for item in underway.secrets:
            self._server(secrets[item.name], item).accept(self._version(item.name, versions.NEXT).value)
            self.at(f"accepted {item.name}")
        if overlapping := [item.name for item in underway.secrets if item.kind == OVERLAP]:
            underway.switched_at = underway.switched_at or self.clock()
            self._keep(underway)
            with self.store.locked():
                for name in overlapping:
                    versions.write(self.store.folder, name, versions.BESIDE, self._version(name, versions.NEXT))
                self._ensure()
            self.at("overlap written")
            self.result.rolled += self.roller.roll()

    def _switch(self, underway: Underway) -> None:
        """The store and the files of consumers have the next value."""
        secrets = self._secrets(underway)
        if not underway.times:
            underway.switched_at = underway.switched_at or self.clock()
            underway.times = {str(path): path.stat().st_mtime_ns for path in self._files(secrets.values())}
            self._keep(underway)
            self.at("times noted")
        with self.store.locked():
            replace = {}
            for item in underway.secrets:
                following_value = self._version(item.name, versions.NEXT)
                present = self._present(item.name)
                if present.value != following_value.value:
                    versions.write(self.store.folder, item.name, versions.PREVIOUS, present)
                    self.at(f"previous kept {item.name}")
                if item.kind == OVERLAP:
                    versions.write(self.store.folder, item.name, versions.BESIDE, self._version(item.name, versions.PREVIOUS))
                replace[item.name] = following_value
            self._ensure(replace, _logins(underway, new=True), [secrets[item.name].server for item in underway.secrets])

    def _roll(self, _underway: Underway) -> None:
        """Consumers are replaced, and healthy."""
        self.result.rolled += self.roller.roll()

    def _settle(self, underway: Underway) -> None:
        """It has come to its end; what was before waits."""
        pending, secrets, now = self.journal.pending(), self._secrets(underway), self.clock()
        for item in underway.secrets:
            until = now + secrets[item.name].rotation.grace
            pending[item.name] = Pending(
                item.name, item.kind, item.old_login, underway.switched_at, until, revoked=item.kind not in _CHECKED
            )
        self.at("before the end")
        self._note(underway, "done")
        self.journal.keep(None, pending)
        self.at("after the end")
        self._shred([item.name for item in underway.secrets], versions.NEXT)
        self.result.rotated += [item.name for item in underway.secrets]
        for item in underway.secrets:
            self._say(f"{item.name} has another value" + (f", and {item.new_login} logs in with it" if item.new_login else ""))

    # -- the value from before --------------------------------------------------------------------------------------

    def _await_unused(self, names: Iterable[str]) -> None:
        """What a database says nobody uses any more is taken away at once; its consumers had a moment to leave."""
        for name in names:
            try:
                self._await(name)
            except (*EXPECTED, RotationFailed) as error:
                self._say(f"the value of {name} from before is good as before, {error}")
        self._note_waiting()

    def _await(self, name: str) -> None:
        deadline = self.clock() + PATIENCE
        while (kept := self.journal.pending().get(name)) and not kept.revoked and kept.kind in _KNOWING:
            if not (users := self._users(kept)):
                return self._revoke(kept)
            if self.clock() >= deadline:
                return self._say(f"{users} connections hold the value of {name} from before; it is good until {moment(kept.until)}")
            self.sleep(STEP)
        return None

    def _finish(self, *, now: bool) -> list[str]:
        """End what waits and is due; what could not be ended, each with its reason. It is tried again by the next run."""
        problems = []
        for kept in self.journal.pending().values():
            due = now or self.clock() >= kept.until
            try:
                if not kept.revoked and (due or (kept.kind in _KNOWING and not self._users(kept))):
                    self._revoke(kept)
            except (*EXPECTED, RotationFailed) as error:
                problems.append(f"the value of {kept.name} from before is good as before, {error}")
                continue
            if kept.revoked and due:
                self._shred([kept.name], versions.PREVIOUS)
                self.at(f"shredded {kept.name}")
                self.journal.write(step=SHREDDED, secret=kept.name)
                self._keep(self.journal.underway(), {name: one for name, one in self.journal.pending().items() if name != kept.name})
                self.result.shredded.append(kept.name)
        self._note_waiting()
        return problems

    def _note_waiting(self) -> None:
        self.result.waiting = sorted(name for name, kept in self.journal.pending().items() if not kept.revoked)

    def _revoke(self, kept: Pending) -> None:
        """Nobody takes the value from before any more.

        :raises RotationFailed: somebody does all the same.
        """
        secret = declared.every(self.store).get(kept.name)
        self.at(f"before revoked {kept.name}")
        ended = 0
        previous = versions.read(self.store.folder, kept.name, versions.PREVIOUS)
        if secret and kept.kind == OVERLAP:
            with self.store.locked():
                versions.shred(self.store.folder, kept.name, versions.BESIDE)
                self._ensure()
            self.at(f"overlap over {kept.name}")
            self.result.rolled += self.roller.roll()
        elif secret:
            item = Item(kept.name, kept.kind, old_login=kept.login)
            ended = self._server(secret, item).shut_out(previous.value if previous else "", kept.switched_at)
        self.at(f"after revoked {kept.name}")
        kept.revoked = True
        self.journal.write(step=REVOKED, secret=kept.name, ended=ended, by=caller())
        self._keep(self.journal.underway(), {**self.journal.pending(), kept.name: kept})
        self.result.revoked.append(kept.name)
        self._say(f"the value of {kept.name} from before is good no more" + (f"; {ended} connections were ended" if ended else ""))

    def _users(self, kept: Pending) -> int:
        """How many connections hold the value from before."""
        secret = declared.every(self.store).get(kept.name)
        if secret is None:
            return 0
        return self._server(secret, Item(kept.name, kept.kind, old_login=kept.login)).in_use(kept.switched_at)

    # -- back -------------------------------------------------------------------------------------------------------

    def _resume(self) -> set[str]:
        """Go on with a rotation that somebody did not end; the names of what it has rotated.

        :raises RotationFailed: it was taken back.
        """
        underway = self.journal.underway()
        if underway is None:
            self._sweep()
            return set()
        self.result.found = f"found an interrupted {underway.describe()}"
        self._say(f"{self.result.found}: it is {'taken back' if underway.back else 'finished'} first")
        self._carry_on()
        names = {item.name for item in underway.secrets}
        self._await_unused(names)
        return names

    def _sweep(self) -> None:
        """Shred what a run left that was killed after its end, or before its journal."""
        kept = self.journal.pending()
        with self.store.locked():
            for name, version in versions.present(self.store.folder):
                if version == versions.NEXT or (version == versions.PREVIOUS and name not in kept):
                    versions.shred(self.store.folder, name, version)

    def _take_back(self, underway: Underway) -> None:
        """The value from before counts again; always raises.

        :raises RotationFailed: with what failed, and whether all is as it was.
        """
        try:
            self._restore(underway)
        except (*EXPECTED, RotationFailed, RotationRefused, TimeoutError) as error:
            self._note(underway, "taken back in part", reason=str(error)[:4000])
            raise RotationFailed(
                f"the rotation of {', '.join(item.name for item in underway.secrets)} failed, and could NOT be taken back completely; both"
                f" values are good, and the next run goes on with it:\n{error}\n{underway.reason}"
            ) from error
        self._note(underway, TAKEN_BACK, reason=underway.reason)
        self.journal.keep(None, self.journal.pending())
        self.at("taken back")
        raise RotationFailed(
            f"the rotation of {', '.join(item.name for item in underway.secrets)} failed; it was taken back, the value from before counts\n"
            f"{underway.reason}"
        )

    def _restore(self, underway: Underway) -> None:
        secrets = self._secrets(underway)
        names = [item.name for item in underway.secrets]
        services = sorted({service for secret in secrets.values() for service in secret.services})
        overlapping = [item.name for item in underway.secrets if item.kind == OVERLAP]
        former = {name: made for name in names if (made := versions.read(self.store.folder, name, versions.PREVIOUS))}
        following_values = {name: versions.read(self.store.folder, name, versions.NEXT) for name in names}
        if former:
            with self.store.locked():
                for name in overlapping:  # who has the next value first, and who has it second, both take the old one
                    if following_value := following_values[name]:
                        versions.write(self.store.folder, name, versions.BESIDE, following_value)
                self._ensure(former, _logins(underway, new=False), [secrets[name].server for name in names])
                self._as_it_was(underway)
            self.at("restored")
            self.result.rolled += self.roller.roll(self.roller.made_since(underway.switched_at, services))
            self.at("rolled back")
        if overlapping:
            with self.store.locked():
                for name in overlapping:
                    versions.shred(self.store.folder, name, versions.BESIDE)
                self._ensure()
            self.result.rolled += self.roller.roll()
        for item in underway.secrets:
            if following_value := following_values[item.name]:
                with suppress(RotationRefused):  # its server is away, or never was one that takes two values
                    self._server(secrets[item.name], item).shut_out_next(following_value.value, underway.switched_at)
        for version in (versions.NEXT, versions.PREVIOUS):
            self._shred(names, version)

    def _as_it_was(self, underway: Underway) -> None:
        """Containers that were made before the rotation have what their files say again: they are not to be replaced for it."""
        for path, written in underway.times.items():
            with suppress(FileNotFoundError):
                os.utime(path, ns=(written, written))

    # -- parts ------------------------------------------------------------------------------------------------------

    def _secrets(self, underway: Underway) -> dict[str, Rotating]:
        return {secret.name: secret for secret in declared.chosen(self.store, [item.name for item in underway.secrets])}

    def _server(self, secret: Rotating, item: Item) -> servers.Server:
        found = [versions.read(self.store.folder, secret.name, version) for version in (versions.NEXT, versions.PREVIOUS)]
        known = [self.store.value(secret.name) or "", *(made.value for made in found if made)]
        return self.serving(secret, item, tuple(dict.fromkeys(value for value in known if value)))

    def _login(self, secret: Rotating) -> str:
        """The role that logs in with a secret now."""
        return str(self.store.metadata().get(secret.name, {}).get("login") or secret.rotation.user)

    def _version(self, name: str, version: str) -> Made:
        made = versions.read(self.store.folder, name, version)
        if made is None:
            raise RotationFailed(f"the {version} value of {name} is gone from the store ({self.store.folder / versions.FOLDER})")
        return made

    def _present(self, name: str) -> Made:
        public = self.store.folder / f"{name}{versions.PUBLIC}"
        return Made(self.store.value(name) or "", {versions.PUBLIC: public.read_text()} if public.is_file() else {})

    def _files(self, secrets: Iterable[Rotating]) -> list[Path]:
        """The files of consumers that hold one of these secrets."""
        folder, files = self.store.folder, set[Path]()
        for secret in secrets:
            for name in (secret.name, *secret.made_of_it):
                files |= set(folder.glob(f"services/*/{name}"))
            files |= {folder / "env" / f"{service}.env" for service in (*secret.services, secret.server)}
        return sorted(path for path in files if path.is_file())

    def _ensure(
        self, replace: Mapping[str, Made] | None = None, logins: Mapping[str, str] | None = None, in_place: Collection[str] = ()
    ) -> StoreOutcome:
        """Let the store be what it was declared as; it is locked by the caller."""
        return self.store.ensure(
            self.store.entries(), replace=replace, logins=logins, in_place=[service for service in in_place if service]
        )

    def _shred(self, names: Iterable[str], version: str) -> None:
        with self.store.locked():
            for name in names:
                versions.shred(self.store.folder, name, version)

    def _underway(self) -> Underway:
        underway = self.journal.underway()
        if underway is None:
            raise RotationFailed(f"there is no rotation of {self.stack} under way")
        return underway

    def _reach(self, underway: Underway, phase: Phase) -> None:
        underway.phase = phase.value
        self._keep(underway)
        self._note(underway, phase.value)

    def _keep(self, underway: Underway | None, pending: dict[str, Pending] | None = None) -> None:
        self.journal.keep(underway, self.journal.pending() if pending is None else pending)

    def _note(self, underway: Underway, step: str, **more: object) -> None:
        self.journal.write(attempt=underway.attempt, secrets=[item.name for item in underway.secrets], step=step, who=caller(), **more)

    def _say(self, line: str) -> None:
        self.result.lines.append(line)
        self.tell(line)


_TITLES = {
    Phase.ACCEPTED: "whoever checks it takes the next value beside the present one",
    Phase.SWITCHED: "the store and the files of its consumers have the next value",
    Phase.ROLLED: "its consumers are replaced",
}
_CHECKED = (POSTGRESQL, REDIS, OVERLAP)  # kinds of which the value before is good until it is taken away
_KNOWING = (POSTGRESQL, REDIS)  # kinds of which somebody knows who uses it


def _logins(underway: Underway, *, new: bool) -> dict[str, str]:
    return {item.name: item.new_login if new else item.old_login for item in underway.secrets if item.kind == POSTGRESQL}
