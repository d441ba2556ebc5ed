# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of this host: whether a request may become a release, which images that is, whom it needs, and when.

They are asked twice by root, when a request comes and before it is carried out: time passes between, and whatever the receiver lets through
is judged here and not there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from ..contracts.delivery import ALLOW, NAMED, TAG, WAIT, DeliveryRule, DeliverySettings, Freeze
from ..core import semver
from ..core.process import CommandError
from ..core.time_windows import inside
from ..core.times import moment
from .request import TAG as IMAGE_TAG
from .request import Image, Request


class Decision(str, Enum):
    """What is to become of a request."""

    CARRY_OUT = "carry out"
    APPROVE = "approve"
    HOLD = "hold"
    IGNORE = "ignore"
    REFUSE = "refuse"


@dataclass(frozen=True)
class Verdict:
    """What the rules say.

    :param status: of HTTP, for whoever waits for an answer.
    :param images: references by service.
    :param until: of C(hold), epoch seconds.
    """

    decision: Decision
    reason: str = ""
    status: int = 202
    images: Mapping[str, str] = field(default_factory=dict)
    until: float = 0.0


@dataclass(frozen=True)
class Live:
    """What runs now: image references by service; empty where nothing does."""

    images: Mapping[str, str] = field(default_factory=dict)


class _Refused(Exception):
    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def judge(
    settings: DeliverySettings,
    request: Request,
    live: Live,
    now: float,
    *,
    approved: bool = False,
    frozen_until: Callable[[str, float, float], float] = inside,
) -> Verdict:
    """What is to become of a request.

    :param now: epoch seconds.
    :param approved: as many persons as it takes have approved it.
    :param frozen_until: the end of a window that we are in, 0 for none.
    """
    try:
        _require_source(settings, request)
        rule = _rule(settings, request)
        if rule.environment != settings.environment:
            return Verdict(
                Decision.IGNORE, f"{request.kind} {request.ref} is for {rule.environment}, and this is {settings.environment}", 200
            )
        images = images_of(settings, rule, request)
        _require_newer(settings, request, images, live)
        hold = _freeze(settings, now, frozen_until)
    except _Refused as refused:
        return Verdict(Decision.REFUSE, str(refused), refused.status)
    if rule.approval and not approved:
        return Verdict(Decision.APPROVE, _wanted(settings), images=images)
    if hold:
        until, freeze = hold
        return Verdict(Decision.HOLD, f"it waits for {moment(until)}: {_why(freeze)}", images=images, until=until)
    return Verdict(Decision.CARRY_OUT, images=images)


def _require_source(settings: DeliverySettings, request: Request) -> None:
    push = next((source for source in settings.push if source.name == request.source), None)
    pull = next((source for source in settings.pull if source.name == request.source), None)
    if push is None and pull is None:
        raise _Refused(403, f"source {request.source} is not declared any more")
    if push is not None and request.repository not in push.repositories:
        raise _Refused(403, f"repository {request.repository} is none of source {push.name}")


def _rule(settings: DeliverySettings, request: Request) -> DeliveryRule:
    """The first rule that fits; one whose versions do not is passed, so that there may be one for each range."""
    outside = ""
    for rule in settings.rules:
        if rule.kind != request.kind or not matches(rule.pattern, request.ref):
            continue
        if rule.versions:
            known = semver.version(request.ref)
            if known is None or known not in semver.range_of(rule.versions):
                outside = rule.versions
                continue
        return rule
    if outside:
        raise _Refused(403, f"tag {request.ref} is no version of {outside}")
    raise _Refused(403, f"no rule lets {request.kind} {request.ref} come")


def matches(pattern: str, ref: str) -> bool:
    """A pattern fits a whole name; C(*) stands for any characters but a slash."""
    return re.fullmatch(r"[^/\s]*".join(map(re.escape, pattern.split("*"))), ref) is not None


