# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets found in a Compose file become declared ones, made on the host; no value of the file is taken over."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

from ...compose.plain_secrets import harmless, looks_secret, named_as_secret, secret_name
from ...contracts.secret_kinds import NAME
from ...schema.values import VARIABLE_NAME
from .model import Draft, Question, services
from .variables import REFERENCE, environment

# Given by somebody else, so they cannot be made here.
_FOREIGN = re.compile(
    r"(?:API_?KEY|ACCESS_KEY|SECRET_ACCESS_KEY|TOKEN|CREDENTIALS?|LICENSE_KEY|CLIENT_SECRET)$"
    r"|SMTP|MAIL|AWS|S3_|OAUTH|OIDC|GITHUB|GITLAB|GOOGLE|SLACK|DISCORD|TELEGRAM|STRIPE|OPENAI|CLOUDFLARE|^CF_|VPN|LDAP|TWILIO|SENTRY|PLEX|STEAM",
    re.IGNORECASE,
)
_PASSWORD_IN_ADDRESS = re.compile(r"(?<=://)([^/\s:@]*:)([^/\s@$]+)(?=@)")


class SecretFinder:
    """Rewrites a Compose file; what it finds is in C(secrets).

    One secret for each variable of the Compose file that is one, and for each value written there: equal values in two services are one.
    """

    def __init__(self, draft: Draft, known: Mapping[str, str]) -> None:
        self.draft = draft
        self.known = known
        self.secrets: dict[str, dict[str, Any]] = draft.stack["secrets"]
        self._names: dict[tuple[str, str], str] = {}
        self._foreign: dict[str, str] = {}  # secret: variable

    def run(self) -> None:
        """All services, then those that cannot be made become questions."""
        self._files()
        for name, service in services(self.draft.compose).items():
            self._environment(name, service)
        for name, service in services(self.draft.compose).items():
            self._commands(name, service)
        for secret, variable in self._foreign.items():
            declared = self.secrets[secret]
            if len(declared.get("environment", {})) > 1:
                continue  # shared by services of this stack, so it is theirs
            value = f"{{{{ vault_{secret} }}}}"
            reason = f"{variable} looks like a key that somebody else gives: define vault_{secret}, encrypted by Ansible Vault"
            declared.pop("kind")
            self.secrets[secret] = {"kind": "provided", "value": value, **declared}
            path = ("secrets", secret, "value")
            self.draft.questions.append(Question("secret", f"secrets.{secret}", reason, path, "an-answer-from-a-vault"))

    def _secret(self, kind: str, source: str, variable: str, service: str) -> str:
        """The secret for this variable of the file, or for this value in it."""
        if (kind, source) not in self._names:
            choices = [variable, f"{service}_{variable}", f"{service}_{variable}_{len(self.secrets)}"]
            name = next(name for name in map(secret_name, choices) if name not in self.secrets)
            self._names[kind, source] = name
            self.secrets[name] = {"kind": "password"}
            if _FOREIGN.search(variable):
                self._foreign[name] = variable
        return self._names[kind, source]

    def _into(self, secret: str, service: str, variable: str) -> None:
        """Put a secret into a variable of a service; into a second one of it by another secret with the same value."""
        taken = self.secrets[secret].setdefault("environment", {})
        if taken.setdefault(service, variable) != variable:
            name = secret_name(f"{service}_{variable}")
            if name not in self.secrets:
                self.secrets[name] = {"kind": "template", "template": f"{{{{ {secret} }}}}", "environment": {service: variable}}

    def _files(self) -> None:
        """Secrets of Compose that are files are made on the host as well."""
        renamed = {}
        declared = self.draft.compose.get("secrets")
        if declared is not None and not isinstance(declared, dict):
            return  # the check says what is wrong with it
        for name, spec in (declared or {}).items():
            secret = name if NAME.fullmatch(name) else secret_name(name)
            if secret in self.secrets:
                continue
            renamed[name] = secret
            self.secrets[secret] = {"kind": "password"}
            variable = str(spec.get("environment") or name) if isinstance(spec, dict) else name
            if _FOREIGN.search(variable) or not (named_as_secret(variable) or "pass" in variable.lower()):
                self._foreign[secret] = variable
        self.draft.compose.pop("secrets", None)
        for service in services(self.draft.compose).values():
            if isinstance(service.get("secrets"), list):
                service["secrets"] = [_renamed(use, renamed) for use in service["secrets"]]
        lists = [service["secrets"] for service in services(self.draft.compose).values() if isinstance(service.get("secrets"), list)]
        used = {str(use.get("source") if isinstance(use, dict) else use) for uses in lists for use in uses}
        for secret in [secret for secret in renamed.values() if secret not in used]:
            del self.secrets[secret]
            self._foreign.pop(secret, None)

    def _environment(self, name: str, service: dict[str, Any]) -> None:
        if "environment" not in service:
            return
        kept = {}
        for variable, value in environment(service["environment"]).items():
            text = None if value is None else ("true" if value else "false") if isinstance(value, bool) else str(value)
            if not self._take(name, variable, text):
                kept[variable] = value
        service["environment"] = kept
        if not kept:
            del service["environment"]

    def _take(self, service: str, variable: str, text: str | None) -> bool:
        """Whether the variable became a secret; one with a name that an env file cannot hold stays where it is."""
        if not VARIABLE_NAME.fullmatch(variable):
            return False
        if text is None:
            if not named_as_secret(variable) or harmless(self.known.get(variable, "")):
                return False
            self._into(self._secret("variable", variable, variable, service), service, variable)
            return True
        references = list(REFERENCE.finditer(text))
        if len(references) == 1 and references[0][0] == text:
            return self._take_reference(service, variable, references[0])
        if any(self._is_secret(reference) for reference in references) or looks_secret("", self._resolved(text)):
            return self._take_template(service, variable, text)
        plain = self._resolved(text)
        if not named_as_secret(variable) or not plain or not looks_secret(variable, plain):
            return False
        self._into(self._secret("value", plain, variable, service), service, variable)
        return True

    def _take_reference(self, service: str, variable: str, reference: re.Match[str]) -> bool:
        name = reference["plain"] or reference["name"]
        value = self._value(reference)
        named = named_as_secret(variable) or named_as_secret(name)
        if value == "" or harmless(value or "") or not (named or looks_secret("", value or "")):
            return False
        if value and looks_secret("", value) and not named_as_secret(name):
            return self._take_template(service, variable, value)
        label = name if named_as_secret(name) else variable
        self._into(self._secret("variable", name, label, service), service, variable)
        return True

    def _take_template(self, service: str, variable: str, text: str) -> bool:
        """A value with secrets in it, such as an address with a password."""
        quote = " | urlencode" if "://" in text else ""
        if "{{" in text or "{%" in text:
            return False

        def replaced(reference: re.Match[str]) -> str:
            if self._is_secret(reference):
                name = reference["plain"] or reference["name"]
                return f"{{{{ {self._secret('variable', name, name, service)}{quote} }}}}"
            value = self._value(reference)
            return reference[0] if value is None else value

        def literal(match: re.Match[str]) -> str:
            if "{{" in match[2]:
                return match[0]
            return f"{match[1]}{{{{ {self._secret('value', match[2], f'{variable}_PASSWORD', service)} | urlencode }}}}"

        template = _PASSWORD_IN_ADDRESS.sub(literal, REFERENCE.sub(replaced, text))
        if "{{" not in template or "$" in template:
            return False
        name = self._secret("template", template, variable, service)
        self._foreign.pop(name, None)
        self.secrets[name] = {"kind": "template", "template": template, "environment": self.secrets[name].get("environment", {})}
        self._into(name, service, variable)
        return True

    def _is_secret(self, reference: re.Match[str]) -> bool:
        value = self._value(reference)
        return named_as_secret(reference["plain"] or reference["name"]) and value != "" and not harmless(value or "")

    def _value(self, reference: re.Match[str]) -> str | None:
        """The value of a variable or its default; None when there is neither."""
        name = reference["plain"] or reference["name"]
        default = reference["rest"] if (reference["operator"] or "").endswith("-") else None
        return self.known.get(name) or default

    def _resolved(self, text: str) -> str:
        return REFERENCE.sub(lambda reference: self._value(reference) or reference[0], text)

    def _commands(self, name: str, service: dict[str, Any]) -> None:
        for key in ("command", "entrypoint"):
            if self._secret_references(service.get(key)):
                service[key] = self._in_shell(service[key], name)
        healthcheck = service.get("healthcheck")
        test = healthcheck.get("test") if isinstance(healthcheck, dict) else None
        if isinstance(healthcheck, dict) and self._secret_references(test):
            words = test[1:] if isinstance(test, list) and test[0] in ("CMD", "CMD-SHELL") else test
            script = self._in_shell(words, name, healthcheck=True)
            healthcheck["test"] = ["CMD-SHELL", script[-1].removeprefix("exec ")] if isinstance(script, list) else script

    def _secret_references(self, command: Any) -> list[re.Match[str]]:
        text = command if isinstance(command, str) else " ".join(map(str, command)) if isinstance(command, list) else ""
        return [reference for reference in REFERENCE.finditer(text.replace("$$", "\0\0")) if self._is_secret(reference)]

    def _in_shell(self, command: Any, service: str, *, healthcheck: bool = False) -> Any:
        """The command with C($$NAME) in place of C(${NAME}), run by a shell; as it is when its program is not known."""

        def replaced(reference: re.Match[str]) -> str:
            if not self._is_secret(reference):
                return reference[0]
            name = reference["plain"] or reference["name"]
            secret = self._secret("variable", name, name, service)
            self._into(secret, service, name)
            return f"$${{{self.secrets[secret]['environment'][service]}}}"

        words = command if isinstance(command, list) else None
        first = str(words[0]) if words else str(command).split()[0]
        if first.startswith(("-", "$")) or (not healthcheck and first.rpartition("/")[2] in ("sh", "bash", "ash")):
            if first.startswith(("-", "$")):
                return command
            return [REFERENCE.sub(replaced, str(word)) for word in words] if words else REFERENCE.sub(replaced, command)
        if words is None or len(words) == 1:
            return ["sh", "-c", "exec " + REFERENCE.sub(replaced, str(words[0] if words else command))]
        quoted = [f'"{REFERENCE.sub(replaced, str(word))}"' if self._secret_references(word) else shlex.quote(str(word)) for word in words]
        return ["sh", "-c", "exec " + " ".join(quoted)]


def _renamed(use: Any, names: Mapping[str, str]) -> Any:
    if isinstance(use, dict) and use.get("source") in names:
        return {**use, "target": use.get("target") or use["source"], "source": names[use["source"]]}
    if isinstance(use, str) and names.get(use, use) != use:
        return {"source": names[use], "target": use}
    return use
