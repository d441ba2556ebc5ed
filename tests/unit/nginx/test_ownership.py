# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose sites and upstreams are, from the files themselves."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core import paths
from ansible_collections.latentum.ops.plugins.module_utils.nginx import ownership, site_file, sync, writer

SITE = """server {{
    ssl_certificate /etc/latentum-ops/tls/{domain}/fullchain.pem;
    server_name {domain} www.{domain};
    location / {{
        {serves}
    }}
}}
"""


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A host with three stacks, one of which has a status page alone, and a site that a role brought."""
    for module, name in ((paths, "UPSTREAMS"), (site_file, "SITES"), (sync, "RENDERED"), (sync, "CONFIGURATION")):
        folder = tmp_path / ("upstreams" if name == "CONFIGURATION" else name.lower())
        folder.mkdir(exist_ok=True)
        monkeypatch.setattr(module, name, folder)
    monkeypatch.setattr(writer, "WRITER_LOCK", tmp_path / "lock")
    for stack in ("shop", "blog"):
        name = f"{stack}_web_80"
        content = json.dumps([{"name": name, "project": stack, "service": "web", "port": 80}])
        (tmp_path / "upstreams" / f"{stack}.json").write_text(content)
        (tmp_path / "rendered" / f"{name}.conf").write_text("")
        site(tmp_path, f"{stack}.example.com", f"proxy_pass http://{name};")
    site(tmp_path, "status.example.com", "alias /run/latentum-ops-watchdog/page/hr/;")
    site(tmp_path, "legacy.example.com", "proxy_pass http://10.0.0.9:80;")
    (tmp_path / "sites" / "old.example.com.conf").write_text(
        "# Of stack shop\n" + SITE.format(domain="old.example.com", serves="return 308;")
    )
    return tmp_path


def site(host: Path, domain: str, serves: str) -> None:
    (host / "sites" / f"{domain}.conf").write_text(SITE.format(domain=domain, serves=serves))


def test_a_site_is_of_the_stack_that_it_leads_to(host: Path) -> None:
    stacks = ownership.owned()
    assert {stack: [path.name for path in mine.sites] for stack, mine in stacks.items()} == {
        "shop": ["old.example.com.conf", "shop.example.com.conf"],
        "blog": ["blog.example.com.conf"],
        "hr": ["status.example.com.conf"],
    }
    assert set(stacks["shop"].domains) == {f"{www}{name}.example.com" for www in ("", "www.") for name in ("old", "shop")}
    assert stacks["shop"].certificates == {"old.example.com", "shop.example.com"} and stacks["shop"].upstreams == ["shop_web_80"]


def test_a_run_leaves_what_others_have_and_purges_what_is_nobodys(host: Path) -> None:
    with ownership.undisturbed(["shop"]) as kept:
        assert {path.name for path in kept} == {"blog.json", "blog.example.com.conf", "status.example.com.conf"}
    with ownership.undisturbed(["none"]) as kept:  # a host without a stack of its own
        assert {path.name for path in kept} >= {"shop.json", "shop.example.com.conf"}
    with ownership.undisturbed(None) as kept:
        assert kept == set()


def test_upstreams_that_are_kept_for_a_site_in_a_rollout_are_the_stacks_too(host: Path) -> None:
    (host / "upstreams/blog.json").rename(host / "upstreams/blog.kept.json")
    assert [path.name for path in ownership.of_others(["shop"])["blog"].files] != []
    assert ownership.owned()["blog"].upstreams == ["blog_web_80"]


def test_upstreams_of_others_are_not_purged_although_no_site_leads_to_them_yet(host: Path) -> None:
    (host / "sites/blog.example.com.conf").unlink()
    (host / "rendered/old_web_80.conf").write_text("")
    changed = sync.sync(None, [], purge=True, own=["shop"], reload=False, check_mode=True).paths
    assert [Path(path).name for path in changed] == ["old_web_80.conf"]
    changed = sync.sync(None, [], purge=True, reload=False, check_mode=True).paths
    assert [Path(path).name for path in changed] == ["blog_web_80.conf", "old_web_80.conf"]


def test_damaged_definitions_are_named(host: Path) -> None:
    (host / "upstreams/blog.json").write_text('[{"project": "blog"}]')
    with pytest.raises(ValueError, match=r"blog\.json: 'name' is missing"):
        ownership.owned()


def test_nobody_writes_meanwhile(host: Path) -> None:
    """A rollout of another stack that brings a site in between would lose it."""
    done = threading.Event()

    def publish() -> None:
        with writer.one_writer():
            done.set()

    with ownership.undisturbed(["shop"]):
        thread = threading.Thread(target=publish)
        thread.start()
        assert not done.wait(0.2)
    thread.join(5)
    assert done.is_set()
