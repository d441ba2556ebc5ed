# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sites of web servers: role nginx writes nginx.conf anew, and includes its own sites alone."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import PurePosixPath

from ...nginx import beside
from ...nginx.beside import MAIN
from ...nginx.site_file import LEFT, SITES
from ...preflight.nginx_sites import OURS
from ..finding import Finding, Given, Verdict
from ..survey.site import Site

OWN = f"{SITES}/"
WELCOME = {"/var/www/html", "/usr/share/nginx/html", "html"}


def judge(given: Given) -> Iterator[Finding]:
    """A finding for each site, and for nginx.conf itself."""
    if main := given.host.read(MAIN):
        yield from _main(given, main)
    for site in given.survey.sites:
        if site.file in beside.PLACES:
            continue
        if not (site.file.startswith(OWN) or (site.file == MAIN and OURS in (main or ""))):
            yield _nginx(given, site) if site.server == "nginx" else _other(given, site)
        elif site.file.startswith(OWN):
            yield from _ours(given, site)
    yield from _addresses(given)
    yield from _by_labels(given)
    yield from _homes(given)


def _base(site: Site) -> Finding:
    to = f", to {', '.join(site.upstreams)}" if site.upstreams else f", from {', '.join(site.roots)}" if site.roots else ""
    return Finding(f"{site.server} site", site.title, f"{site.file}:{site.line}{to}" if site.line else f"{site.file}{to}")


def _declared_domains(given: Given) -> dict[str, str]:
    """Domains of the inventory, each with the name of its site."""
    domains: dict[str, str] = {}
    for site in (given.role("nginx") or {}).get("sites") or ():
        for domain in [site.get("domain"), *(site.get("aliases") or ())]:
            domains[str(domain)] = str(site.get("name"))
    return domains


def _nginx(given: Given, site: Site) -> Finding:
    base = _base(site)
    wanted = given.role("nginx")
    if wanted is None:
        return base
    shared = sorted(set(site.names) & set(_declared_domains(given)))
    if shared and given.behind:
        return _in_front(given, site, shared)
    if shared and (given.keeps_foreign("nginx") or _included(given, site)):
        effect = f"serves {', '.join(shared)} too, and nginx would answer from one of both"
        return base.judged(Verdict.CONFLICT, "nginx", effect, "", f"take the site out of {site.file} when the route is to answer")
    if shared:
        return base.judged(Verdict.TAKEN_OVER, "nginx", f"serves {', '.join(shared)} by the routes of the inventory instead")
    if given.keeps_foreign("nginx") or _included(given, site):
        return base.judged(Verdict.STAYS, "nginx", "includes its own sites beside it")
    if not site.names and set(site.roots) <= WELCOME and not site.upstreams:
        return base.judged(Verdict.TAKEN_OVER, "nginx", "takes the place of the page that greets after an installation")
    effect = "writes a configuration that does not include it: the site would go dark"
    return base.judged(Verdict.CONFLICT, "nginx", effect, "nginx_keep_foreign", "true")


def _addresses(given: Given) -> Iterator[Finding]:
    """Where sites that stay listen, ours are reached only as far as nothing of theirs becomes another one."""
    if given.role("nginx") is None or not given.keeps_foreign("nginx") or given.behind:
        return
    others = [site for site in given.survey.sites if site.server == "nginx" and site.file not in beside.PLACES]
    listens = [listen for site in others if not site.file.startswith(OWN) for listen in site.listens]
    for port in sorted(set(beside.ipv4_only(listens)) & {80, 443}):
        base = Finding("nginx address", f"[::]:{port}", "the sites that are here listen on IPv4 only")
        effect = "listens on IPv4 only there as well: by IPv6 it would answer in place of them"
        yield base.judged(Verdict.REPORTED, "nginx", effect, "", f"write `listen [::]:{port}` into theirs, and ours follow")
    for address in beside.hiding(listens):
        base = Finding("nginx address", address, "named by a site that is here")
        effect = "listens on all addresses, and connections to one that is named come to its sites alone"
        yield base.judged(Verdict.REPORTED, "nginx", effect, "", "let the domains of the routes point to another address")


def _included(given: Given, site: Site) -> bool:
    """``nginx_http_directives`` include its file."""
    lines = ((given.role("nginx") or {}).get("preflight") or {}).get("http_directives") or ()
    return any(fnmatch(site.file, pattern.strip()) for line in lines for pattern in beside.INCLUDE.findall(str(line)))


