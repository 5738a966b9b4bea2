"""Trees made of queries against the true ones (thesis, 6.2.4): which leaves are found, how well nodes are separated."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from stemtree.audio import ArraySource
from stemtree.corpora.fingerprint import corpus_fingerprint
from stemtree.corpora.track import Corpus, Track
from stemtree.data.signals import node_signals
from stemtree.devices import AUTO
from stemtree.errors import EvaluationError, NoQueryError, OptionError, StemtreeError
from stemtree.evaluation.chunks import check_draw
from stemtree.evaluation.estimators.queries import Queries, find_queries
from stemtree.evaluation.found_leaves import LEAVES
from stemtree.evaluation.measure import measure_chunk
from stemtree.evaluation.rows import SCHEMA
from stemtree.evaluation.settings import EvaluationSettings
from stemtree.evaluation.tree_store import SongRows, TreeStore
from stemtree.hierarchy import MIXTURE, Hierarchy, NodePath, depth
from stemtree.model import weights_digest
from stemtree.separation.query_tree import QueryTree
from stemtree.separation.splitters.example import Example


@dataclass(frozen=True)
class TreeRows:
    """What was measured.

    Parameters
    ----------
    leaves : polars.DataFrame
        With the columns `LEAVES`.
    nodes : polars.DataFrame
        With the columns of `stemtree.evaluation.rows.SCHEMA`: of every chunk the nodes that were asked for. The
        estimate of a node that is not in the tree is silent, so that its ratios are undefined.
    problems : tuple of str
        A sentence on each song that could not be measured.
    """

    leaves: pl.DataFrame
    nodes: pl.DataFrame
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class TreeJudge:
    """Separates songs into trees of queries and measures them.

    Parameters
    ----------
    tree : QueryTree
        With a folder's examples, or with none: then each leaf of a song is asked for with a chunk of another song in
        which it is salient, drawn as for `stemtree evaluate RUN`.
    corpus : Corpus
        The songs, loaded with the hierarchy that the model was trained on.
    settings : EvaluationSettings
        Chunks, threshold of salience, seed.

    Raises
    ------
    CorpusError
        If the salience index cannot be written.
    """

    tree: QueryTree
    corpus: Corpus
    settings: EvaluationSettings
    _fixed: Mapping[NodePath, Example] = field(init=False)
    _queries: Queries = field(init=False)

    def __post_init__(self) -> None:
        stack, settings = self.tree.stack, self.settings
        asked = tuple(stack.examples) or stack.targets
        queries = find_queries(self.corpus, stack.asked_hierarchy, asked, settings.chunking, settings.seed)
        object.__setattr__(self, "_fixed", dict(stack.examples))
        object.__setattr__(self, "_queries", queries)

    @property
    def hierarchy(self) -> Hierarchy:
        """The model's, as deep as it tells nodes apart."""
        stack = self.tree.stack
        return stack.asked_hierarchy.prune(depth(stack.targets[0]))

    def measure(
        self,
        songs: Iterable[Track],
        progress: Callable[[int, int], None] | None = None,
        store: TreeStore | None = None,
    ) -> TreeRows:
        """Measure songs; those that cannot be read are left out and reported, those that `store` has are read."""
        measured, problems, tracks = list[SongRows](), list[str](), list(songs)
        for number, track in enumerate(tracks, start=1):
            try:
                measured.append(store.song(track, self._song) if store else self._song(track))
            except EvaluationError:  # of the store, which would fail with every song
                raise
            except StemtreeError as error:
                problems.append(f"'{track.id}' was not measured: {error}")
            if progress:
                progress(number, len(tracks))
        leaves = pl.concat([pl.DataFrame(schema=LEAVES), *(leaves for leaves, _ in measured)])
        nodes = pl.concat([pl.DataFrame(schema=SCHEMA), *(nodes for _, nodes in measured)])
        return TreeRows(leaves, nodes, tuple(problems))

    def examples_for(self, track: Track) -> dict[NodePath, Example]:
        """The examples that a song's tree is asked for with; leaves that no other song has are not asked for."""
        if self._fixed:
            return dict(self._fixed)
        examples = {}
        for leaf in self.tree.stack.targets:
            try:
                _, chunk = self._queries.draw(leaf, track.id, 0)
            except NoQueryError:
                continue
            length = self.settings.chunking.num_samples(chunk.track.sample_rate)
            (audio,) = node_signals(chunk.track, (leaf,), chunk.start, length, mono=self.settings.mono)
            origin: dict[str, object] = {"song": chunk.track.id, "sample": chunk.start}
            name = f"{leaf} of {chunk.track.id}"
            examples[leaf] = Example(name, audio.astype(np.float64), chunk.track.sample_rate, origin)
        return examples

    def _song(self, track: Track) -> SongRows:
        examples = self.examples_for(track)
        if not examples:
            raise OptionError("no leaf that the model knows is salient in another song: give examples with --like")
        self.tree.stack.ask(examples)
        (mixture,) = node_signals(track, (MIXTURE,), 0, track.num_samples, mono=self.settings.mono)
        source = ArraySource(mixture, track.sample_rate, track.id)
        evidence = self.tree.listen(source)
        found = self.tree.there(evidence)
        told_by = "loudness_db" if self.tree.by_loudness else "log_odds"
        leaves = [
            {
                "track": track.id,
                "leaf": leaf,
                "there": self._is_there(track, leaf),
                "found": leaf in found,
                told_by: evidence.get(leaf),
            }
            for leaf in examples
        ]
        nodes = self._measure(track, tuple(examples), self._separate(source, found))
        return pl.DataFrame(leaves, schema=LEAVES), pl.DataFrame(nodes, schema=SCHEMA)

    def _is_there(self, track: Track, leaf: NodePath) -> bool | None:
        if any(chunk.track.id == track.id for chunk in self._queries.chunks[leaf]):
            return True
        return None if track.stems_of(leaf) else False

    def _separate(self, source: ArraySource, found: Sequence[NodePath]) -> dict[NodePath, np.ndarray[Any, Any]]:
        """The estimates of all nodes of the tree."""
        if not found:
            return {}
        result = self.tree.separator_of(found).separate(source)
        return {node.path: node.audio for node in result}

    @torch.inference_mode()
    def _measure(
        self, track: Track, asked: Sequence[NodePath], estimates: Mapping[NodePath, np.ndarray[Any, Any]]
    ) -> list[dict[str, Any]]:
        tree = self.hierarchy
        on_paths = {node for leaf in asked for node in (leaf, *tree.ancestors(leaf)) if node != MIXTURE}
        nodes = [node for node in tree.paths if node in on_paths]
        length = self.settings.chunking.num_samples(track.sample_rate)
        rows = []
        for start in self.settings.chunking.starts(track):
            signals = node_signals(track, (MIXTURE, *nodes), int(start), length, mono=self.settings.mono)
            mixture, truth = torch.from_numpy(signals[0]), torch.from_numpy(np.stack(signals[1:]))
            guess = torch.zeros_like(truth)
            for number, node in enumerate(nodes):
                if node in estimates:
                    piece = estimates[node][:, start : start + length]
                    guess[number, :, : piece.shape[1]] = torch.from_numpy(piece.copy())
            columns = measure_chunk(guess, truth, mixture, track.sample_rate, self.settings)
            place = {"track": track.id, "start": float(start) / track.sample_rate}
            rows += [
                place | {"node": node, "level": tree.level(node)} | values
                for node, values in zip(nodes, columns, strict=True)
            ]
        return rows


