"""Whether an entry of ``tree.json`` is one of ours: other programs and people write files of this name too."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from stemtree.errors import HierarchyError
from stemtree.hierarchy import MIXTURE, NodePath, from_dict


def _within_folder(file: str) -> str:
    """A stem's file, which a later run may delete: it must lie within the song's folder."""
    path = Path(file)
    if "\0" in file or not path.parts or path.anchor or ".." in path.parts:
        raise ValueError("not within the song's folder")
    return file


_File = Annotated[str, AfterValidator(_within_folder)]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow")


class _Tree(_Part):
    name: str
    tree: dict[str, Any]


class _Format(_Part):
    container: str
    subtype: str | None


class _Splitter(_Part):
    name: str


class _Row(_Part):
    path: NodePath
    file: _File


class _Mix(_Part):
    nodes: list[NodePath]
    file: _File
    held_at_full_scale: int


class _LeftOut(_Part):
    path: NodePath


class _Run(_Part):
    stemtree: str
    hierarchy: _Tree
    wanted: list[NodePath]
    splitters: list[_Splitter]
    split_by: dict[NodePath, int | None]
    input: dict[str, Any]
    format: _Format
    samples: int
    mixture: dict[str, Any]
    nodes: list[_Row]
    sums: list[_Mix] = []
    without: list[_Mix] = []
    left_out: list[_LeftOut] = []


def is_run(entry: Any) -> bool:
    """Whether an entry describes stems of a tree, with all that is needed to tell how each was made."""
    try:
        run = _Run.model_validate(entry)
        tree = from_dict(run.hierarchy.name, run.hierarchy.tree)
    except (ValidationError, HierarchyError, RecursionError):
        return False
    divided = {path for path in (MIXTURE, *tree.paths) if not tree.is_leaf(path)}
    numbers = {number for number in run.split_by.values() if number is not None}
    return (
        divided <= run.split_by.keys()
        and numbers <= set(range(len(run.splitters)))
        and all(row.path in tree for row in run.nodes)
        and all(row.path in tree for row in run.left_out)
        and all(row.nodes and all(path in tree for path in row.nodes) for row in (*run.sums, *run.without))
    )
