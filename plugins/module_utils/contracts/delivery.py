# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Delivery of a stack (filter delivery_config): who may bring a release to this host, which, when, and whom that needs.

One file a stack in /etc/latentum-ops/delivery. It holds names of secrets and no value of one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .base import Contract, option

DAY = 86400
GITHUB, GITLAB, GITEA, REGISTRY, GENERIC = PROVIDERS = ("github", "gitlab", "gitea", "registry", "generic")
GIT = "git"
PULLED = (GIT, REGISTRY)
BRANCH, TAG = KINDS = ("branch", "tag")
REFUSE, WAIT = FROZEN = ("refuse", "wait")
ALLOW, NAMED = "allow", "named"
ADOPT, REPLACE = "adopt", "replace"
REPORTED = (GITHUB, GITLAB, GITEA)
RECEIVER_SOCKET = "/run/latentum-ops-receiver.sock"  # nginx asks there; its group alone may


@dataclass(frozen=True)
class PushSource(Contract):
    """Somebody who calls this host."""

    name: str = option("Its name, which is the end of its address: C(/deliver/STACK/NAME).")
    provider: str = option("Who calls, and so how a call is signed and what it says.", choices=PROVIDERS)
    secret: str = option("The secret by which calls are signed.")
    repositories: tuple[str, ...] = option(
        "The repositories that may call, as their provider calls them: C(owner/name); of V(registry) the image without its server.", ()
    )


@dataclass(frozen=True)
class PullSource(Contract):
    """Something that this host asks, again and again, and that needs no open port."""

    name: str = option("Its name.")
    kind: str = option("What is asked: the branches and tags of a Git repository, or the tags of an image.", choices=PULLED)
    address: str = option("Of V(git) the URL of the repository, of V(registry) the image without a tag.")
    repository: str = option("What the repository is called in commit statuses, C(owner/name); empty for nobody to tell.", "")
    every: float = option("Seconds between two looks.", 300, least=30, most=DAY)
    token: str = option("The secret that opens a private Git repository over HTTPS; registries know this host by C(docker login).", "")


@dataclass(frozen=True)
class DeliveryRule(Contract):
    """What may come of a branch or a tag; the first rule that fits decides, and what none fits is refused."""

    kind: str = option("A branch, or a tag.", choices=KINDS)
    pattern: str = option("Its name; C(*) stands for any characters but C(/).")
    environment: str = option("Where it goes.", "production")
    versions: str = option("Of tags, the versions that may come, as a range of Semantic Versioning; empty for any.", "")
    approval: bool = option("It waits until somebody approves it.", False)
    image_tag: str = option(
        "The tag of its images where a call does not name them: C({ref}) is the name of the branch or tag, C({version}) the tag without"
        " a leading v, C({commit}) the commit, C({short}) its first seven characters.",
        "{ref}",
    )


@dataclass(frozen=True)
class Freeze(Contract):
    """A time in which nothing is delivered."""

    start: str = option("When it begins, in the words of systemd.time(7).")
    duration: float = option("How long it lasts, in seconds.", least=60, most=60 * DAY)
    reason: str = option("What it is for; whoever is refused reads it.", "")
    then: str = option("What comes in it is refused, or waits for its end.", REFUSE, choices=FROZEN)


@dataclass(frozen=True)
class Report(Contract):
    """Whom a commit status is told: C(pending), then C(success), or C(failure) with what production really runs."""

    name: str = option("Its name.")
    provider: str = option("Whose interface it is.", choices=REPORTED)
    token: str = option("The secret that may write statuses.")
    api: str = option("Address of the interface.", "")
    context: str = option("What the status is called beside those of other hosts and pipelines; V(deploy/ENVIRONMENT) where empty.", "")
    repositories: tuple[str, ...] = option("Of which repositories; those of all sources of the provider where empty.", ())


@dataclass(frozen=True)
class Approval(Contract):
    """Who has to approve what waits for it."""

    persons: int = option("So many different persons.", 1, least=1, most=5)
    author: bool = option("Whoever brought the release may be one of them.", True)
    expires: float = option("What nobody has approved after so many seconds is refused.", DAY, least=300, most=30 * DAY)


@dataclass(frozen=True)
class DeliverySettings(Contract):
    """All of one stack on one host."""

    stack: str = option("Name of the stack.")
    environment: str = option("What this host is; rules of other environments are none of its business.", "production")
    services: Mapping[str, str] = option("Which services may get another image, and which one: service to image without a tag.", {})
    push: tuple[PushSource, ...] = option("Who may call.", ())
    pull: tuple[PullSource, ...] = option("What is asked.", ())
    rules: tuple[DeliveryRule, ...] = option("What may come.", ())
    approval: Approval = option("Who has to approve.", Approval())
    freezes: tuple[Freeze, ...] = option("When nothing comes.", ())
    budget: bool = option("An error budget that is nearly spent holds a release up, as C(monitoring.budget) says.", True)
    downgrade: str = option(
        "An older version than the one that is live: V(refuse), V(allow), or V(named) where a call names it with C(downgrade: true).",
        REFUSE,
        choices=(REFUSE, NAMED, ALLOW),
    )
    site_run: str = option(
        "What a run of site.yml does that declares other images than were delivered: V(adopt) keeps what was delivered, V(replace) brings"
        " what is declared, V(refuse) fails before anything is changed.",
        REFUSE,
        choices=(ADOPT, REPLACE, REFUSE),
    )
    image_timeout: float = option("An image that is not there yet is waited for so long, in seconds.", 1800, least=0, most=DAY)
    report: tuple[Report, ...] = option("Who is told.", ())
    address: str = option(
        "Address of the receiver from outside, a domain of its own or a path of a domain of the stack: nginx leads it there, and links in"
        " statuses and to approve have it. Needed with C(push).",
        "",
    )

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secrets that calls are signed by: all that the receiver is given."""
        return tuple(dict.fromkeys(source.secret for source in self.push))
