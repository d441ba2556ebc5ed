# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verbs of opsctl that people use all day: the containers of a stack, what they write, and a shell in one of them."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any

from ..containers.api import EngineError
from ..containers.client import Container, DockerUnavailable, Engine
from ..core.format import padded
from ..logs.records import CLASSES
from ..release.stacks import stacks
from ..status import container_list
from . import audit, output, stack_choice
from .arguments import shared
from .log_view import Line, LogView, colour_of, moment, since_from
from .output import Output
from .session import Session, is_terminal

LINES = 100  # of each container, where nothing else is said
NO_COMMAND = (126, 127)  # exit statuses of what cannot be run, or is not there
SHELL = "command -v bash >/dev/null 2>&1 && exec bash || exec sh"


def add_parsers(verbs: Any) -> None:
    """The command line of these verbs."""
    everywhere = shared(stack="only of this stack; all when none is named or stood in")
    listed = verbs.add_parser("ps", parents=[everywhere])
    listed.add_argument("services", nargs="*", metavar="SERVICE", help="only of these services")
    listed.add_argument("--wide", action="store_true", help="every column in full, however narrow the terminal is")

    logs = verbs.add_parser("logs", parents=[shared()])
    logs.add_argument("services", nargs="*", metavar="SERVICE", help="only of these services; of all when none is named")
    logs.add_argument("-f", "--follow", action="store_true", help="go on with what they write, also after restarts and rollouts")
    logs.add_argument(
        "-n", "--lines", default="", metavar="COUNT", help=f"the last lines of each container, or `all`; {LINES}, with --since all"
    )
    logs.add_argument("--since", default="", metavar="TIME", help="from 2026-11-20T14:03:07Z on, or from 90s, 10m, 2h or 1d ago")
    logs.add_argument("--grep", default="", metavar="PATTERN", help="only lines with this regular expression; (?i) before it ignores case")
    logs.add_argument("--request", default="", metavar="ID", help="only lines with this id of a request (X-Request-ID)")
    logs.add_argument("--archive", action="store_true", help="of the tree of log_shipping: also nginx, the journal, other hosts")
    logs.add_argument("--host", default="", metavar="NAME", help="with --archive: only of this host")
    logs.add_argument("--class", dest="kind", choices=CLASSES, help="with --archive: only of this class")
    logs.add_argument("--replica", type=int, metavar="NUMBER", help="only of this container of each service")
    logs.add_argument("--timestamps", action="store_true", help="with the time of each line (UTC)")
    logs.add_argument("--no-prefix", action="store_true", help="without the name of the container before each line")
    logs.add_argument("--colour", "--color", choices=("auto", "always", "never"), default="auto", help="auto: on a terminal")

    shell = verbs.add_parser("shell", parents=[shared(as_json=False)])
    shell.add_argument("--root", action="store_true", help="as root, rather than as the user of the container")
    shell.add_argument("--replica", type=int, metavar="NUMBER", help="in this container of the service")
    shell.add_argument("--tty", action="store_true", help="with a terminal, or not at all")
    shell.add_argument("--no-tty", action="store_true", help="without a terminal, also where there is one")
    shell.add_argument("service", metavar="SERVICE")
    shell.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND", help="a shell when none is given")


def run_verb(options: argparse.Namespace, out: Output) -> int:
    """Carry out one of these verbs."""
    return {"ps": _ps, "logs": _logs, "shell": _shell}[options.verb](options, out)


def _services(stack: str, containers: Sequence[Container]) -> list[str]:
    """The services of a stack: those of its live release, and others that still have containers."""
    declared = [str(service["service"]) for description in stacks() if description["name"] == stack for service in description["services"]]
    return sorted({*declared, *(container.service for container in containers)})


def _ps(options: argparse.Namespace, out: Output) -> int:
    names = stack_choice.selected(options.stack)
    if not names:
        raise ValueError(stack_choice.NONE)
    engine = Engine()
    of = {name: _services(name, engine.containers(name)) for name in names}
    every = sorted({service for services in of.values() for service in services})
    wanted = [stack_choice.existing(service, every, "service") for service in options.services]
    shown = {name: container_list.look(engine, name, wanted, services) for name, services in of.items()}
    shown = {name: rows for name, rows in shown.items() if rows or not wanted}
    width, wide = output.terminal_width(), options.wide or not sys.stdout.isatty()  # another program gets all of it
    text = [(f"stack {name}\n" if len(names) > 1 else "") + container_list.table(rows, width, wide=wide) for name, rows in shown.items()]
    out.result(
        {"stacks": [{"stack": name, "containers": container_list.as_dicts(rows)} for name, rows in shown.items()]}, "\n\n".join(text)
    )
    return 0