def _ours(given: Given, site: Site) -> Iterator[Finding]:
    """A file of sites.d: of this inventory, or of another that manages the same host."""
    name = site.file.removeprefix(OWN).removesuffix(".conf")
    declared = {str(site.get("name")) for site in (given.role("nginx") or {}).get("sites") or ()}
    if name in declared or given.role("nginx") is None:
        yield _base(site).judged(Verdict.MANAGED, "nginx")
    elif (given.host.read(site.file) or "").startswith(LEFT):
        yield _base(site).judged(Verdict.STAYS, "nginx", "was left by a stack that was ejected")
    elif not any(set(site.names) & set(stack.domains) for stack in given.survey.engine.stacks):
        effect = "removes it: the folder is the role's own, and no stack has this site"
        yield _base(site).judged(Verdict.TAKEN_OVER, "nginx", effect, "nginx_extra_sites")


def _other(given: Given, site: Site) -> Finding:
    base = _base(site)
    shared = sorted(set(site.names) & set(_declared_domains(given)))
    if shared and given.behind:
        return _in_front(given, site, shared)
    if shared:
        effect = f"{site.server} serves {', '.join(shared)}, which are routes of the inventory"
        return base.judged(Verdict.CONFLICT, "nginx", effect, "", f"take the site out of {site.file}, or the domain out of the routes")
    return base.judged(Verdict.STAYS, "", "is not touched; see its ports")


def _in_front(given: Given, site: Site, shared: list[str]) -> Finding:
    """A site of the proxy in front, for a domain of a route: it must lead to our nginx."""
    base, names = _base(site), ", ".join(shared)
    ports = tuple(f":{address.rpartition(':')[2]}" for address in given.behind)
    if any(upstream.rstrip("/").endswith(ports) for upstream in site.upstreams):
        return base.judged(Verdict.STAYS, "nginx", f"stands behind it, and gets {names} from it")
    effect = f"stands behind it, and gets {names} only if this site passes it on"
    return base.judged(Verdict.REPORTED, "nginx", effect, "", f"{site.file}: pass it on to {' or '.join(given.behind)}")


def _by_labels(given: Given) -> Iterator[Finding]:
    """Containers that a proxy in front of them is told about by labels."""
    declared = _declared_domains(given)
    for container in given.survey.containers:
        if not container.hosts or container.ours:
            continue
        base = Finding("proxied container", " ".join(container.hosts), f"container {container.name}, by its labels")
        shared = sorted(set(container.hosts) & set(declared))
        if shared and given.role("nginx") is not None and not given.stack(container.project):
            effect = f"{', '.join(shared)} is a route of the inventory, and a proxy of containers leads it here"
            yield base.judged(Verdict.CONFLICT, "nginx", effect, "", "take the labels away, or the domain out of the routes")
        else:
            yield base


def _main(given: Given, main: str) -> Iterator[Finding]:
    """What stands in nginx.conf beside sites is lost with it."""
    if OURS in main:
        yield Finding("nginx.conf", MAIN, "written by role nginx", Verdict.MANAGED, "nginx")
        return
    base = Finding("nginx.conf", MAIN, "of the package, or of somebody")
    if given.role("nginx") is None:
        yield base
    elif given.keeps_foreign("nginx"):
        yield base.judged(
            Verdict.STAYS, "nginx", f"leaves it, and is included from {PurePosixPath(beside.place(main) or beside.PLACES[0]).parent.name}"
        )
    else:
        effect = "writes it anew: settings of http, stream and mail blocks are lost"
        yield base.judged(Verdict.TAKEN_OVER, "nginx", effect, "nginx_http_directives", "[lines that are to stay]")


def _hidden(given: Given) -> bool:
    """The unit of role nginx hides the homes from it."""
    return given.role("nginx") is not None and not given.keeps_foreign("nginx")


def _homes(given: Given) -> Iterator[Finding]:
    """Web servers read as a user of their own, which a home with mode 0750 shuts out."""
    modes = (given.role("os_hardening") or {}).get("path_modes") or {}
    if "/home/*" not in modes and not _hidden(given):
        return
    for site in given.survey.sites:
        for root in site.roots:
            if root.startswith("/home/"):
                base = Finding("site in a home", root, f"{site.title} of {site.server}, {site.file}")
                if site.server == "nginx" and _hidden(given):
                    effect = "hides the homes from nginx (ProtectHome of its unit): it could not read the site"
                    yield base.judged(Verdict.REPORTED, "nginx", effect, "", "move the folder below /srv")
                elif "/home/*" in modes:
                    effect = f"takes the homes from everybody else (mode {modes['/home/*']}): the web server could not read the site"
                    fix = "move the folder below /srv, or give its group to the web server"
                    yield base.judged(Verdict.REPORTED, "os_hardening", effect, "os_hardening_path_modes", fix)
