# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promotion: the images that one environment runs, by digest, for the declaration of another one.

What belongs to the application (images) comes from the hosts of the source; what belongs to the environment (domains, replicas, values,
secrets, limits) from the declaration of the target. Configuration that both share comes from the repository, once: the source must run what
is declared there, so that what was tried is what goes on.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from ..containers.registry import Reference, parsed
from ..core.format import duration
from ..schema.nodes import Problem

GOOD = "good"
DIGEST = "@sha256:"


@dataclass(frozen=True)
class Running:
    """What one host of the source runs.

    :param release: its live release; empty for none.
    :param images: service to pinned reference.
    :param state: of the release.
    :param since: when it went live, ISO 8601; empty where that is not known.
    :param underway: the rollout that has begun and not ended; empty for none.
    :param ailing: service to the reason why it is not healthy.
    :param drift: what a deployment of the declaration would change there.
    :param unseen: why the host could not be looked at; empty where it was.
    """

    host: str
    release: str = ""
    images: Mapping[str, str] = field(default_factory=dict)
    state: str = ""
    since: str = ""
    underway: str = ""
    ailing: Mapping[str, str] = field(default_factory=dict)
    drift: Sequence[str] = ()
    unseen: str = ""


@dataclass(frozen=True)
class Promotion:
    """What goes to the target.

    :param images: service to reference, pinned by digest.
    :param origin: where it comes from, C(staging@3f2a90c1d4e7).
    :param notes: what an operator should know.
    """

    images: Mapping[str, str]
    origin: str
    notes: Sequence[str] = ()


class NotPromoted(ValueError):
    """Everything that stands against a promotion."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        lines = [f"{number}. {problem}" for number, problem in enumerate(problems, 1)]
        super().__init__("\n".join(["this cannot be promoted; nothing was changed:", *lines]))


def promotion(
    source: str, hosts: Sequence[Running], declared: Mapping[str, str], *, own: Collection[str] = (), minimum_age: float = 0.0
) -> Promotion:
    """The images of a source for a target.

    :param source: name of the environment.
    :param declared: service to image reference, as the target declares it.
    :param own: services of the target that are deployed as they are declared there.
    :param minimum_age: seconds for which the source must have run its release.
    :raises NotPromoted: the source does not fit, or an image of it.
    """
    if not hosts:
        fix = "give both inventories (-i … -i …), or name another one with -e promote_from=…"
        raise NotPromoted([Problem("promote_from", source, "no host of this environment was looked at", fix)])
    problems = [problem for host in hosts for problem in _unfit(host, minimum_age)]
    if problems:
        raise NotPromoted(problems)
    running = hosts[0]
    for other in hosts[1:]:
        problems += _unlike(running, other)
    images: dict[str, str] = {}
    notes: list[str] = []
    for service, reference in declared.items():
        if service in own:
            notes.append(f"{service}: stays as the target declares it, {reference}")
        elif problem := _unpinned(service, reference, running, source):
            problems.append(problem)
        else:
            images[service] = _at_home(reference, running.images[service])
            notes += _overtaken(service, reference, images[service])
    unknown = [name for name in own if name not in declared]
    problems += [
        Problem("promote_own", name, "the target declares no such service", f"write one of {', '.join(declared)}") for name in unknown
    ]
    if problems:
        raise NotPromoted(problems)
    notes += [f"{name}: runs in {source}, and the target does not declare it" for name in running.images if name not in declared]
    return Promotion(images, f"{source}@{running.release}", notes)


def _unfit(host: Running, minimum_age: float) -> list[Problem]:
    """Why what a host runs is not proven."""
    if host.unseen:
        return [Problem(host.host, "", f"could not be looked at: {host.unseen}", "repair that, or leave the host out of the inventory")]
    if not host.release:
        return [Problem(host.host, "", "runs no release", "deploy there first, with playbook rolling_update")]
    problems = []
    if host.underway:
        problems.append(Problem(host.host, host.underway, "a rollout is under way, or was interrupted", "let it end, or roll it back"))
    if host.state != GOOD:
        problems.append(Problem(host.host, host.release, f"its release is {host.state}", "promote a release that is good"))
    problems += [
        Problem(f"{host.host}.services.{service}", "", f"is not healthy: {reason}", "what does not run there is not to run anywhere else")
        for service, reason in host.ailing.items()
    ]
    if host.drift:
        what = "differs from what the repository declares: " + "; ".join(host.drift)
        problems.append(Problem(host.host, host.release, what, "deploy the repository there first, or check out what was deployed"))
    age = _age(host.since)
    if minimum_age and (age is None or age < minimum_age):
        lived = f"has been live for {duration(int(age))}" if age is not None else "went live at a time that nobody knows"
        fix = f"wait, or set promote_minimum_age (it is {duration(int(minimum_age))})"
        problems.append(Problem(host.host, host.release, f"its release {lived}", fix))
    return problems


def _age(since: str) -> float | None:
    """Seconds since a time of a journal."""
    if not since:
        return None
    return max(timedelta(), datetime.now(timezone.utc) - datetime.fromisoformat(since)).total_seconds()


def _unlike(running: Running, other: Running) -> list[Problem]:
    """Hosts of one environment that run different images: none of them is what was tried."""
    return [
        Problem(
            f"services.{service}.image",
            f"{running.images.get(service)} on {running.host}, {other.images.get(service)} on {other.host}",
            "hosts of the source run different images",
            "finish the rollout there first",
        )
        for service in dict.fromkeys([*running.images, *other.images])
        if _digest(running.images.get(service, "")) != _digest(other.images.get(service, ""))
    ]


def _unpinned(service: str, reference: str, running: Running, source: str) -> Problem | None:
    """Why an image cannot be taken by its digest."""
    key, live = f"services.{service}.image", running.images.get(service)
    keep = f"or name it in promote_own, and the target deploys {reference} as it is declared"
    if live is None:
        return Problem(
            key, reference, f"{source} runs no service {service}: this image was not tried there", f"declare it there as well, {keep}"
        )
    if DIGEST not in live:
        what = f"{source} runs {live}, which was built on the host and is in no registry: it has no digest that another host could fetch"
        return Problem(key, reference, what, f"push it to a registry and deploy it from there, {keep}")
    if _name(parsed(reference)) != _name(parsed(live)):
        what = f"{source} runs another image, {live.partition('@')[0]}"
        return Problem(key, reference, what, f"declare the same one in both environments, {keep}")
    return None


def _name(reference: Reference) -> str:
    """The last part of a repository: a registry of the target's own may have it below another path."""
    return reference.repository.rpartition("/")[2]


def _digest(reference: str) -> str:
    return reference.rpartition("@")[2]


def _split(reference: str) -> tuple[str, str]:
    """Repository, and tag with its colon."""
    name = reference.partition("@")[0]
    repository, colon, tag = name.rpartition(":")
    return (repository, f":{tag}") if colon and "/" not in tag else (name, "")


def _at_home(declared: str, live: str) -> str:
    """What runs at the source, in the registry of the target. Its tag goes with it for people; the digest decides."""
    return f"{_split(declared)[0]}{_split(live)[1]}@{_digest(live)}"


def _overtaken(service: str, declared: str, promoted: str) -> list[str]:
    """A declaration of the target that the next run of site would bring back."""
    pinned = "@" in declared
    if (pinned and _digest(declared) != _digest(promoted)) or (not pinned and _split(declared)[1] != _split(promoted)[1]):
        written = declared.partition("@")[2] or declared
        return [
            f"{service}: the target declares {written}; the next site or rolling_update brings that back: change the declaration as well"
        ]
    return []
