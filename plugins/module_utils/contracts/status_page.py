# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the status page looks. Its policy allows this style by its hash, and nothing else: no script, no font, no request."""

from __future__ import annotations

import base64
import hashlib

# Each text colour stands at 4.5 : 1 or more on `paper`, `card` and, in white, on the banner of its level (WCAG 2.2, 1.4.3).
# `bar-*` are surfaces, told apart by height and text as well.
LIGHT = {
    "paper": "#f5f6f8", "card": "#ffffff", "ink": "#14181d", "soft": "#58616c", "line": "#e2e6ea",
    "ok": "#0d6e3f", "degraded": "#8a4f00", "down": "#b3211a", "maintenance": "#1c5bb8", "none": "#58616c",
    "bar-ok": "#26a269", "bar-degraded": "#e8930c", "bar-down": "#d6342a", "bar-none": "#d9dee4",
}  # fmt: skip
DARK = {
    "paper": "#0d1014", "card": "#161a20", "ink": "#e9ecf0", "soft": "#a1aab5", "line": "#2a3038",
    "ok": "#56d08f", "degraded": "#f2b350", "down": "#ff8a80", "maintenance": "#8ab8ff", "none": "#a1aab5",
    "bar-ok": "#2fae72", "bar-degraded": "#f0a63a", "bar-down": "#f2544a", "bar-none": "#353c46",
}  # fmt: skip
# Behind white text, in the light and in the dark.
BANNER = {"ok": "#12774a", "degraded": "#935300", "down": "#b3211a", "maintenance": "#1c5bb8", "none": "#58616c"}
STALE_AFTER = 120  # seconds after which a status says nothing about now
RENEWED = 30  # seconds after which a browser loads the page again


def _variables(palette: dict[str, str]) -> str:
    return "".join(f"--{name}:{value};" for name, value in palette.items())


