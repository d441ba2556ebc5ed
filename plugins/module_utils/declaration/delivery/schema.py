# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of C(delivery): a release that comes by itself, from a call or by a look at a repository."""

from __future__ import annotations

import re

from ...contracts.delivery import (
    Approval,
    DeliveryRule,
    DeliverySettings,
    Freeze,
    PullSource,
    PushSource,
    Report,
)
from ...contracts.nodes import described, duration, flag, number, text
from ...core import semver
from ...schema import values
from ...schema.calendar import calendar
from ...schema.nodes import Items, Record, Refused, Table, Text
from ..forms import networks, secret, service_name

# No dash: a name stands with that of the stack in names of files and credentials.
source_name = values.named(
    r"[a-z][a-z0-9_]{0,30}", "is not a name for a source", "write lower case letters, digits and _, such as github", "name"
)
environment_name = values.named(
    r"[a-z][a-z0-9-]{0,30}", "is not the name of an environment", "write lower case letters, digits and -, such as staging", "environment"
)
repository = values.named(
    r"[A-Za-z0-9_][A-Za-z0-9._-]*(?:/[A-Za-z0-9_][A-Za-z0-9._-]*){0,6}",
    "is not the name of a repository",
    "write it as its provider does, such as acme/shop",
    "repository",
)
_REGISTRY = r"[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]{1,5})?"
image = values.named(
    rf"(?:{_REGISTRY}/)?[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*",
    "is not an image without a tag",
    "write where it is, and no tag or digest: registry.example.com/shop/api",
    "image",
)
pattern = values.named(
    r"[A-Za-z0-9*][A-Za-z0-9._*/+-]{0,199}",
    "is not a pattern of branches or tags",
    "write a name, with * for any characters but /, such as develop or v*",
    "pattern",
)
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
PLACEHOLDERS = ("ref", "version", "commit", "short")


@values.form("range of versions")
def versions(value: str) -> str:
    """A range of Semantic Versioning."""
    try:
        semver.range_of(value)
    except ValueError as error:
        raise Refused(str(error), semver.HINT) from None
    return value.strip()


@values.form("tag of an image")
def image_tag(value: str) -> str:
    """A tag with placeholders."""
    for name in _PLACEHOLDER.findall(value):
        if name not in PLACEHOLDERS:
            raise Refused(f"has the placeholder {{{name}}}, which means nothing", f"write {{{'}, {'.join(PLACEHOLDERS)}}}")
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", _PLACEHOLDER.sub("x", value)):
        raise Refused("is not the tag of an image", "write a tag such as '{version}' or 'sha-{short}'")
    return value


@values.form("address")
def address(value: str) -> str:
    """An HTTPS address without a login, a query or a fragment; without the slash at its end."""
    if not re.fullmatch(r"https://[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~/-]*)?", value):
        raise Refused("is not an address with https:// and no login in it", "write https://name/path; a token is a secret, by its name")
    return value.rstrip("/")


@values.form("address of a repository or image")
def pulled(value: str) -> str:
    """Where is looked: a Git repository over HTTPS or SSH, or an image without a tag."""
    if "://" not in value:
        return image.check(value)
    if not re.fullmatch(r"(?:https|ssh)://(?:git@)?[A-Za-z0-9.-]+(?::[0-9]{1,5})?/[A-Za-z0-9._~/-]+", value):
        fix = "write https://git.example.com/acme/shop.git, or ssh://git@…; a token is a secret, by its name"
        raise Refused("is not the address of a Git repository without a login in it", fix)
    return value


