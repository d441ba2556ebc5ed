# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One Compose project of several files: C(extends), C(include) and override files, in the order in which Compose reads them.

For each document its services are extended first, by services of the same document or of other files, then what it includes is added, then
it is merged over the documents before. Variables stay as they are written, except for those that only the env file of an included project
sets. Source: the Compose specification, and what the CLIs 2.26 and 2.40 make of it (tests/unit/compose/recorded/shapes-*.json).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..schema.nodes import Problem, Refused, close_to, shown
from .dotenv import variables_of
from .interpolation import Interpolation
from .merging import RESET, Override, merge_service, plain
from .paths import Rebase
from .sources import ReadText, Source
from .yaml_loader import key_lines, merged_bounded

IMPORTED = ("services", "volumes", "networks", "secrets", "configs")
_REMOTE = re.compile(r"(?:[a-z][a-z0-9+.-]*://|oci:|git@|[\w.-]+/[^ ]*\.git(?:[#:].*)?$|github\.com/)")
_DEEPEST = 32  # files that include or extend each other


@dataclass(frozen=True)
class Origin:
    """Where a part of the project was written.

    :param key: of the part in the project; empty for all of it.
    :param written: the key of the part in that document.
    """

    file: str
    text: str
    document: int
    key: str = ""
    written: str = ""

    def find(self, key: str) -> tuple[int, int]:
        """How much of a key stands in this document, and in which line; nothing of it: 0."""
        if key != self.key and not key.startswith(f"{self.key}." if self.key else ""):
            return 0, 0
        wanted = self.written + key[len(self.key) :]
        lines = key_lines(self.text)
        lines_of_document = lines[self.document] if self.document < len(lines) else {}
        while wanted:
            if wanted in lines_of_document:
                return len(wanted) - len(self.written) + len(self.key), lines_of_document[wanted]
            wanted = re.sub(r"(?:\[\d+\]|\.[^.\[]+|^[^.\[]+)$", "", wanted)
        return 0, 0


class Places:
    """Where the keys of a project were written: file and line."""

    def __init__(self) -> None:
        self.origins: list[Origin] = []

    def of(self, key: str) -> str:
        """C(docker-compose.prod.yml, line 12); empty where no file is known for it. The document that was merged last counts."""
        if not self.origins:
            return ""
        places = [(*origin.find(key), origin.file) for origin in self.origins]
        most = max(length for length, _line, _file in places)
        line, file = next((line, file) for length, line, file in reversed(places) if length == most)
        return f"{file}, line {line}" if most else ""


@dataclass(frozen=True)
class _Context:
    """The project that is read: its folder, from that of all Compose files, and what its variables are resolved by."""

    folder: str
    interpolation: Interpolation
    trail: tuple[str, ...] = ()

    def resolve(self, value: Any) -> Any:
        """By the values alone: nothing is remembered as used or missing, as it is read again with the whole."""
        return Interpolation(self.interpolation.environment).resolve(value, "") if value is not None else None


