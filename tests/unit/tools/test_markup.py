# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation markup in generated tables: rendered as Markdown, escaped where text is text, refused where it is wrong."""

from __future__ import annotations

import pytest
import role_readme
from markup import markdown, table_cell


@pytest.mark.parametrize(
    ("description", "expected"),
    [
        ("V(true), O(nginx_source) and C(/etc/x)", "`true`, `nginx_source` and `/etc/x`"),
        ("O(nginx_source=nginx), O(rules[].port), RV(changed)", "`nginx_source=nginx`, `rules[].port`, `changed`"),
        ("E(HOME) B(bold) I(slanted)", "`HOME` **bold** *slanted*"),
        (
            "P(ansible.builtin.file#lookup), M(community.docker.docker_compose_v2)",
            "`ansible.builtin.file`, `community.docker.docker_compose_v2`",
        ),
        ("L(the manual, https://example.com/a) U(https://example.com/b)", "[the manual](https://example.com/a) <https://example.com/b>"),
        ("V(a \\) b), C(`x`)", "`a ) b`, `` `x` ``"),
        ("/etc/<stack>/*.json and `code`", "/etc/\\<stack>/\\*.json and \\`code\\`"),
        (["Two paragraphs,\n  wrapped.", "As one line."], "Two paragraphs, wrapped. As one line."),
        ("", ""),
    ],
)
def test_markup_becomes_markdown(description: str | list[str], expected: str) -> None:
    assert markdown(description) == expected


@pytest.mark.parametrize("description", ["V(not closed", "M(no_collection)"])
def test_wrong_markup_is_refused(description: str) -> None:
    with pytest.raises(ValueError, match=description[:1]):
        markdown(description)


def test_a_pipe_does_not_end_the_cell() -> None:
    assert table_cell(markdown("C(a | b)")) == "`a \\| b`"


def test_the_table_of_a_role_is_rendered() -> None:
    options = {"web_source": {"type": "str", "choices": ["distribution", "nginx"], "description": "As V(nginx): O(web_url) is used."}}
    assert role_readme.table(options, {"web_source": "nginx"}).splitlines()[-1] == (
        "| `web_source` | str | `nginx` | As `nginx`: `web_url` is used. One of `distribution`, `nginx`. |"
    )
