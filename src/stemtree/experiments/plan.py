"""Which runs the arms of experiments need: each run once, whatever number of experiments it serves."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from stemtree.corpora.settings import CorpusSettings
from stemtree.corpora.track import Corpus
from stemtree.data.salience import Chunking, index_file, salience_index
from stemtree.errors import StemtreeError
from stemtree.experiments.definition import Experiment, arm_settings, cost_of_run, measured_on, trained_arms
from stemtree.experiments.identity import corpus_identity, digest, settings_identity
from stemtree.experiments.test_set import TestSet
from stemtree.hierarchy import Hierarchy, NodePath
from stemtree.hierarchy import load as load_hierarchy
from stemtree.training.monitor import Monitor
from stemtree.training.settings import TrainSettings

TRAINED = "trained"
"""The estimator of arms that are trained; others are named as for ``stemtree evaluate``."""

BASELINES = ("mean", "oracle:psa")
"""What every task is measured with besides its arms: a constant mask that is fitted to its songs, and an ideal mask."""


@dataclass(frozen=True, slots=True)
class Use:
    """What a run serves: an arm of an experiment, or a baseline of it; baselines have the seed 0."""

    experiment: str
    arm: str
    seed: int


@dataclass(frozen=True, eq=False)
class Run:
    """One estimator, trained or not, and what it is measured on.

    Parameters
    ----------
    estimator : str
        `TRAINED`, or a name that ``stemtree evaluate`` takes; ``mean`` is fitted to the songs of training.
    settings : TrainSettings
        Of training; of other estimators those of their task, which say hierarchy, nodes and songs.
    identity : str
        Of the settings and the estimator, whatever the songs; of what is not trained also of the test sets.
    corpora : str
        Of the songs of training and validation; empty where they are missing.
    tests : tuple of TestSet
        What it is measured on.
    lists : mapping
        For each test set, by name, the name of its list of chunks; empty where songs are not looked at.
    uses : tuple of Use
        What it serves.
    missing : str
        Why it cannot be done yet.
    """

    estimator: str
    settings: TrainSettings
    identity: str
    corpora: str
    tests: tuple[TestSet, ...]
    lists: Mapping[str, str]
    uses: tuple[Use, ...]
    missing: str = ""

    def key(self, code: str) -> str:
        """The name of the run's folder where it is done by this code."""
        return digest([self.identity, self.corpora, code])

    @property
    def test_names(self) -> tuple[str, ...]:
        """The names of its test sets."""
        return tuple(test.name for test in self.tests)

    @property
    def name(self) -> str:
        """Its first use, for people."""
        use = self.uses[0]
        more = f" and {len(self.uses) - 1} more" if len(self.uses) > 1 else ""
        return f"{use.experiment} {use.arm}" + (f" seed {use.seed}" if self.estimator == TRAINED else "") + more


@dataclass
class Songs:
    """Corpora, each loaded once.

    Parameters
    ----------
    monitor : Monitor
        Of the measuring of salience.
    """

    monitor: Monitor = field(default_factory=Monitor)
    _loaded: dict[object, Corpus | StemtreeError] = field(default_factory=dict)
    _identities: dict[object, str] = field(default_factory=dict)
    _indexed: set[object] = field(default_factory=set)

    def load(self, source: CorpusSettings, hierarchy: str) -> Corpus:
        """Load a corpus; raises CorpusError if it cannot be."""
        key = (source, hierarchy)
        if key not in self._loaded:
            try:
                self._loaded[key] = source.load(source.hierarchy(hierarchy))
            except StemtreeError as error:
                self._loaded[key] = error
        found = self._loaded[key]
        if isinstance(found, StemtreeError):
            raise found
        return found

    def identity(self, source: CorpusSettings, hierarchy: str) -> str:
        """See `corpus_identity`; raises CorpusError if it cannot be loaded."""
        key = (source, hierarchy)
        if key not in self._identities:
            self._identities[key] = corpus_identity(self.load(source, hierarchy))
        return self._identities[key]

    def index(self, source: CorpusSettings, hierarchy: str, chunking: Chunking) -> None:
        """Bring the salience index up to date, so that runs side by side do not all measure it."""
        key = (source, hierarchy, replace(chunking, threshold=0.0))
        if key in self._indexed:
            return
        corpus, tree = self.load(source, hierarchy), load_hierarchy(hierarchy)
        with self.monitor.progress(f"measuring {source.root}") as progress:
            file = source.index or index_file(corpus)
            salience_index(corpus, tree, file, chunking, skip_bad=source.skip_bad, progress=progress)
        self._indexed.add(key)


