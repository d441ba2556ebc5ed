# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dashboards as Grafana reads them: its JSON model (schemaVersion 39, Grafana 10 and newer), with a place and a number for each panel."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ..contracts.dashboards import uid
from .panel import WHOLE, Bounds, Dashboard, Kind, Marks, Panel, Query, Row, Variable

SCHEMA = 39
# The identity of the data source, which role grafana provisions: never ${DS_…}, which only an import by hand fills in.
SOURCE = {"type": "prometheus", "uid": "latentum-prometheus"}
TAG = "latentum.ops"
_ALL = ".*"  # a label that is missing counts as empty, and is one of all
_COLORS = ("green", "orange", "red")


def render(dashboard: Dashboard, refresh: str = "30s") -> str:
    """The file of a dashboard.

    :param refresh: how often it asks again, as Grafana writes durations.
    """
    return json.dumps(model(dashboard, refresh), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def model(dashboard: Dashboard, refresh: str = "30s") -> dict[str, Any]:
    """The same as data."""
    return {
        # A number here would be that of somebody else's dashboard in another database.
        "id": None,
        "uid": uid(dashboard.name),
        "title": dashboard.title,
        "description": dashboard.about,
        "tags": [TAG],
        "schemaVersion": SCHEMA,
        "version": 1,
        "editable": False,
        "fiscalYearStartMonth": 0,
        "graphTooltip": 1,
        "liveNow": False,
        "weekStart": "",
        "time": {"from": f"now-{dashboard.span}", "to": "now"},
        "timepicker": {},
        "timezone": "browser",
        "refresh": refresh,
        "links": [_links()],
        "templating": {"list": [_variable(variable) for variable in dashboard.variables]},
        "annotations": {"list": [_own_marks(), *map(_marks, dashboard.marks)]},
        "panels": list(_placed(dashboard.rows)),
    }


def _links() -> dict[str, Any]:
    """All others, with what is chosen here."""
    return {
        "type": "dashboards",
        "title": "More",
        "tags": [TAG],
        "asDropdown": True,
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
        "icon": "external link",
        "tooltip": "",
        "url": "",
    }


def _variable(variable: Variable) -> dict[str, Any]:
    query = f"label_values({variable.series}, {variable.label})"
    return {
        "type": "query",
        "name": variable.name,
        "label": variable.title or variable.name.capitalize(),
        "datasource": dict(SOURCE),
        "definition": query,
        "query": {"query": query, "refId": f"variable-{variable.name}"},
        # At each change of the time, too: what is gone by now was there then.
        "refresh": 2,
        "sort": 1,
        "hide": 0,
        "regex": "",
        "multi": variable.several,
        "includeAll": variable.several,
        "allValue": _ALL if variable.several else None,
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]} if variable.several else {},
        "options": [],
        "skipUrlSync": False,
    }


def _own_marks() -> dict[str, Any]:
    """What people note in Grafana itself; without the entry Grafana adds one, and calls the dashboard changed."""
    return {
        "builtIn": 1,
        "name": "Annotations & Alerts",
        "type": "dashboard",
        "datasource": {"type": "grafana", "uid": "-- Grafana --"},
        "enable": True,
        "hide": True,
        "iconColor": "rgba(0, 211, 255, 1)",
    }


def _marks(marks: Marks) -> dict[str, Any]:
    return {
        "name": marks.name,
        "datasource": dict(SOURCE),
        "enable": True,
        "hide": False,
        "iconColor": marks.color,
        "expr": marks.expression,
        "step": "60s",
        "titleFormat": marks.title,
        "textFormat": "",
        "tagKeys": ",".join(marks.labels),
        "useValueForTime": marks.at_value,
    }


def _placed(rows: tuple[Row, ...]) -> Iterator[dict[str, Any]]:
    """Rows from top to bottom, panels from left to right; no two overlap, whatever their sizes."""
    number, top = 0, 0
    for row in rows:
        panels = [panel for panel in row.panels if panel]
        if not panels:
            continue
        number += 1
        yield _row(row.title, number, top)
        top, left, tallest = top + 1, 0, 0
        for panel in panels:
            if left + panel.width > WHOLE:
                top, left, tallest = top + tallest, 0, 0
            number += 1
            yield _panel(panel, number, {"x": left, "y": top, "w": panel.width, "h": panel.height})
            left, tallest = left + panel.width, max(tallest, panel.height)
        top += tallest


