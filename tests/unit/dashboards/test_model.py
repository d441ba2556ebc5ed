# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dashboards as files: what Grafana could not read, would call somebody else's, or would show nothing of.

Grafana itself is not here. The schema is written after its public JSON model (tests/dashboards/dashboard.schema.json) and knows nothing
that is not used; the rest are situations in which provisioned dashboards have failed for people.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.latentum.ops.plugins.module_utils.contracts.alerts import RUNBOOKS
from ansible_collections.latentum.ops.plugins.module_utils.contracts.dashboards import FOLDER, OF_ALERT, uid
from ansible_collections.latentum.ops.plugins.module_utils.contracts.monitoring import MonitoredStack
from ansible_collections.latentum.ops.plugins.module_utils.contracts.objectives import Objective
from ansible_collections.latentum.ops.plugins.module_utils.dashboards import render
from ansible_collections.latentum.ops.plugins.module_utils.dashboards.panel import UNITS, Bounds, Dashboard, Row, graph, number
from ansible_collections.latentum.ops.plugins.module_utils.dashboards.scope import JOBS
from ansible_collections.latentum.ops.plugins.module_utils.dashboards.setup import setup
from ansible_collections.latentum.ops.plugins.module_utils.slo.alerts import PAGES
from jsonschema import Draft202012Validator

SCHEMA = json.loads((Path(__file__).resolve().parents[2] / "dashboards/dashboard.schema.json").read_text())
SECRETS = {"password_file": "/s/password", "key_file": "/s/key"}
OBJECTIVE = Objective("shop", "web", "route", "shop.example.com/", "availability", 99.9)
SHOP = MonitoredStack("shop", 15, {"web": "critical"}, objectives=(OBJECTIVE,), backup_max_age=86400)
Model = dict[str, Any]


def models(*stacks: MonitoredStack, **settings: Any) -> dict[str, Model]:
    """By the names of their files."""
    made = setup([stack.to_dict() for stack in stacks], {**SECRETS, **settings})
    assert made.problems == ()
    folder = f"{FOLDER}/dashboards/"
    return {
        path.removeprefix(folder).removesuffix(".json"): json.loads(text) for path, text in made.files.items() if path.startswith(folder)
    }


ALL = models(SHOP, jobs=list(JOBS), logs=True)
LEAST = models()


def panels(model: Model) -> list[Model]:
    """Those that show something."""
    return [panel for panel in model["panels"] if panel["type"] != "row"]


def problems(model: Model) -> list[str]:
    """What the schema has against it."""
    return [f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in Draft202012Validator(SCHEMA).iter_errors(model)]


@pytest.mark.parametrize("name", ALL)
def test_the_schema_has_nothing_against_it(name: str) -> None:
    assert problems(ALL[name]) == []


