"""Hierarchies from YAML: the definitions that come with the package, and the user's own."""

import os
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from stemtree.errors import HierarchyError, suggest
from stemtree.hierarchy.labels import normal_form
from stemtree.hierarchy.names import known_nodes
from stemtree.hierarchy.node import Node
from stemtree.hierarchy.paths import NodePath, is_within
from stemtree.hierarchy.tree import Hierarchy
from stemtree.yaml_text import RepeatedKeyError, UniqueKeyLoader, one_line

_DEFINITIONS = resources.files("stemtree.hierarchy") / "definitions"
_KEYS = ("name", "description", "aliases", "continues", "tree")
_MAX_LEVELS = 64
_TOO_DEEP = f"nested too deeply to be a hierarchy: {_MAX_LEVELS} levels are the most"


def available() -> tuple[str, ...]:
    """Names of the definitions that come with the package."""
    return tuple(sorted(entry.name.removesuffix(".yaml") for entry in _DEFINITIONS.iterdir()))


def load(name_or_file: str | Path) -> Hierarchy:
    """Load a hierarchy by the name of a definition or from a YAML file.

    Parameters
    ----------
    name_or_file : str or pathlib.Path
        One of `available`, or the path of a file ending in ``.yaml`` or ``.yml``.

    Raises
    ------
    HierarchyError
        If there is no such definition or file, or if it does not describe a hierarchy.
    """
    if not isinstance(name_or_file, str | os.PathLike):
        raise HierarchyError(f"there is no hierarchy {name_or_file!r}: give its name, or a file ending in .yaml")
    text = os.fspath(name_or_file)
    if text in available():
        return _definition(text)
    file = Path(text)
    if file.suffix.lower() not in (".yaml", ".yml"):
        raise HierarchyError(
            f"there is no hierarchy '{text}'{suggest(text, available())} (one of your own is given as a .yaml file)"
        )
    try:
        return parse(file.read_text("utf-8"), default_name=file.stem)
    except OSError as error:
        raise HierarchyError(f"cannot read the hierarchy file '{file}': {error.strerror}; check its path") from None
    except UnicodeDecodeError:
        raise HierarchyError(f"the hierarchy file '{file}' is not UTF-8 text: save it as such") from None
    except HierarchyError as error:
        raise HierarchyError(f"{file}: {error}") from None


@cache
def _definition(name: str) -> Hierarchy:
    """A definition that comes along; hierarchies are immutable, and reading one takes 25 ms."""
    return parse((_DEFINITIONS / f"{name}.yaml").read_text("utf-8"), default_name=name)


def read_labels(file: Path) -> dict[str, NodePath]:
    """Read a label map, a YAML file of lines such as ``kick in: accompaniment/percussion/drum_set``.

    Raises
    ------
    HierarchyError
        If it cannot be read, or does not map text to text.
    """
    labels = read_map(file, "label map")
    texts = isinstance(labels, dict) and all(isinstance(text, str) for pair in labels.items() for text in pair)
    if not texts:
        raise HierarchyError(f"the label map '{file}' must have lines of 'label: path of a leaf', both text")
    return dict(labels)


def read_map(file: Path, kind: str) -> Any:
    """Read a YAML file that maps something to nodes, without repeated keys; `kind` is what messages call it.

    Raises
    ------
    HierarchyError
        If it cannot be read.
    """
    try:
        return _read_yaml(file.read_text("utf-8"))
    except OSError as error:
        raise HierarchyError(f"cannot read the {kind} '{file}': {error.strerror}; check its path") from None
    except UnicodeDecodeError:
        raise HierarchyError(f"the {kind} '{file}' is not UTF-8 text: save it as such") from None
    except HierarchyError as error:
        raise HierarchyError(f"{file}: {error}") from None


def with_label_map(hierarchy: Hierarchy, file: Path) -> Hierarchy:
    """Apply a label map to a hierarchy; raises HierarchyError that names the file and the label."""
    labels = read_labels(file)
    try:
        return hierarchy.with_labels({label: _leaf_named(hierarchy, name) for label, name in labels.items()})
    except HierarchyError as error:
        raise HierarchyError(f"{file}: {error}") from None


def _leaf_named(hierarchy: Hierarchy, name: str) -> NodePath:
    """The path of a node with a name; the name itself if that is no node's, or several nodes'."""
    nodes = known_nodes(hierarchy, name, any_number=True) or ()
    return nodes[0] if len(nodes) == 1 else name


def parse(text: str, default_name: str) -> Hierarchy:
    """Read a hierarchy from YAML text.

    Under the key ``tree`` a mapping is an inner node; a leaf has a list of the labels that corpora use for it, or
    nothing. Under ``aliases`` a name is mapped to the node, or the list of nodes, that people call by it. With
    ``continues: NAME`` the tree is that of a definition that comes along, its aliases included, and ``tree`` maps paths
    of its leaves to what lies beneath them.

    Raises
    ------
    HierarchyError
        If the text is not YAML, has other keys than ``name``, ``description``, ``aliases``, ``continues`` and ``tree``,
        repeats a key, contains itself through a YAML alias, or does not make a tree; or if an alias is a node's own
        name or means no node.
    """
    data = _read_yaml(text)
    if not isinstance(data, dict) or "tree" not in data:
        raise HierarchyError("it has no key 'tree': put the nodes under one")
    for key in data:
        if key not in _KEYS:
            raise HierarchyError(f"unknown key '{key}'{suggest(str(key), _KEYS)}")
    name, description = (data.get(key, default) for key, default in (("name", default_name), ("description", "")))
    if not isinstance(name, str) or not isinstance(description, str):
        raise HierarchyError("'name' and 'description' must be text: put them in quotes")
    if not isinstance(data["tree"], dict | None):
        raise HierarchyError(f"'tree' must map names to nodes, not be {data['tree']!r}")
    tree = data["tree"] or {}
    base = _base(data["continues"]) if "continues" in data else None
    if base:
        hierarchy = base.continue_beneath(name, _beneath(base, tree), description)
    else:
        hierarchy = Hierarchy(name, _node("mixture", tree, ()), description)
    hierarchy = hierarchy.with_aliases(_aliases(hierarchy, data.get("aliases")))
    return hierarchy.with_aliases(base.aliases) if base else hierarchy