def _logs(options: argparse.Namespace, out: Output) -> int:
    last = _count(options)
    since = since_from(options.since) if options.since else 0.0
    patterns = _patterns(options)
    if options.archive:
        from . import log_archive

        return log_archive.show(options, out, log_archive.Wanted(last, since, patterns), wants_colour(options.colour))
    if options.host or options.kind:
        raise ValueError(f"logs: {'--host' if options.host else '--class'} is of the tree: write --archive as well")
    stack = stack_choice.chosen(options.stack, options.argv)
    engine = Engine()
    containers = engine.containers(stack)
    known = _services(stack, containers)
    services = [stack_choice.existing(name, known, "service") for name in options.services] or known
    chosen = [container for container in containers if container.service in services and options.replica in (None, container.number)]
    if not chosen and not options.follow:
        raise ValueError(f"logs: {', '.join(services)} of {stack}: there is no {_replica(options)}container to read: look at opsctl ps")
    view = LogView(engine, last, since, patterns)
    shown = _Shown(options, chosen, out)
    for line in view.history(chosen):
        shown.line(line)
    for trouble in view.troubles:
        output.aside(f"opsctl: {trouble}")
    if options.follow:
        _follow(view, stack, set(services), chosen, shown)
    elif options.json:
        out.result({"stack": stack, "lines": shown.collected}, None)
    return 1 if view.troubles else 0


def _patterns(options: argparse.Namespace) -> list[re.Pattern[str]]:
    """What a line has to hold.

    :raises ValueError: it is no regular expression, or no id.
    """
    try:
        patterns = [re.compile(options.grep)] if options.grep else []
    except re.error as error:
        raise ValueError(
            f"logs: --grep {options.grep!r} is no regular expression: {error}; write \\ before ( [ * + ? that are meant"
        ) from None
    if not options.request:
        return patterns
    from ..logs.search import request_pattern

    return [*patterns, request_pattern(options.request)]


def _replica(options: argparse.Namespace) -> str:
    return "" if options.replica is None else f"replica {options.replica}, no "


def _follow(view: LogView, stack: str, services: set[str], chosen: Sequence[Container], shown: _Shown) -> None:
    def tick() -> None:
        if output.reader_left():
            raise output.OutputClosed

    for event in view.follow(stack, services, chosen, tick):
        if isinstance(event, Line):
            shown.line(event)
        else:
            output.aside(f"-- {event.text}")


def _count(options: argparse.Namespace) -> int | None:
    """How many lines of each container; None for all."""
    given = options.lines
    if not given:
        return None if options.since else LINES
    if given == "all":
        return None
    if not given.isascii() or not given.isdigit():
        raise ValueError(f"logs: --lines {given!r}: write a number, or all")
    return int(given)


class _Shown:
    """Lines as they are printed: prefix and colour for people, an object a line for programs."""

    def __init__(self, options: argparse.Namespace, containers: Sequence[Container], out: Output) -> None:
        self.options, self.out = options, out
        self.colours = wants_colour(options.colour)
        self.collected: list[dict[str, Any]] = []
        self._prefixes: dict[str, str] = {}
        self._width = max((len(_label(container)) for container in containers), default=0)

    def line(self, line: Line) -> None:
        """One line."""
        if self.options.json:
            self._as_json(line)
            return
        stamp = f"{moment(line.at)} " if self.options.timestamps else ""
        self.out.line(f"{'' if self.options.no_prefix else self._prefix(line.source)}{stamp}{line.text(colours=self.colours)}")

    def _as_json(self, line: Line) -> None:
        source = line.source
        about = {"at": moment(line.at), "service": source.service, "replica": source.number, "container": source.name, "text": line.text()}
        if self.options.follow:
            output.say(json.dumps(about))
        else:
            self.collected.append(about)

    def _prefix(self, source: Container) -> str:
        if source.id not in self._prefixes:
            label = _label(source)
            self._width = max(self._width, len(label))
            self._prefixes[source.id] = colour_of(len(self._prefixes)) if self.colours else ""
        end = "\x1b[0m" if self.colours else ""
        return f"{self._prefixes[source.id]}{padded(_label(source), self._width)} |{end} "


