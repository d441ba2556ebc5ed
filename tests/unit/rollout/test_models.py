# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A model's version as a part of a release: whole deployments on a played host, with a registry that answers as MLflow does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.registered_model import RegisteredModel
from ansible_collections.latentum.ops.plugins.module_utils.release import listing, pinning
from ansible_collections.latentum.ops.plugins.module_utils.release.pinning import Declared, redeclared, with_versions
from ansible_collections.latentum.ops.plugins.module_utils.release.store import FAILED, Release, Store
from ansible_collections.latentum.ops.plugins.module_utils.rollout.deployment import Deployment
from ansible_collections.latentum.ops.plugins.module_utils.rollout.request import DeployFailed, Order, Outcome

from ..models import mlflow as server
from ..models.mlflow import NAME, Mlflow
from .played_host import PlayedHost, declared

mlflow = server.mlflow


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PlayedHost:
    monkeypatch.setattr(pinning, "pull", lambda _reference: None)
    return PlayedHost(tmp_path, monkeypatch)


@pytest.fixture
def market(mlflow: Mlflow) -> Declared:
    """A serving service that gets the version, and another one that does not."""
    model = RegisteredModel("volatility", NAME, "MODEL_VERSION", url=mlflow.url)
    return replace(declared(serving={"environment": {"MODEL_VERSION": "${MODEL_VERSION}"}}, api={}), models=(model,))


def trained(mlflow: Mlflow, version: str, *aliases: str) -> None:
    mlflow.versions[version] = "READY"
    mlflow.aliases |= dict.fromkeys(aliases, version)


def live() -> Release:
    release = Store("shop").live()
    assert release
    return release


def version() -> str:
    """Of the live release, which its environment has as well."""
    release = live()
    assert release.environment["MODEL_VERSION"] == release.models[0]["version"]
    return release.environment["MODEL_VERSION"]


def asked_for(wanted: dict[str, str]) -> Declared:
    """As `opsctl deploy --model` does."""
    return with_versions(redeclared(live(), "missing"), wanted)


def test_before_the_first_training_there_is_the_fallback(host: PlayedHost, market: Declared) -> None:
    host.deploy(market)
    assert version() == ""
    assert host.deploy(replace(market, models=(replace(market.models[0], fallback="1"),))) and version() == "1"


def test_what_is_trained_goes_live_with_the_next_run_and_replaces_who_serves_it(host: PlayedHost, market: Declared, mlflow: Mlflow) -> None:
    host.deploy(market)
    trained(mlflow, "1", "candidate")
    before = host.ids("api")
    outcome = host.deploy(market)
    assert version() == "1" and mlflow.aliases["champion"] == "1"
    assert "model volatility: version 1, before none" in outcome.sentences
    assert host.ids("api") == before and host.ids("serving") != ["serving1"]


def test_a_run_that_asks_no_registry_keeps_what_serves(host: PlayedHost, market: Declared, mlflow: Mlflow) -> None:
    trained(mlflow, "1", "candidate")
    host.deploy(market)
    trained(mlflow, "2", "candidate")
    outcome = host.deploy(market)
    assert version() == "1" and not outcome.changed
    host.deploy(replace(market, pull="always"))
    assert version() == "2" and mlflow.aliases == {"candidate": "2", "champion": "2"}


def test_an_update_takes_what_the_alias_is_and_goes_on_without_the_registry(host: PlayedHost, market: Declared, mlflow: Mlflow) -> None:
    trained(mlflow, "1", "candidate")
    host.deploy(market)
    mlflow.broken = 503, b"down"
    newer = {**market.project["services"], "api": {**market.project["services"]["api"], "image": "registry/api:2"}}
    lines: list[str] = []
    order = Order(tell=lines.append)
    Deployment("shop", order).deploy(replace(market, project={"services": newer}, pull="always"))
    assert version() == "1" and live().images["api"].startswith("registry/api:2")
    assert any("model volatility stays version 1" in line and "answers 503" in line for line in lines)


def test_a_version_that_somebody_asks_for(host: PlayedHost, market: Declared, mlflow: Mlflow) -> None:
    for number in ("1", "2", "3"):
        trained(mlflow, number, "candidate")
    host.deploy(market)
    assert version() == "3"
    host.deploy(asked_for({"volatility": "2"}))
    assert version() == "2" and mlflow.aliases["champion"] == "2"
    host.deploy(asked_for({"volatility": "@candidate"}))
    assert version() == "3"
    host.deploy(asked_for({"volatility": "1"}))
    host.deploy(asked_for({"volatility": ""}))  # what its own alias is
    assert version() == "3"


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("9", "volatility=9: .*version=9.*nothing was changed"),
        ("@gone", "volatility=@gone: .*alias gone not found"),
        ("champion", "write the number of a version, such as volatility=7, or volatility=@candidate"),
        ("-1", "write the number of a version"),
        ("007", "write the number of a version"),
    ],
)
def test_a_version_that_is_not_to_be_had_is_refused(host: PlayedHost, market: Declared, mlflow: Mlflow, wanted: str, message: str) -> None:
    trained(mlflow, "1", "candidate")
    host.deploy(market)
    before = list(host.did)
    with pytest.raises(DeployFailed, match=message):
        host.deploy(asked_for({"volatility": wanted}))
    assert host.did == before and version() == "1"