def images_of(settings: DeliverySettings, rule: DeliveryRule, request: Request) -> dict[str, str]:
    """References by service: what a call names, held to what the rule makes of its ref.

    :raises _Refused: an image that is not allowed, or that cannot be told.
    """
    if request.pushed is not None:
        own = {service: image for service, image in settings.services.items() if _without_server(image) == request.repository}
        if not own:
            raise _Refused(403, f"image {request.repository} is that of no service of delivery.services")
        return {service: image + request.pushed.suffix for service, image in own.items()}
    if unknown := [service for service in request.images if service not in settings.services]:
        raise _Refused(403, f"service {unknown[0]} may not get another image: it is none of delivery.services")
    tag = _tag(rule, request)
    for service, image in request.images.items():
        if image.tag and image.tag != tag:
            raise _Refused(403, f"image of {service} has the tag {image.tag}, and {request.kind} {request.ref} is {tag} by its rule")
    named = request.images or dict.fromkeys(settings.services, Image())
    return {service: settings.services[service] + Image(tag, image.digest).suffix for service, image in named.items()}


def _tag(rule: DeliveryRule, request: Request) -> str:
    version = semver.version(request.ref)
    if "{version}" in rule.image_tag and (request.kind != TAG or version is None):
        raise _Refused(403, f"{request.kind} {request.ref} is no version, of which the rule makes the tag of an image")
    if not request.commit and ("{commit}" in rule.image_tag or "{short}" in rule.image_tag):
        raise _Refused(403, "there is no commit in the call, of which the rule makes the tag of an image")
    parts = {"ref": request.ref, "version": request.ref.removeprefix("v"), "commit": request.commit, "short": request.commit[:7]}
    tag = rule.image_tag
    for name, value in parts.items():
        tag = tag.replace(f"{{{name}}}", value)
    if not IMAGE_TAG.fullmatch(tag):
        raise _Refused(403, f"{request.kind} {request.ref} makes {tag}, which is no tag of an image: the rule needs another image_tag")
    return tag


def _without_server(image: str) -> str:
    """The name by which a registry itself knows an image."""
    first, slash, rest = image.partition("/")
    return rest if slash and ("." in first or ":" in first or first == "localhost") else image


def _require_newer(settings: DeliverySettings, request: Request, images: Mapping[str, str], live: Live) -> None:
    """An older version comes only where it is meant: a call that is late must not undo a newer one."""
    if settings.downgrade == ALLOW or (settings.downgrade == NAMED and request.downgrade):
        return
    for service, reference in images.items():
        now, then = version_of(live.images.get(service, "")), version_of(reference)
        if now is not None and then is not None and then < now:
            fix = "name it: downgrade: true in the call" if settings.downgrade == NAMED else "go back by `opsctl rollback`"
            raise _Refused(409, f"{service} {then} is older than {now}, which is live; {fix}")


def version_of(reference: str) -> semver.Version | None:
    """The version in the tag of a reference."""
    name, _colon, tag = reference.partition("@")[0].rpartition(":")
    return semver.version(tag) if name and "/" not in tag else None


def _freeze(settings: DeliverySettings, now: float, frozen_until: Callable[[str, float, float], float]) -> tuple[float, Freeze] | None:
    """The freeze that we are in and that is waited for, with its end.

    :raises _Refused: we are in one that refuses, or nobody can say.
    """
    held: list[tuple[float, Freeze]] = []
    for freeze in settings.freezes:
        try:
            until = frozen_until(freeze.start, freeze.duration, now)
        except CommandError as error:
            raise _Refused(409, f"systemd does not understand the freeze {freeze.start!r}, so nothing is delivered: {error}") from error
        if until and freeze.then != WAIT:
            raise _Refused(409, f"nothing is delivered before {moment(until)}: {_why(freeze)}")
        if until:
            held.append((until, freeze))
    return max(held, key=lambda entry: entry[0], default=None)


def _why(freeze: Freeze) -> str:
    return freeze.reason or f"a freeze ({freeze.start})"


def _wanted(settings: DeliverySettings) -> str:
    persons = settings.approval.persons
    others = "" if settings.approval.author else ", and not by whoever brought it"
    return f"it waits to be approved by {'one person' if persons == 1 else f'{persons} persons'}{others}"