class Assembly:
    """Reads the files of a project; what is wrong is appended to C(problems) with its key."""

    def __init__(self, interpolation: Interpolation, read: ReadText, problems: list[Problem]) -> None:
        self.interpolation = interpolation
        self.read = read
        self.problems = problems
        self.places = Places()

    def project(self, sources: Sequence[Source]) -> dict[str, Any] | None:
        """All of them merged; None where one cannot be read."""
        known = len(self.problems)
        context = _Context(sources[0].folder if sources else "", self.interpolation)
        merged = self._model(sources, context, "compose")
        return None if len(self.problems) > known else merged

    def _model(self, sources: Sequence[Source], context: _Context, key: str) -> dict[str, Any]:
        """:param key: that names the files, for what is wrong with them."""
        documents: list[Mapping[str, Any]] = []
        for source in sources:
            documents += self._documents(source, context, key)
        try:
            return merged_bounded(documents, context.resolve)
        except Refused as error:
            self._problem(key, "", f"cannot be merged: {error.problem}", error.fix)
            return {}

    def _documents(self, source: Source, context: _Context, key: str) -> Iterator[Mapping[str, Any]]:
        try:
            documents, text = source.documents(self.read), source.text(self.read)
        except Refused as error:
            self._problem(key, "", error.problem, error.fix)
            return
        for number, document in enumerate(documents):
            content = _Extends(self, source, documents, context).document(document)
            content = self._included(content, context)
            if text is not None and source.name:
                self.places.origins.append(Origin(source.name, text, number))
            yield content

    def _problem(self, key: str, value: str, problem: str, fix: str) -> None:
        self.problems.append(Problem(key, value, problem, fix))

    def refuse(self, key: str, error: Refused, value: object = None) -> None:
        """Append what is wrong at a key."""
        self._problem(key, shown(value) if value is not None else "", error.problem, error.fix)

    # include

    def _included(self, document: Mapping[str, Any], context: _Context) -> Mapping[str, Any]:
        """A document with what it includes; the same part twice must be the same."""
        entries = plain(document.get("include"))
        if not entries:
            return document
        result = {name: value for name, value in document.items() if name != "include"}
        if not isinstance(entries, list):
            self._problem("compose.include", shown(entries), "must be a list", "write include: and one - path a line under it")
            return result
        for index, entry in enumerate(entries):
            key = f"compose.include[{index}]"
            try:
                model = self._include(entry, key, context)
            except Refused as error:
                self.refuse(key, error, entry)
                continue
            for kind in IMPORTED:
                self._import(result, model, kind, key)
        return result

    def _import(self, result: dict[str, Any], model: Mapping[str, Any], kind: str, key: str) -> None:
        given = model.get(kind)
        if not isinstance(given, Mapping):
            return
        own = result.get(kind)
        own = own.value if isinstance(own, Override) else own
        own = dict(own) if isinstance(own, Mapping) else {}
        for name, value in given.items():
            if name in own and plain(own[name]) != value:
                what = f"brings {kind}.{name}, which is written otherwise in the file that includes it"
                fix = "rename one of the two, or change the included one in a further file of compose: (an override)"
                self._problem(key, "", what, fix)
                continue
            own.setdefault(name, value)
        result[kind] = own

    def _include(self, entry: Any, key: str, context: _Context) -> Mapping[str, Any]:
        """:raises Refused: it cannot be included."""
        resolved = self.interpolation.resolve(entry, key)
        given = resolved if isinstance(resolved, Mapping) else {"path": resolved}
        for name in given:
            if name not in ("path", "project_directory", "env_file"):
                raise Refused(f"has {name}, which is no key of include", "write path, project_directory, env_file")
        paths = _strings(given.get("path"), "path")
        if not paths:
            raise Refused("has no path", "write the path of a Compose file")
        files = [self._inside(context.folder, path) for path in paths]
        if files[0] in context.trail or len(context.trail) > _DEEPEST:
            circle = " -> ".join([*context.trail, files[0]])
            raise Refused(f"includes a file that includes it: {circle}", "remove one of these includes")
        folder = posixpath.dirname(files[0])
        if given.get("project_directory"):
            folder = self._inside(context.folder, str(given["project_directory"]))
        local = self._include_variables(given.get("env_file"), folder, context)
        interpolation = Interpolation({**local, **context.interpolation.environment}) if local else context.interpolation
        model = self._model([Source(file) for file in files], _Context(folder, interpolation, (*context.trail, files[0])), key)
        if local:
            # The host knows nothing of these variables, so all of this project is resolved here.
            model = {kind: _literal(interpolation.resolve(model.get(kind), f"compose.{kind}")) for kind in IMPORTED if model.get(kind)}
            self.problems += interpolation.problems
            for name, keys in interpolation.used.items():
                self.interpolation.used.setdefault(name, []).extend(keys)
        return Rebase(_relative(folder, context.folder), _Context(folder, interpolation).resolve).project(model)

    def _include_variables(self, files: Any, folder: str, context: _Context) -> dict[str, str]:
        """Variables of the env files of an included project: the named ones, else C(.env) in its folder. The project's own win."""
        named = _strings(files, "env_file")
        paths = [self._inside(context.folder, path) for path in named]
        if not named and folder != context.folder:
            paths = [posixpath.join(folder, ".env")]
        variables: dict[str, str] = {}
        for path in paths:
            text = self.read(path)
            if text is None and named:
                raise Refused(f"names the env file {path}, which is not there", "correct the path, or put the file into compose_folder")
            variables |= variables_of(text or "", context.interpolation.environment, earlier=variables)
        return {name: value for name, value in variables.items() if name not in context.interpolation.environment}

    @staticmethod
    def _inside(folder: str, path: str) -> str:
        """A path from the folder of all Compose files.

        :raises Refused: it is elsewhere, or not on the controller at all.
        """
        if _REMOTE.match(path):
            raise Refused("is fetched from elsewhere", "copy the file into compose_folder at the version that you mean, and name it here")
        normal = posixpath.normpath(posixpath.join(folder, path))
        if normal.startswith(("/", "../")) or normal == "..":
            raise Refused(f"leaves compose_folder ({path})", "copy the file into it, or declare a compose_folder further up")
        return normal


