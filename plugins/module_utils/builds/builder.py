# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images of a stack, built where they are not there yet: all of them are judged before the first one is built."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ..containers.client import DockerUnavailable, Engine
from ..contracts.image_build import ImageBuild
from ..core import paths
from ..core.locks import LockBusy, file_lock
from ..core.process import CommandError
from ..core.progress import Progress
from ..release.pinning import pinned_reference
from ..release.store import now
from . import records
from .access import BuildRefused, access, secret_text
from .buildkit import REVISION, BuildFailed, build_image, push_image, require_builder
from .context import context_of
from .records import Record
from .repository import Repository

CHECKOUTS = "checkout-"
NOT_INSTALLED = 127  # exit status of a program that is not there


@dataclass(frozen=True)
class Wanted:
    """An image that is wanted.

    :param commit: empty where it is not known yet (check mode, on a host without git).
    :param image: how a release names it; empty where it is to be built.
    """

    build: ImageBuild
    commit: str
    reference: str
    image: str = ""

    def sentence(self) -> str:
        """What is, or would be, done."""
        what = f"{self.build.service}: {self.build.repository} at {self.build.revision} ({self.commit[:12] or 'commit not known yet'})"
        return what if self.image else f"{what} -> {self.reference}"


@dataclass
class Outcome:
    """What was, or in check mode would be, built."""

    wanted: list[Wanted] = field(default_factory=list)
    built: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def images(self) -> dict[str, str]:
        """Service to image, where it is known."""
        return {build.build.service: build.image for build in self.wanted if build.image}


