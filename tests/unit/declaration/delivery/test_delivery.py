# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deliveries as they are declared: what reaches a host, and what is refused with which words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.delivery import RECEIVER_SOCKET, DeliverySettings
from ansible_collections.latentum.ops.plugins.module_utils.declaration import loader
from ansible_collections.latentum.ops.plugins.module_utils.declaration.delivery.derive import delivery_config
from ansible_collections.latentum.ops.plugins.module_utils.declaration.routes.derive import certificates, fail2ban_jails, nginx_sites

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
    "address": "https://deploy.example.com",
    "allow_from": ["192.0.2.0/24"],
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
        (("address", "http://deploy.example.com"), "delivery.address", "https://"),
        (("address", None), "delivery.address", "nobody could call"),
        (("allow_from.0", "192.0.2.7/24"), "delivery.allow_from[0]", "192.0.2.0/24"),
    ],
)
def test_what_cannot_be_is_refused_with_one_clear_error(change: tuple[str, Any], key: str, words: str) -> None:
    problems = loader.problems(stack(change))
    assert [problem.key for problem in problems] == [key]
    assert words in f"{problems[0].problem} {problems[0].fix}"


def test_nothing_that_comes_and_nobody_who_brings_it() -> None:
    (problem, *_rest) = loader.problems(stack(("push", {}), ("pull", {}), ("allow_from", [])))
    assert problem.key == "delivery" and "nothing ever comes" in problem.problem


def test_a_registry_knows_no_commit() -> None:
    registry = {"provider": "registry", "secret": "deploy_hook", "repositories": ["acme/web"]}
    changes = [("push", {"registry": registry}), ("pull", {}), ("report", {}), ("rules.0.image_tag", "{ref}")]
    assert not loader.problems(stack(*changes))
    (problem,) = loader.problems(stack(*changes, ("rules.1.image_tag", "{commit}")))
    assert problem.key == "delivery.rules[1].image_tag" and "registries know none" in problem.problem


def test_nginx_leads_calls_to_the_receiver_and_to_nothing_else_of_the_host() -> None:
    declaration = loader.load(stack())
    (site,) = [site for site in nginx_sites(declaration) if site["domain"] == "deploy.example.com"]
    (location,) = site["locations"]
    assert (location["path"], location["target"], location["strip_prefix"]) == ("/", f"http://unix:{RECEIVER_SOCKET}", True)
    assert location["allow_from"] == ["192.0.2.0/24"] and location["rate_limit"]["requests"] > 0 and location["body_limit"] == "1m"
    assert {"name": "deploy.example.com", "domains": ["deploy.example.com"]} in certificates(declaration)
    assert {"deploy-hook", "nginx-limit-req"} <= set(fail2ban_jails(declaration))


def test_a_path_of_a_domain_of_the_stack_is_part_of_its_site() -> None:
    own = loader.load(changed()).routes[0].domain
    declaration = loader.load(stack(("address", f"https://{own}/deploy/")))
    (site,) = [site for site in nginx_sites(declaration) if site["domain"] == own]
    assert [location["path"] for location in site["locations"] if "target" in location] == ["/deploy"] and len(site["locations"]) > 1


def test_who_only_looks_opens_nothing() -> None:
    declaration = loader.load(stack(("push", {}), ("report", {}), ("allow_from", []), ("address", "https://deploy.example.com")))
    assert not [site for site in nginx_sites(declaration) if site["domain"] == "deploy.example.com"]
    assert "deploy-hook" not in fail2ban_jails(declaration)


def test_a_list_of_callers_without_calls_is_of_no_use() -> None:
    (problem,) = loader.problems(stack(("push", {}), ("report", {})))
    assert problem.key == "delivery.allow_from" and "nobody calls" in problem.problem


def test_what_stands_in_the_place_of_the_receiver_is_refused() -> None:
    route = loader.load(changed()).routes[0]
    (problem,) = loader.problems(stack(("address", f"https://{route.domain}{route.path.rstrip('/')}")))
    assert problem.key == "delivery.address" and "a route already" in problem.problem