def draw_songs(corpus: Corpus, number: int | None, seed: int) -> tuple[Track, ...]:
    """So many songs, drawn without repetition and in the order of the corpus; all of them if there are no more."""
    check_draw(number, seed)
    if number is None or number >= len(corpus.tracks):
        return corpus.tracks
    drawn = np.random.default_rng(seed).choice(len(corpus.tracks), number, replace=False)
    return tuple(corpus.tracks[place] for place in sorted(drawn))


def evaluate_query_tree(
    model: str | os.PathLike[str],
    corpus: Corpus,
    settings: EvaluationSettings,
    *,
    examples: str | os.PathLike[str] | None = None,
    present_db: float | None = None,
    songs: Sequence[Track] | None = None,
    file: str | os.PathLike[str] | None = None,
    device: str | torch.device = AUTO,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[TreeRows, Hierarchy]:
    """Score the trees that a model's answers to queries make of songs.

    Parameters
    ----------
    model : path-like
        A trained model that takes a query.
    corpus : Corpus
        Songs with their true stems, loaded with the hierarchy that the model was trained on.
    settings : EvaluationSettings
        Chunks, threshold of salience, seed.
    examples : path-like, optional
        A folder of examples for all songs; by default chunks of other songs of the corpus, see `TreeJudge`.
    present_db : float, optional
        See `QueryTree`.
    songs : sequence of Track, optional
        Measure only these; examples may come from others.
    file : path-like, optional
        Parquet file for the rows of nodes; those of leaves go to ``NAME.leaves.parquet`` beside it. Songs that a run
        finished before it was stopped are kept beside it, and the next run goes on from there.
    device : str or torch.device
        Where to compute.
    progress : callable, optional
        Called with the number of songs done and of all.

    Returns
    -------
    rows : TreeRows
        What was measured.
    hierarchy : Hierarchy
        Of its nodes.

    Raises
    ------
    ModelError, AudioError, OptionError
        See `QueryTree`.
    CorpusError
        If the salience index cannot be written.
    EvaluationError
        See `TreeStore`.
    """
    tree = QueryTree(model, {} if examples is None else examples, present_db, device=device)
    judge = TreeJudge(tree, corpus, settings)
    origins = {leaf: example.origin for leaf, example in tree.stack.examples.items()}
    provenance = {
        "estimator": {
            "name": "query-tree",
            "sha256": weights_digest(model),
            "settings": tree.stack.model.card.settings_digest,
            "like": origins,
            "present_db": tree.present_db if tree.by_loudness else None,
        },
        "corpus": corpus_fingerprint(corpus),
        **settings.as_dict(),
    }
    store = TreeStore(Path(file), provenance, settings.chunking) if file is not None else None
    rows = judge.measure(corpus.tracks if songs is None else songs, progress, store)
    if store:
        store.publish()
    return rows, judge.hierarchy
