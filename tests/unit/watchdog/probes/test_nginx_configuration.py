# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nginx says of its files."""

from __future__ import annotations

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core.process import Result
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.probes import nginx_configuration
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.probes.nginx_configuration import nginx_accepts

from .test_host import Programs, gone


def test_what_nginx_says(monkeypatch: pytest.MonkeyPatch) -> None:
    programs = Programs(monkeypatch, nginx_configuration)
    refused = "nginx: [warn] odd\nnginx: [emerg] unknown directive in shop.conf:3\nnginx: configuration file test failed\n"
    programs.says = [Result(("nginx",), rc, "", said) for rc, said in ((0, "[warn] odd"), (1, refused), (1, "killed"))] + [gone("nginx")]
    assert nginx_accepts() == ""
    assert nginx_accepts() == "nginx refuses its files, so no reload works: unknown directive in shop.conf:3"
    assert nginx_accepts() == "nginx refuses its files, so no reload works: killed"
    assert "is not installed" in nginx_accepts()