def _base(name: Any) -> Hierarchy:
    """The definition that a hierarchy continues."""
    if name not in available():
        raise HierarchyError(f"it continues {name!r}{suggest(str(name), available())}: name one that comes along")
    return load(name)


def _beneath(base: Hierarchy, tree: dict[Any, Any]) -> dict[NodePath, Node]:
    """What a hierarchy puts in the place of leaves of the one that it continues."""
    if not tree:
        raise HierarchyError(f"it continues '{base.name}' nowhere: map a leaf's path to what lies beneath it")
    for path, content in tree.items():
        base.node(str(path))
        if not isinstance(content, dict) or not content:
            raise HierarchyError(f"'{path}' continues with {content!r}: it must map names to nodes")
    return {path: _node(base.node(path).name, content, ()) for path, content in tree.items()}


def from_dict(name: str, tree: Mapping[str, Any]) -> Hierarchy:
    """Make a hierarchy from the output of `Hierarchy.as_dict`; its leaves have no labels but their names.

    Under the name of a definition it has those of the definition's aliases that mean its nodes.

    Raises
    ------
    HierarchyError
        If it is not a mapping of names to such mappings, or not a valid hierarchy.
    """

    def node(name: str, below: Mapping[str, Any]) -> Node:
        if not isinstance(below, Mapping):
            raise HierarchyError(f"'{name}' must map names to nodes, not be {below!r}")
        return Node(name, tuple(node(*item) for item in below.items()))

    hierarchy = Hierarchy(name, node("mixture", tree))
    return hierarchy.with_aliases(load(name).aliases) if name in available() else hierarchy


def _aliases(hierarchy: Hierarchy, content: Any) -> list[tuple[str, tuple[NodePath, ...]]]:
    """The aliases of a definition, with the paths of their nodes."""
    if not isinstance(content, dict | None):
        raise HierarchyError(f"'aliases' must map names to nodes, not be {content!r}")
    aliases: dict[str, tuple[NodePath, ...]] = {}
    for alias, meant in (content or {}).items():
        names = meant if isinstance(meant, list) else [meant]
        if not isinstance(alias, str) or not names or not all(isinstance(name, str) for name in names):
            raise HierarchyError(f"the alias '{alias}' must be text and mean a node or a list of nodes, not {meant!r}")
        if not normal_form(alias) or known_nodes(hierarchy, alias):
            raise HierarchyError(f"the alias '{alias}' is a node's own name or none at all: choose another")
        if normal_form(alias) in map(normal_form, aliases):
            raise HierarchyError(f"the alias '{alias}' stands twice: keep one")
        found = [known_nodes(hierarchy, name) for name in names]
        for name, paths in zip(names, found, strict=True):
            if paths is None:
                raise HierarchyError(
                    f"the alias '{alias}' means '{name}', which is no node{suggest(name, hierarchy.paths)}"
                )
        nodes = tuple(dict.fromkeys(path for paths in found for path in paths or ()))
        if any(one != other and is_within(one, other) for one in nodes for other in nodes):
            raise HierarchyError(f"the alias '{alias}' means a node and one within it: leave out the one within")
        aliases[alias] = nodes
    return list(aliases.items())


def _read_yaml(text: str) -> Any:
    try:
        return yaml.load(text, Loader=UniqueKeyLoader)
    except RepeatedKeyError as error:
        raise HierarchyError(one_line(error)) from None
    except RecursionError:
        raise HierarchyError(_TOO_DEEP) from None
    except yaml.YAMLError as error:
        raise HierarchyError(f"not readable as YAML: {one_line(error)}") from None
    except Exception as error:  # PyYAML's constructors raise many types, for example for the date 2001-13-45
        raise HierarchyError(f"not readable as YAML: {error}; put it in quotes") from None


def _node(name: Any, content: Any, above: tuple[int, ...]) -> Node:
    if not isinstance(name, str):
        raise HierarchyError(f"the name {name!r} is not text to YAML: put it in quotes")
    if isinstance(content, dict):
        if id(content) in above:
            raise HierarchyError(f"'{name}' contains itself: a hierarchy cannot have a cycle")
        if len(above) > _MAX_LEVELS:
            raise HierarchyError(_TOO_DEEP)
        return Node(name, tuple(_node(*item, (*above, id(content))) for item in content.items()))
    if content is not None and not isinstance(content, list):
        raise HierarchyError(f"'{name}' is {content!r}: a leaf has a list of labels, such as [{content}], or nothing")
    labels = content or []
    for label in labels:
        if not isinstance(label, str):
            raise HierarchyError(f"the label {label!r} of '{name}' is not text to YAML: put it in quotes")
    return Node(name, labels=tuple(labels))
