# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables of the role that cannot stand are refused before anything is installed, with what they are and what to write."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_runs import AnsibleRuns

from ..plays import refused
from .receiver import ON, RECEIVES, ROLE

KEEP = {kind: {"days": 90, "size": "1G"} for kind in ("application", "system", "access", "audit")}
SENDS = {**ON, "log_shipping_to": "logs.example.com:6514"}
CASES: dict[str, tuple[dict[str, Any], str]] = {
    "fine": (ON, ""),
    "sends": (SENDS, ""),
    "receives": (RECEIVES, ""),
    "both": ({**RECEIVES, **SENDS}, ""),
    "off": ({"log_shipping_enabled": False, "log_shipping_to": "nonsense"}, ""),
    "ipv6": ({**SENDS, "log_shipping_to": "[2001:db8::5]:6514"}, ""),
    "a host that leads elsewhere": ({**ON, "log_shipping_host": "../web1"}, "log_shipping_host: '../web1'"),
    "a host of two words": ({**ON, "log_shipping_host": "web 1"}, "log_shipping_host: 'web 1'"),
    "a host that is too long": ({**ON, "log_shipping_host": "w" * 49}, "up to 48"),
    "no host": ({**ON, "log_shipping_host": ""}, "log_shipping_host: ''"),
    "a tree that is the whole disk": ({**ON, "log_shipping_tree": "/"}, "log_shipping_tree: '/'"),
    "a tree of all logs": ({**ON, "log_shipping_tree": "/var"}, "is no folder of its own"),
    "a tree by detours": ({**ON, "log_shipping_tree": "/var/log/../tree"}, "log_shipping_tree"),
    "a tree with a space": ({**ON, "log_shipping_tree": "/var/log/my tree"}, "log_shipping_tree"),
    "a wildcard": ({**ON, "log_shipping_access": ["/var/log/nginx/*.json"]}, "write the absolute path of a file"),
    "a relative path": ({**ON, "log_shipping_errors": ["nginx/error.log"]}, "log_shipping_errors: 'nginx/error.log'"),
    "a file twice": ({**ON, "log_shipping_errors": ["/var/log/nginx/access.json"]}, "stands in log_shipping_access already"),
    "a file of the tree": ({**ON, "log_shipping_audit": ["/var/log/latentum-ops/tree/a"]}, "feed itself"),
    "an unknown class": ({**ON, "log_shipping_keep": {**KEEP, "debug": {"days": 1}}}, "log_shipping_keep: 'debug'"),
    "a class that is missing": (
        {**ON, "log_shipping_keep": {kind: KEEP[kind] for kind in ("application", "system", "access")}},
        "log_shipping_keep.audit",
    ),
    "no days": ({**ON, "log_shipping_keep": {**KEEP, "audit": {"days": 0}}}, "log_shipping_keep.audit.days: 0"),
    "days in words": ({**ON, "log_shipping_keep": {**KEEP, "audit": {"days": "a year"}}}, "'a year'"),
    "a size that is none": ({**ON, "log_shipping_keep": {**KEEP, "access": {"days": 9, "size": "20 GB"}}}, "'20 GB' is no size"),
    "a key that is unknown": ({**ON, "log_shipping_keep": {**KEEP, "access": {"days": 9, "weeks": 3}}}, "log_shipping_keep.access.weeks"),
    "a queue of nothing": ({**ON, "log_shipping_queue": "1M"}, "write at least 16M"),
    "a queue below nothing": ({**ON, "log_shipping_queue": "-1"}, "log_shipping_queue: '-1'"),
    "no port": ({**ON, "log_shipping_to": "logs.example.com"}, "names no port"),
    "a port beyond": ({**ON, "log_shipping_to": "logs.example.com:70000"}, "names no port"),
    "an ambiguous address": ({**ON, "log_shipping_to": "2001:db8::5:6514"}, "write [2001:db8::5]:6514"),
    "a URL": ({**ON, "log_shipping_to": "https://logs.example.com:6514"}, "is neither a name nor an address"),
    "to itself": ({**RECEIVES, "log_shipping_to": "10.0.0.5:6514"}, "is where this host listens itself"),
    "a name of nobody": ({**ON, "log_shipping_to_name": "logs"}, "there is none: write log_shipping_to"),
    "listens at a name": ({**RECEIVES, "log_shipping_listen": "logs.example.com:6514"}, "is no address of this host"),
    "lets nobody in": ({**RECEIVES, "log_shipping_senders": []}, "lets nobody in"),
    "lets everybody in": ({**RECEIVES, "log_shipping_senders": ["*"]}, "lets everybody in"),
    "senders to nowhere": ({**ON, "log_shipping_senders": ["web1.example.com"]}, "can send to nowhere"),
    "a sender that ends the string": ({**RECEIVES, "log_shipping_senders": ['web1"]) stop']}, "is no name of a certificate"),
    "a key that is the certificate": ({**SENDS, "log_shipping_key": "/etc/latentum-ops/logs/certificate.pem"}, "write three files"),
    "no authority": ({**SENDS, "log_shipping_authority": ""}, "log_shipping_authority: ''"),
}


LOKI: dict[str, Any] = {"name": "loki", "kind": "loki", "url": "https://loki.example.com:3100"}
# All that cannot be in a sink: tests/unit/logs/sinks/test_problems.py.
CASES |= {
    "sinks": ({**ON, "log_shipping_sinks": [LOKI, {**LOKI, "name": "second", "url": "http://127.0.0.1:3100", "queue": "2G"}]}, ""),
    "a sink that cannot be": ({**ON, "log_shipping_sinks": [{**LOKI, "kind": "splunk"}]}, "log_shipping_sinks.loki.kind: 'splunk'"),
    "sinks that are none": ({**ON, "log_shipping_sinks": "https://loki.example.com"}, "is no list"),
    "sinks of what is not masked": (
        {**ON, "log_shipping_sinks": [LOKI], "log_shipping_mask": False},
        "log_shipping_mask: False sends secrets to sinks",
    ),
    "off with sinks that cannot be": ({"log_shipping_enabled": False, "log_shipping_sinks": "nonsense"}, ""),
}


@pytest.fixture(scope="module")
def refusals(ansible: AnsibleRuns, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the first task of the role says of each case; nothing where it lets it pass."""
    return refused(ansible, tmp_path_factory.mktemp("refusals"), ROLE, CASES)


@pytest.mark.parametrize("case", CASES)
def test_a_case(refusals: dict[str, str], case: str) -> None:
    wanted = CASES[case][1]
    assert bool(refusals[case]) is bool(wanted) and wanted in refusals[case], refusals[case]