# What once broke a dashboard of somebody, each as a change of one that is good.
BROKEN: dict[str, Callable[[Model], object]] = {
    "the number of another database": lambda model: model.update(id=7),
    "an import by hand": lambda model: panels(model)[0].update(datasource="${DS_PROMETHEUS}"),
    "the name of a source": lambda model: panels(model)[0].update(datasource="Prometheus"),
    "the source of somebody else": lambda model: panels(model)[0]["targets"][0]["datasource"].update(uid="PBFA97CFB590B2093"),
    "no source": lambda model: panels(model)[0]["targets"][0].pop("datasource"),
    "inputs of an export": lambda model: model.update(__inputs=[]),
    "a unit of one's own": lambda model: panels(model)[0]["fieldConfig"]["defaults"].update(unit="percent of all"),
    "an identity that is too long": lambda model: model.update(uid="latentum-" + "x" * 40),
    "wider than a page": lambda model: panels(model)[0]["gridPos"].update(w=25),
    "a model that newer Grafanas migrate": lambda model: model.update(schemaVersion=16),
    "a graph of old": lambda model: panels(model)[0].update(type="graph"),
    "no question": lambda model: panels(model)[0]["targets"][0].update(expr=""),
    "one that people change in a browser": lambda model: model.update(editable=True),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_has_broken_dashboards_is_seen(name: str) -> None:
    model = json.loads(json.dumps(ALL["overview"]))
    BROKEN[name](model)
    assert problems(model)


def test_identities_and_titles_are_everybodys_own() -> None:
    """Two of the same: Grafana takes back its provider's right to write, and no dashboard is new any more."""
    for part in ("uid", "title"):
        values = [model[part] for model in ALL.values()]
        assert len(set(values)) == len(values)
    assert {name: model["uid"] for name, model in ALL.items()} == {name: uid(name) for name in ALL}


@pytest.mark.parametrize("name", ALL)
def test_panels_have_numbers_of_their_own_and_a_place_of_their_own(name: str) -> None:
    everything = ALL[name]["panels"]
    numbers = [panel["id"] for panel in everything]
    assert len(set(numbers)) == len(numbers)
    for one, other in combinations((panel["gridPos"] for panel in everything), 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below, (one, other)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in everything)
    assert {panel["fieldConfig"]["defaults"]["unit"] for panel in panels(ALL[name])} <= set(UNITS)


@pytest.mark.parametrize("name", ALL)
def test_variables_that_are_asked_for_are_there_and_known_before(name: str) -> None:
    model, known = ALL[name], {"__rate_interval", "__range", "__interval"}
    for variable in model["templating"]["list"]:
        assert set(re.findall(r"\$(\w+)", variable["definition"])) <= known, variable["definition"]
        known.add(variable["name"])
    expressions = [target["expr"] for panel in panels(model) for target in panel["targets"]]
    expressions += [marks["expr"] for marks in model["annotations"]["list"] if "expr" in marks]
    for expression in expressions:
        assert set(re.findall(r"\$(\w+)", expression)) <= known, expression
    asked = set(re.findall(r"\$(\w+)", " ".join(expressions) + " ".join(item["definition"] for item in model["templating"]["list"])))
    assert {variable["name"] for variable in model["templating"]["list"]} <= asked, "one that nothing depends on"


@pytest.mark.parametrize("name", ALL)
def test_a_choice_of_several_is_matched_as_a_pattern(name: str) -> None:
    """With all of them chosen, an equal sign would ask for the name .* and find nothing."""
    for variable in ALL[name]["templating"]["list"]:
        for panel in panels(ALL[name]):
            for target in panel["targets"]:
                assert f'="${variable["name"]}"' not in target["expr"].replace("=~", "~"), target["expr"]


@pytest.mark.parametrize("name", ALL)
def test_no_window_is_shorter_than_a_few_scrapes(name: str) -> None:
    """A rate over fewer than two scrapes is nothing, and how far somebody zooms in decides about the step."""
    windows = [
        window for panel in panels(ALL[name]) for target in panel["targets"] for window in re.findall(r"\[([^]]+)\]", target["expr"])
    ]
    assert {window for window in windows if not window.startswith("$")} <= {"15m", "1h"}
    assert set(windows) <= {"$__rate_interval", "$__range", "15m", "1h"}


@pytest.mark.parametrize("name", ALL)
def test_nothing_is_never_shown_as_zero(name: str) -> None:
    """`or vector(0)` has no labels: beside series with some it is one more line, and says that all is well where nobody measures."""
    for panel in panels(ALL[name]):
        for target in panel["targets"]:
            assert "vector(0)" not in target["expr"] and "or on()" not in target["expr"], target["expr"]


def test_only_what_is_measured_has_a_dashboard() -> None:
    assert set(LEAST) == {"overview"}
    assert set(models(jobs=["node"])) == {"overview", "host"}
    assert set(ALL) == {"overview", "service", "host", "containers", "nginx", "databases", "caches", "backups", "objectives", "logs"}
    assert "databases" not in models(SHOP, jobs=["node", "requests", "nginx", "watchdog", "containers"])
    assert set(models(jobs=["postgres"])) == {"overview", "databases"} and set(models(jobs=["redis"])) == {"overview", "caches"}
    without = {panel["title"] for panel in panels(models(MonitoredStack("shop"), jobs=["node"])["overview"])}
    assert "Processor" in without and not without & {"Requests", "Budget that is left", "Newest proven backup"}


def test_every_alert_is_seen_on_a_dashboard_that_there_is() -> None:
    assert set(OF_ALERT) <= {*RUNBOOKS, *PAGES}
    assert set(OF_ALERT.values()) <= set(ALL)


def test_limits_of_alerts_are_the_lines_of_graphs() -> None:
    limited = MonitoredStack.from_dict({**SHOP.to_dict(), "limits": {**SHOP.limits.to_dict(), "error_critical": 7, "latency": 0.5}})
    made = models(SHOP, limited, jobs=list(JOBS), limits={"cpu": 60})

    def lines(name: str, title: str) -> list[float | None]:
        (panel,) = [panel for panel in panels(made[name]) if panel["title"] == title and panel["type"] == "timeseries"]
        assert panel["fieldConfig"]["defaults"]["custom"]["thresholdsStyle"]["mode"] == "dashed"
        return [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]

    assert lines("service", "Failed") == [None, 0.05, 0.07]
    assert lines("service", "95 of 100 are answered within") == [None, 0.5]
    assert lines("overview", "Processor") == [None, 0.6]


@pytest.mark.parametrize(
    ("bounds", "steps"),
    [
        (Bounds(), [("green", None)]),
        (Bounds(1, 2), [("green", None), ("orange", 1), ("red", 2)]),
        (Bounds(None, 2), [("green", None), ("red", 2)]),
        (Bounds(2, 1, True), [("red", None), ("orange", 1), ("green", 2)]),
        (Bounds(None, 1, True), [("red", None), ("green", 1)]),
        (Bounds(2, None, True), [("orange", None), ("green", 2)]),
    ],
)
def test_steps_rise(bounds: Bounds, steps: list[tuple[str, float | None]]) -> None:
    dashboard = Dashboard("x", "X", "x", (), (Row("x", (number("x", "s", "up", bounds=bounds),)),))
    thresholds = panels(render.model(dashboard))[0]["fieldConfig"]["defaults"]["thresholds"]
    assert [(step["color"], step["value"]) for step in thresholds["steps"]] == steps


def test_a_row_without_panels_is_left_out() -> None:
    dashboard = Dashboard("x", "X", "x", (), (Row("empty", (None,)), Row("full", (None, graph("x", "s", ("up", ""))))))
    assert [panel["title"] for panel in render.model(dashboard)["panels"]] == ["full", "x"]


def test_sources_have_identities_that_stay_and_know_how_often_prometheus_asks() -> None:
    made = setup(
        [SHOP.to_dict(), MonitoredStack("blog", 5).to_dict()], {**SECRETS, "jobs": ["node"], "alertmanager_url": "http://127.0.0.1:9093"}
    )
    document = yaml.safe_load(made.files[f"{FOLDER}/provisioning/datasources/latentum-ops.yml"])
    first, second = document["datasources"]
    assert (first["uid"], first["type"], first["jsonData"]["timeInterval"]) == ("latentum-prometheus", "prometheus", "5s")
    assert {"uid": first["uid"], "type": first["type"]} == render.SOURCE
    assert first["isDefault"] and "isDefault" not in second and second["type"] == "alertmanager"
    names = [source["name"] for source in document["datasources"]]
    assert "Prometheus" not in names  # which somebody else's Grafana has
    elsewhere = setup([SHOP.to_dict()], {"server": False})
    (other,) = yaml.safe_load(elsewhere.files[f"{FOLDER}/provisioning/datasources/latentum-ops.yml"])["datasources"]
    assert other["isDefault"] is False and f"{FOLDER}/grafana.ini" not in elsewhere.files and elsewhere.credentials == {}


def test_the_provider_reads_the_folder_that_is_written_and_lets_nobody_save_over_it() -> None:
    made = setup([], SECRETS)
    (provider,) = yaml.safe_load(made.files[f"{FOLDER}/provisioning/dashboards/latentum-ops.yml"])["providers"]
    assert provider["options"]["path"] == f"{FOLDER}/dashboards" and f"{FOLDER}/dashboards/overview.json" in made.files
    assert provider["allowUiUpdates"] is False and provider["disableDeletion"] is False
    # A folder with the title of a dashboard in it is refused by older Grafanas.
    assert provider["folder"] not in {model["title"] for model in ALL.values()} and provider["folderUid"]


def test_the_same_declaration_gives_the_same_bytes() -> None:
    assert (
        setup([SHOP.to_dict()], {**SECRETS, "jobs": list(JOBS)}).files
        == setup([SHOP.to_dict()], {**SECRETS, "jobs": list(JOBS)[::-1]}).files
    )
