"""The list of commands in a help text."""

from typing import Any

from typer.core import TyperGroup


class CommandList(TyperGroup):
    """Commands of which the list gives the first sentence whole; typer by itself cuts it off at the end of the line."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list, long sentences over several lines."""
        found = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        rows = [(name, command.get_short_help_str(limit=1000)) for name, command in found if command is not None]
        with formatter.section("Commands"):
            formatter.write_dl(rows)
