"""Options on the command line that say nothing beside others, and are refused instead of being passed over."""

from collections.abc import Collection

import typer

from stemtree.cli.local_command import parameter_name
from stemtree.errors import OptionError


def given_options(context: typer.Context, parameters: Collection[str]) -> list[str]:
    """Which options and arguments stand on the command line, by the names that they have there.

    Parameters
    ----------
    context : typer.Context
        Of the command.
    parameters : collection of str
        Names of parameters of its function; what comes from variables of the environment does not count.
    """
    given = []
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if parameter.name in parameters and source is not None and source.name == "COMMANDLINE":
            given.append(parameter_name(parameter))
    return given


def refuse_given(context: typer.Context, parameters: Collection[str], reason: str) -> None:
    """Raise OptionError if one of some options was given; the reason is the first half of the sentence."""
    if given := given_options(context, parameters):
        *others, last = given
        named = f"{', '.join(others)} and {last}" if others else last
        raise OptionError(f"{reason}: leave out {named}")
