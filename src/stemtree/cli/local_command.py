"""Commands that work on files of this machine, and say so when they are given a URL."""

import math
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand

from stemtree.errors import OptionError
from stemtree.processes import terminated_like_interrupted
from stemtree.storage import check_slashes, find_url

_WRITTEN = ("output", "write_chunks", "figure")
"""Parameters of the functions that are files to write, unless they are called otherwise."""

_MADE = (*_WRITTEN, "folder", "rows", "pages")
"""Parameters of the functions that are made where they are not there; of some functions these are read instead."""

_FOLDERS = ("DIR", "FOLDER", "PATH", "ROOT", "RUN")
"""What parameters are called that are no files, or need not be."""


class LocalCommand(TyperCommand):
    """A command that refuses URLs, before any path is made of one: ``s3://bucket`` would become a folder ``s3:``."""

    urls: ClassVar[frozenset[str]] = frozenset()
    """Arguments and options that may be URLs, by the names of the function's parameters."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """See `click.Command.parse_args`.

        Raises
        ------
        OptionError
            If an argument or an option has a URL that it cannot use, or one without its second slash; if a path is
            empty, as a variable of the shell that is not set, or a number is none (NaN), which passes any limit;
            if a table or a figure would replace a song, a device or a pipe.
        """
        if ctx.resilient_parsing:
            return super().parse_args(ctx, args)
        given, *_ = self.make_parser(ctx).parse_args(args=list(args))
        for parameter in self.params:
            self._check(parameter, given.get(parameter.name))
        left = super().parse_args(ctx, args)
        for parameter in self.params:
            value = ctx.params.get(parameter.name)
            if isinstance(value, float) and math.isnan(value):
                raise OptionError(f"{parameter_name(parameter)} is nan: give a number")
        return left

    def invoke(self, ctx: Any) -> Any:
        """See `click.Command.invoke`; SIGTERM stops a command as Ctrl-C does, but where Lightning answers it.

        Whatever ends a command, no folders stay that it made and put nothing into.
        """
        from stemtree.staging import without_empty_folders

        with ExitStack() as stack:
            for text in _texts([ctx.params.get(name) for name in _MADE]):
                if not find_url(text):
                    stack.enter_context(without_empty_folders(Path(text)))
            if ctx.command_path.split()[1:2] not in (["train"], ["experiment"]):
                stack.enter_context(terminated_like_interrupted())
            return super().invoke(ctx)

    def _check(self, parameter: Any, value: object) -> None:
        is_argument = parameter.param_type_name == "argument"
        needs_text = parameter.type.name == "path" or is_argument != (parameter.name in self.urls)
        name = parameter_name(parameter)
        for text in _texts(value):
            if needs_text and not text:  # which pathlib takes for the current folder
                raise OptionError(f"{name} is empty: name a file or folder, or . for the current folder")
            is_file = parameter.name in _WRITTEN and parameter.metavar not in _FOLDERS
            if is_file and os.path.isdir(text):
                raise OptionError(f"'{text}' is a folder, and {name} a file to write: name one in it")
            if parameter.name in _WRITTEN and _is_special(text):
                raise OptionError(f"'{text}' is a device or a pipe, which {name} would replace: give another name")
            if is_file and _is_song(text):
                raise OptionError(f"'{text}' is audio, which {name} would replace: give another name")
            check_slashes(text)
            if parameter.name not in self.urls and (url := find_url(text)):
                raise OptionError(
                    f"'{url}' cannot be given as {name}: only songs and -o of separate and query may lie in storage; "
                    "name a file or folder of this machine"
                )


def refuse_urls(app: typer.Typer) -> None:
    """Let every command of an application, and of those within it, that says nothing else refuse URLs."""
    for command in app.registered_commands:
        if command.cls is None or not issubclass(command.cls, LocalCommand):
            command.cls = LocalCommand
    for group in app.registered_groups:
        if group.typer_instance is not None:
            refuse_urls(group.typer_instance)


def _is_special(text: str) -> bool:
    """Whether something is there that is neither a file nor a folder, nor a link to one."""
    return os.path.exists(text) and not os.path.isfile(text) and not os.path.isdir(text)


def _is_song(text: str) -> bool:
    """Whether there is a file, or a link to one, that looks like audio by its name."""
    if not os.path.isfile(text):
        return False
    from stemtree.audio import is_audio_name

    return any(is_audio_name(Path(name)) for name in (text, os.path.realpath(text)))


def parameter_name(parameter: Any) -> str:
    """What a parameter is called on the command line."""
    return str(parameter.opts[-1] if parameter.param_type_name == "option" else parameter.metavar)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str | Path):
        yield str(value)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)
