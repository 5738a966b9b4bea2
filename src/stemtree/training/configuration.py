"""A run's configuration: YAML files that change each other, changes from the command line, and the resolved whole."""

import re
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from stemtree.errors import OptionError, one_sentence, suggest
from stemtree.training.settings import TrainSettings
from stemtree.yaml_text import one_line, parse_yaml

CONFIGS = Path(__file__).with_name("configs")
"""The configurations that come with the package."""

EXTENDS = "extends"
"""The key that names the configuration, or configurations, that a file changes."""

_ENDINGS = (".yaml", ".yml")


def available() -> dict[str, str]:
    """What the configurations that come with the package train: the first sentence of each, by its name."""
    files = sorted(CONFIGS.rglob("*.yaml"), key=lambda file: (len(file.relative_to(CONFIGS).parts), file))
    return {file.relative_to(CONFIGS).with_suffix("").as_posix(): _first_sentence(file) for file in files}


def find(name_or_file: str | Path, beside: Path | None = None) -> Path:
    """Find the file of a configuration.

    Parameters
    ----------
    name_or_file : str or pathlib.Path
        A name, one of `available`, or the path of a YAML file.
    beside : pathlib.Path, optional
        The folder that paths are relative to; unset, the current one.

    Raises
    ------
    OptionError
        If there is neither such a name nor such a file.
    """
    text = str(name_or_file)
    names = available()
    if text in names:
        return CONFIGS / f"{text}.yaml"
    file = (beside or Path()) / text
    if file.suffix.lower() in _ENDINGS or file.exists():
        name = file.with_suffix("").as_posix()
        if not file.exists() and name.removeprefix("configs/") in names:
            name = name.removeprefix("configs/")
            raise OptionError(f"there is no file '{file}': write {name} for the configuration that comes with stemtree")
        return file
    raise OptionError(
        f"there is no configuration '{text}'{suggest(text, names)} (stemtree train --list prints all; one of your own "
        "is given as a .yaml file)"
    )


def read_settings(files: Sequence[str | Path], changes: Sequence[str] = ()) -> TrainSettings:
    """Read a run's settings.

    Parameters
    ----------
    files : sequence of str or pathlib.Path
        Names or YAML files, see `find`; each overrides those before it. A file with the key ``extends`` overrides the
        configuration, or configurations, that it names; files are relative to itself.
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
        settings = override(settings, _read(find(file), ()))
    for change in changes:
        settings = override(settings, parse_change(change))
    try:
        checked = TrainSettings.model_validate(settings)
        checked.model_dump(mode="json")  # as it will be written
        return checked
    except ValidationError as error:
        raise OptionError(one_sentence(error)) from None
    except UnicodeEncodeError as error:
        raise OptionError(f"the settings hold {error.object!a}, which is no text: write letters") from None


def resolved_yaml(settings: TrainSettings) -> str:
    """The whole configuration as YAML, defaults included; `read_settings` makes the same settings of it."""
    resolved = settings.model_dump(mode="json") | {"trainer": settings.trainer_settings}
    return yaml.safe_dump(resolved, sort_keys=False)


def parse_change(change: str) -> dict[str, Any]:
    """Turn ``a.b=value`` into ``{"a": {"b": value}}``; raises OptionError if it is none."""
    key, equals, value = change.partition("=")
    if not key or not equals:
        raise OptionError(f"'{change}' sets nothing: write key=value")
    try:
        nested = parse_yaml(value)
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
        content = parse_yaml(file.read_text("utf-8"))
    except OSError as error:
        raise OptionError(f"cannot read the settings '{file}': {error.strerror}; check the path") from None
    except UnicodeDecodeError:
        raise OptionError(f"the settings '{file}' are no text: write them as YAML") from None
    except yaml.YAMLError as error:
        raise OptionError(f"the settings '{file}' are not YAML ({one_line(error)}): correct that") from None
    if not isinstance(content, dict):
        raise OptionError(f"the settings '{file}' are no mapping: write lines of 'key: value'")
    names = content.pop(EXTENDS, None) or []
    if not isinstance(names, str | list):
        raise OptionError(
            f"'{EXTENDS}' in the settings '{file}' is {names!r}: give the name of a configuration, or a list"
        )
    settings: dict[str, Any] = {}
    for name in [names] if isinstance(names, str) else names:
        settings = override(settings, _read(find(name, file.parent).resolve(), (*extended_by, file)))
    return override(settings, content)


def _first_sentence(file: Path) -> str:
    """The first sentence of the comment at the beginning of a file."""
    lines = takewhile(lambda line: line.startswith("#"), file.read_text("utf-8").splitlines())
    text = " ".join(line.removeprefix("#").strip() for line in lines)
    return re.split(r"\. (?=[A-Z])", text, maxsplit=1)[0].rstrip(".:") + "."


def override(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Override settings.

    Mappings are merged, unless their ``kind`` differs: the new one then replaces the old. Of a list of mappings with
    kinds, for a key that holds one mapping, the one of its kind is merged; if there is none, nothing changes.
    """
    merged = dict(old)
    for key, value in new.items():
        before = merged.get(key)
        if isinstance(before, dict) and "kind" in before and isinstance(value, list):
            of_kind = [choice for choice in value if isinstance(choice, dict) and choice.get("kind") == before["kind"]]
            value = of_kind[0] if of_kind else before
        if isinstance(before, dict) and isinstance(value, dict):
            same_kind = "kind" not in value or value["kind"] == before.get("kind")
            value = override(before, value) if same_kind else value
        merged[key] = value
    return merged