PUSH = Record(
    description="Somebody who calls this host.",
    fields={
        "provider": text(PushSource, "provider", "github"),
        "secret": secret(described(PushSource, "secret"), "deploy_hook", required=True),
        "repositories": Items(
            of=Text(default="", check=repository),
            required=True,
            default=[],
            example="[acme/shop]",
            description=described(PushSource, "repositories"),
        ),
    },
    example="{provider: github, secret: deploy_hook, repositories: [acme/shop]}",
)
PULL = Record(
    description="Something that this host looks at by itself.",
    fields={
        "kind": text(PullSource, "kind", "git"),
        "address": text(PullSource, "address", "https://git.example.com/acme/shop.git", check=pulled),
        "repository": Text(default="", check=repository, example="acme/shop", description=described(PullSource, "repository")),
        "every": duration(PullSource, "every", "5m", description="Time between two looks."),
        "token": secret(described(PullSource, "token"), "git_token"),
    },
    example="{kind: git, address: 'https://git.example.com/acme/shop.git'}",
)
RULE = Record(
    description="What may come of branches or tags. Exactly one of C(branch) and C(tag).",
    fields={
        "branch": Text(default="", check=pattern, example="develop", description=f"A branch. {described(DeliveryRule, 'pattern')}"),
        "tag": Text(default="", check=pattern, example="v*", description=f"A tag. {described(DeliveryRule, 'pattern')}"),
        "environment": text(DeliveryRule, "environment", "staging", check=environment_name),
        "versions": text(DeliveryRule, "versions", ">=1.4.0 <2.0.0", check=versions, implied="any"),
        "approval": flag(DeliveryRule, "approval"),
        "image_tag": text(DeliveryRule, "image_tag", "{version}", check=image_tag),
    },
    example="{tag: 'v*', approval: true}",
)
FREEZE = Record(
    description="A time in which nothing is delivered.",
    fields={
        "start": text(Freeze, "start", "Fri *-*-* 16:00 Europe/Berlin", check=values.Form(calendar, "calendar expression")),
        "duration": duration(Freeze, "duration", "64h"),
        "reason": text(Freeze, "reason", "nobody deploys over the weekend"),
        "then": text(Freeze, "then"),
    },
    example="{start: 'Fri *-*-* 16:00', duration: 64h}",
)
REPORT = Record(
    description="Where commit statuses are told.",
    fields={
        "provider": text(Report, "provider", "github"),
        "token": secret(described(Report, "token"), "github_token", required=True),
        "api": text(
            Report, "api", "https://git.example.com/api/v1", check=address, implied="that of github.com or gitlab.com; Gitea has none"
        ),
        "context": Text(
            default="",
            check=values.named(r"[A-Za-z0-9][A-Za-z0-9 ._/-]{0,99}", "is not the name of a status", "write deploy/production", "name"),
            example="deploy/production",
            description=described(Report, "context"),
        ),
        "repositories": Items(
            of=Text(default="", check=repository), default=[], example="[acme/shop]", description=described(Report, "repositories")
        ),
    },
    example="{provider: github, token: github_token}",
)
DELIVERY = Record(
    default=None,
    description="Releases that come by themselves: from a call that is signed, or by looks at a repository. Needs role deploy_hook.",
    fields={
        "environment": text(DeliverySettings, "environment", "staging", check=environment_name),
        "services": Table(
            of=Text(default="", check=image, example="registry.example.com/shop/api"),
            name=service_name,
            required=True,
            default={},
            example="{api: registry.example.com/shop/api}",
            description=described(DeliverySettings, "services"),
        ),
        "push": Table(of=PUSH, name=source_name, default={}, example=f"{{github: {PUSH.example}}}", description="Who may call, by name."),
        "pull": Table(
            of=PULL, name=source_name, default={}, example=f"{{releases: {PULL.example}}}", description="What this host looks at, by name."
        ),
        "rules": Items(
            of=RULE,
            required=True,
            default=[],
            example=f"[{{branch: develop, environment: staging}}, {RULE.example}]",
            description="What may come; the first rule that fits decides, and what none fits is refused.",
        ),
        "approval": Record(
            default=None,
            description="Who has to approve what a rule lets wait for it.",
            fields={
                "persons": number(Approval, "persons", "2"),
                "author": flag(Approval, "author"),
                "expires": duration(Approval, "expires", "1d", description="What nobody has approved after that time is refused."),
            },
            example="{persons: 2, author: false}",
        ),
        "freezes": Items(of=FREEZE, default=[], example=f"[{FREEZE.example}]", description="Times in which nothing is delivered."),
        "budget": flag(DeliverySettings, "budget"),
        "downgrade": text(DeliverySettings, "downgrade"),
        "site_run": text(DeliverySettings, "site_run"),
        "image_timeout": duration(
            DeliverySettings, "image_timeout", "30m", description="An image that is not there yet is waited for so long."
        ),
        "report": Table(
            of=REPORT, name=source_name, default={}, example=f"{{github: {REPORT.example}}}", description="Who is told, by name."
        ),
        "address": text(DeliverySettings, "address", "https://deploy.example.com", check=address),
        "allow_from": networks("Who may call, ask on and approve by a link; all others get 403.", "everybody, who has to sign"),
    },
    example="{services: {api: registry.example.com/shop/api}, pull: {…}, rules: [{tag: 'v*'}]}",
)
