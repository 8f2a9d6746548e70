"""The documentation is held against the code: what it names exists, and what exists is named."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import typer

import node.cli
import node.verbs
from federation.gate import REASONS
from node import errors
from node.forms import FORMS

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("node", "federation", "model", "api")
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "contracts" / "README.md"])
COMMON_OPTIONS = {"--home", "--json", "--help", "--install-completion", "--show-completion"}
LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def python_modules() -> list[str]:
    found = (p for package in PACKAGES for p in (ROOT / package).rglob("*.py"))
    return sorted(p.relative_to(ROOT).as_posix() for p in found if "node_modules" not in p.parts)


def verbs() -> dict[str, click.Command]:
    """Every verb by its words, e.g. "run create"."""
    return _walk(typer.main.get_command(node.cli.build()))


def _walk(command: click.Command, words: tuple[str, ...] = ()) -> dict[str, click.Command]:
    children = getattr(command, "commands", None)
    if children is None:
        return {" ".join(words): command}
    found: dict[str, click.Command] = {}
    for name, child in children.items():
        found |= _walk(child, (*words, name))
    return found


def sections(page: str) -> dict[str, str]:
    """Text under each heading of level 3, by the heading's words."""
    parts = re.split(r"^### (.+)$", text_of(page), flags=re.MULTILINE)[1:]
    return {title: body.split("\n## ")[0] for title, body in zip(parts[::2], parts[1::2], strict=True)}


def shell_lines(page: str) -> Iterator[str]:
    for block in re.findall(r"^```sh\n(.*?)^```", text_of(page), flags=re.MULTILINE | re.DOTALL):
        yield from (line for line in block.splitlines() if line)


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#{1,6} (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def requirement_names(requirements: list[str]) -> list[str]:
    return [re.split(r"[<>=!~\[; ]", requirement, maxsplit=1)[0] for requirement in requirements]


def test_every_python_module_stands_in_the_architecture() -> None:
    page = text_of("docs/architecture.md")
    assert [module for module in python_modules() if f"| `{module}` |" not in page] == []


def test_every_contract_stands_in_the_architecture() -> None:
    page = text_of("docs/architecture.md")
    contracts = [*(ROOT / "contracts").glob("*.sol"), *(ROOT / "contracts" / "interfaces").glob("*.sol")]
    names = [path.relative_to(ROOT).as_posix() for path in contracts]
    assert [name for name in names if f"| `{name}` |" not in page] == []


