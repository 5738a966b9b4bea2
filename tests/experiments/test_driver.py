"""Runs of experiments: stopped and continued, failed, done by several drivers, limited by a budget."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from stemtree.cluster import on_cluster
from stemtree.errors import CorpusError, OptionError, WorkerError
from stemtree.experiments import driver
from stemtree.experiments import execute as execution
from stemtree.experiments.definition import Experiment
from stemtree.experiments.driver import Limits, run_suite
from stemtree.experiments.execute import Outcome
from stemtree.experiments.plan import Songs, plan_runs
from stemtree.experiments.rows import read_run
from stemtree.experiments.run_folder import State
from stemtree.experiments.suite import Suite

HERE = Limits(jobs=0)


def make_suite(folder: Path, experiment: Experiment, *changes: str, published: Path | None = None) -> Suite:
    suite = Suite(folder, plan_runs({"own": experiment}, "tiny", Songs(), changes), published)
    suite.choose_code(None)
    return suite


@pytest.fixture(scope="module")
def finished(tiny_corpora: Path, tmp_path_factory: pytest.TempPathFactory) -> Suite:
    """A suite of one trained arm that was done without interruption."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tiny_corpora)
        arms = {"direct": {}, "tree": {"relation": {"kind": "tree"}}}
        experiment = Experiment(question="", source="", task="guitar", arms=arms)
        suite = make_suite(tmp_path_factory.mktemp("finished"), experiment, "trainer.max_epochs=3")
        assert run_suite(suite, Songs(), HERE) == {Outcome.DONE: 4}
    return suite


def rows(suite: Suite) -> dict[str, pl.DataFrame]:
    return {run.name: read_run(file)[1] for run in suite.runs if (file := suite.rows_of(run))}


def test_everything_is_measured_on_the_same_chunks(finished: Suite) -> None:
    measured = rows(finished)
    assert list(measured) == ["own mean", "own oracle:psa", "own direct seed 0", "own tree seed 0"]
    keys = [table.select("test", "track", "start", "target", "node") for table in measured.values()]
    assert all(table.equals(keys[0]) for table in keys) and keys[0]["track"].n_unique() == 12
    assert measured["own oracle:psa"]["si_sdr_improvement"].mean() > measured["own mean"]["si_sdr_improvement"].mean()
    for run in finished.runs[2:]:
        description = read_run(finished.rows_of(run))[0]
        assert [step for step, _ in description.curve] == [1, 3, 5] and description.parameters > 0
        folder = finished.folder_of(run)
        assert not (folder.model / "checkpoints").exists() and folder.description()["uses"] == [
            [use.experiment, use.arm, use.seed] for use in run.uses
        ]
        assert folder.cpu_seconds > 0