def plan_runs(
    experiments: Mapping[str, Experiment], size: str, songs: Songs | None, changes: Sequence[str] = ()
) -> list[Run]:
    """List the runs of experiments: baselines, then the first seed of every arm, then the second.

    Parameters
    ----------
    experiments : mapping
        By name.
    size : str
        One of `stemtree.experiments.definition.SIZES`.
    songs : Songs, optional
        Loads corpora; runs whose songs are missing say so. Without it, runs are known by `Run.identity` alone.
    changes : sequence of str
        ``key=value``, laid over the settings of all arms.
    """
    runs: dict[str, Run] = {}
    for run in sorted(_runs(experiments, size, songs, changes), key=lambda run: run.uses[0].seed):
        key = run.key("")
        before = runs.get(key)
        runs[key] = _merge(before, run) if before else run
    return list(runs.values())


def planned_hours(experiments: Mapping[str, Experiment], size: str) -> tuple[int, float]:
    """How many runs of experiments are trained, each counted once, and about how many CPU hours they take."""
    trained = [run for run in plan_runs(experiments, size, None) if run.estimator == TRAINED]
    seconds = sum(cost_of_run(experiments[run.uses[0].experiment], size) for run in trained)
    return len(trained), seconds / 3600


def target_nodes(settings: TrainSettings, hierarchy: Hierarchy) -> tuple[NodePath, ...]:
    """The nodes that a task's estimators are measured on: the paths of its targets, or all of its sub-tree."""
    if settings.targets:
        paths = [(*reversed(hierarchy.ancestors(target)[:-1]), target) for target in settings.targets]
        return tuple(dict.fromkeys(node for path in paths for node in path))
    deepest = settings.subtree.count("/") + bool(settings.subtree) + (settings.depth or 100)
    return tuple(node for node in hierarchy.descendants(settings.subtree) if node.count("/") < deepest)


def _merge(first: Run, second: Run) -> Run:
    tests = (*first.tests, *(test for test in second.tests if test not in first.tests))
    return replace(first, tests=tests, lists={**first.lists, **second.lists}, uses=(*first.uses, *second.uses))


def _runs(
    experiments: Mapping[str, Experiment], size: str, songs: Songs | None, changes: Sequence[str]
) -> Iterator[Run]:
    for name, experiment in experiments.items():
        tests = measured_on(experiment, size)
        of_task = arm_settings(experiment, None, size, 0, changes)
        for baseline in BASELINES:
            yield _make(baseline, of_task, tests, Use(name, baseline, 0), songs)
        for arm, estimator in trained_arms(experiment).items():
            for seed in range(1 if estimator else experiment.seeds_at(size)):
                settings = of_task if estimator else arm_settings(experiment, arm, size, seed, changes)
                yield _make(estimator or TRAINED, settings, tests, Use(name, arm, seed), songs)


def _make(estimator: str, settings: TrainSettings, tests: tuple[TestSet, ...], use: Use, songs: Songs | None) -> Run:
    identity: Any = settings.model_dump(mode="json")
    if estimator != TRAINED:
        tree = load_hierarchy(settings.hierarchy)
        stft = identity["stft"] if estimator == "mean" or estimator.startswith("oracle") else None
        identity = {"hierarchy": settings.hierarchy, "root": settings.subtree, "stft": stft}
        identity |= {"nodes": target_nodes(settings, tree), "estimator": estimator, "channels": settings.channels}
        identity |= {"tests": [(test.name, test.root.name) for test in tests]}  # tasks share baselines, not songs
        identity = digest(identity)
    else:
        identity = settings_identity(identity)
    if songs is None:
        return Run(estimator, settings, identity, "", tests, {}, (use,))
    used = (settings.train, settings.validation) if estimator == TRAINED else (settings.train,)
    corpora, missing, lists = "", "", {}
    try:
        if estimator in (TRAINED, "mean"):
            corpora = digest([[songs.identity(source, settings.hierarchy) for source in sources] for sources in used])
        found = tuple(test for test in tests if _exists(test, settings, songs))
        if not found:
            songs.load(tests[0].corpus, settings.hierarchy)
        lists = {test.name: _list_name(test, settings, songs) for test in found}
    except StemtreeError as error:
        found, missing = tests, str(error)
    return Run(estimator, settings, identity, corpora, found, lists, (use,), missing)


def _list_name(test: TestSet, settings: TrainSettings, songs: Songs) -> str:
    """See `TestSet.list_name`; that of songs that are damaged is none."""
    try:
        return test.list_name(songs.identity(test.corpus, settings.hierarchy), settings)
    except StemtreeError:
        return ""


def _exists(test: TestSet, settings: TrainSettings, songs: Songs) -> bool:
    try:
        songs.load(test.corpus, settings.hierarchy)
    except StemtreeError:
        return Path(test.root).exists()  # what is there but damaged is reported
    return True
