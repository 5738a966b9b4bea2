"""YAML that people write: a key that stands twice is an error, and errors say where."""

import json
from collections.abc import Hashable
from typing import Any

import yaml

_MERGE = "tag:yaml.org,2002:merge"


class UniqueKeyLoader(yaml.SafeLoader):
    """Rejects repeated keys, of which PyYAML silently keeps the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Make a mapping; raises ConstructorError where a key stands twice or is no plain text."""
        seen: set[object] = set()
        for key_node, _ in node.value:
            if key_node.tag == _MERGE:
                continue
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                raise yaml.constructor.ConstructorError(None, None, "a name must be plain text", key_node.start_mark)
            if key in seen:
                raise RepeatedKeyError(None, None, f"'{key}' stands twice among siblings", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


class RepeatedKeyError(yaml.constructor.ConstructorError):
    """Two keys of one mapping are the same."""


def parse_yaml(text: str) -> Any:
    """Parse YAML; whatever is wrong with it raises ``yaml.YAMLError``, see `one_line`."""
    try:
        content = yaml.load(text, Loader=UniqueKeyLoader)
        json.dumps(content, default=str, skipkeys=True)
        return content
    except yaml.YAMLError:
        raise
    except (ValueError, RecursionError) as error:
        is_cycle = isinstance(error, RecursionError) or "Circular" in str(error)
        raise yaml.YAMLError("something in it contains itself" if is_cycle else f"{error}") from None
    except Exception as error:  # PyYAML's constructors raise many types
        raise yaml.YAMLError(str(error)) from None


def one_line(error: yaml.YAMLError) -> str:
    """What is wrong, and in which line where that is known."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    return f"line {mark.line + 1}: {problem}" if mark else problem