def test_a_run_that_was_stopped_ends_with_the_same_rows(
    finished: Suite, workplace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once within its training, once within its measurement."""
    suite = Suite(tmp_path, finished.runs)
    suite.choose_code(None)
    direct = suite.folder_of(suite.runs[2])
    fit, evaluate = execution.fit, execution.evaluate

    def fit_a_little(run: object) -> None:
        watch = run.trainer.callbacks[-1]
        watch.file.touch()
        fit(run)

    def evaluate_a_little(*arguments: object, **options: object) -> None:
        def stop(done: int, total: int) -> None:
            if done > total / 2:
                raise KeyboardInterrupt

        evaluate(*arguments, **options, progress=stop)

    monkeypatch.setattr(execution, "fit", fit_a_little)
    assert run_suite(suite, Songs(), HERE)[Outcome.STOPPED] == 2
    assert suite.state(suite.runs[2]) == State.PENDING and (direct.model / "checkpoints" / "last.ckpt").exists()
    before = direct.cpu_seconds
    monkeypatch.setattr(execution, "fit", fit)
    monkeypatch.setattr(execution, "evaluate", evaluate_a_little)
    with pytest.raises(KeyboardInterrupt):
        run_suite(suite, Songs(), HERE)
    assert suite.state(suite.runs[2]) == State.TRAINED and list(direct.path.glob("evaluation/*.parts/*.parquet"))
    monkeypatch.setattr(execution, "evaluate", evaluate)
    run_suite(suite, Songs(), HERE)
    assert direct.cpu_seconds > before
    for name, table in rows(finished).items():
        assert rows(suite)[name].equals(table), name


def test_a_further_test_set_is_measured_without_training(
    finished: Suite, workplace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was measured before stays as it is."""
    shutil.copytree(finished.folder, tmp_path, dirs_exist_ok=True)
    run = finished.runs[2]
    further = replace(run.tests[0], name="half a second", duration=0.5)
    name = further.list_name(Songs().identity(further.corpus, run.settings.hierarchy), run.settings)
    more = replace(run, tests=(further, *run.tests), lists={**run.lists, further.name: name})
    suite = Suite(tmp_path, [more])
    assert (suite.state(run), suite.state(more)) == (State.EVALUATED, State.TRAINED)
    monkeypatch.setattr(execution, "fit", None)
    assert run_suite(suite, Songs(), HERE) == {Outcome.DONE: 1}
    assert suite.state(more) == State.EVALUATED
    (before, old), (now, new) = read_run(finished.rows_of(run)), read_run(suite.rows_of(more))
    assert new.filter(test="songs").equals(old) and len(new.filter(test="half a second")) > len(old)
    assert now.chunks.items() > before.chunks.items() and now.curve == before.curve
    assert not run_suite(suite, Songs(), HERE)


def test_songs_of_a_test_set_that_were_made_anew_are_measured_without_training(
    finished: Suite, tiny_corpora: Path, tmp_path: Path, experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tiny_corpora, tmp_path / "place")
    shutil.copytree(finished.folder, tmp_path / "suite")
    monkeypatch.chdir(tmp_path / "place")
    changes = ("trainer.max_epochs=3",)
    before = make_suite(tmp_path / "suite", experiment, *changes)
    assert {before.state(run) for run in before.runs} == {State.EVALUATED}
    song = min((tmp_path / "place" / before.runs[0].tests[0].root).glob("test/*"))
    shutil.rmtree(song)
    suite = make_suite(tmp_path / "suite", experiment, *changes)
    assert [suite.state(run) for run in suite.runs][2:] == [State.TRAINED, State.TRAINED]
    monkeypatch.setattr(execution, "fit", None)
    assert run_suite(suite, Songs(), HERE) == {Outcome.DONE: 4}
    assert {suite.state(run) for run in suite.runs} == {State.EVALUATED} and not run_suite(suite, Songs(), HERE)
    for run, table in rows(suite).items():
        assert set(rows(finished)[run]["track"]) - set(table["track"]) == {song.name}, run


def test_a_failure_is_kept_and_stops_no_other_run(
    workplace: Path, tmp_path: Path, experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = make_suite(tmp_path, experiment)
    prepare = execution.prepare

    def fail(settings: object, *arguments: object, **options: object) -> object:
        if settings.relation.kind == "direct":
            raise ZeroDivisionError("too bad")
        return prepare(settings, *arguments, **options)

    monkeypatch.setattr(execution, "prepare", fail)
    said = []
    assert run_suite(suite, Songs(), HERE, said.append) == {Outcome.DONE: 3, Outcome.FAILED: 1}
    assert "3 of 4: own direct seed 0 failed: ZeroDivisionError: too bad" in said
    failed = suite.runs[2]
    assert suite.state(failed) == State.FAILED and "Traceback" in suite.folder_of(failed).failure
    assert not run_suite(suite, Songs(), HERE)
    monkeypatch.setattr(execution, "prepare", prepare)
    assert run_suite(suite, Songs(), replace(HERE, retry=True)) == {Outcome.DONE: 1}
    assert suite.state(failed) == State.EVALUATED and not suite.folder_of(failed).failure


def test_runs_that_cannot_be_written_or_prepared_are_no_success(
    workplace: Path, tmp_path: Path, experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite, said = make_suite(tmp_path, experiment), []
    (tmp_path / "runs").mkdir()
    for run in suite.runs:
        suite.folder_of(run).path.touch()  # a file where the run's folder would be
    assert run_suite(suite, Songs(), HERE, said.append) == {Outcome.LOST: 4}
    assert "' cannot be written to (File exists: check the disk)" in said[0]

    def load(*arguments: object) -> object:
        raise CorpusError("gone")

    monkeypatch.setattr(Songs, "load", load)
    assert run_suite(suite, Songs(), HERE, said.append) == {Outcome.FAILED: 4}
    assert said[-1].endswith("cannot be done: gone")


def test_no_run_is_done_twice(workplace: Path, finished: Suite, tmp_path: Path) -> None:
    suite = Suite(tmp_path, finished.runs[:1])
    suite.choose_code(None)
    folder = suite.folder_of(suite.runs[0])
    said = []
    with folder.locked() as held:
        assert held and suite.state(suite.runs[0]) == State.RUNNING
        assert run_suite(suite, Songs(), HERE, said.append) == {Outcome.ELSEWHERE: 1}
    assert said == ["1 of 1: own mean is done by another process"] and suite.state(suite.runs[0]) == State.PENDING
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / f"{folder.path.name}.parquet").write_bytes(finished.rows_of(finished.runs[0]).read_bytes())
    assert not run_suite(replace(suite, published=kept), Songs(), HERE)


def test_a_budget_ends_training_at_a_checkpoint(workplace: Path, tmp_path: Path, experiment: Experiment) -> None:
    suite = make_suite(tmp_path, experiment)
    said = []
    outcomes = run_suite(suite, Songs(), replace(HERE, cpu_hours=0), said.append)
    assert outcomes == {Outcome.DONE: 2, Outcome.STOPPED: 2}  # what is not trained costs next to nothing
    assert said[0].startswith("the budget is spent") and not list(tmp_path.glob(".stop*"))
    assert run_suite(suite, Songs(), HERE) == {Outcome.DONE: 2}


def test_other_code_is_not_mixed_unless_one_says_so(
    workplace: Path, finished: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = Suite(finished.folder, finished.runs)
    for module in ("suite", "driver", "execute"):
        monkeypatch.setattr(f"stemtree.experiments.{module}.code_identity", lambda: "other")
    with pytest.raises(OptionError, match=r"the code has changed since the runs in .* were made: give --code same"):
        suite.choose_code(None)
    with pytest.raises(OptionError, match="'old' is no choice of code"):
        suite.choose_code("old")
    codes = suite.codes
    suite.choose_code("same")
    assert suite.codes == (*codes, "other") and all(suite.state(run) == State.EVALUATED for run in suite.runs)
    suite.choose_code(None)
    (finished.folder / "codes.json").write_text(json.dumps(codes))
    del suite.__dict__["codes"]
    suite.choose_code("new")
    assert all(suite.state(run) == State.PENDING for run in suite.runs)
    (finished.folder / "codes.json").write_text(json.dumps(codes))


def test_runs_in_processes_of_their_own_and_on_a_cluster(workplace: Path, finished: Suite, tmp_path: Path) -> None:
    """Each gives the rows of the runs that were done here, and the model its bytes."""
    pytest.importorskip("ray", reason="Ray is not installed (the extra cluster)")
    for run, address in zip(finished.runs[1:3], (None, "local"), strict=True):
        suite = Suite(tmp_path / run.estimator.partition(":")[0], [run])
        suite.choose_code(None)
        with on_cluster(address):
            assert run_suite(suite, Songs(), Limits(jobs=2)) == {Outcome.DONE: 1}
        assert rows(suite)[run.name].equals(rows(finished)[run.name])
        assert suite.folder_of(run).cpu_seconds > 1  # of the whole process
    weights = [one.folder_of(run).model / "model.safetensors" for one in (suite, finished)]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_runs_whose_processes_are_lost_say_why(
    workplace: Path, tmp_path: Path, experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(work: object, job: object) -> None:
        raise WorkerError("the cluster is away")

    monkeypatch.setattr(driver, "in_own_process", lose)
    suite, said = make_suite(tmp_path, experiment), []
    assert run_suite(replace(suite, runs=suite.runs[:1]), Songs(), Limits(), said.append) == {Outcome.LOST: 1}
    assert said == ["1 of 1: own mean was not finished: the cluster is away"]
    assert suite.state(suite.runs[0]) == State.PENDING


def test_baselines_are_shared_by_experiments_with_the_same_test_songs_alone() -> None:
    arms = {"direct": {}, "tree": {"relation": {"kind": "tree"}}}
    one, other = (Experiment(question="", source="", task=task, arms=arms) for task in ("guitar", "ms21_guitar"))
    for size, number in (("tiny", 2), ("small", 4)):  # the tasks have songs of their own in the small size alone
        planned = plan_runs({"one": one, "other": other}, size, None)
        assert sum(run.estimator != "trained" for run in planned) == number