@dataclass
class Builder:
    """Builds on this host for one stack.

    :param rebuild: services that are built anew, from the commit that their tag has now.
    :param protocols: by which repositories and their submodules may be reached.
    """

    stack: str
    progress: Progress
    rebuild: Collection[str] = ()
    protocols: Sequence[str] = ("https", "ssh")
    wait: float = 60.0
    outcome: Outcome = field(default_factory=Outcome)

    def check(self, builds: Sequence[ImageBuild]) -> Outcome:
        """What would be built; nothing is fetched.

        :raises BuildRefused: a revision that is not there, or has moved.
        """
        engine = _engine_or_none()
        self.outcome.wanted = [self._judged(build, engine, check=True) for build in builds]
        self.outcome.built = [build.build.service for build in self.outcome.wanted if not build.image]
        return self.outcome

    def carry_out(self, builds: Sequence[ImageBuild]) -> Outcome:
        """Build what is not there.

        :raises BuildRefused: a revision that is not there, or has moved; a repository that lacks what is declared.
        :raises BuildFailed: one that does not come to its end.
        :raises CommandError: a repository or a registry that does not answer.
        """
        with self._locked() as folder:
            engine = Engine()
            self.outcome.wanted = [self._judged(build, engine) for build in builds]
            missing = [build for build in self.outcome.wanted if not build.image]
            if missing:
                require_builder()
            for build in missing:
                made = self._built(build, folder, engine)
                self.outcome.wanted[self.outcome.wanted.index(build)] = made
                self.outcome.built.append(made.build.service)
        return self.outcome

    @contextmanager
    def _locked(self) -> Iterator[Path]:
        """The folder of the stack's builds, with what a killed build has left there cleared away. Waiting is for the same image, mostly."""
        folder = paths.BUILDS / self.stack
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        try:
            with file_lock(folder / "lock", timeout=self.wait):
                for left_behind in folder.glob(f"{CHECKOUTS}*"):
                    shutil.rmtree(left_behind, ignore_errors=True)
                yield folder
        except LockBusy:
            raise BuildRefused(f"another run builds images of {self.stack} on this host; waited {self.wait:g} s: try again later") from None

    def _judged(self, build: ImageBuild, engine: Engine | None, *, check: bool = False) -> Wanted:
        """Which image it is, and whether it is there."""
        known = records.load(self.stack)
        before = records.commit_of(known, build.repository, build.revision)
        anew = build.service in self.rebuild
        try:
            commit = self._commit(build)
        except CommandError as error:
            if check and error.rc == NOT_INSTALLED:
                return Wanted(build, "", build.declared_reference(self.stack))
            if anew or not before or not (image := self._there(build, before, known, engine)):
                raise
            what = f"{build.repository} could not be asked whether {build.revision} is still {before}, which is built and stays"
            self.outcome.notes.append(f"builds.{build.service}: {what}: {error}")
            return Wanted(build, before, build.reference(self.stack, before), image)
        if before and commit != before and not anew:
            fix = (
                "who moved it, and why? Write a new tag, or the id of the commit that is meant; to take what the tag is now:"
                f" stack_rebuild: [{build.service}]"
            )
            what = f"the tag {build.revision} of {build.repository} is commit {commit} now, and was {before} when it was built here"
            raise BuildRefused(f"builds.{build.service}.revision: {what}; nothing was changed: {fix}")
        image = "" if anew else self._there(build, commit, known, engine)
        return Wanted(build, commit, build.reference(self.stack, commit), image)

    def _commit(self, build: ImageBuild) -> str:
        with access(self.stack, build, self.protocols) as reached:
            return Repository(build.repository, reached, f"builds.{build.service}").commit(build.revision)

    def _there(self, build: ImageBuild, commit: str, known: Sequence[Record], engine: Engine | None) -> str:
        """How a release names the image, when it is there: on this host, or in the registry; empty when not."""
        reference = build.reference(self.stack, commit)
        recorded = next((build.image for build in known if build.reference == reference), "")
        if build.push:
            if recorded or engine is None:
                return recorded
            digest = engine.remote_digest(reference)  # another host has built it
            return f"{reference}@{digest}" if digest else ""
        there = engine.image(reference) if engine else None
        return str(there["Id"]) if there and _revision(there) == commit else ""

    def _built(self, wanted: Wanted, folder: Path, engine: Engine) -> Wanted:
        build, key = wanted.build, f"builds.{wanted.build.service}"
        for name, place in build.secrets.items():
            secret_text(self.stack, place, f"{key}.secrets.{name}")  # before anything is fetched
        with tempfile.TemporaryDirectory(prefix=CHECKOUTS, dir=folder) as work:
            checkout = Path(work) / "source"
            self.progress.say(f"build {build.service}: fetch {build.revision} ({wanted.commit[:12]}) of {build.repository}")
            with access(self.stack, build, self.protocols) as reached:
                Repository(build.repository, reached, key).check_out(build.revision, wanted.commit, checkout, build.submodules)
            build_image(self.stack, build, wanted.reference, wanted.commit, context_of(build, checkout), Path(work), self.progress)
        image = self._pinned(wanted, engine)
        record = Record(build.service, build.repository, build.revision, wanted.commit, wanted.reference, image, now())
        records.add(self.stack, record)
        self.progress.say(f"build {build.service}: {image}")
        return Wanted(build, wanted.commit, wanted.reference, image)

    def _pinned(self, wanted: Wanted, engine: Engine) -> str:
        """The image by the digest of its registry, or by its id."""
        there = engine.image(wanted.reference)
        if there is None or _revision(there) != wanted.commit:
            raise BuildFailed(f"the build of {wanted.build.service} ended, and {wanted.reference} is not its image; nothing was changed")
        if not wanted.build.push:
            return str(there["Id"])
        self.progress.say(f"build {wanted.build.service}: push {wanted.reference}")
        push_image(wanted.reference)
        image = pinned_reference(wanted.reference, "missing", engine, self.progress, fetch=False)
        if "@" not in image:
            raise BuildFailed(f"{wanted.reference} was pushed, and the engine knows no digest of it; nothing was changed")
        return image


def _revision(image: dict[str, object]) -> str:
    config = image.get("Config")
    labels = config.get("Labels") if isinstance(config, dict) else None
    return str((labels or {}).get(REVISION, ""))


def _engine_or_none() -> Engine | None:
    try:
        return Engine()
    except DockerUnavailable:
        return None  # on a bare host it comes earlier in the same run
