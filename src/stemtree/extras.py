"""Importing packages that only an optional dependency group installs."""

from importlib import import_module
from typing import Any

from stemtree.errors import LibraryError


def library(name: str, extra: str, purpose: str, remedy: str = "") -> Any:
    """Import a module that one of the optional dependency groups installs.

    Parameters
    ----------
    name : str
        The module.
    extra : str
        The group in ``pyproject.toml``, such as ``train``.
    purpose : str
        What needs the module; the beginning of the error message, with its verb.
    remedy : str
        What else helps, appended to the error message.

    Returns
    -------
    module
        The module.

    Raises
    ------
    LibraryError
        If it is not installed; the message says how to install it.
    """
    try:
        return import_module(name)
    except ImportError:
        package = name.partition(".")[0]
        raise LibraryError(f"{purpose} {package}: `pip install 'stemtree[{extra}]'`{remedy}") from None
