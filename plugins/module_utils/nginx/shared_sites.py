# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sites of which several stacks have paths: one server block for the name, and a file of its own for each stack.

    /etc/nginx/sites.d/<name>.conf             the server block, of the stack that owns it, with its own paths
    /etc/nginx/sites.d/<name>.d/<stack>.site   what another stack has there, whole, as its release holds it; nginx does not read it
    /etc/nginx/sites.d/<name>.d/<stack>.http   cut out of it: what stands beside a server block
    /etc/nginx/sites.d/<name>.d/<stack>.paths  cut out of it: its locations, which the server block includes

A stack holds its site as if it were alone on the name, so any of them can have the server block: it goes to the one that answers for
all that has no path of its own, or has what only a server block can say (further names, certificates of clients); else to the first one
there. When that one goes, the next one's own file becomes the server block in the same reload. The include lines are no part of any
release, and there before anybody else is: so a stack that comes or goes writes nothing of another one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.atomic_files import read_text
from ..hostconfig.entries import Entry
from ..hostconfig.transaction import ConfigSetError
from . import ownership, site_file

Changes = Mapping[str, Mapping[str, "str | None"]]  # name of a site to stack to its content, None for none

# Marks in a site that may be put into the server block of another stack (template site.conf.j2 of role nginx).
_BESIDE = re.compile(r"^# Begin: beside the server block\n(.*?)^# End: beside the server block\n", re.MULTILINE | re.DOTALL)
_INSIDE = re.compile(r"^    # Begin: in the server block\n(.*?)^    # End: in the server block\n", re.MULTILINE | re.DOTALL)
_HEAD = re.compile(r"\A(?:(?!# Begin: )(?:#[^\n]*)?\n)*")
_AUTHORITIES = re.compile(r"^\s*ssl_verify_client\s", re.MULTILINE)
_MATCH = re.compile(r"^ {4}location (?:(=|\^~) )?(/\S*) \{", re.MULTILINE)
_INTERNAL = ("/.latentum-ops", "/.well-known/acme-challenge")
_COUNTED = re.compile(r'^\s*set \$ops_stack "([^"]+)";', re.MULTILINE)


@dataclass
class Shared:
    """What is there of one name.

    :param owner: the stack whose the server block is; empty where nobody's is there.
    :param sites: stack to its site, as its release holds it.
    :param left: the server block is of a stack that was ejected, and so the operator's.
    """

    name: str
    owner: str = ""
    sites: dict[str, str] = field(default_factory=dict)
    left: bool = False


def server_block(name: str) -> Path:
    """The file that nginx includes."""
    return site_file.SITES / f"{name}.conf"


def folder(name: str) -> Path:
    """What other stacks have of it."""
    return site_file.SITES / f"{name}.d"


def is_part(content: str) -> bool:
    """A site that can be in the server block of another stack."""
    return bool(_INSIDE.search(content)) and len(site_file.read(content).names) < 2 and not _AUTHORITIES.search(content)


def needs_server_block(content: str) -> str:
    """Why a site has to have the server block itself; empty where it need not."""
    if not _INSIDE.search(content):
        return "it answers for all that has no path of its own, or was rolled out before a name could be shared"
    if len(names := site_file.read(content).names) > 1:
        return f"it has further names ({', '.join(names[1:])})"
    return "it asks for certificates of clients" if _AUTHORITIES.search(content) else ""


def _includes(name: str) -> tuple[str, str]:
    return f"include {folder(name)}/*.http;\n", f"    include {folder(name)}/*.paths;\n"


def _with_others(content: str, name: str) -> str:
    """A server block that includes what other stacks have."""
    beside, inside = _includes(name)
    head = _HEAD.match(content)
    at = head.end() if head else 0
    body, closing, rest = content[at:].rpartition("}")
    return f"{content[:at]}{beside}{body}{inside}{closing}{rest}"


def _alone(content: str, name: str) -> str:
    """The same as its release holds it."""
    for line in _includes(name):
        content = content.replace(line, "", 1)
    return content


def _cut(content: str, stack: str, name: str) -> tuple[str, str]:
    """What a site has beside and in a server block."""
    beside, inside = _BESIDE.search(content), _INSIDE.search(content)
    head = f"# Of stack {stack}, in {server_block(name)}; from {stack}.site, do not edit.\n"
    return head + (beside[1] if beside else ""), head + (inside[1] if inside else "")