def test_every_file_in_a_table_of_the_architecture_exists() -> None:
    listed = re.findall(r"^\| `([^`]+[./][^`]*)` \|", text_of("docs/architecture.md"), flags=re.MULTILINE)
    assert len(listed) > len(python_modules())
    assert [name for name in listed if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", ["SECURITY.md", "docs/architecture.md", "docs/one-round.md", "docs/log.md"])
def test_every_source_file_that_a_page_names_exists(page: str) -> None:
    rooms = "|".join((*PACKAGES, "contracts", "tests", "benchmarks"))
    named = set(re.findall(rf"`((?:{rooms})/[\w./-]+\.(?:py|sol|mjs|sh|json|js|css|svg))`", text_of(page)))
    assert named
    assert sorted(name for name in named if not (ROOT / name).exists()) == []


def test_every_reason_code_stands_with_its_meaning_in_the_round() -> None:
    page = text_of("docs/one-round.md")
    assert [code for code, meaning in REASONS.items() if f"| `{code}` | {meaning} |" not in page] == []


def test_every_reason_for_which_a_round_closes_as_failed_is_explained() -> None:
    sources = "\n".join(path.read_text() for path in (ROOT / "federation").glob("*.py"))
    codes = set(re.findall(r'raise RoundFailed\(\s*"([a-z-]+)"', sources))
    page = text_of("docs/one-round.md")
    assert len(codes) >= 8
    assert sorted(code for code in codes if f"| `{code}` |" not in page) == []


def test_every_verb_has_a_section_that_names_each_of_its_options() -> None:
    found = sections("docs/running-a-node.md")
    missing = []
    for words, command in verbs().items():
        body = found.get(f"`tenwings {words}`", "")
        options = {o for p in command.params if isinstance(p, click.Option) for o in (*p.opts, *p.secondary_opts)}
        wanted = {option for option in options if option.startswith("--")} - COMMON_OPTIONS
        missing += [f"{words} {option}" for option in sorted(wanted) if f"`{option}`" not in body]
        missing += [] if "```sh" in body else [f"{words}: example"]
    assert missing == []


def test_every_form_of_a_proposal_stands_once_in_the_table() -> None:
    listed = re.findall(r"^\| `([\w-]+) ", sections("docs/running-a-node.md")["`tenwings propose`"], flags=re.MULTILINE)
    assert sorted(listed) == sorted(FORMS)


def test_every_documented_command_line_is_one_that_the_command_takes() -> None:
    known = verbs()
    lines = list(shell_lines("docs/running-a-node.md"))
    assert len(lines) > len(known)
    for line in lines:
        program, *arguments = shlex.split(line)
        size = 2 if " ".join(arguments[:2]) in known else 1
        words = " ".join(arguments[:size])
        assert program == "tenwings", line
        assert words in known, line
        known[words].make_context(words, arguments[size:])


def test_every_verb_is_in_the_changelog() -> None:
    page = text_of("CHANGELOG.md")
    assert [words for words in verbs() if f"`{words}`" not in page] == []


def test_every_exit_code_is_explained() -> None:
    page = text_of("docs/running-a-node.md")
    classes = [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, errors.TenWingsError)]
    rows = dict(re.findall(r"^\| (\d+) \| (.+?) \|", page, flags=re.MULTILINE))
    assert [e.__name__ for e in classes if f"`{e.__name__}`" not in rows.get(str(e.exit_code), "")] == []


def test_every_environment_variable_that_we_read_is_explained() -> None:
    sources = "\n".join((ROOT / module).read_text() for module in python_modules())
    variables = set(re.findall(r'"((?:TENWINGS|IPFS)_[A-Z_]+)"', sources))
    page = text_of("docs/running-a-node.md")
    assert {"TENWINGS_HOME", "TENWINGS_THREADS", "IPFS_API"} <= variables
    assert sorted(variable for variable in variables if f"`{variable}`" not in page) == []


def test_every_python_dependency_has_its_line() -> None:
    project = tomllib.loads(text_of("pyproject.toml"))["project"]
    extras = [name for group in project["optional-dependencies"].values() for name in group]
    page = text_of("docs/dependencies.md")
    names = requirement_names([*project["dependencies"], *extras])
    assert [name for name in names if f"| `{name}` |" not in page] == []


@pytest.mark.parametrize("manifest", ["package.json", "node/sidecar/package.json"])
def test_every_npm_dependency_has_its_line(manifest: str) -> None:
    raw = json.loads(text_of(manifest))
    kinds = ("dependencies", "devDependencies", "optionalDependencies")
    page = text_of("docs/dependencies.md")
    names = [name for kind in kinds for name in raw.get(kind, {})]
    assert names
    assert [name for name in names if f"| `{name}` |" not in page] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    broken = []
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        if not path.exists() or (anchor and path.suffix == ".md" and anchor not in anchors(path)):
            broken.append(target)
    assert broken == []


def test_the_licence_is_the_whole_apache_licence_unmodified() -> None:
    text = text_of("LICENSE")
    assert text.lstrip().startswith("Apache License\n                           Version 2.0, January 2004")
    for number, title in ((1, "Definitions"), (4, "Redistribution"), (9, "Accepting Warranty")):
        assert f"   {number}. {title}" in text
    assert "Copyright [yyyy] [name of copyright owner]" in text
    assert len(text.encode()) == 11_358
