"""Look up every label of published metadata in the hierarchy that the corpus is read with.

    python benchmarks/quality/published_labels.py FOLDER...

FOLDER is any folder with metadata: a clone of github.com/marl/medleydb (`*_METADATA.yaml`) or of
github.com/moises-ai/moises-db (`defaults.py`), or a copy of MedleyDB, MoisesDB (`data.json`) or Slakh
(`metadata.yaml`). No audio is opened. Prints, for each kind of corpus, how many files and stems there are, and the
labels that no leaf has.
"""

import argparse
import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from stemtree.corpora.registry import layout_of
from stemtree.errors import CorpusError, HierarchyError
from stemtree.hierarchy import load

PATTERNS = {"medleydb": "*_METADATA.yaml", "moisesdb": "data.json", "slakh": "metadata.yaml"}


def listed(kind: str, folder: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield file and labels of each stem that metadata files of a kind describe."""
    layout = layout_of(kind)
    for file in sorted(folder.rglob(PATTERNS[kind])):
        try:
            for stem in layout.read_song(file.parent if kind == "slakh" else file).stems:
                yield str(file), stem.labels
        except CorpusError as error:
            print(f"{error}")
    if kind == "moisesdb":
        for file in sorted(folder.rglob("defaults.py")):
            for group, types in taxonomy(file).items():
                yield from ((str(file), (label, group)) for label in types)


def taxonomy(file: Path) -> dict[str, list[str]]:
    """Read the track types of each stem from the publisher's package."""
    for statement in ast.parse(file.read_text("utf-8")).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "taxonomy":
            return dict(ast.literal_eval(statement.value))
    return {}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    for folder in parser.parse_args().folders:
        for kind in PATTERNS:
            hierarchy, files, stems, unknown = load(layout_of(kind).hierarchy), set(), 0, Counter[str]()
            for file, labels in listed(kind, folder):
                files.add(file)
                stems += 1
                try:
                    hierarchy.leaf(*labels)
                except HierarchyError:
                    unknown[labels[-1] if kind == "medleydb" else labels[0]] += 1
            if files:
                named = ", ".join(f"{label} ({count})" for label, count in unknown.most_common()) or "none"
                print(f"{folder}: {kind}, {len(files)} files, {stems} labels; without a leaf: {named}")


if __name__ == "__main__":
    main()