def look(name: str, owners: Mapping[Path, str]) -> Shared:
    """What is there of a name now.

    :param owners: the stack of each file of a site.
    """
    block = server_block(name)
    content = read_text(block)
    found = Shared(name)
    if content is not None:
        found.left = content.startswith(site_file.LEFT)
        counted = _COUNTED.search(content) if found.left else None
        found.owner = counted[1] if counted else owners.get(block, "")
        found.sites = {found.owner: _alone(content, name)} if found.owner and not found.left else {}
    for path in sorted(folder(name).glob("*.site")):
        found.sites.setdefault(path.stem, read_text(path) or "")
    return found


def contents(stack: str, names: Iterable[str]) -> dict[str, str]:
    """The sites of a stack as they are there now, by name; what cannot be told to be another one's counts as its own."""
    owners = _owners()
    found: dict[str, str] = {}
    for name in names:
        there = look(name, owners)
        content = there.sites.get(stack)
        if content is None and there.owner in ("", stack):
            content = read_text(server_block(name))
        if content is not None:
            found[name] = content
    return found


def _owners() -> dict[Path, str]:
    return {path: stack for stack, mine in ownership.owned().items() for path in mine.sites}


def entries(changes: Changes) -> list[Entry]:
    """The files of these sites after these changes; what other stacks have there is served as before.

    :raises ConfigSetError: two stacks need the server block of one name, which the preflight refuses as well.
    """
    owners = _owners()
    return [entry for name, by_stack in changes.items() for entry in _arranged(look(name, owners), by_stack)]


def of_stack(stack: str, sites: Mapping[str, str | None]) -> list[Entry]:
    """The same, of one stack."""
    return entries({name: {stack: content} for name, content in sites.items()})


def _arranged(there: Shared, changes: Mapping[str, str | None]) -> Iterator[Entry]:
    name, block = there.name, server_block(there.name)
    # A server block that an ejected stack has left is its operator's, until that stack comes back, or one needs all of the name.
    taken = there.left and any(content and (stack == there.owner or not is_part(content)) for stack, content in changes.items())
    left = there.left and not taken
    sites = {stack: content for stack, content in {**there.sites, **changes}.items() if content is not None}
    owner = "" if left else _owner(name, sites, there.owner)
    others = {stack: content for stack, content in sites.items() if stack != owner}
    _require_apart(name, sites)
    if left and others and any(line not in (read_text(block) or "") for line in _includes(name)):
        lines = " ".join(line.strip() for line in _includes(name))
        raise ConfigSetError(
            f"{block} was left by the ejected stack {there.owner or '(unknown)'}, and does not include paths of others: write the first of"
            f" these lines above its server blocks and the second into the last one ({lines}), or remove the file"
        )
    if owner:
        content = sites[owner]
        open_to_others = others or ownership.NAMED.search(content) or _left_parts(name)
        yield Entry(path=block, content=(_with_others(content, name) if open_to_others else content).encode())
    elif not left:
        yield Entry(path=block, state="absent")
    wanted: dict[Path, str] = {}
    for stack, content in others.items():
        beside, inside = _cut(content, stack, name)
        files = {"site": content, "http": beside, "paths": inside}
        wanted |= {folder(name) / f"{stack}.{kind}": text for kind, text in files.items()}
    if wanted:
        yield Entry(path=folder(name), state="directory", mode=0o755)
    yield from (Entry(path=path, content=text.encode()) for path, text in wanted.items())
    for path in sorted(folder(name).glob("*.*")):
        if path not in wanted and not site_file.is_left(path):
            yield Entry(path=path, state="absent")


def _left_parts(name: str) -> bool:
    """An ejected stack goes on in the server block of another one, which a former version has written."""
    return any(site_file.is_left(path) for path in folder(name).glob("*.paths"))


def _owner(name: str, sites: Mapping[str, str], before: str) -> str:
    """Whose the server block is."""
    whole = {stack: reason for stack, content in sites.items() if (reason := needs_server_block(content))}
    if len(whole) > 1:
        reasons = "; ".join(f"{stack}: {reason}" for stack, reason in whole.items())
        raise ConfigSetError(f"{name}: has one server block, and several stacks need it ({reasons}): let all but one have paths alone")
    return next(iter(whole), before if before in sites else next(iter(sites), ""))


