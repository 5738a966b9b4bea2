"""The description of a corpus that every command and configuration shares."""

from dataclasses import dataclass
from pathlib import Path

from stemtree.corpora.load import hierarchy_of, load_corpus
from stemtree.corpora.track import Corpus
from stemtree.errors import CorpusError
from stemtree.hierarchy import Hierarchy
from stemtree.hierarchy.load import with_label_map


@dataclass(frozen=True, slots=True)
class CorpusSettings:
    """A corpus, or a split of it, and how it is read.

    Parameters
    ----------
    root : pathlib.Path
        Its folder.
    kind : str
        A key of `stemtree.corpora.registry.KINDS`.
    split : str, optional
        Only the songs of this split.
    labels : pathlib.Path, optional
        A label map, see `stemtree.hierarchy.load.read_labels`.
    skip_bad : bool
        Leave out what cannot be used, instead of failing at it.
    index : pathlib.Path, optional
        The salience index, by default where ``stemtree corpus index`` puts it.
    """

    root: Path
    kind: str = "slakh"
    split: str | None = None
    labels: Path | None = None
    skip_bad: bool = False
    index: Path | None = None

    def hierarchy(self, hierarchy: str | Hierarchy | None = None) -> Hierarchy:
        """The hierarchy that labels are looked up in: the given one or the corpus's own, with the label map.

        Raises
        ------
        OptionError, HierarchyError
            If there is no such kind, hierarchy or label map, or if the map names no leaf of the hierarchy.
        """
        tree = hierarchy_of(self.kind, hierarchy, self.root)
        return with_label_map(tree, self.labels) if self.labels else tree

    def load(self, hierarchy: Hierarchy) -> Corpus:
        """Load the songs; `hierarchy` is what the method of that name returned, perhaps pruned.

        Raises
        ------
        CorpusError
            See `load_corpus`; also if no song is left.
        """
        corpus = load_corpus(self.root, self.kind, hierarchy, split=self.split, skip_bad=self.skip_bad)
        if not corpus.tracks:
            also = f", and whether it has songs of the split '{self.split}'" if self.split else ""
            raise CorpusError(f"no song in '{self.root}' can be used: see stemtree corpus check{also}")
        return corpus
