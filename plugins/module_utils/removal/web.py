# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the web server and certbot have of a stack."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Collection

from ..core.atomic_files import read_text
from ..core.process import run
from ..hostconfig.entries import Entry
from ..hostconfig.transaction import ConfigSet, apply
from ..nginx import drain, ownership, shared_sites, site_file, sync
from ..nginx.writer import one_writer
from ..tls.certificates import Layout, forget_own
from ..tls.issue import one_certbot
from .report import Report


def certificates_of(stack: str) -> set[str]:
    """The certificates that the sites of a stack use and no other site does."""
    mine = ownership.owned().get(stack, ownership.Owned())
    others = [path for path in site_file.every() if path not in mine.sites]
    return mine.certificates - {site_file.read(read_text(path) or "").certificate for path in others}


def sites(stack: str, report: Report, timeout: float) -> None:
    """Sites and upstreams go in one reload, which nginx has tested; then the requests that had begun are waited for.

    :param timeout: seconds to wait for them.
    :raises ConfigSetError: nginx refuses to go on without them; everything is as it was.
    """
    with one_writer():
        stacks = ownership.owned()
        mine = stacks.pop(stack, ownership.Owned())
        kept = {name for other in stacks.values() for name in other.upstreams}
        rendered = [sync.RENDERED / f"{name}{suffix}" for name in mine.upstreams if name not in kept for suffix in sync.SUFFIXES]
        addresses = {address for path in rendered for address in sync.SERVER.findall(read_text(path) or "")}
        files = [path for path in dict.fromkeys([*mine.definitions, *rendered]) if path.exists()]
        # Paths of other stacks go on: where the server block was this one's, another one has it from the same reload on.
        places = shared_sites.of_stack(stack, {site_file.name_of(path): None for path in mine.sites})
        for path in mine.sites:
            report.goes("site", site_file.name_of(path))
        for path in files:
            report.goes("upstream", path.stem)
        before = drain.workers()
        wanted = ConfigSet(
            name="nginx",
            entries=[*places, *(Entry(path=path, state="absent") for path in files)],
            parents=True,
            validate=[sync.NGINX_TEST],
            activate=[sync.NGINX_RELOAD],
            activate_unit="nginx.service",
            journal=True,
        )
        apply(wanted, check_mode=report.check)
        for path in () if report.check else mine.sites:
            with contextlib.suppress(OSError):  # somebody has paths of the name
                shared_sites.folder(site_file.name_of(path)).rmdir()
    if (places or files) and not report.check:
        drain.wait(before, addresses, timeout)


def certificates(names: Collection[str], report: Report, layout: Layout | None = None) -> None:
    """Certificates that nobody names any more: certbot forgets them, so that it does not try to renew them for ever."""
    place = layout or Layout()
    for name in sorted(names):
        known = place.renewal(name).exists() or place.live(name).exists()
        own = place.own(name).parent
        if not (known or place.link(name).is_symlink() or place.placeholder(name).exists() or own.exists()):
            continue
        report.goes("certificate", name)
        if report.check:
            continue
        place.link(name).unlink(missing_ok=True)
        shutil.rmtree(place.placeholder(name), ignore_errors=True)
        forget_own(place, name)
        if known:
            with one_certbot(place):
                run(["certbot", "delete", "--non-interactive", "--cert-name", name], timeout=120)
