"""The songs and chunks on which the runs of an experiment are measured, the same for all arms."""

from dataclasses import dataclass, replace
from pathlib import Path

from stemtree.corpora.settings import CorpusSettings
from stemtree.corpora.track import Corpus
from stemtree.data.salience import Chunking
from stemtree.evaluation.chunk_list import list_all, select_chunks, write_chunks
from stemtree.evaluation.chunks import choose_chunks
from stemtree.evaluation.settings import EvaluationSettings
from stemtree.experiments.identity import digest
from stemtree.hierarchy import Hierarchy
from stemtree.training.settings import TrainSettings


@dataclass(frozen=True, slots=True)
class TestSet:
    """Songs, and the rule by which chunks of them are selected.

    Parameters
    ----------
    name : str
        Of the set, in tables.
    root, kind, split
        See `CorpusSettings`.
    family : bool
        With targets: only chunks in which another leaf of the target's family is salient too.
    sample : int, optional
        How many chunks are drawn; unset, all.
    duration : float
        Of a chunk, in seconds; chunks lie side by side.
    threshold : float
        From which loudness on a target is salient, in dBFS.
    query : str
        What models that take queries are given, see `EvaluationSettings`.
    """

    __test__ = False  # pytest takes the name for a test's

    name: str
    root: Path
    kind: str = "slakh"
    split: str | None = "test"
    family: bool = False
    sample: int | None = None
    duration: float = 10.0
    threshold: float = -30.0
    query: str = "target"

    @property
    def corpus(self) -> CorpusSettings:
        """The songs."""
        return CorpusSettings(Path(self.root), self.kind, self.split)

    def settings(self, training: TrainSettings) -> EvaluationSettings:
        """How models of these settings are measured."""
        chunking = Chunking(self.duration, self.duration, self.threshold)
        window = min(1.0, self.duration)
        mono = training.channels == 1
        return EvaluationSettings(chunking, training.subtree, mono=mono, window=window, bss=False, query=self.query)

    def list_name(self, identity: str, training: TrainSettings) -> str:
        """The name of the list of chunks, which changes with songs and rule; parameters as for `freeze`."""
        rule = [identity, self.family, self.sample, self.duration, self.threshold, *training.targets]
        return f"{self.name}-{digest(rule)}"

    def freeze(
        self, corpus: Corpus, identity: str, hierarchy: Hierarchy, training: TrainSettings, folder: Path
    ) -> Path:
        """Write the list of chunks into a folder, unless it is there, and return its file.

        Parameters
        ----------
        corpus : Corpus
            The songs.
        identity : str
            Theirs, see `stemtree.experiments.identity.corpus_identity`.
        hierarchy : Hierarchy
            Of the corpus.
        training : TrainSettings
            Whose targets chunks are selected for.
        folder : pathlib.Path
            Where the list goes, under its name.

        Raises
        ------
        StemtreeError
            See `select_chunks` and `write_chunks`.
        """
        file = folder / f"{self.list_name(identity, training)}.csv"
        if file.exists():
            return file
        chunking = self.settings(training).chunking
        if training.targets:
            options = {"with_family": self.family, "sample": self.sample}
            chunks = select_chunks(corpus, hierarchy, training.targets, chunking, **options)  # type: ignore[arg-type]
        else:
            chunks = list_all(choose_chunks(corpus, chunking, self.sample), chunking)
            chunks = replace(chunks, rule=chunks.rule + (f", {self.sample} drawn with seed 0" if self.sample else ""))
        write_chunks(chunks, file)
        return file
