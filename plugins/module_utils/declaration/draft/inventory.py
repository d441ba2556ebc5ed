# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a plain Compose file to a starting declaration: what can be known is written, what only its operator knows is asked."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...compose.assembly import Assembly
from ...compose.interpolation import Interpolation
from ...compose.plain_secrets import looks_secret
from ...compose.sources import Source
from ...contracts.update_safety import unsafe
from ...schema.nodes import Problem, Refused
from .. import loader
from ..advice import own_init
from ..files.checks import uses
from ..hardening_checks import refusals
from ..model import Declaration
from .health import draft_healthchecks
from .model import Draft, Question, services
from .ports import draft_routes, repository
from .secrets import SecretFinder
from .variables import ReadFile, inline_env_files, known_values, missing, used

_UNKNOWN = "1000"  # stands for a variable without a value while the rest is looked at: a tag, a number and a size

_WORKING_FOLDER = re.compile(r"\$\{PWD\}|\$PWD\b")  # of whoever runs Compose: the folder of the Compose file


def draft_from(text: str | Sequence[str], read_file: ReadFile, name: str, domain: str, contact: str, profiles: Sequence[str] = ()) -> Draft:
    """The draft for a Compose file.

    :param text: its text; or the names of several, which are merged in their order.
    :param read_file: the text of a file beside it, None when it is not there.
    :param profiles: those that are to be on; services of others are kept as they are, and not looked at.
    :raises Refused: it is not YAML, has no services, or includes or extends what is not there.
    """
    known = known_values(read_file)
    document = _document(text, read_file, known)
    off = {key: value for key, value in document["services"].items() if _is_off(value, profiles)}
    document["services"] = {key: value for key, value in document["services"].items() if key not in off}
    if not document["services"]:
        raise Refused("has services of profiles alone", "name those that are to be on: -e init_profiles=…")
    stack = {"name": stack_name(name), "contact": contact, "routes": [], "services": {}, "secrets": {}, "environment": {}}
    draft = Draft({**stack, **({"profiles": list(profiles)} if profiles else {})}, document, off=off)
    if off:
        draft.notes.append(f"left as they are, and off: {', '.join(off)}; they are of profiles, which -e init_profiles=… switches on")
    for service_name, service in services(document).items():
        absent = inline_env_files(service, read_file)
        if absent:
            reason = f"{', '.join(absent)} is not beside the Compose file: write its variables into environment:"
            draft.questions.append(Question("value", f"compose.services.{service_name}.env_file", reason))
    SecretFinder(draft, known).run()
    guess = {**dict.fromkeys(missing(document, known), _UNKNOWN), **known, "COMPOSE_PROJECT_NAME": draft.stack["name"]}
    draft_routes(draft, guess, domain)
    _jobs(document, draft)
    draft_healthchecks(draft, guess)
    _variables(draft, known)
    _images(draft, guess)
    _judge(draft)
    return draft


def _document(text: str | Sequence[str], read_file: ReadFile, known: Mapping[str, str]) -> dict[str, Any]:
    """One Compose file of all, without what only names it or serves for anchors."""
    given = [Source("", text)] if isinstance(text, str) else [Source(file) for file in text]
    problems: list[Problem] = []
    try:
        sources = [Source(source.name, _WORKING_FOLDER.sub(".", source.text(read_file) or "")) for source in given]
    except Refused as error:
        raise Refused(error.problem, "correct the name, or put the file there") from None
    raw = Assembly(Interpolation(known), read_file, problems).project(sources)
    if raw is None:
        raise Refused(problems[0].problem, problems[0].fix)
    document = copy.deepcopy(raw)
    if not isinstance(document.get("services"), dict) or not document["services"]:
        raise Refused("has no services", "write a Compose file that begins with services:")
    return {key: value for key, value in document.items() if key not in ("version", "name") and not key.startswith("x-")}


def _is_off(service: Any, wanted: Sequence[str]) -> bool:
    profiles = service.get("profiles") if isinstance(service, dict) else None
    return isinstance(profiles, list) and bool(profiles) and "*" not in wanted and not {*profiles} & {*wanted}


def stack_name(name: str) -> str:
    """A name for the stack, made of that of a folder."""
    kept = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return (kept if kept[:1].isalpha() else f"app-{kept}").strip("-")[:31].rstrip("-")