def test_a_model_that_is_not_declared(host: PlayedHost, market: Declared) -> None:
    host.deploy(market)
    with pytest.raises(ValueError, match="'voltility' is not a model of shop: write one of volatility"):
        asked_for({"voltility": "1"})


def test_a_version_that_does_not_become_healthy_is_taken_back_and_known_again(host: PlayedHost, market: Declared, mlflow: Mlflow) -> None:
    trained(mlflow, "1", "candidate")
    host.deploy(market)
    trained(mlflow, "2", "candidate")
    host.sick = {"serving"}
    with pytest.raises(DeployFailed, match="it was taken back"):
        host.deploy(asked_for({"volatility": ""}))
    host.sick = set()
    assert version() == "1" and mlflow.aliases["champion"] == "1"
    assert [release.state for release in Store("shop").all() if release.models[0]["version"] == "2"] == [FAILED]
    with pytest.raises(DeployFailed, match="failed before and is not deployed again by itself"):
        host.deploy(asked_for({"volatility": "2"}))


def test_a_rollback_returns_to_the_version_before_and_tells_the_registry(host: PlayedHost, market: Declared, mlflow: Mlflow) -> None:
    trained(mlflow, "1", "candidate")
    host.deploy(market)
    trained(mlflow, "2", "candidate")
    host.deploy(asked_for({"volatility": ""}))
    assert mlflow.aliases["champion"] == "2"
    Deployment("shop", Order(kind="rollback")).rollback()
    assert version() == "1" and mlflow.aliases == {"candidate": "2", "champion": "1"}


def test_a_registry_that_cannot_be_told_takes_nothing_back_and_is_told_by_the_next_run(
    host: PlayedHost, market: Declared, mlflow: Mlflow
) -> None:
    trained(mlflow, "1", "candidate")
    lines: list[str] = []

    def down_once_it_is_live(line: str) -> None:
        lines.append(line)
        if line.endswith("good"):
            mlflow.broken = 503, b"down"

    Deployment("shop", Order(tell=down_once_it_is_live)).deploy(market)
    assert version() == "1" and "champion" not in mlflow.aliases
    assert any("version 1 serves, and the registry could not be told (champion)" in line for line in lines)
    mlflow.broken = None
    host.deploy(market)
    assert mlflow.aliases["champion"] == "1"


def test_an_alias_that_somebody_moved_is_set_right_not_believed(host: PlayedHost, market: Declared, mlflow: Mlflow) -> None:
    trained(mlflow, "1", "candidate")
    host.deploy(market)
    trained(mlflow, "2", "champion")
    host.deploy(market)
    assert version() == "1" and mlflow.aliases["champion"] == "1"


def test_without_an_alias_for_what_serves_none_is_given(host: PlayedHost, market: Declared, mlflow: Mlflow) -> None:
    trained(mlflow, "1", "candidate")
    host.deploy(replace(market, models=(replace(market.models[0], live_alias="none"),)))
    assert version() == "1" and "champion" not in mlflow.aliases


def test_a_check_only_reads(host: PlayedHost, market: Declared, mlflow: Mlflow) -> None:
    trained(mlflow, "1", "candidate")
    host.deploy(market)
    trained(mlflow, "2", "candidate")
    outcome: Outcome = host.deploy(asked_for({"volatility": ""}), check=True)
    assert "model volatility: version 2, before 1" in outcome.sentences
    assert version() == "1" and mlflow.aliases["champion"] == "1"


@pytest.mark.parametrize("change", [lambda one: replace(one, models=()), lambda one: one])
def test_a_release_without_models_is_what_it_was(host: PlayedHost, change: Callable[[Declared], Declared]) -> None:
    plain = change(declared(api={}))
    host.deploy(plain)
    assert not (Store("shop").path(live().id) / "models.json").exists()
    assert "models" not in (Store("shop").path(live().id) / "release.json").read_text()
    assert "models" not in listing.release_dict(live(), live=True)


def test_the_list_of_releases_says_the_versions(host: PlayedHost, market: Declared, mlflow: Mlflow) -> None:
    trained(mlflow, "4", "candidate")
    host.deploy(market)
    assert "models: volatility 4" in listing.releases(Store("shop"))
    shown: dict[str, Any] = listing.release_dict(live(), live=True)
    assert shown["models"] == {"volatility": "4"}
