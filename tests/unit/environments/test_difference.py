# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two environments of one declaration: what differs by meaning, what was to be expected, and what must not be shown."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.declaration.loader import load
from ansible_collections.latentum.ops.plugins.module_utils.environments.difference import (
    Difference,
    Kind,
    differences,
    running,
    shared,
    table,
)
from ansible_collections.latentum.ops.plugins.module_utils.environments.outline import outline

from ..declaration.samples import STACK, changed

PRODUCTION = outline(load(STACK))


def declared(changes: dict[str, Any]) -> dict[str, Any]:
    """The faultless declaration with other values at these keys (dotted)."""
    return changed(*changes.items())


def compared(changes: dict[str, Any], *expected: str) -> list[Difference]:
    """From production to a declaration that differs by these keys (dotted)."""
    return differences(PRODUCTION, outline(load(declared(changes))), expected)


def only(changes: dict[str, Any], *expected: str) -> Difference:
    (found,) = compared(changes, *expected)
    return found


def test_the_same_declaration_does_not_differ() -> None:
    assert compared({}) == []
    assert table(("staging", "production"), []) == "staging and production do not differ"


def test_an_entry_that_moved_is_no_difference() -> None:
    """Routes and firewall rules in another order, keys of the Compose file in another order."""
    routes = [STACK["routes"][index] for index in (0, 2, 1)]
    services = dict(reversed(STACK["compose"]["services"].items()))
    found = compared({"routes": routes, "compose.services": services})
    assert [one for one in found if not one.expected] == []


def test_a_domain_of_another_environment_is_expected_and_a_path_is_not() -> None:
    found = compared({"routes[2].domain": "api.staging.example.com"})
    assert all(one.expected for one in found) and "routes./ -> web:8080 #2.domains" in [one.key for one in found]
    found = compared({"routes[1].path": "/socket/"})
    assert [(one.kind, one.expected) for one in found] == [(Kind.REMOVED, False), (Kind.ADDED, False)]


def test_a_file_that_a_service_reads_again_differs_by_its_content() -> None:
    mounted = {"compose.services.web.volumes": ["./web.conf:/etc/web.conf:ro"]}
    one, other = (
        outline(load(declared({**mounted, "files": {"./web.conf": {"content": text, "reload": {"service": "web"}}}}))) for text in "ab"
    )
    (found,) = differences(one, other, ())
    assert (found.key, found.expected) == ("files.web.conf.digest", False) and found.before != found.after


def test_replicas_are_expected_and_a_tag_is_not() -> None:
    assert only({"services.web.replicas": 5}).expected
    found = only({"compose.services.worker.image": "acme/worker:1.5.0"})
    assert (found.key, found.before, found.after, found.expected) == (
        "services.worker.image",
        "acme/worker:1.4.2",
        "acme/worker:1.5.0",
        False,
    )


def test_the_tag_in_a_variable_is_the_tag() -> None:
    """The Compose file is the same text in both; the variable differs."""
    one, other = (
        outline(load(declared({"compose.services.worker.image": "acme/worker:${TAG}", "environment": {"TAG": tag, "LOG_LEVEL": "info"}})))
        for tag in ("1", "2")
    )
    assert {found.key for found in differences(one, other)} == {"services.worker.image", "environment.TAG.value"}


def test_a_service_of_one_side_is_one_line_with_its_image() -> None:
    found = only(
        {"compose.services.probe": {"image": "acme/probe:1", "networks": ["backend"]}, "services.probe": {"allow": ["no_healthcheck"]}}
    )
    assert (found.kind, found.key, found.before, found.after) == (Kind.ADDED, "services.probe", None, "acme/probe:1")


def test_an_address_that_differs_in_the_domain_only_is_expected() -> None:
    """Every tool that compares values reports PUBLIC_URL as drift for ever."""
    key = "compose.services.web.environment.PUBLIC_URL"
    route = {**STACK["routes"][0], "domain": "app.staging.example.com"}
    moved = [route, {**STACK["routes"][1], "domain": "app.staging.example.com"}, STACK["routes"][2]]
    one = outline(load(declared({key: "https://app.example.com/x"})))
    other = outline(load(declared({key: "https://app.staging.example.com/x", "routes": moved})))
    found = differences(one, other)
    assert "services.web.environment.PUBLIC_URL" in [one.key for one in found] and all(one.expected for one in found)
    other = outline(load(declared({key: "https://app.staging.example.com/y", "routes": moved})))
    assert [one.key for one in differences(one, other) if not one.expected] == ["services.web.environment.PUBLIC_URL"]


