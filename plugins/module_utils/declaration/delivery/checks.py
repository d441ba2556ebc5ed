# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of deliveries: something may come, it can be told from what may not, and nobody waits for what never comes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...contracts.delivery import GENERIC, GIT, GITEA, REGISTRY
from ...schema.nodes import Problem, instead, shown
from ..model import Declaration
from .front import check_front
from .model import DeliveryEntry, delivery_of

_COMMIT = ("{commit}", "{short}")


def check_delivery(declaration: Declaration, problems: list[Problem]) -> None:
    """What needs no Compose file."""
    if delivery := delivery_of(declaration):
        known = [problem.key for problem in problems if problem.key.startswith("delivery")]  # what the schema has refused already
        found = [*_sources(delivery), *_rules(delivery), *_reports(delivery, known), *_approval(delivery), *check_front(declaration)]
        problems.extend(problem for problem in found if not any(f"{key}.".startswith(f"{problem.key}.") for key in known))


def _sources(delivery: DeliveryEntry) -> Iterator[Problem]:
    if not delivery["push"] and not delivery["pull"]:
        yield Problem("delivery", "", "has neither push nor pull, so nothing ever comes", "declare who may call, or what is looked at")
    if not delivery["services"]:
        fix = "write services: {api: registry.example.com/shop/api}"
        yield Problem("delivery.services", "nothing", "names no service that may get another image", fix)
    for name, item in delivery["push"].items():
        if not item["repositories"]:
            what, fix = "lets no repository call", "write those that may: [acme/shop]"
            yield Problem(f"delivery.push.{name}.repositories", "nothing", what, fix)
    for name, item in delivery["pull"].items():
        key, of_git = f"delivery.pull.{name}", "://" in item["address"]
        if item["kind"] == GIT and item["address"] and not of_git:
            yield Problem(f"{key}.address", shown(item["address"]), "is an image, and kind is git", "write kind: registry, or a URL")
        elif item["kind"] == REGISTRY and of_git:
            yield Problem(
                f"{key}.address", shown(item["address"]), "is the URL of a repository", "write kind: git, or an image without https://"
            )
        elif item["kind"] == REGISTRY and item["address"] and item["address"] not in delivery["services"].values():
            fix = instead(item["address"], delivery["services"].values(), "image of delivery.services")
            yield Problem(f"{key}.address", shown(item["address"]), "is an image of no service that may get another one", fix)
        elif item["token"] and (item["kind"] == REGISTRY or item["address"].startswith("ssh:")):
            yield Problem(f"{key}.token", shown(item["token"]), "is of use for Git over HTTPS alone", "remove it")


def _rules(delivery: DeliveryEntry) -> Iterator[Problem]:
    if not delivery["rules"]:
        yield Problem("delivery.rules", "nothing", "let nothing come", "write [{tag: 'v*'}], or {branch: develop}")
    own = delivery["environment"]
    if delivery["rules"] and not any(rule["environment"] == own for rule in delivery["rules"]):
        what = f"are none of {own}, which this is (delivery.environment)"
        yield Problem("delivery.rules", "", what, f"write environment: {own} in one of them, or another delivery.environment")
    seen: dict[tuple[str, str, str], int] = {}
    from_registries = not any(item["provider"] != REGISTRY for item in delivery["push"].values()) and not any(
        item["kind"] != REGISTRY for item in delivery["pull"].values()
    )
    for index, rule in enumerate(delivery["rules"]):
        key = f"delivery.rules[{index}]"
        if bool(rule["branch"]) == bool(rule["tag"]):
            what = "has both branch and tag" if rule["branch"] else "has neither branch nor tag"
            yield Problem(key, "", what, "write exactly one of them")
            continue
        if rule["branch"] and rule["versions"]:
            yield Problem(f"{key}.versions", shown(rule["versions"]), "is about tags, and this is a branch", "remove it, or write tag:")
        if rule["branch"] and "{version}" in rule["image_tag"]:
            fix = "write '{short}', or what the pipeline calls the image"
            yield Problem(f"{key}.image_tag", shown(rule["image_tag"]), "wants a version, and a branch has none", fix)
        if from_registries and any(word in rule["image_tag"] for word in _COMMIT):
            what = "wants a commit, and registries know none"
            yield Problem(f"{key}.image_tag", shown(rule["image_tag"]), what, "write '{ref}', or declare a source that is no registry")
        place = (rule["branch"], rule["tag"], rule["versions"])
        if place in seen:
            what = f"is never reached: delivery.rules[{seen[place]}] fits all that it does"
            yield Problem(key, "", what, "remove it, or write another pattern")
        seen.setdefault(place, index)


def _reports(delivery: DeliveryEntry, refused: Sequence[str]) -> Iterator[Problem]:
    for name, item in delivery["report"].items():
        key = f"delivery.report.{name}"
        if item["provider"] == GITEA and not item["api"]:
            yield Problem(f"{key}.api", "nothing", "is needed: Gitea and Forgejo are everywhere", "write https://git.example.com/api/v1")
            continue
        known = any(push["provider"] in (item["provider"], GENERIC) for push in delivery["push"].values())
        known = known or any(pull["repository"] for pull in delivery["pull"].values())
        if not item["repositories"] and not known and not any(key.startswith("delivery.push") for key in refused):
            what = "is told of no repository: no source is of it"
            yield Problem(f"{key}.repositories", "nothing", what, "write them: [acme/shop]")


def _approval(delivery: DeliveryEntry) -> Iterator[Problem]:
    if delivery["approval"] and delivery["rules"] and not any(rule["approval"] for rule in delivery["rules"]):
        yield Problem("delivery.approval", "", "is of no use: no rule waits for it", "write approval: true in a rule, or remove it")


def check_delivered_services(declaration: Declaration, problems: list[Problem]) -> None:
    """What the Compose file says to it."""
    services = delivery_of(declaration).get("services") or {}
    for name in services:
        key = f"delivery.services.{name}"
        if lacking := declaration.compose.lacking(name, "delivers to"):
            problems.append(Problem(key, shown(name), *lacking))
        elif name in declaration.clusters:
            fix = "remove it: a database gets another version by a run that somebody watches"
            problems.append(Problem(key, shown(name), "is a database that is backed up, and no release is", fix))
