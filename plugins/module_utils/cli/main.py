# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One call of opsctl: its command line, whether its caller may, the verb, and what is said of an error."""

from __future__ import annotations

import argparse
import sys
import time

from ..access.operators import Level, Operator
from ..core.masking import clean, mask
from . import audit, gate
from .arguments import Parser
from .command_line import parser, verb_of
from .errors import expected, failed
from .output import Output, OutputClosed, leave
from .verbs import VERBS


def run_verb(options: argparse.Namespace, output: Output) -> int:
    """The verb that the command line names; its exit status."""
    code: int = VERBS[options.verb].load().run_verb(options, output)
    return code


def within_scopes(operator: Operator | None, options: argparse.Namespace, top: Parser, output: Output) -> int:
    """The verb, when its caller may: who called for what, and what came of it, is in the audit log.

    :param operator: whoever has scopes; None for root and for those who may become root by themselves.
    :raises Forbidden: the verb is beyond the scopes.
    """
    verb, leaf = gate.path_of(options, top)
    rule, person = gate.rule_of(verb), operator.name if operator else audit.person()
    arguments = mask(" ".join(gate.shown(gate.given(options, leaf))))
    call = audit.Call(person, verb, gate.stack_of(options), arguments)
    if operator is not None:
        try:
            gate.require(operator, options, top, time.time())
        except Exception as error:
            call.result = f"refused: {clean(error)}"
            call.write(None)
            raise
        call.stack = gate.stack_of(options)
    elif not person and (rule.unit or rule.level is Level.READ):
        return run_verb(options, output)
    with audit.recorded(call, required=operator is not None):
        try:
            code = run_verb(options, output)
        except KeyboardInterrupt:
            call.result = "interrupted"
            raise
        except OutputClosed:
            call.result = "its reader left"
            raise
        except Exception as error:
            if isinstance(error, expected()):
                call.result = f"failed: {clean(error)}"
            raise
        call.result = f"exit {code}"
    return code


def main(operator: Operator | None = None) -> int:
    """One verb; errors are one sentence and an exit status.

    :param operator: whose scopes are asked (`scoped.py`).
    """
    argv = sys.argv[1:]
    Parser.argv = argv
    top = parser(verb_of(argv))
    options = top.parse_args(argv, argparse.Namespace(argv=argv))
    as_json = bool(getattr(options, "json", False))
    try:
        return within_scopes(operator, options, top, Output(as_json=as_json))
    except OutputClosed:
        return leave()
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if not isinstance(error, expected()):
            raise
        try:
            return failed(error, as_json=as_json)
        except OutputClosed:
            return leave()
