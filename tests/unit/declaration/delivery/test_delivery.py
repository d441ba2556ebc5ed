# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deliveries as they are declared: what reaches a host, and what is refused with which words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.delivery import DeliverySettings
from ansible_collections.latentum.ops.plugins.module_utils.declaration import loader
from ansible_collections.latentum.ops.plugins.module_utils.declaration.delivery.derive import delivery_config

from ..samples import changed

IMAGE = "registry.example.com:5000/acme/web"
SECRETS = ("deploy_hook", "github_token", "git_token")
DELIVERY: dict[str, Any] = {
    "services": {"web": IMAGE},
    "push": {"github": {"provider": "github", "secret": "deploy_hook", "repositories": ["acme/shop"]}},
    "pull": {"releases": {"kind": "git", "address": "https://git.example.com/acme/shop.git", "token": "git_token"}},
    "rules": [
        {"branch": "develop", "environment": "staging", "image_tag": "{short}"},
        {"tag": "v*", "versions": ">=1.4 <2", "approval": True, "image_tag": "{version}"},
    ],
    "approval": {"persons": 2, "author": False, "expires": "12h"},
    "freezes": [{"start": "Fri *-*-* 16:00 Europe/Berlin", "duration": "64h"}],
    "report": {"github": {"provider": "github", "token": "github_token"}},
}


def stack(*changes: tuple[str, Any]) -> dict[str, Any]:
    """The declaration with some values changed; a name with dots leads into it, and None removes what is there."""
    delivery: dict[str, Any] = json.loads(json.dumps(DELIVERY))
    for path, value in changes:
        *way, last = path.split(".")
        inner: Any = delivery
        for name in way:
            inner = inner[int(name)] if name.isdigit() else inner[name]
        if value is None:
            del inner[last]
        else:
            inner[int(last) if last.isdigit() else last] = value
    needed = [name for name in SECRETS if f'"{name}"' in json.dumps(delivery)]
    return changed(("delivery", delivery), *((f"secrets.{name}", {"kind": "token"}) for name in needed))


def test_a_host_gets_all_of_it_in_seconds_and_no_value_of_a_secret() -> None:
    config = delivery_config(loader.load(stack()))
    settings = DeliverySettings.from_dict(config)
    assert (settings.stack, settings.services, settings.environment) == ("acme", {"web": IMAGE}, "production")
    assert [(rule.kind, rule.pattern, rule.approval) for rule in settings.rules] == [("branch", "develop", False), ("tag", "v*", True)]
    assert (settings.approval.persons, settings.approval.author, settings.approval.expires) == (2, False, 43200)
    assert settings.freezes[0].duration == 64 * 3600 and settings.secrets == ("deploy_hook",)
    (report,) = settings.report
    assert (report.api, report.context, report.repositories) == ("https://api.github.com", "deploy/production", ("acme/shop",))


def test_without_it_there_is_nothing() -> None:
    assert delivery_config(loader.load(changed())) == {}


@pytest.mark.parametrize(
    ("change", "key", "words"),
    [
        (("services", {}), "delivery.services", "names no service"),
        (("services", None), "delivery.services", "is required"),
        (("services.web", f"{IMAGE}:1.4"), "delivery.services.web", "without a tag"),
        (("services.nginx", IMAGE), "delivery.services.nginx", "the Compose file lacks"),
        (("services.database", "postgres"), "delivery.services.database", "is a database"),
        (("push.github.provider", "githup"), "delivery.push.github.provider", "github"),
        (("push.github.repositories", []), "delivery.push.github.repositories", "lets no repository call"),
        (("push.github.repositories", ["acme/shop; rm -rf /"]), "delivery.push.github.repositories[0]", "name of a repository"),
        (("push.github.secret", "Deploy-Hook"), "delivery.push.github.secret", "name of a secret"),
        (("pull", {"git-hub": DELIVERY["pull"]["releases"] | {"token": ""}}), "delivery.pull.git-hub", "name for a source"),
        (("pull.releases.address", "https://joe:pw@git.example.com/x.git"), "delivery.pull.releases.address", "without a login"),
        (("pull.releases.address", IMAGE), "delivery.pull.releases.address", "is an image"),
        (("pull.releases.kind", "registry"), "delivery.pull.releases.address", "is the URL of a repository"),
        (("pull.releases.every", "1s"), "delivery.pull.releases.every", "30"),
        (("rules", []), "delivery.rules", "let nothing come"),
        (("rules.1.environment", "staging"), "delivery.rules", "are none of production"),
        (("rules.0.tag", "v*"), "delivery.rules[0]", "both branch and tag"),
        (("rules.0", {}), "delivery.rules[0]", "neither branch nor tag"),
        (("rules.0.versions", "^1.4"), "delivery.rules[0].versions", "is about tags"),
        (("rules.0.image_tag", "{version}"), "delivery.rules[0].image_tag", "a branch has none"),
        (("rules.1.image_tag", "{tag}"), "delivery.rules[1].image_tag", "means nothing"),
        (("rules.1.image_tag", "-{version}"), "delivery.rules[1].image_tag", "tag of an image"),
        (("rules.1.versions", ">=2 <1"), "delivery.rules[1].versions", "no version at all"),
        (("rules.1.versions", "newest"), "delivery.rules[1].versions", "no comparison"),
        (("rules.1.tag", "v*;id"), "delivery.rules[1].tag", "pattern"),
        (("rules", [{"tag": "v*", "approval": True}, {"tag": "v*"}]), "delivery.rules[1]", "never reached"),
        (("rules", [{"tag": "v*"}]), "delivery.approval", "no rule waits"),
        (("freezes.0.start", "0 16 * * 5"), "delivery.freezes[0].start", "cron"),
        (("freezes.0.duration", "1s"), "delivery.freezes[0].duration", "60"),
        (("approval.persons", 9), "delivery.approval.persons", "5"),
        (("report.github.provider", "gitea"), "delivery.report.github.api", "is needed"),
        (("report.github.provider", "gitlab"), "delivery.report.github.repositories", "told of no repository"),
        (("report.github.api", "https://t:x@git.example.com"), "delivery.report.github.api", "no login"),
        (("downgrade", "never"), "delivery.downgrade", "refuse"),
    ],
)
def test_what_cannot_be_is_refused_with_one_clear_error(change: tuple[str, Any], key: str, words: str) -> None:
    problems = loader.problems(stack(change))
    assert [problem.key for problem in problems] == [key]
    assert words in f"{problems[0].problem} {problems[0].fix}"


def test_nothing_that_comes_and_nobody_who_brings_it() -> None:
    (problem, *_rest) = loader.problems(stack(("push", {}), ("pull", {})))
    assert problem.key == "delivery" and "nothing ever comes" in problem.problem


def test_a_registry_knows_no_commit() -> None:
    registry = {"provider": "registry", "secret": "deploy_hook", "repositories": ["acme/web"]}
    changes = [("push", {"registry": registry}), ("pull", {}), ("report", {}), ("rules.0.image_tag", "{ref}")]
    assert not loader.problems(stack(*changes))
    (problem,) = loader.problems(stack(*changes, ("rules.1.image_tag", "{commit}")))
    assert problem.key == "delivery.rules[1].image_tag" and "registries know none" in problem.problem
