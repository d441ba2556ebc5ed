# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Delivered images of a stack, beside what is declared: a file of this host that the next run of site.yml reads.

It says which images came by themselves, of which commit, when and by whom. What a run does that declares others is the stack's policy:
adopt them, replace them, or refuse (C(delivery.site_run)).
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import yaml

from ..contracts.delivery import ADOPT, REPLACE
from ..core import paths
from ..core.atomic_files import read_text, understood, write_atomic
from ..core.versioned_json import known_fields
from .pinning import Declared
from .pinning import images as images_of
from .store import Store, now

_HEAD = "# Written by latentum.ops: what was delivered here. A run of site.yml reads it (ops_stack.delivery.site_run).\n"


@dataclass(frozen=True)
class Delivered:
    """What was delivered last, of all services that ever got an image so.

    :param images: references by service, with a digest.
    """

    images: Mapping[str, str] = field(default_factory=dict)
    release: str = ""
    ref: str = ""
    commit: str = ""
    repository: str = ""
    who: str = ""
    approved_by: tuple[str, ...] = ()
    delivery: str = ""
    at: str = ""


class Run(str, Enum):
    """What a run of site.yml does with images that were delivered."""

    NOTHING = "nothing"
    ADOPT = "adopt"
    REPLACE = "replace"
    REFUSE = "refuse"


@dataclass(frozen=True)
class Differing:
    """What a run would change, and what it does about it.

    :param images: references that the run brings, by service.
    :param sentences: for whoever runs it.
    """

    run: Run
    images: Mapping[str, str]
    sentences: tuple[str, ...] = ()


def file_of(stack: str) -> Path:
    """The file of a stack."""
    return paths.DELIVERED / f"{stack}.yml"


def load(stack: str) -> Delivered | None:
    """What was delivered; None where nothing was.

    :raises ValueError: the file is damaged.
    """
    text = read_text(file_of(stack))
    if text is None:
        return None
    with understood(file_of(stack)):
        try:
            raw = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ValueError(str(error)) from error
        images = {str(service): str(reference) for service, reference in raw["images"].items()}
        return known_fields(Delivered, {**raw, "images": images, "approved_by": tuple(raw.get("approved_by") or ())})


def record(stack: str, brought: Delivered, live: Mapping[str, str]) -> None:
    """Write down what a delivery has brought, over what was delivered for the same services before.

    :param live: the references that are live now, by service.
    """
    try:
        before = load(stack)
    except ValueError:
        before = None  # it is written anew
    kept = {service: reference for service, reference in (before.images if before else {}).items() if service in live}
    images = {**kept, **{service: live.get(service, reference) for service, reference in brought.images.items()}}
    write(stack, {**asdict(brought), "images": images, "approved_by": list(brought.approved_by), "at": now()})


def forget_replaced(stack: str, live: Mapping[str, str]) -> None:
    """A run has brought other images on purpose: what it has replaced is history, and no difference any more."""
    known = load(stack)
    if known is None or all(live.get(service) == reference for service, reference in known.images.items()):
        return
    images = {service: reference for service, reference in known.images.items() if live.get(service) == reference}
    write(stack, {**asdict(known), "images": images, "approved_by": list(known.approved_by)})


def write(stack: str, content: Mapping[str, Any]) -> None:
    """Write the file of a stack."""
    paths.DELIVERED.mkdir(mode=0o755, parents=True, exist_ok=True)
    text = _HEAD + yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True)
    write_atomic(file_of(stack), text, 0o644, os.geteuid(), os.getegid())


def compare(declared: Mapping[str, str], live: Mapping[str, str], delivered: Delivered | None, policy: str) -> Differing:
    """What a run of site.yml does about images that were delivered.

    Only what is live counts: a delivery that somebody has rolled back, or that a run has replaced, is history.

    :param declared: references by service as the inventory declares them, which may be without a digest.
    :param live: those of the live release, pinned.
    """
    differing = {
        service: reference
        for service, reference in (delivered.images if delivered else {}).items()
        if live.get(service) == reference and service in declared and not same(declared[service], reference)
    }
    if not differing or delivered is None:
        return Differing(Run.NOTHING, {})
    by = f"delivered {delivered.at} by {delivered.who}" + (f" as {delivered.ref}" if delivered.ref else "")
    said = tuple(f"{name}: the inventory says {declared[name]}, this host runs {image} ({by})" for name, image in differing.items())
    if policy == ADOPT:
        return Differing(Run.ADOPT, differing, (*said, "what was delivered stays (delivery.site_run: adopt)"))
    if policy == REPLACE:
        return Differing(Run.REPLACE, {}, (*said, "what is declared replaces it (delivery.site_run: replace)"))
    fix = "declare what runs, go back by `opsctl rollback`, or declare delivery.site_run: adopt or replace"
    return Differing(Run.REFUSE, {}, (*said, fix))


def of_run(declared: Declared, named: Collection[str], policy: str) -> Differing:
    """What a run does on this host about images that were delivered; nothing where nobody has said what (an empty policy).

    :param named: services whose images somebody asks for by name, as in a promotion: they are meant.
    :raises ValueError: the file on this host is damaged.
    """
    release = Store(declared.stack).live() if policy else None
    if release is None:
        return Differing(Run.NOTHING, {})
    wanted = {service: reference for service, reference in images_of(declared).items() if service not in named}
    return compare(wanted, release.images, load(declared.stack), policy)


def same(declared: str, pinned: str) -> bool:
    """A reference as it is declared stands for the pinned one: the same digest where one is declared, else the same tag."""
    name, _at, digest = declared.partition("@")
    pinned_name, _at, pinned_digest = pinned.partition("@")
    return digest == pinned_digest if digest else name == pinned_name
