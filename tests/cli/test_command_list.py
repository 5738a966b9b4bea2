"""The list of commands in a help text."""

import pytest


@pytest.mark.parametrize("group", [(), ("corpus",), ("curate",), ("experiment",), ("hierarchy",)])
def test_sentences_are_whole(cli, group: tuple[str, ...]) -> None:
    listed = cli(*group, "--help").out.partition("Commands:\n")[2]
    assert listed.rstrip().endswith(".") and "..." not in listed


def test_steps_stand_in_the_order_of_their_use(cli) -> None:
    listed = cli("curate", "--help").out.partition("Commands:\n")[2]
    names = [line.split()[0] for line in listed.splitlines() if line[2:3].strip()]
    assert names == ["gather", "annotate", "listen", "bleed", "stems", "check", "split", "stats", "fit"]
