# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configuration of Grafana: on loopback only, quiet towards the world, and without a secret.

It has no account to send, no plugin to fetch and no version to look up; alerts are Prometheus' and Alertmanager's. Secrets are read from
files that systemd hands to its unit alone (Grafana's file provider).
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from ..contracts.dashboards import FOLDER, OVERVIEW, DashboardsSettings

# Grafana's own, without its makers' site: role nginx gives answers without one a policy under which no script of Grafana's page runs.
_CSP = (
    "script-src 'self' 'unsafe-eval' 'unsafe-inline' 'strict-dynamic' $NONCE;object-src 'none';font-src 'self';"
    "style-src 'self' 'unsafe-inline' blob:;img-src 'self' data: blob:;base-uri 'self';"
    "connect-src 'self' ws://$ROOT_PATH wss://$ROOT_PATH;manifest-src 'self';media-src 'none';form-action 'self';"
)
DATA = "/var/lib/latentum-ops-grafana"
CREDENTIALS = "/run/credentials/latentum-ops-grafana.service"
PASSWORD, KEY = "admin_password", "secret_key"
_HEAD = "; Grafana, by latentum.ops; do not edit. Role grafana writes it.\n"


def root_url(settings: DashboardsSettings) -> str:
    """The address as people reach it, with a slash at its end: Grafana adds to it."""
    return f"{(settings.url or f'http://{settings.address}').rstrip('/')}/"


def grafana_ini(settings: DashboardsSettings) -> str:
    """The content of grafana.ini."""
    sections = _sections(settings)
    parts = ["\n".join([f"[{name}]", *(f"{key} = {_word(value)}" for key, value in keys.items())]) for name, keys in sections.items()]
    return _HEAD + "\n\n".join(parts) + "\n"


def _sections(settings: DashboardsSettings) -> Mapping[str, Mapping[str, str | bool]]:
    host, _colon, port = settings.address.rpartition(":")
    url = urlsplit(root_url(settings))
    return {
        "paths": {
            "data": DATA,
            "logs": f"{DATA}/log",
            "plugins": f"{DATA}/plugins",
            "provisioning": f"{FOLDER}/provisioning",
        },
        "server": {
            "protocol": "http",
            "http_addr": host.strip("[]"),
            "http_port": port,
            "domain": url.hostname or "localhost",
            "root_url": root_url(settings),
            # nginx hands the path on as it is.
            "serve_from_sub_path": url.path != "/",
        },
        # One file, which readers do not keep from being written.
        "database": {"type": "sqlite3", "wal": True},
        "security": {
            "admin_user": "admin",
            "admin_password": f"$__file{{{CREDENTIALS}/{PASSWORD}}}",
            "secret_key": f"$__file{{{CREDENTIALS}/{KEY}}}",
            "cookie_secure": url.scheme == "https",
            "cookie_samesite": "lax",
            "disable_gravatar": True,
            "content_security_policy": True,
            "content_security_policy_template": f'"""{_CSP}"""',
        },
        "users": {"allow_sign_up": False, "allow_org_create": False, "auto_assign_org_role": "Viewer", "viewers_can_edit": False},
        # What nginx asks a password by is not Grafana's: it would take that header for a login of its own, and refuse it.
        "auth.basic": {"enabled": False},
        "auth.anonymous": {"enabled": settings.anonymous, "org_role": "Viewer", "hide_version": True},
        "analytics": {
            "reporting_enabled": False,
            "check_for_updates": False,
            "check_for_plugin_updates": False,
            "feedback_links_enabled": False,
        },
        "news": {"news_feed_enabled": False},
        "snapshots": {"external_enabled": False},
        "plugins": {"preinstall_disabled": True, "plugin_admin_enabled": False, "public_key_retrieval_disabled": True},
        "unified_alerting": {"enabled": False},
        "metrics": {"enabled": False},
        "dashboards": {"default_home_dashboard_path": f"{FOLDER}/dashboards/{OVERVIEW}.json"},
        "log": {"mode": "console", "level": "warn"},
    }


def _word(value: str | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else value