def _row(title: str, number: int, top: int) -> dict[str, Any]:
    place = {"x": 0, "y": top, "w": WHOLE, "h": 1}
    return {"id": number, "type": "row", "title": title, "collapsed": False, "gridPos": place, "panels": []}


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    defaults: dict[str, Any] = {"unit": panel.unit, "thresholds": _thresholds(panel.bounds), "mappings": [], **_LOOKS[panel.kind](panel)}
    given = {"min": panel.least, "max": panel.most, "decimals": panel.decimals}
    defaults |= {name: value for name, value in given.items() if value is not None}
    if panel.empty:
        defaults["noValue"] = panel.empty
    return {
        "id": number,
        "type": panel.kind.value,
        "title": panel.title,
        "description": panel.about,
        "datasource": dict(SOURCE),
        "gridPos": place,
        "targets": [_target(panel, query, index) for index, query in enumerate(panel.queries)],
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": _OPTIONS[panel.kind],
        "transformations": _TABLE if panel.kind is Kind.TABLE else [],
    }


def _target(panel: Panel, query: Query, index: int) -> dict[str, Any]:
    instant = panel.kind in (Kind.NUMBER, Kind.TABLE)
    return {
        "refId": chr(ord("A") + index),
        "datasource": dict(SOURCE),
        "editorMode": "code",
        "expr": query.expression,
        "legendFormat": query.legend or "__auto",
        "format": "table" if panel.kind is Kind.TABLE else "time_series",
        "instant": instant,
        "range": not instant,
    }


def _thresholds(bounds: Bounds) -> dict[str, Any]:
    """Grafana's steps rise: what is worse the lower it is, begins with red."""
    if bounds.falling:
        steps: list[tuple[str, float | None]] = [("red" if bounds.critical is not None else "orange", None)]
        if bounds.critical is not None:
            steps.append(("orange" if bounds.warning is not None else "green", bounds.critical))
        if bounds.warning is not None:
            steps.append(("green", bounds.warning))
    else:
        steps = [("green", None)]
        steps += [(color, value) for color, value in zip(_COLORS[1:], (bounds.warning, bounds.critical), strict=True) if value is not None]
    return {"mode": "absolute", "steps": [{"color": color, "value": value} for color, value in steps]}


def _of_graph(panel: Panel) -> dict[str, Any]:
    bounded = panel.bounds.warning is not None or panel.bounds.critical is not None
    return {
        "color": {"mode": "palette-classic"},
        "custom": {
            "drawStyle": "line",
            "lineInterpolation": "linear",
            "lineWidth": 1,
            "fillOpacity": 30 if panel.stacked else 8,
            "showPoints": "never",
            "pointSize": 4,
            # A gap is a gap: nobody measured.
            "spanNulls": False,
            "stacking": {"group": "A", "mode": "normal" if panel.stacked else "none"},
            "thresholdsStyle": {"mode": "dashed" if bounded else "off"},
            "axisPlacement": "auto",
            "axisLabel": "",
            "scaleDistribution": {"type": "linear"},
            "hideFrom": {"legend": False, "tooltip": False, "viz": False},
        },
    }


def _of_number(_panel: Panel) -> dict[str, Any]:
    return {"color": {"mode": "thresholds"}}


def _of_table(_panel: Panel) -> dict[str, Any]:
    return {"color": {"mode": "thresholds"}, "custom": {"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False}}


def _of_states(_panel: Panel) -> dict[str, Any]:
    words = {"0": {"color": "red", "index": 0, "text": "not well"}, "1": {"color": "green", "index": 1, "text": "well"}}
    return {
        "color": {"mode": "thresholds"},
        "mappings": [{"type": "value", "options": words}],
        "custom": {"fillOpacity": 80, "lineWidth": 0, "spanNulls": False, "hideFrom": {"legend": False, "tooltip": False, "viz": False}},
    }


_LOOKS = {Kind.GRAPH: _of_graph, Kind.NUMBER: _of_number, Kind.TABLE: _of_table, Kind.STATES: _of_states}
_LEGEND = {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []}
_OPTIONS: dict[Kind, dict[str, Any]] = {
    Kind.GRAPH: {"legend": _LEGEND, "tooltip": {"mode": "multi", "sort": "desc"}},
    Kind.NUMBER: {
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "textMode": "auto",
    },
    Kind.TABLE: {"cellHeight": "sm", "showHeader": True, "footer": {"show": False, "reducer": ["sum"], "fields": ""}},
    Kind.STATES: {"alignValue": "left", "legend": _LEGEND, "mergeValues": True, "rowHeight": 0.8, "showValue": "never",
                  "tooltip": {"mode": "single", "sort": "none"}},
}  # fmt: skip
# The time of an instant question is the same in every line.
_TABLE = [{"id": "organize", "options": {"excludeByName": {"Time": True, "__name__": True}, "indexByName": {}, "renameByName": {}}}]