def _require_apart(name: str, sites: Mapping[str, str]) -> None:
    """nginx refuses a location that is there twice, and does not know whose they are. One that moves has to go before it comes."""
    places: dict[tuple[str, str], str] = {}
    for stack, content in sites.items():
        for sign, path in _matches(content):
            other = places.setdefault((sign.replace("^~", ""), path), stack)
            if other != stack:
                raise ConfigSetError(
                    f"{name}{path}: is a path of the stack {other} and of {stack}: write another one in one of the two; where it moves from"
                    " one to the other, roll out first the one that gives it up (-e ops_only=NAME)"
                )


def _matches(content: str) -> list[tuple[str, str]]:
    """Sign and path of the locations that are for clients, each once."""
    inside = _INSIDE.search(content)
    found = _MATCH.findall(inside[1] if inside else content)
    return list(dict.fromkeys((sign, path) for sign, path in found if not path.startswith(_INTERNAL)))


def described(path: Path, stack: str) -> dict[str, Any]:
    """What a stack has in a file, in the words of filter nginx_sites: ``domain``, ``aliases``, ``locations`` and ``client_ca``."""
    content = read_text(path) or ""
    content = _alone(content, site_file.name_of(path))
    site = site_file.read(content)
    matches = _matches(content)
    return {
        "stack": stack,
        "domain": site.names[0] if site.names else site_file.name_of(path),
        "aliases": list(site.names[1:]),
        # As nginx has them: an exact one is a place by itself.
        "redirects": [{"path": match, "exact": True} for sign, match in matches if sign == "="],
        "locations": [{"path": match} for sign, match in matches if sign != "="],
        "client_ca": bool(_AUTHORITIES.search(content)),
    }


def further_names(name: str, own: Collection[str]) -> list[str]:
    """The names that the certificate of this name has to hold for stacks that are not among these."""
    there = look(name, _owners())
    sites = [site_file.read(content) for stack, content in there.sites.items() if stack not in own]
    return [alias for site in sites if site.certificate == name for alias in site.names]


def whole_file(stack: str, name: str) -> Path:
    """Where a stack's site is kept while the server block is another's."""
    return folder(name) / f"{stack}.site"


def served_files(stack: str, name: str) -> list[Path]:
    """What nginx reads of a stack's site; nothing where it has none."""
    whole = whole_file(stack, name)
    if whole.exists():
        return [whole.with_suffix(f".{kind}") for kind in ("http", "paths")]
    return [server_block(name)] if contents(stack, [name]) else []


def arranged_files(files: Sequence[Mapping[str, Any]], own: Collection[str] | None) -> list[Mapping[str, Any]]:
    """Files of a set as a module takes them, with those of sites where they belong. Sites of other stacks stay.

    :param files: those of sites each as the server block of its name; of several stacks each once.
    :param own: the stacks whose sites are all among them; None for a set that has nothing to do with nginx.
    :raises ConfigSetError: as entries.
    """
    if own is None:
        return list(files)
    stacks = ownership.owned()
    leading = {upstream: stack for stack, mine in stacks.items() for upstream in mine.upstreams}
    changes: dict[str, dict[str, str | None]] = {}
    for stack in own:
        for path in stacks[stack].sites if stack in stacks else ():
            changes.setdefault(site_file.name_of(path), {})[stack] = None
    rest: list[Mapping[str, Any]] = []
    for file in files:
        path, content = Path(str(file["path"])), str(file.get("content") or "")
        is_site = path.parent == site_file.SITES and path.suffix == ".conf" and file.get("state", "file") == "file"
        if is_site and (stack := ownership.stack_of(content, leading)):
            changes.setdefault(site_file.name_of(path), {})[stack] = content
        else:
            rest.append(file)
    by_hand = {str(file["path"]) for file in rest}
    return [*rest, *(raw for raw in _raw(entries(changes)) if raw["path"] not in by_hand)]


def _raw(arranged: Iterable[Entry]) -> Iterator[dict[str, Any]]:
    for entry in arranged:
        content = {"content": entry.content.decode(errors="surrogateescape")} if entry.state == "file" else {}
        yield {"path": str(entry.path), "state": entry.state, "mode": f"{entry.mode:04o}", "owner": "root", "group": "root", **content}
