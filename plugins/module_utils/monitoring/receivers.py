# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Receivers of Alertmanager from C(watchdog.alerts): each way to tell people that it knows, with its secrets by file."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from ..contracts.watchdog_settings import Alert, DeadmanSpec

CREDENTIALS = "/run/credentials/latentum-ops-alertmanager.service"
# What older versions read from no file (0.23 of Ubuntu 22.04, 0.25 of Debian 12).
URL, KEY, PASSWORD = "url", "key", "password"
IMPLICIT_TLS = 465

_TITLE = (
    '{{ if eq .Status "firing" }}{{ with .CommonLabels.severity }}{{ . | toUpper }}{{ else }}ALERT{{ end }}{{ else }}ENDED{{ end }} '
    "{{ (index .Alerts 0).Annotations.summary }}{{ if gt (len .Alerts) 1 }} ({{ len .Alerts }} alerts){{ end }}"
)
_TEXT = (
    "{{ range .Alerts }}{{ .Annotations.summary }}\n"
    "{{ with .Annotations.description }}{{ . }}\n{{ end }}"
    '{{ if eq .Status "firing" }}Since {{ .StartsAt.UTC.Format "2006-01-02 15:04 UTC" }}\n'
    '{{ else }}Ended {{ .EndsAt.UTC.Format "2006-01-02 15:04 UTC" }}\n{{ end }}'
    "{{ with .Annotations.runbook }}Runbook: {{ . }}\n{{ end }}"
    "{{ with .Annotations.runbook_url }}{{ . }}\n{{ end }}"
    "{{ with .Annotations.dashboard }}Dashboard: {{ . }}\n{{ end }}\n{{ end }}"
)
# Of a group with several severities there is no common one.
_SEVERITY = "{{ with .CommonLabels.severity }}{{ . }}{{ else }}critical{{ end }}"


class CannotTell(Exception):
    """Alertmanager has no way to tell this; the message says why."""


@dataclass(frozen=True)
class Credential:
    """A secret that systemd hands to Alertmanager.

    :param name: of the file in CREDENTIALS.
    :param source: file on the host, which root reads.
    """

    name: str
    source: str


def credential(file: str) -> Credential:
    """The secret in a file of the store, ``…/STACK/SECRET``."""
    path = PurePosixPath(file)
    return Credential(f"{path.parent.name}.{path.name}", file)


def receiver(stack: str, alert: Alert, lacks: Collection[str] = ()) -> tuple[dict[str, Any], list[Credential]]:
    """A receiver, and the secrets that it reads.

    :param lacks: of URL, KEY and PASSWORD what Alertmanager here cannot read from a file.
    :raises CannotTell: Alertmanager cannot do it.
    """
    make = _KINDS.get(alert.kind)
    if make is None:
        raise CannotTell(f"Alertmanager has no receiver of kind {alert.kind}: the watchdog alone tells by it")
    kind, settings, files = make(alert.options)
    for option, (lacking, file) in files.items():
        if lacking in lacks:
            raise CannotTell(f"the Alertmanager of this distribution reads no {option}, and a secret never stands in its configuration")
        settings[option] = f"{CREDENTIALS}/{credential(file).name}"
    return {"name": name_of(stack, alert), kind: [{"send_resolved": True, **settings}]}, [
        credential(file) for _lacking, file in files.values()
    ]


def name_of(stack: str, alert: Alert) -> str:
    """The name of a receiver, as the watchdog calls the same route."""
    return f"{stack}/{alert.name}"


def deadman(stack: str, spec: DeadmanSpec, lacks: Collection[str] = ()) -> tuple[dict[str, Any], Credential]:
    """The receiver of the alert that is always there: an address that is called, whatever the body says."""
    secret = credential(spec.url_file)
    file = f"{CREDENTIALS}/{secret.name}"
    if URL in lacks:
        # That version reads the address of a webhook from no file, but that of Slack: a POST of some JSON, too.
        return {"name": deadman_name(stack), "slack_configs": [{"api_url_file": file, "send_resolved": False, "text": "well"}]}, secret
    return {"name": deadman_name(stack), "webhook_configs": [{"url_file": file, "send_resolved": False, "max_alerts": 1}]}, secret


def deadman_name(stack: str) -> str:
    """The name of the receiver of a dead man's switch; no alert of a stack can be called so."""
    return f"{stack}/dead man's switch"


_Made = tuple[str, dict[str, Any], dict[str, tuple[str, str]]]


def _email(options: Mapping[str, Any]) -> _Made:
    server, port, tls = str(options["server"]), int(options["port"]), str(options["tls"])
    if (port == IMPLICIT_TLS) is not (tls == "tls"):
        raise CannotTell(f"Alertmanager speaks TLS from the first byte on port {IMPLICIT_TLS}, and there only; tls is {tls}, port {port}")
    settings: dict[str, Any] = {
        "smarthost": f"[{server}]:{port}" if ":" in server else f"{server}:{port}",
        "from": options["from"],
        "to": ", ".join(options["to"]),
        "require_tls": tls == "starttls",
        "headers": {"Subject": _TITLE, "Auto-Submitted": "auto-generated"},
        "html": "",
        "text": _TEXT,
    }
    if not options.get("user"):
        return "email_configs", settings, {}
    return "email_configs", {**settings, "auth_username": options["user"]}, {"auth_password_file": (PASSWORD, options["password_file"])}


def _slack(options: Mapping[str, Any]) -> _Made:
    return "slack_configs", {"title": _TITLE, "title_link": "", "text": _TEXT}, {"api_url_file": ("", options["url_file"])}


def _pagerduty(options: Mapping[str, Any]) -> _Made:
    settings = {"url": options["url"], "description": _TITLE, "severity": _SEVERITY}
    return "pagerduty_configs", settings, {"routing_key_file": (KEY, options["key_file"])}


_KINDS: Mapping[str, Callable[[Mapping[str, Any]], _Made]] = {"email": _email, "slack": _slack, "pagerduty": _pagerduty}
