"""From the folder of runs to versioned rows, and from these to pages."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from stemtree.experiments.definition import Experiment, arm_settings, measured_on
from stemtree.experiments.plan import BASELINES, TRAINED, Run, plan_runs
from stemtree.experiments.report.median_chunk import MedianChunk, draw, make_chunk, save_png
from stemtree.experiments.report.page import Page, make_page, progress, write_page
from stemtree.experiments.report.reproduce import reproduce
from stemtree.experiments.report.text import table
from stemtree.experiments.results import Finished, read_results
from stemtree.experiments.rows import read_description, read_descriptions, read_json, unmeasured, write_not_run
from stemtree.experiments.run_folder import ExperimentRun
from stemtree.experiments.suite import CODES
from stemtree.staging import whole_file


def collect(runs: Path, rows: Path, wanted: Sequence[Run]) -> int:
    """Copy the rows of finished runs to where they are kept, with the list of the code that counts.

    Of separators that could not be run it is kept why, until there are rows of them.

    Parameters
    ----------
    runs : pathlib.Path
        Folder of the runs.
    rows : pathlib.Path
        Where they are kept, one file for each run.
    wanted : sequence of Run
        What is collected, see `stemtree.experiments.plan.plan_runs`.

    Returns
    -------
    int
        How many were new.
    """
    rows.mkdir(parents=True, exist_ok=True)
    identities, new = {run.identity for run in wanted}, 0
    for file in sorted(runs.glob("runs/*/rows.parquet")):
        kept = rows / f"{file.parent.name}.parquet"
        description = read_description(file)
        if description.identity in identities and unmeasured(kept, description.chunks):
            with whole_file(kept) as partial:
                shutil.copyfile(file, partial)
            new += 1
    if counted := read_json(runs / CODES, list[str]):
        with whole_file(rows / CODES) as partial:
            partial.write_text(json.dumps(sorted({*counted})) + "\n", "utf-8")
    codes = _codes(rows)
    untrained = [run for run in wanted if run.estimator not in (TRAINED, *BASELINES)]
    failures = [
        (run.identity, ExperimentRun(runs / "runs" / run.key(code)).failure) for run in untrained for code in codes
    ]
    write_not_run({identity: _reason(failure) for identity, failure in failures if failure}, rows)
    return new


def _reason(failure: str) -> str:
    """What a failure says without what to do, in which there are paths of the machine."""
    return failure.splitlines()[0].partition(": ")[0]


def keep_chunk(name: str, experiment: Experiment, size: str, runs: Path, rows: Path, changes: Sequence[str]) -> None:
    """Compute what figure 15 is drawn from, if the experiment shows arms, they were run, and it is not there already.

    Raises
    ------
    StemtreeError
        If a model or the song cannot be read.
    """
    results = read_results(name, plan_runs({name: experiment}, size, None, changes), rows, _codes(rows))
    shown = [found[0] for arm in experiment.shows if (found := results.trained.get(arm))]
    if not shown or len(shown) < len(experiment.shows):
        return
    keys = {run.arm: _key(rows, run) for run in shown}
    key, file = ",".join(keys.values()), rows / f"{name}_chunk.npz"
    models = {arm: runs / "runs" / folder / "model" for arm, folder in keys.items()}
    if (file.exists() and MedianChunk.load(file).key == key) or not all(model.exists() for model in models.values()):
        return
    settings, test = arm_settings(experiment, None, size, 0, changes), measured_on(experiment, size)[0]
    make_chunk(shown, models, settings, test, key).save(file)


def _key(rows: Path, run: Finished) -> str:
    """The name of a run's file."""
    return next(file.stem for file, description in read_descriptions(rows) if description == run.description)


def _codes(rows: Path) -> Sequence[str]:
    return tuple(read_json(rows / CODES, list[str]) or ())


def build(
    experiments: Mapping[str, Experiment], size: str, rows: Path, pages: Path, changes: Sequence[str] = ()
) -> None:
    """Write a page for each experiment, one for all of them, and one on how to repeat the papers; from rows alone.

    Parameters
    ----------
    experiments : mapping
        By name.
    size : str
        Of the runs.
    rows : pathlib.Path
        Folder of the kept rows, which may be empty.
    pages : pathlib.Path
        Where pages and figures go.
    changes : sequence of str
        With which the runs were made.
    """
    runs = plan_runs(experiments, size, None, changes)
    pages.mkdir(parents=True, exist_ok=True)
    made = [
        make_page(
            name, experiment, size, read_results(name, runs, rows, _codes(rows), together=experiment.compared_tests)
        )
        for name, experiment in experiments.items()
    ]
    for page in made:
        chunk = rows / f"{page.name}_chunk.npz"
        if page.experiment.shows and chunk.exists():
            save_png(draw(MedianChunk.load(chunk)), pages / f"{page.name}_chunk.png")
        write_page(page, pages)
    used = {(run.identity, run.corpora) for page in made for run in (f.description for f in page.results.finished)}
    seconds = sum(d.cpu_seconds for _, d in read_descriptions(rows) if (d.identity, d.corpora) in used)
    _write(pages / "index.md", _index(made, size, seconds / 3600))
    _write(pages / "reproduce.md", reproduce(made, rows))


def _index(made: Sequence[Page], size: str, hours: float) -> str:
    rows = []
    for page in made:
        done, total, _ = progress(page)
        outcomes = [str(verdict.outcome) for verdict in page.verdicts]
        found = ", ".join(f"{outcomes.count(outcome)} {outcome}" for outcome in dict.fromkeys(outcomes))
        question = f"[{page.experiment.question}]({page.name}.md)"
        rows.append([question, page.experiment.source, found or "no claim", f"{done} of {total}"])
    return "\n\n".join(
        [
            "# The papers' experiments, decided",
            "What the poster and the thesis compare, repeated on songs that anybody can make, so far as the runs go. "
            "Every number and figure here is made from the rows in `rows/` by `stemtree experiment report`.",
            table(["question", "source", "claims", f"runs of the size `{size}`"], rows),
            f"The finished runs took {hours:.1f} CPU hours; a run that several experiments need is counted once. "
            "A claim is decided on a network and songs of this size; [at the papers' size](reproduce.md) it may be "
            "decided otherwise.",
        ]
    )


def _write(file: Path, text: str) -> None:
    with whole_file(file) as partial:
        partial.write_text(text + "\n", "utf-8")