def test_a_variable_of_the_same_name_is_compared_by_its_value() -> None:
    """Counted as compared because its name is on both sides, and a wrong value stayed unseen."""
    found = only({"environment.LOG_LEVEL": "debug"})
    assert (found.key, found.before, found.after, found.expected) == ("environment.LOG_LEVEL.value", "info", "debug", False)
    assert only({"environment.LOG_LEVEL": "debug"}, "environment.*").expected
    file = "compose.services.web.environment.DATABASE_URL_FILE"
    assert only({file: "/run/secrets/other"}).key == "services.web.environment.DATABASE_URL_FILE"


@pytest.mark.parametrize(
    "changes",
    [
        {"secrets.api_key": {"kind": "token", "value": "fe3ls9-hunter2", "environment": {"worker": "API_KEY"}}},
        {"compose.services.web.environment.SESSION_SECRET": "fe3ls9-hunter2", "services.web.allow": ["plain_secret"]},
        {"compose.services.web.environment.DSN": "postgres://app:fe3ls9-hunter2@database/app", "services.web.allow": ["plain_secret"]},
        {"compose.services.worker.command": ["run", "--password", "fe3ls9-hunter2"], "services.worker": {"allow": ["plain_secret"]}},
        {"compose.services.worker.labels": {"note": "password=fe3ls9-hunter2"}},
        {"compose.configs": {"app": {"content": "password=fe3ls9-hunter2"}}, "compose.services.web.configs": ["app"]},
    ],
)
def test_no_secret_is_shown(changes: dict[str, Any]) -> None:
    found = compared(changes)
    shown = table(("a", "b"), found) + json.dumps([one.to_dict() for one in found])
    assert "hunter2" not in shown and (found or "secrets.api_key" in changes)


def test_a_hidden_value_that_differs_is_a_difference_all_the_same() -> None:
    name = "compose.services.web.environment.SESSION_SECRET"
    waived = {"services.web.allow": ["plain_secret"]}
    one, other = (outline(load(declared({name: value, **waived}))) for value in ("fe3ls9-hunter2", "fe3ls9-hunter3"))
    (found,) = differences(one, other)
    assert found.key == "services.web.environment.SESSION_SECRET" and not found.expected
    assert found.to_dict()["from"] == found.to_dict()["to"] == "********"


def test_secrets_are_compared_by_name_and_kind() -> None:
    found = only({"secrets.database_password": {"kind": "token"}})
    assert (found.key, found.before, found.after) == ("secrets.database_password.kind", "password", "token")
    assert only({"secrets.other": {"kind": "password", "environment": {"worker": "OTHER"}}}).key.startswith(("secrets.other", "services"))


def test_the_stack_may_have_another_name() -> None:
    found = compared({"name": "acme-staging"})
    assert found[0].key == "stack.name" and [one for one in found if not one.expected] == []


def test_other_images_run_than_the_tag_says() -> None:
    """A tag was pushed again: the declarations are equal, the digests are not."""
    one, other = ({"web": f"acme/web:1.4.2@sha256:{letter * 64}", "worker": "acme/worker:1"} for letter in "ab")
    (found,) = running(one, other, "acme")
    assert found.key == "services.web.runs" and not found.expected
    assert "acme/web:1.4.2@aaaaaaaaaaaa" in table(("staging", "production"), [found])
    assert running(one, one, "acme") == []


def test_what_is_expected_stands_apart() -> None:
    found = compared({"services.web.replicas": 5, "compose.services.worker.image": "acme/worker:1.5.0"})
    text = table(("staging", "production"), found, ["app-2 was not seen"])
    first, second = text.split("expected to differ (1)")
    assert "services.worker.image" in first and "services.web.replicas" in second and second.endswith("app-2 was not seen")


def test_a_secret_that_both_environments_share_is_named_and_not_shown() -> None:
    """Credentials of staging, which many may read, were byte for byte those of production."""
    key = "secrets.api_key"
    entry = {"kind": "token", "environment": {"worker": "API_KEY"}}
    one, same, other = (outline(load(declared({key: {**entry, "value": value}}))) for value in ("hunter2-a", "hunter2-a", "hunter2-b"))
    assert shared(one, same) == ["api_key"] and shared(one, other) == [] and shared(PRODUCTION, PRODUCTION) == []
