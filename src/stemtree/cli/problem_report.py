"""Problems of songs and files, as the commands of ``stemtree curate`` print them."""

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from stemtree.cli.messages import one_line, say

if TYPE_CHECKING:
    from stemtree.corpora.track import Problem


def print_problems(problems: "Iterable[Problem]", prefix: str = "", *, error: bool = False) -> None:
    """Print a line for each problem, on standard error if they are messages beside what a command was asked for."""
    for problem in problems:
        say(f"{prefix}{problem.kind}: {one_line(problem.message)}", error=error)


def count_kinds(kinds: Iterable[str]) -> str:
    """How many there are of each kind, the most frequent first."""
    return ", ".join(f"{count} {kind}" for kind, count in Counter(kinds).most_common()) or "no problems"
