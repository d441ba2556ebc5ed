# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Polling: new branches, tags and images without an open port, less often while whoever is asked does not answer.

What was there at the first look is no news: a host that begins to look deploys nothing by that. What was seen is written down only once
the queue has it, so a kill in between finds it again, and the queue knows it.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from ..builds.access import BuildRefused, access
from ..builds.repository import Repository
from ..containers.registry import Registries, RegistryRefusal
from ..contracts.delivery import BRANCH, GIT, TAG, DeliverySettings, PullSource
from ..contracts.image_build import ImageBuild
from ..core.journal import Level, log
from ..core.masking import line
from ..core.process import CommandError
from ..core.versioned_json import known_fields, read_state, write_state
from .request import Image, Malformed, Request, checked
from .rules import matches

SLOWEST = 3600.0  # seconds between two looks at whoever does not answer
MOST_REFS = 20_000
MOST_DIGESTS = 100  # tags of an image whose digests are asked for in one look, the last ones
Refs = Mapping[str, str]  # C(refs/heads/main) or C(refs/tags/v1) to its commit; of a registry to nothing


class PollFailed(Exception):
    """A source that cannot be asked; the message has no secret."""


@dataclass
class Seen:
    """What a source had, and when it is asked again (epoch seconds).

    :param refs: None before the first look.
    """

    refs: dict[str, str] | None = None
    next: float = 0.0
    failures: int = 0
    reason: str = ""
    address: str = ""


@dataclass
class Poller:
    """Asks the sources of all stacks.

    :param take: puts a request into the queue under a number.
    :param ask: what a source has now.
    """

    folder: Path
    take: Callable[[str, Request, float], object]
    ask: Callable[[DeliverySettings, PullSource], Refs]

    def look(self, settings: DeliverySettings, now: float) -> None:
        """Ask the sources of a stack that it is time for."""
        for source in settings.pull:
            seen = self._load(settings.stack, source)
            if seen.address != source.address:
                seen = Seen(address=source.address)  # another repository: what it has is no news either
            if seen.next > now:
                continue
            try:
                self._news(settings, source, seen, now)
                seen.failures, seen.reason, seen.next = 0, "", now + source.every
            except (PollFailed, BuildRefused, RegistryRefusal, CommandError, OSError, ValueError) as error:
                seen.failures += 1
                seen.reason = line(error, 300)
                seen.next = now + min(SLOWEST, source.every * 2 ** min(seen.failures, 6))
                log(f"delivery: {settings.stack}: {source.name} cannot be asked: {seen.reason}", Level.WARNING)
            self._save(settings.stack, source, seen)

    def _news(self, settings: DeliverySettings, source: PullSource, seen: Seen, now: float) -> None:
        refs = dict(self.ask(settings, source))
        if len(refs) > MOST_REFS:
            raise PollFailed(f"{source.address} has {len(refs)} refs, and {MOST_REFS} are borne")
        for ref, commit in sorted(refs.items()) if seen.refs is not None else ():
            if (seen.refs or {}).get(ref) != commit or ref not in (seen.refs or {}):
                self._take(settings, source, ref, commit, now)
        seen.refs = refs

    def _take(self, settings: DeliverySettings, source: PullSource, ref: str, commit: str, now: float) -> None:
        kind, name = (BRANCH, ref.removeprefix("refs/heads/")) if ref.startswith("refs/heads/") else (TAG, ref.removeprefix("refs/tags/"))
        own = [rule for rule in settings.rules if rule.kind == kind and matches(rule.pattern, name)]
        if not own or own[0].environment != settings.environment:
            return  # whoever pushes a branch for nobody here asks for nothing
        try:
            request = checked(
                Request(
                    stack=settings.stack,
                    source=source.name,
                    repository=source.repository or _without_server(source),
                    kind=kind,
                    ref=name,
                    commit=commit if source.kind == GIT else "",
                    pushed=None if source.kind == GIT else Image(name, commit),
                    who=f"looked up at {source.name}",
                )
            )
        except Malformed as error:
            log(f"delivery: {settings.stack}: {source.name} has what cannot be delivered: {line(error, 200)}", Level.WARNING)
            return
        before = "\0".join((settings.stack, source.name, source.address, ref, commit))
        self.take(hashlib.sha256(before.encode()).hexdigest()[:32], request, now)

    def _file(self, stack: str, source: PullSource) -> Path:
        return self.folder / f"{stack}.{source.name}.json"

    def _load(self, stack: str, source: PullSource) -> Seen:
        return known_fields(Seen, read_state(self._file(stack, source), {}, put_aside=True))

    def _save(self, stack: str, source: PullSource, seen: Seen) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_state(self._file(stack, source), asdict(seen), 0o600, os.geteuid(), os.getegid())


def _without_server(source: PullSource) -> str:
    """What a source is called where nobody says: its path."""
    name = re.sub(r"^[a-z]+://[^/]+/", "", source.address).removesuffix(".git")
    first, slash, rest = name.partition("/")
    return rest if source.kind != GIT and slash and ("." in first or ":" in first or first == "localhost") else name


def ask(settings: DeliverySettings, source: PullSource) -> Refs:
    """What a source has now, of what a rule lets come; a registry is asked for the digests of these tags alone.

    :raises BuildRefused, CommandError, RegistryRefusal: it cannot be asked.
    """
    if source.kind == GIT:
        build = ImageBuild(source.name, source.address, "HEAD", credentials=source.token)
        with access(settings.stack, build, ("https", "ssh")) as granted:
            return Repository(source.address, granted, f"delivery.pull.{source.name}").refs()
    known = Registries()
    patterns = [rule.pattern for rule in settings.rules if rule.kind == TAG]
    tags = [tag for tag in known.tags(source.address) if any(matches(pattern, tag) for pattern in patterns)]
    return {f"refs/tags/{tag}": known.digest(f"{source.address}:{tag}") for tag in tags[-MOST_DIGESTS:]}
