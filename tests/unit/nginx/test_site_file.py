# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a site file says, read from one that commit c9c0a13 had written on a host."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.latentum.ops.plugins.module_utils.nginx.site_file import SiteFile, read

RECORDED = Path(__file__).parent / "recorded/latentum.example.test.conf"
GATEWAY = "latentum_api-gateway_8080"


def test_names_certificate_and_locations() -> None:
    assert read(RECORDED.read_text()) == SiteFile(
        ("latentum.example.test",),
        "latentum.example.test",
        {"/": GATEWAY, "/ws": GATEWAY, "/ws/": GATEWAY, "/predict": GATEWAY, "/predict/": GATEWAY},
    )


def test_aliases_and_what_leads_elsewhere() -> None:
    text = "server {\n    server_name a.example.com b.example.com;\n    location ^~ /status/ {\n        alias /run/page/;\n    }\n}\n"
    assert read(text) == SiteFile(("a.example.com", "b.example.com"), "", {})
