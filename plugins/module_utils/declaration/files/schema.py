# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of C(files): what a release brings to the host for relative paths of the Compose file."""

from __future__ import annotations

from ...contracts.carried_files import SIGNALS
from ...schema import values
from ...schema.nodes import Flag, Items, Number, Record, Refused, Scalar, Table, Text
from ..forms import service_name


def path_name(value: str) -> str:
    """A path as the Compose file has it."""
    if value.startswith(("/", "~")) or not value.strip():
        raise Refused(
            "is not a relative path", "write it as the Compose file does, such as ./nginx/nginx.conf; other paths are the host's own"
        )
    return value


_MODE = values.named("0?[0-7]{3}", "is not a mode", 'write it in octal and in quotes, such as "0640"', "mode")
FILE = Record(
    description="A file or a folder.",
    fields={
        "source": Text(
            example="nginx/prod.conf", description="Its path in C(compose_folder).", implied="the same path, from the Compose file"
        ),
        "content": Scalar(
            hidden=True,
            example="\"{{ lookup('ansible.builtin.template', 'nginx.conf.j2') }}\"",
            description="The content of the file, instead of C(source). Nothing secret: secrets have kind C(template).",
        ),
        "patterns": Items(
            default=[],
            example='["*.conf", "html/**"]',
            description="Of a folder only the files whose path in it matches one of these; C(*) stays in a folder, C(**) does not.",
        ),
        "mode": Text(check=_MODE, example='"0640"', description="The permissions.", implied='C("0644"), C("0755") for what is executable'),
        "owner": Number(default=0, example="10001", description="The user that owns it, by number."),
        "group": Number(default=0, example="10001", description="The group that owns it, by number."),
        "reload": Record(
            description="A service that reads it again at a signal, and need not be replaced: the file is changed in place.",
            fields={
                "service": Text(
                    required=True, default="", check=service_name, example="proxy", description="The service, which mounts it."
                ),
                "signal": Text(default="HUP", choices=SIGNALS, description="The signal for its first process."),
            },
            example="{service: proxy, signal: HUP}",
        ),
        "on_host": Flag(default=False, description="It is on the host already, in C(directory), and stays as it is."),
    },
    example='{mode: "0640", owner: 10001}',
)
FILES = Table(
    of=FILE,
    name=path_name,
    default={},
    example="{./nginx.conf: {}}",
    description="What a release brings to the host, by the path that a bind mount or a config of the Compose file names; a folder with all"
    " that is in it. It is mounted read-only. Another content is another release.",
)
