"""Help texts are sentences that say what happens."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from stemtree.cli import app

NO_VERB = re.compile(
    r"(a|an|the|of|for|from|with|without|only|also|all|any|more|most|other|some|every|exactly|which|what|where|when|"
    r"whether|how|one|its|your|these|default:?|\d\S*)\b",
    re.IGNORECASE,
)
"""What sentences that say what to do, or what happens, do not begin with."""


def texts(command: Any, path: str = "stemtree") -> Iterator[tuple[str, str]]:
    """The help of a command, of its arguments and options, and of the commands below it."""
    yield path, command.help or ""
    for parameter in command.params:
        yield f"{path} {parameter.opts[0]}", getattr(parameter, "help", None) or ""
    for name, below in getattr(command, "commands", {}).items():
        yield from texts(below, f"{path} {name}")


@pytest.mark.parametrize(("what", "text"), list(texts(typer.main.get_command(app))))
def test_help_is_a_sentence(what: str, text: str) -> None:
    assert text[:1].isupper() and text.rstrip().endswith(".") and len(text.split()) > 2, text
    assert not NO_VERB.match(text), f"{what}: '{text}' does not say what happens: begin with a verb"