def _jobs(document: dict[str, Any], draft: Draft) -> None:
    """What another service waits to see completed is a job."""
    for service in services(document).values():
        depends = service.get("depends_on")
        for name, item in depends.items() if isinstance(depends, dict) else ():
            condition = item.get("condition") if isinstance(item, dict) else None
            if condition == "service_completed_successfully" and name in services(document):
                draft.service(name)["expect"] = "completed"
                if services(document)[name].get("restart") in ("always", "unless-stopped"):
                    del services(document)[name]["restart"]


def _variables(draft: Draft, known: dict[str, str]) -> None:
    """Values of variables that are known and no secrets; a question for each of the others."""
    known = {name: value for name, value in known.items() if not looks_secret(name, value)}
    names = used(draft.compose, known)
    draft.stack["environment"] = {name: value for name, value in known.items() if name in names}
    for name, key in missing(draft.compose, known).items():
        if name != "COMPOSE_PROJECT_NAME":
            path = ("environment", name)
            draft.questions.append(Question("value", f"environment.{name}", f"nothing gives it a value (used in {key})", path, _UNKNOWN))


def _images(draft: Draft, guess: dict[str, str]) -> None:
    """What is built must be pushed somewhere first; images with an init of their own get no other."""
    for name, service in services(draft.compose).items():
        image = str(Interpolation(guess).resolve(service.get("image") or "", ""))
        if not image:
            example = f"registry.example.com/{draft.stack['name']}/{re.sub('[^a-z0-9]+', '-', name.lower()).strip('-')}:1.0.0"
            reason = f"it is built ({name}): push the image to a registry, and write its name and version, such as {example}"
            path = ("compose", "services", name, "image")
            draft.questions.append(Question("image", f"compose.services.{name}.image", reason, path, example))
        elif own_init(repository(image)) and service.get("init") is None:
            service["init"] = False


def _judge(draft: Draft) -> None:
    """Ask the check itself: what it refuses and a waiver would allow, what it refuses besides, and what the host would refuse later."""
    declaration, _problems = loader.read(draft.answered(draft.questions))
    if declaration is not None:
        _strategies(declaration, draft)
        _files(declaration, draft)
        declaration, _problems = loader.read(draft.answered(draft.questions))
    if declaration is not None:
        draft.questions += _waivers(declaration)
    for problem in loader.problems(draft.answered(draft.questions)):
        user = re.fullmatch(r"services\.(.+)\.user_id", problem.key)
        if user:  # a number that only the image knows
            draft.questions.append(Question("value", problem.key, _sentence(problem), ("services", user[1], "user_id"), 999))
        else:
            draft.questions.append(Question("other", problem.key, _sentence(problem)))
    draft.stack["services"] = {name: options for name, options in draft.stack["services"].items() if options}
    draft.stack = {key: value for key, value in draft.stack.items() if value or key in ("name", "contact")}


def _strategies(declaration: Declaration, draft: Draft) -> None:
    for service in declaration.compose.services.values():
        if declaration.stays(service) and unsafe(service, "rolling", ()):
            draft.service(service.name)["update"] = {"strategy": "recreate"}


def _files(declaration: Declaration, draft: Draft) -> None:
    """Relative paths are those of the host, until somebody names the folder that they are brought from."""
    paths = [use.path for use in uses(declaration.compose) if not use.meant_empty and not use.key.startswith("compose.secrets.")]
    if paths:
        draft.stack["files"] = {path: {"on_host": True} for path in paths}
        note = f"relative paths are looked for in {declaration.directory} on the host; to bring them there with each release"
        draft.notes.append(f"{note}, add compose_folder: and remove on_host at files:")


def _waivers(declaration: Declaration) -> Iterator[Question]:
    """One question for each waiver of each service: it is never given here."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for service in declaration.compose.services.values():
        for waiver, reason in refusals(declaration, service):
            reasons.setdefault((service.name, waiver), []).append(reason)
    for (service_name, waiver), texts in reasons.items():
        path = ("services", service_name, "allow")
        yield Question("waiver", f"services.{service_name}.allow: [{waiver}]", "; ".join(dict.fromkeys(texts)), path, waiver)


def _sentence(problem: Problem) -> str:
    value = f" (found {problem.value})" if problem.value else ""
    return f"{problem.problem}{value}: {problem.fix}"