@dataclass
class _Extends:
    """The services of one document, each extended by the service that it names."""

    assembly: Assembly
    source: Source
    documents: Sequence[Mapping[str, Any]]
    context: _Context

    def document(self, document: Mapping[str, Any]) -> Mapping[str, Any]:
        """The document with all its services extended."""
        services = document.get("services")
        if not isinstance(services, Mapping) or not any(_extends(value) for value in services.values()):
            return document
        extended = {}
        for name, value in services.items():
            try:
                extended[name] = self._service(name, services, self.source.name, self.context.folder, ())
            except Refused as error:
                self.assembly.refuse(f"compose.services.{name}.extends", error, _extends(value))
                extended[name] = {key: item for key, item in _unwrapped(value).items() if key != "extends"}
        return {**document, "services": extended}

    def _service(self, name: str, services: Mapping[str, Any], file: str, folder: str, trail: tuple[tuple[str, str], ...]) -> Any:
        """A service with what it extends, its paths from the folder.

        :param folder: of the file, from that of all Compose files.
        :raises Refused: it extends itself, or what is not there.
        """
        value = services[name]
        extends = _extends(value)
        if not extends:
            return value
        if (file, name) in trail or len(trail) > _DEEPEST:
            circle = " -> ".join(service for _file, service in (*trail, (file, name)))
            raise Refused(f"extends itself: {circle}", "remove one of these extends")
        given = self.assembly.interpolation.resolve(plain(extends), f"compose.services.{name}.extends")
        given = given if isinstance(given, Mapping) else {"service": given}
        base_name, base_file = given.get("service"), given.get("file")
        if not isinstance(base_name, str) or (base_file is not None and not isinstance(base_file, str)) or set(given) - {"service", "file"}:
            raise Refused("is not the name of a service", "write extends: {service: NAME}, with file: PATH where it stands in another file")
        below = (*trail, (file, name))
        if base_file:
            path = self.assembly._inside(folder, base_file)
            others = self._services_of(path)
            base = self._base(base_name, others, path, posixpath.dirname(path), below, name)
            base = Rebase(_relative(posixpath.dirname(path), folder), self.context.resolve).service(base)
        else:
            base = self._base(base_name, services, file, folder, below, name)
        own = {key: item for key, item in _unwrapped(value).items() if key != "extends"}
        merged = merge_service(base, own, self.context.resolve)
        # Tags concern documents before this one, too.
        return {**merged, **{key: item if item is RESET else Override(merged[key]) for key, item in own.items() if _tagged(item)}}

    def _base(
        self, name: str, services: Mapping[str, Any], file: str, folder: str, trail: tuple[tuple[str, str], ...], extending: str
    ) -> Mapping[str, Any]:
        if name not in services or not isinstance(_unwrapped(services[name]), Mapping):
            near = close_to(name, services)
            here = f"extends a service {name} that this document lacks"
            what = here if file == self.source.name else f"extends a service {name} that {file} lacks"
            raise Refused(what, f"did you mean {near}?" if near else "write the name of a service of the same file, or add file: PATH")
        base = plain(self._service(name, services, file, folder, trail))
        self._remember(name, file, extending)
        return base if isinstance(base, Mapping) else {}

    def _remember(self, name: str, file: str, extending: str) -> None:
        """Where keys that come from the base were written."""
        source = self.source if file == self.source.name else Source(file)
        text = source.text(self.assembly.read)
        for number in range(len(key_lines(text)) if text and file else 0):
            origin = Origin(file, text or "", number, f"services.{extending}", f"services.{name}")
            self.assembly.places.origins.append(origin)

    def _services_of(self, path: str) -> Mapping[str, Any]:
        """The services of another file, all of its documents merged."""
        try:
            documents = Source(path).documents(self.assembly.read)
        except Refused as error:
            raise Refused(f"{path}: {error.problem}", error.fix) from None
        # What is tagged in a single document concerns what its service extends.
        document = documents[0] if len(documents) == 1 else merged_bounded(documents, self.context.resolve)
        services = _unwrapped(document.get("services"))
        return services if isinstance(services, Mapping) else {}


def _extends(value: Any) -> Any:
    unwrapped = _unwrapped(value)
    extends = unwrapped.get("extends") if isinstance(unwrapped, Mapping) else None
    return None if extends is RESET else extends


def _unwrapped(value: Any) -> Any:
    return value.value if isinstance(value, Override) else value


def _tagged(value: Any) -> bool:
    return value is RESET or isinstance(value, Override)


def _strings(value: Any, name: str) -> list[str]:
    given = value if isinstance(value, list) else [] if value is None else [value]
    for item in given:
        if not isinstance(item, str) or not item:
            raise Refused(f"has {name} that is no path", f"write {name}: PATH, or a list of paths")
    return given


def _relative(folder: str, start: str) -> str:
    return posixpath.relpath(folder or ".", start or ".")


def _literal(value: Any) -> Any:
    """Resolved values, so that Compose resolves nothing in them again."""
    if isinstance(value, str):
        return value.replace("$", "$$")
    if isinstance(value, Mapping):
        return {name: _literal(item) for name, item in value.items()}
    return [_literal(item) for item in value] if isinstance(value, list) else value
