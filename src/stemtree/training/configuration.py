"""A run's configuration: YAML files that change each other, changes from the command line, and the resolved whole."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from stemtree.errors import OptionError, one_sentence
from stemtree.training.settings import TrainSettings

EXTENDS = "extends"
"""The key that names the file, or files, that a file changes."""


def read_settings(files: Sequence[Path], changes: Sequence[str] = ()) -> TrainSettings:
    """Read a run's settings.

    Parameters
    ----------
    files : sequence of pathlib.Path
        YAML; each overrides those before it. A file with the key ``extends`` overrides the file, or files, that it
        names relative to itself.
    changes : sequence of str
        ``key=value`` with a YAML value and full stops between the keys, such as ``network.units=300``; they override
        all files.

    Raises
    ------
    OptionError
        If a file cannot be read, or a setting is unknown, missing, or does not fit the others.
    """
    settings: dict[str, Any] = {}
    for file in files:
        settings = override(settings, _read(file, ()))
    for change in changes:
        settings = override(settings, _parse(change))
    try:
        return TrainSettings.model_validate(settings)
    except ValidationError as error:
        raise OptionError(one_sentence(error)) from None


def resolved_yaml(settings: TrainSettings) -> str:
    """The whole configuration as YAML, defaults included; `read_settings` makes the same settings of it."""
    resolved = settings.model_dump(mode="json") | {"trainer": settings.trainer_settings}
    return yaml.safe_dump(resolved, sort_keys=False)


def _parse(change: str) -> dict[str, Any]:
    """Turn ``a.b=value`` into ``{"a": {"b": value}}``."""
    key, equals, value = change.partition("=")
    if not key or not equals:
        raise OptionError(f"'{change}' sets nothing: write key=value")
    try:
        nested = yaml.safe_load(value)
    except yaml.YAMLError:
        raise OptionError(f"the value of '{change}' is not YAML: put it in quotes") from None
    for name in reversed(key.split(".")):
        nested = {name: nested}
    return dict(nested)


def _read(file: Path, extended_by: tuple[Path, ...]) -> dict[str, Any]:
    """Read a file and those that it extends; `extended_by` are the files on the way to it."""
    if file in extended_by:
        raise OptionError(f"the settings '{file}' extend themselves: take one '{EXTENDS}' out")
    try:
        content = yaml.safe_load(file.read_text("utf-8"))
    except OSError as error:
        raise OptionError(f"cannot read the settings '{file}': {error.strerror}; check the path") from None
    except (UnicodeDecodeError, yaml.YAMLError):
        raise OptionError(f"the settings '{file}' are not YAML: check their indentation") from None
    if not isinstance(content, dict):
        raise OptionError(f"the settings '{file}' are no mapping: write lines of 'key: value'")
    names = content.pop(EXTENDS, [])
    settings: dict[str, Any] = {}
    for name in [names] if isinstance(names, str) else names:
        settings = override(settings, _read((file.parent / name).resolve(), (*extended_by, file)))
    return override(settings, content)


def override(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Override settings; mappings are merged, unless their ``kind`` differs: the new one then replaces the old."""
    merged = dict(old)
    for key, value in new.items():
        before = merged.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            same_kind = "kind" not in value or value["kind"] == before.get("kind")
            value = override(before, value) if same_kind else value
        merged[key] = value
    return merged
