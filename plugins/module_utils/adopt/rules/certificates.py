# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates: which are taken over, which go on being renewed as they are, and which renewals would fail behind our nginx."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

from ..finding import Finding, Given, Verdict, spelled
from ..survey.certificates import COMMAND_LINE, HOOKS, Certificate

DAY = 86400
SOON = 21  # days before the end of a certificate, when certbot should have renewed it
_STOPS_NGINX = re.compile(r"\b(?:systemctl|service)\b.*\bstop\b.*\bnginx\b|\bservice\s+nginx\s+stop\b|\bnginx\s+-s\s+(?:stop|quit)\b")


def judge(given: Given) -> Iterator[Finding]:
    """A finding a certificate, for cli.ini and for hooks."""
    for certificate in given.survey.certificates.certificates:
        yield _judged(given, certificate)
    yield from _common(given)


def _judged(given: Given, certificate: Certificate) -> Finding:
    settings = certificate.settings or {}
    days = int((certificate.not_after - time.time()) // DAY) if certificate.not_after else None
    parts = [certificate.client or "nobody renews it", settings.get("authenticator", ""), "" if days is None else f"{days} days left"]
    base = Finding("certificate", " ".join(certificate.domains) or certificate.name, ", ".join(filter(None, [*parts, certificate.file])))
    declared = {
        str(certificate["name"]): {str(name) for name in certificate["domains"]}
        for certificate in (given.role("certbot") or {}).get("certificates") or ()
    }
    if certificate.client == "certbot":
        if certificate.name in _own(given):
            effect = "serves your own (certificates) in its place; certbot forgets it, unless a file below /etc still names it"
            return base.judged(Verdict.TAKEN_OVER, "nginx", effect)
        if certificate.name in declared:
            return _lineage_of_ours(given, base, certificate, declared[certificate.name])
        if conflict := _fails_to_renew(given, base, certificate):
            return conflict
    if days is not None and days < SOON and certificate.used_by:
        effect = f"has {days} days left" if days >= 0 else "has expired"
        return base.judged(Verdict.REPORTED, "", f"{effect}; {certificate.client or 'nobody'} renews it", certificate.file, "")
    return base.judged(Verdict.STAYS, "", "goes on being renewed as it is" if certificate.client else "")


def _own(given: Given) -> set[str]:
    """Names of certificates that the operator brings."""
    wanted = (given.role("nginx") or {}).get("preflight") or {}
    return {str(certificate["name"]) for certificate in wanted.get("own_certificates") or ()}


def _lineage_of_ours(given: Given, base: Finding, certificate: Certificate, domains: set[str]) -> Finding:
    """A lineage under the name of a declared certificate: certbot keeps it, or replaces it for one of these reasons (tls/issue.py)."""
    wanted, settings = given.role("certbot") or {}, certificate.settings or {}
    reasons = []
    if set(certificate.domains) != domains:
        reasons.append("other names")
    if settings.get("key_type", "rsa") != str(wanted.get("key_type", "ecdsa")):
        reasons.append(f"its key is {settings.get('key_type', 'rsa')}")
    if settings.get("server") and settings["server"] != str(wanted.get("directory_url")):
        reasons.append(f"it comes from {settings['server']}")
    if reasons:
        effect = f"issues it anew ({', '.join(reasons)}), by {'DNS' if wanted.get('dns_plugin') else 'webroot'} from then on"
        key, value = ("certbot_key_type", settings.get("key_type", "rsa")) if reasons[-1].startswith("its key") else ("", "")
        return base.judged(Verdict.TAKEN_OVER, "certbot", effect, key, value)
    if settings.get("authenticator") in {"webroot"} or str(settings.get("authenticator", "")).startswith("dns-"):
        return base.judged(Verdict.MANAGED, "certbot")
    effect = (
        f"serves it as it is; its renewal by {settings.get('authenticator', 'an unknown way')} stays and fails while nginx holds port 80"
    )
    fix = f'`-e \'{{"certbot_force": ["{certificate.name}"]}}\'` once, so that it is issued by webroot'
    return base.judged(Verdict.CONFLICT, "certbot", effect, "certbot_force", fix)


def _fails_to_renew(given: Given, base: Finding, certificate: Certificate) -> Finding | None:
    """The challenge of somebody else's certificate, behind the nginx of the role."""
    settings = certificate.settings or {}
    wanted = given.role("nginx")
    if wanted is None:
        return None
    hooks = " ".join(settings.get(hook, "") for hook in HOOKS)
    way = settings.get("authenticator", "")
    webroot = str(wanted.get("acme_webroot") or "/var/www/acme")
    fix = f"`certbot certonly --cert-name {certificate.name} --webroot -w {webroot} --force-renewal` with its names, after the run"
    if _STOPS_NGINX.search(hooks):
        effect = "keeps nginx from answering: its hook stops nginx at each renewal, and all sites with it"
        return base.judged(Verdict.CONFLICT, "nginx", effect, f"/etc/letsencrypt/renewal/{certificate.name}.conf", fix)
    if given.behind:
        return None  # an authority asks the proxy, as it does now
    if way == "standalone":
        effect = "holds port 80, which the renewal by standalone needs: it would fail"
        return base.judged(Verdict.CONFLICT, "nginx", effect, f"/etc/letsencrypt/renewal/{certificate.name}.conf", fix)
    if way in {"nginx", "webroot"} and not given.keeps_foreign("nginx") and settings.get("webroot_path") != webroot:
        effect = f"answers challenges from {webroot} only, unless a site of its own does: the renewal would fail"
        return base.judged(Verdict.REPORTED, "nginx", effect, f"/etc/letsencrypt/renewal/{certificate.name}.conf", fix)
    if way == "apache":
        return base.judged(Verdict.REPORTED, "nginx", "holds port 80: the renewal by Apache would fail", "", fix)
    return None


def _common(given: Given) -> Iterator[Finding]:
    """What certbot does for all certificates."""
    renewals = given.survey.certificates
    wanted = given.role("certbot")
    if renewals.defaults:
        shown = ", ".join(f"{name} = {value}" for name, value in renewals.defaults.items())
        base = Finding("certbot settings", COMMAND_LINE, shown)
        if wanted is None:
            yield base
        else:
            hooks = {name: value for name, value in renewals.defaults.items() if name.endswith("hook")}
            fix = f"a program below renewal-hooks that does {spelled(hooks)}" if hooks else "--option at the lineage (certbot reconfigure)"
            effect = "writes this file anew: these settings are lost for all lineages"
            yield base.judged(Verdict.REPORTED if hooks else Verdict.TAKEN_OVER, "certbot", effect, COMMAND_LINE, fix)
    for hook in renewals.hooks:
        yield Finding("certbot hook", hook, "runs for each renewal").judged(Verdict.STAYS, "certbot", "runs beside it a hook of its own")
