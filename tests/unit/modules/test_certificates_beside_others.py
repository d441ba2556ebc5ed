# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module certificates on a host of several stacks: what another stack has of a name stays in its one certificate."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core import paths
from ansible_collections.latentum.ops.plugins.module_utils.nginx import site_file
from ansible_collections.latentum.ops.plugins.module_utils.tls import certificates as tls
from ansible_collections.latentum.ops.plugins.module_utils.tls.certificates import Layout, Wanted
from ansible_collections.latentum.ops.plugins.modules import certificates

NAME = "shop.example.com"
WANTED = [Wanted(NAME, (NAME,)), Wanted("blog.example.com", ("blog.example.com",))]


@pytest.fixture(autouse=True)
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """The shop has the server block of its name, with an alias."""
    monkeypatch.setattr(site_file, "SITES", tmp_path)
    monkeypatch.setattr(paths, "UPSTREAMS", tmp_path / "upstreams")
    layout = Layout(tmp_path / "tls", tmp_path / "letsencrypt")
    monkeypatch.setattr(tls, "Layout", lambda: layout)
    certificate = f"    ssl_certificate /etc/latentum-ops/tls/{NAME}/fullchain.pem;\n"
    (tmp_path / f"{NAME}.conf").write_text(f"# Of stack shop\nserver {{\n    server_name {NAME} www.example.com;\n{certificate}}}\n")
    return layout


def test_names_of_another_stack_stay_and_own_ones_go() -> None:
    assert certificates._beside_others(WANTED, ["blog"]) == [Wanted(NAME, (NAME, "www.example.com")), WANTED[1]]
    assert certificates._beside_others(WANTED, ["shop", "blog"]) == WANTED, "an alias that the shop has dropped"
    assert certificates._beside_others(WANTED, []) == WANTED


def test_one_of_the_operators_own_that_another_stack_has_brought_is_not_asked_for(host: Layout) -> None:
    host.own(NAME).mkdir(parents=True)
    (host.own(NAME).parent / tls.OWNER).write_text("shop\n")
    host.link(NAME).symlink_to(host.own(NAME))
    assert certificates._beside_others(WANTED, ["blog"]) == [WANTED[1]]
    assert certificates._beside_others(WANTED, ["shop"]) == WANTED, "its own stack may go back to certbot"