_COLOURED = "".join(f".{name}{{color:var(--{name})}}.banner.{name}{{background:{value};color:#fff}}" for name, value in BANNER.items())
STYLE = f"""
:root{{color-scheme:light dark;{_variables(LIGHT)}}}
@media (prefers-color-scheme:dark){{:root{{{_variables(DARK)}}}}}
*{{box-sizing:border-box}}
html{{-webkit-text-size-adjust:100%;text-size-adjust:100%}}
body{{margin:0;background:var(--paper);color:var(--ink);overflow-wrap:anywhere;
font:16px/1.5 Inter,"Inter Variable",system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}}
header,main,footer{{max-width:56rem;margin:0 auto;padding:0 1rem}}
header{{padding-top:2rem}}
h1,h2,h3,p,ul,ol,dl,dd{{margin:0;padding:0}}
h1{{font-size:1.375rem;letter-spacing:-.01em}}
h2{{font-size:1.125rem;margin:2.5rem 0 .75rem;letter-spacing:-.01em}}
h3{{font-size:1rem;font-weight:600}}
ul,ol{{list-style:none}}
{_COLOURED}
.soft{{color:var(--soft)}}
.small,.reason{{font-size:.875rem;margin-top:.25rem}}
.busy{{margin-bottom:.5rem}}
.banner{{margin-top:1rem;padding:1.125rem 1.25rem;border-radius:.75rem;display:flex;gap:.875rem;align-items:flex-start}}
.banner p{{font-size:1.25rem;font-weight:600;line-height:1.35}}
.banner .written{{font-size:.875rem;font-weight:400;margin-top:.25rem}}
.banner .icon{{width:1.5rem;height:1.5rem;margin-top:.1rem}}
.stale{{margin-top:1rem;padding:1rem 1.25rem;border-radius:.75rem;border:2px solid var(--down);background:var(--card);font-weight:600}}
.late{{visibility:hidden;max-height:0;margin:0;padding:0 1.25rem;border-width:0;overflow:hidden;animation:late 0s {STALE_AFTER}s forwards}}
@keyframes late{{to{{visibility:visible;max-height:20rem;margin-top:1rem;padding:1rem 1.25rem;border-width:2px}}}}
.icon{{width:1em;height:1em;flex:none;fill:currentColor}}
.state{{display:inline-flex;gap:.4em;align-items:center;font-size:.875rem;font-weight:600;white-space:nowrap}}
.cards>li,.card{{background:var(--card);border:1px solid var(--line)}}
.cards>li{{padding:1rem 1.25rem;border-top-width:0}}
.cards>li:first-child{{border-top-width:1px;border-radius:.75rem .75rem 0 0}}
.cards>li:last-child{{border-radius:0 0 .75rem .75rem}}
.cards>li:only-child,.card{{border-radius:.75rem}}
.card{{padding:1rem 1.25rem}}
.card+.card{{margin-top:.75rem}}
.row{{display:flex;flex-wrap:wrap;gap:.125rem 1rem;align-items:baseline;justify-content:space-between}}
.row .facts{{color:var(--soft);font-size:.875rem;margin-left:auto;font-variant-numeric:tabular-nums}}
.facts span+span::before{{content:"·";margin:0 .5em}}
.service .facts{{margin-left:0;flex:1}}
.row+p{{margin-top:.25rem}}
.bars{{display:block;width:100%;height:2.25rem;margin-top:.75rem;fill:var(--bar-ok);forced-color-adjust:none}}
.bars .none{{fill:var(--bar-none)}}
.bars .degraded{{fill:var(--bar-degraded)}}
.bars .down{{fill:var(--bar-down)}}
.bars g:hover{{opacity:.7}}
.scale{{display:flex;align-items:baseline;gap:.75rem;font-size:.8125rem;color:var(--soft);margin-top:.375rem}}
.scale .uptime{{flex:1;text-align:center;color:var(--ink);font-weight:600;font-variant-numeric:tabular-nums}}
.legend{{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;font-size:.8125rem;color:var(--soft);margin:0 0 .75rem}}
.legend li{{display:flex;gap:.45em;align-items:center}}
.legend .bars{{width:.625rem;height:1rem;fill:var(--bar-ok);margin:0;forced-color-adjust:none}}
details{{font-size:.875rem}}
.days{{margin-top:.25rem}}
summary{{cursor:pointer;color:var(--soft);padding:.25rem 0}}
summary:focus-visible{{outline:2px solid var(--maintenance);outline-offset:2px;border-radius:.25rem}}
.days ul{{padding:.125rem 0 .25rem 1.1rem}}
.incident{{box-shadow:inset .3125rem 0 var(--bar-degraded)}}
.incident.critical{{box-shadow:inset .3125rem 0 var(--bar-down)}}
.incident.info{{box-shadow:inset .3125rem 0 var(--maintenance)}}
.incident p{{margin-top:.375rem}}
.incident p.soft{{font-size:.875rem}}
.done{{margin-top:.5rem;padding-left:1rem;border-left:2px solid var(--line);font-size:.875rem}}
.done li{{margin-top:.25rem}}
.done time{{color:var(--soft);margin-right:.625em;font-variant-numeric:tabular-nums}}
.checks{{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,20rem),1fr));gap:.375rem 3rem}}
.checks .facts{{flex:1;text-align:right}}
.history{{padding:.5rem 0}}
.history>li+li{{border-top:1px solid var(--line)}}
.history summary{{display:grid;grid-template-columns:9.5rem 1fr auto 1rem;gap:0 1rem;padding:.5rem 1.25rem;align-items:baseline}}
.history summary strong{{color:var(--ink);font-weight:600;font-size:1rem}}
.history summary::after{{content:"";width:.5rem;height:.5rem;border:solid;border-width:0 2px 2px 0;justify-self:end;
transform:translateY(-.2rem) rotate(45deg)}}
.history details[open] summary::after{{transform:translateY(.1rem) rotate(-135deg)}}
.history .lasted{{font-variant-numeric:tabular-nums}}
.history .more{{padding:0 1.25rem .75rem}}
.history .more p{{margin-top:.25rem}}
footer{{padding-top:2rem;padding-bottom:3rem;font-size:.875rem;color:var(--soft)}}
@media (max-width:36rem){{
header{{padding-top:1.25rem}}
.cards>li,.card{{padding:.875rem 1rem}}
.row .state{{margin-left:auto}}
.cards .facts{{order:1;flex-basis:100%;margin-left:0}}
.history{{padding:.25rem 0}}
.history summary{{grid-template-columns:1fr auto 1rem;padding:.5rem 1rem}}
.history summary time{{grid-row:2;grid-column:1/-1}}
.history summary::after{{grid-row:1;grid-column:3}}
.history .more{{padding:0 1rem .75rem}}
}}
@media print{{.banner{{background:none!important;color:inherit!important;border:2px solid}}.card,.cards>li{{break-inside:avoid}}}}
"""
STYLE_HASH = "sha256-" + base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
# For the header of nginx; the page carries the same, but for `frame-ancestors`, which browsers take from a header only.
# `data:` is for the icon of the tab.
PAGE_CSP = f"default-src 'none'; style-src '{STYLE_HASH}'; img-src data:; base-uri 'none'; form-action 'none'"
CSP = f"{PAGE_CSP}; frame-ancestors 'none'"
