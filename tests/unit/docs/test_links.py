# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links of the documentation: every relative link and anchor resolves, and so does every page that code and messages name."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).resolve().parents[3]
ENGINE = ROOT / "plugins/module_utils"
PAGE_IN_TEXT = re.compile(r"(?<![\w./-])(?:docs|roles|tests|changelogs)/[\w./-]+\.(?:md|json)\b")


def _listed() -> list[Path]:
    """Files of the checkout: tracked, or new and not ignored."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    return [path for name in listing.split("\0") if name and (path := ROOT / name).is_file()]


def _tokens(page: Path) -> Iterator[Token]:
    for token in MarkdownIt("commonmark").enable("table").parse(page.read_text()):
        yield token
        yield from token.children or []


def slug(heading: str) -> str:
    """Anchor of a heading as GitHub makes it: lower case, no punctuation, a hyphen for each space."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@cache
def anchors(page: Path) -> frozenset[str]:
    """All anchors of a page; a heading that is there again gets `-1`, `-2`, …"""
    names: list[str] = []
    seen: Counter[str] = Counter()
    tokens = MarkdownIt("commonmark").enable("table").parse(page.read_text())
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open":
            name = slug("".join(child.content for child in inline.children or []))
            names.append(f"{name}-{seen[name]}" if seen[name] else name)
            seen[name] += 1
    return frozenset(names)


def broken_links(page: Path) -> list[str]:
    """Relative links of a page that lead nowhere."""
    broken = []
    for token in _tokens(page):
        link = token.attrGet("href" if token.type == "link_open" else "src")
        if not isinstance(link, str) or re.match(r"[a-z][a-z0-9+.-]*:|//", link):
            continue
        path, _hash, anchor = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and (target.suffix != ".md" or anchor not in anchors(target))):
            broken.append(link)
    return broken


PAGES = [path for path in _listed() if path.suffix == ".md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_and_anchors_of_a_page_resolve(page: Path) -> None:
    assert broken_links(page) == []


def test_pages_that_code_and_messages_name_exist() -> None:
    missing = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in _listed()
        if path.suffix in {".py", ".yml", ".yaml", ".j2", ".sh", ".md", ".toml", ".rst"} or path.name == "Makefile"
        for name in PAGE_IN_TEXT.findall(path.read_text())
        if not (ROOT / name).exists()
    }
    assert missing == set()


def python_files(page: Path) -> set[str]:
    """Python files that a page names in code spans: ``rollout/plan.py``, ``tests/bench/site.py``."""
    return {token.content for token in _tokens(page) if token.type == "code_inline" and re.fullmatch(r"(\w+/)+\w+\.py", token.content)}


@pytest.mark.parametrize("page", [path for path in PAGES if "docs" in path.relative_to(ROOT).parts], ids=lambda page: page.name)
def test_files_that_a_page_names_exist(page: Path) -> None:
    assert {name for name in python_files(page) if not (ROOT / name).is_file() and not (ENGINE / name).is_file()} == set()


@pytest.mark.parametrize("page", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_the_map_has_every_package_of_the_engine(page: str) -> None:
    named = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\|[^|]*\|", (ROOT / page).read_text(), re.MULTILINE))))
    assert {path.name for path in ENGINE.iterdir() if (path / "__init__.py").is_file()} <= named


@pytest.mark.parametrize(
    ("pattern", "shown"),
    [
        ("roles/*/meta/main.yml", "roles/{}/README.md"),
        ("playbooks/*.yml", "`latentum.ops.{}`"),
        ("plugins/modules/*.py", "`{}`"),
        ("plugins/filter/*.yml", "`{}`"),
    ],
)
def test_the_readme_lists_everything(pattern: str, shown: str) -> None:
    names = [path.parts[-3] if "roles" in pattern else path.stem for path in ROOT.glob(pattern)]
    readme = (ROOT / "README.md").read_text()
    assert names and [name for name in names if shown.format(name) not in readme] == []


def test_a_broken_link_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("# Here\n\n## What is *lost*, and `why`?\n\n# Here\n")
    page = tmp_path / "page.md"
    page.write_text(
        "# A page\n[top](#a-page) [web](https://example.com/x.md#y) [good](other.md#what-is-lost-and-why) [again](other.md#here-1)\n\n"
        "`[code](no.md)`\n\n![no picture](no.svg) [no anchor](other.md#there) [no heading](#nowhere) [no file](none.md)\n\n"
        "| table |\n|---|\n| [no row](row.md) |\n"
    )
    assert broken_links(page) == ["no.svg", "other.md#there", "#nowhere", "none.md", "row.md"]