def _label(container: Container) -> str:
    return f"{container.service}-{container.number}"


def wants_colour(choice: str) -> bool:
    """On a terminal that shows colours, unless NO_COLOR says otherwise (no-color.org: set, and not empty)."""
    if choice != "auto":
        return choice == "always"
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _shell(options: argparse.Namespace, _out: Output) -> int:
    stack = stack_choice.chosen(options.stack, options.argv)
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if options.command[:1] != ["--"] and command[:1] and command[0].startswith("-"):
        raise ValueError(f"shell: {command[0]} stands behind the service: write options before it, as in opsctl shell {command[0]} SERVICE")
    terminal = _terminal(options, command)
    engine = Engine()
    containers = engine.containers(stack)
    service = stack_choice.existing(options.service, _services(stack, containers), "service")
    container = _replica_of(
        stack, service, [container for container in containers if container.service == service], options.replica, output.aside
    )
    what = " ".join(command) if command else "a shell"  # not quoted: between quotes the masker would not know a password
    unwritten = audit.note(
        f"{what} in {container.name} of {stack}{' as root' if options.root else ''}",
        OPSCTL_STACK=stack,
        OPSCTL_SERVICE=service,
        OPSCTL_CONTAINER=container.name,
        OPSCTL_CONTAINER_ID=container.id,
        OPSCTL_USER="root" if options.root else "",
        OPSCTL_COMMAND=what,
    )
    if unwritten:
        output.aside(f"opsctl: this is not noted in the journal: {unwritten}")
    session: Session | None = None
    try:
        session = Session(engine.api, container, command or ["sh", "-c", SHELL], user="0" if options.root else "", terminal=terminal)
        return session.run()
    except EngineError as error:
        # Whether the command is at fault the engine says by its exit status alone (20.10 by 126, later ones by 126 or 127).
        status = engine.api.inspect_execution(session.execution).get("ExitCode") if session else None
        if status not in NO_COMMAND:
            raise DockerUnavailable(f"shell: {container.name}: {error}") from error
        output.aside(
            f"opsctl: {container.name} cannot run {command[0]}: {error}"
            if command
            else f"opsctl: {container.name} has no shell that runs ({error}): write a command that is in its image, as in"
            f" opsctl shell --stack {stack} {service} /app --version"
        )
        return int(status)


def _terminal(options: argparse.Namespace, command: Sequence[str]) -> bool:
    """Whether the container gets a terminal.

    :raises ValueError: it should, and there is none here.
    """
    there = is_terminal()
    if options.tty and not there:
        raise ValueError("shell: --tty, and there is no terminal here: over SSH use `ssh -t`, in a pipe or from cron leave --tty out")
    if not command and not there:
        raise ValueError(
            "shell: there is no terminal for a shell: over SSH use `ssh -t`, or write the command: opsctl shell SERVICE COMMAND …"
        )
    return there and not options.no_tty


def _replica_of(stack: str, service: str, mine: Sequence[Container], number: int | None, warn: Callable[[str], None]) -> Container:
    """The container to work in: the one of this number, or else the first that is healthy.

    :raises ValueError: there is none, or it does not run.
    """
    states = ", ".join(f"{container.number} {container.state}/{container.health}" for container in mine) or "none"
    if number is not None:
        named = [container for container in mine if container.number == number]
        if not named:
            raise ValueError(f"shell: {service} of {stack} has no replica {number}; there are: {states}")
        mine = named
    running = [container for container in mine if container.state == "running"]
    if not running:
        raise ValueError(f"shell: no container of {service} of {stack} runs; there are: {states}. What it wrote: opsctl logs {service}")
    healthy = [container for container in running if container.serves]
    if not healthy:
        warn(f"opsctl: {running[0].name} is {running[0].health}")
    return (healthy or running)[0]
