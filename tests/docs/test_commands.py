"""Every command of README and guides is run, in order, in one folder for each page (or chapter of pages).

Blocks marked ``<!-- not run: REASON -->`` are parsed alone: programs, files and options in them must exist.
"""

import os
import re
import shutil
from collections.abc import Iterator
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

import pytest
import typer
from support.doc_folders import CHAPTERS, REPOSITORY
from support.markdown import Block, blocks, words_of

from stemtree.cli import app

PAGES = ["README.md", *sorted(f"docs/guides/{page.relative_to(REPOSITORY / 'docs/guides')}"
                              for page in (REPOSITORY / "docs/guides").rglob("*.md"))]  # fmt: skip
RESULTS = sorted(f"docs/results/{page.name}" for page in (REPOSITORY / "docs/results").glob("*.md"))
SHELL = ("sh", "console")
FOREIGN = {"apt-get", "git", "pip", "python3", "source", "tensorboard"}
"""Programs of others, whose options are theirs."""

CLI: Any = typer.main.get_command(app)


def of_page(page: str) -> list[Block]:
    return blocks(REPOSITORY / page, page)


def test_every_page_is_in_a_chapter() -> None:
    assert sorted(chain.from_iterable(pages for pages, _ in CHAPTERS.values())) == sorted(PAGES)


@pytest.mark.usefixtures("shipped_query_model")
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_run(chapter: str, cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages, prepare = CHAPTERS[chapter]
    if chapter == "corpora":
        pytest.importorskip("fluidsynth", exc_type=ImportError)
        if not shutil.which("mma"):
            pytest.skip("MMA is not installed (Debian: mma)")
    prepare(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)  # no worker processes, each of which would import everything anew
    names: dict[str, object] = {}
    for block in chain.from_iterable(map(of_page, pages)):
        if block.file:
            Path(block.file).write_text(block.text, "utf-8")
        elif block.not_run:
            continue
        elif block.language == "python":
            exec(compile(block.text, block.where, "exec"), names)
        elif block.language in SHELL:
            for command, printed in block.commands():
                program, *arguments = words_of(command, tmp_path)
                assert program == "stemtree", f"{block.where}: mark what is not run: {command}"
                outcome = cli(*arguments)
                assert outcome.code == 0, f"{block.where}: {command}\n{outcome.err}"
                if printed:
                    assert_alike(outcome.out, printed, f"{block.where}: {command}")


@pytest.mark.parametrize("page", [*PAGES, *RESULTS])
def test_what_is_not_run_exists(page: str) -> None:
    for block in of_page(page):
        if (block.not_run or page in RESULTS) and block.language in SHELL:
            for command, _ in block.commands():
                check_exists(words_of(command), f"{block.where}: {command}")


def check_exists(words: list[str], where: str) -> None:
    program, *arguments = words
    program = program.removeprefix(".venv/bin/")
    if program == "stemtree":
        parse(CLI, "stemtree", arguments, where)
    elif program == "make":
        targets = re.findall(r"^(\w+):", (REPOSITORY / "Makefile").read_text("utf-8"), re.MULTILINE)
        assert set(arguments) <= set(targets), where
    elif program in ("python", "bash") or "/" in program:
        script = program if "/" in program else arguments[0]
        assert (REPOSITORY / script).is_file(), where
    else:
        assert program in FOREIGN, where


def parse(command: Any, name: str, arguments: list[str], where: str, parent: Any = None) -> None:
    """Parse arguments as the command line does, down to the command that would run."""
    try:
        context = command.make_context(name, list(arguments), parent=parent)
    except Exception as error:  # of typer's own kind, which it does not export
        pytest.fail(f"{where}\n{error}")
    if hasattr(command, "commands"):
        name, below, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        parse(below, name, rest, where, context)


def commands_of(command: Any, path: str = "stemtree") -> Iterator[tuple[str, Any]]:
    """Every command that does something, with the words that call it."""
    for name, below in getattr(command, "commands", {}).items():
        yield from commands_of(below, f"{path} {name}")
    if not hasattr(command, "commands"):
        yield path, command


@pytest.mark.parametrize("page", [*PAGES, *RESULTS, "CONTRIBUTING.md"])
def test_options_within_sentences_exist(page: str) -> None:
    text = re.sub(r"^```.*?^```$", "", (REPOSITORY / page).read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    for sentence in re.findall(r"`(?:[A-Z_]+=\S+ )?stemtree ([^`]+)`", text):
        command, words = CLI, sentence.split()
        while words and words[0] in getattr(command, "commands", {}):
            command = command.commands[words.pop(0)]
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        unknown = {word for word in words if word.startswith("-")} - known - {"--help"}
        assert not unknown, f"{page}: `stemtree {sentence}`"


@pytest.mark.parametrize(("path", "command"), list(commands_of(CLI)))
def test_every_option_stands_in_a_guide(path: str, command: Any) -> None:
    guides = [text for page in PAGES if f"{path} " in (text := (REPOSITORY / page).read_text("utf-8"))]
    options = {option for parameter in command.params for option in parameter.opts if option.startswith("--")}
    missing = [option for option in options - {"--help"} if not any(f"{option}" in text for text in guides)]
    assert not missing, f"no guide with '{path}' explains {', '.join(missing)}"


NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def assert_alike(printed: str, documented: str, where: str) -> None:
    """Compare line by line: decimals may differ a little, blanks in number; ``…`` stands for all that follows."""
    lines = iter(line.rstrip() for line in printed.splitlines() if line.strip())
    wanted = [line.rstrip() for line in documented.splitlines() if line.strip()]
    for line, expected in zip_longest(lines, wanted):
        if expected is not None and expected.strip(" │") == "…":
            return
        assert line is not None and expected is not None, f"{where}\n{printed}"
        said, meant = (NUMBER.sub("#", " ".join(text.split())) for text in (line, expected))
        assert said == meant, f"{where}\n{line}\n{expected}"
        for value, other in zip(NUMBER.findall(line), NUMBER.findall(expected), strict=True):
            is_near = float(value) == pytest.approx(float(other), abs=0.2, rel=0.05)
            assert is_near if "." in other else value == other, f"{where}\n{line}\n{expected}"
