# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of C(ops_stack): the keys of the stack itself, and the sections."""

from __future__ import annotations

from ..schema import values
from ..schema.nodes import Anything, Items, Record, Scalar, Table, Text
from .registry import SECTIONS

_STACK_NAME = values.named(
    r"[a-z][a-z0-9-]{0,30}",
    "is not a stack name",
    "write lower case letters, digits and -, a letter first, at most 31, such as latentum",
)
_controller_folder = values.named(
    r"/.+", "is not a folder of the controller by its whole path", 'write a path from the root, such as "{{ inventory_dir }}/app"', "folder"
)
_LOOKUP = "\"{{ lookup('ansible.builtin.template', inventory_dir ~ '/group_vars/all/compose.yml.j2') }}\""

STACK = Record(
    description="What Compose cannot say of a stack.",
    fields={
        "name": Text(
            required=True,
            default="",
            check=_STACK_NAME,
            example="latentum",
            description="The name of the Compose project, and of the folder of its secrets.",
        ),
        "compose": Anything(
            required=True,
            example=_LOOKUP,
            description="The Compose file itself. By Ansible's own lookup C(template) where it has Jinja in it, C(file) where not."
            " Several are a list, merged in order by Compose's rules for override files: texts, or C({file: docker-compose.prod.yml}) with"
            " C(compose_folder), or C({file: …, content: …}) so that messages name the file.",
        ),
        "compose_folder": Text(
            check=_controller_folder,
            example='"{{ inventory_dir }}/app"',
            description="The folder of the controller in which the Compose files lie, with what they name by C(include) and C(extends)."
            " Nothing outside of it is read.",
        ),
        "profiles": Items(
            default=[],
            example="[with-replica]",
            description="The profiles of the Compose file that are on; C(*) for all. Services of other profiles are left out.",
        ),
        "directory": Text(
            check=values.folder,
            example="/opt/latentum",
            description="Where C(compose.yaml) and C(.env) are written.",
            implied="C(/opt/<name>)",
        ),
        "contact": Text(
            check=values.email,
            example="ops@example.com",
            description="The account at the certificate authority, which writes there before a certificate expires."
            " Required with C(routes).",
        ),
        "environment": Table(
            of=Scalar(default=""),
            name=values.variable_name,
            default={},
            example="{LOG_LEVEL: info}",
            description="Values for C(${VARIABLES}) in the Compose file, written to C(.env). Nothing secret."
            " C(env_file: .env) gives a service all of them; other env files are named by the absolute path of a file on the host."
            " One that is used nowhere is an error.",
        ),
        **{key: part.node for section in SECTIONS for key, part in section.parts.items()},
    },
    example="{name: latentum, compose: …}",
)
