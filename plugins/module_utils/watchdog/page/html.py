# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTML that cannot be written without escaping: whatever is not an element already is text."""

from __future__ import annotations

from functools import lru_cache
from html import escape

from ...core.masking import Masker, clean, masker

VOID = frozenset({"link", "meta", "rect"})  # written without an end; SVG knows `rect` as `<rect/>`


class Html(str):
    """Markup that is known to be well-formed."""

    __slots__ = ()


def text(value: object) -> Html:
    """The value as text of an element or an attribute, without control characters and secrets."""
    return value if isinstance(value, Html) else Html(value) if isinstance(value, int) else _escaped(str(value), masker())


@lru_cache(4096)  # nearly all of a page is the same each time, and looking for secrets takes most of the time
def _escaped(value: str, _masker: Masker) -> Html:
    """With another masker, one that knows more, a value is looked at again."""
    return Html(escape(clean(value)))


def join(*parts: object) -> Html:
    """Parts one after the other; None is nothing."""
    return Html("".join(text(part) for part in parts if part is not None))


def element(name: str, *children: object, **attributes: object) -> Html:
    """One element.

    :param children: elements, or text that is escaped here; None is nothing.
    :param attributes: ``class_`` is class, ``aria_label`` aria-label; None and False leave one out, True gives one without a value.
    """
    shown = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{text(value)}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if name in VOID:
        return Html(f"<{name}{shown}{'/' if name == 'rect' else ''}>")
    return Html(f"<{name}{shown}>{join(*children)}</{name}>")
