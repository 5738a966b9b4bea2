"""``stemtree experiment``: the papers' experiments, done and decided."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stemtree.cli.cluster_option import ClusterOption
from stemtree.cli.command_list import CommandList
from stemtree.cli.messages import markup, progress_bar, say, show, stopped_by_user
from stemtree.errors import counted
from stemtree.staging import unwritable, whole_file

if TYPE_CHECKING:
    from stemtree.experiments.plan import Songs
    from stemtree.experiments.run_folder import State
    from stemtree.experiments.suite import Suite

app = typer.Typer(
    cls=CommandList,
    help="List, run and report the papers' experiments.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NAME|FILE.yaml]...", help="Take these experiments (default: all of the list)."),
]
Size = Annotated[
    str,
    typer.Option(metavar="tiny|small|paper", help="Train at this size: a trial, two cores for hours, or the papers'."),
]
Folder = Annotated[Path, typer.Option("-o", "--output", metavar="FOLDER", help="Keep the runs in this folder.")]
Rows = Annotated[
    Path, typer.Option(metavar="FOLDER", help="Take rows that were kept from here: their runs are not done again.")
]
Changes = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting of all arms; can be repeated.")
]
RUNS, ROWS = Path("runs/experiments"), Path("docs/results/experiments/rows")


@app.command("list")
def list_experiments() -> None:
    """Print every experiment with its question and its arms."""
    from stemtree.experiments.definition import read_experiments
    from stemtree.experiments.plan import planned_hours

    experiments = read_experiments(())
    for name, experiment in experiments.items():
        say(f"{name}: {experiment.question} ({experiment.source})")
        say(f"  {', '.join(experiment.arms)}")
    count, hours = planned_hours(experiments, "small")
    say(f"--size small: {counted(count, 'run is', 'runs are')} trained, in about {hours:.1f} CPU hours")


@app.command()
def settings(
    name: Annotated[str, typer.Argument(metavar="NAME|FILE.yaml", help="Print a configuration of this experiment.")],
    arm: Annotated[str, typer.Argument(metavar="ARM", help="Print that of this arm.")],
    size: Size = "small",
    seed: Annotated[int, typer.Option(metavar="N", help="Train with this seed.")] = 0,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE.yaml", help="Write it to this file instead.")
    ] = None,
) -> None:
    """Print the whole configuration of one arm as YAML, for stemtree train."""
    from stemtree.experiments.definition import arm_settings, read_experiment
    from stemtree.training.configuration import resolved_yaml

    text = resolved_yaml(arm_settings(read_experiment(name), arm, size, seed))
    if output is None:
        say(text.rstrip("\n"))
        return
    try:
        with whole_file(output) as partial:
            partial.write_text(text, "utf-8")
    except OSError as error:
        raise unwritable(output, error) from None


@app.command()
def run(
    names: Names = None,
    size: Size = "small",
    folder: Folder = RUNS,
    jobs: Annotated[
        int, typer.Option(min=0, metavar="N", help="Do so many runs at once, one thread each; 0: in this process.")
    ] = 1,
    budget: Annotated[float | None, typer.Option(min=0, metavar="HOURS", help="Stop after so many CPU hours.")] = None,
    changes: Changes = None,
    rows: Rows = ROWS,
    retry: Annotated[bool, typer.Option("--retry", help="Do runs again that have failed.")] = False,
    code: Annotated[
        str | None,
        typer.Option(metavar="same|new", help="Count runs of an earlier code, if there are any, or do them anew."),
    ] = None,
    cluster: ClusterOption = None,
) -> None:
    """Train and measure every arm with every seed; what is finished is kept, and the next call goes on from there."""
    from stemtree.errors import OptionError
    from stemtree.experiments.driver import Limits, run_suite
    from stemtree.experiments.execute import Outcome
    from stemtree.experiments.run_folder import State

    if jobs == 0 and cluster is not None:
        raise OptionError("--jobs 0 does runs in this process, and --cluster elsewhere: leave one of them out")
    with stopped_by_user("run again to go on from the last checkpoints"):
        suite, songs = _suite(names, size, folder, changes, rows)
        suite.choose_code(code)
        states = [suite.state(run) for run in suite.runs]
        say(f"{counted(len(suite.runs), 'run')}: {_counts(states)}")
        for reason in dict.fromkeys(run.missing for run in suite.runs if run.missing):
            say(f"left out: {reason}", error=True)
        outcomes = run_suite(suite, songs, Limits(jobs, budget, retry), say)
    states = [suite.state(run) for run in suite.runs]
    say(f"{counted(len(suite.runs), 'run')}: {_counts(states)}")
    bad = (Outcome.FAILED, Outcome.OTHER_CODE, Outcome.LOST)
    if any(outcomes[outcome] for outcome in bad) or all(state == State.MISSING for state in states):
        raise typer.Exit(1)


@app.command()
def status(
    names: Names = None, size: Size = "small", folder: Folder = RUNS, changes: Changes = None, rows: Rows = ROWS
) -> None:
    """Print how far the runs of experiments are, what they took, and about what is left."""
    from rich.table import Table

    from stemtree.experiments.run_folder import State
    from stemtree.experiments.status import summarise

    suite, _ = _suite(names, size, folder, changes, rows)
    lines = summarise(suite)
    table = Table("experiment", *(state.value for state in State), "CPU hours", "left, about")
    for column in table.columns[1:]:
        column.justify = "right"
    for line in lines:
        left = "" if line.hours_left is None else f"{line.hours_left:.1f}"
        counts = (str(line.states[state] or "") for state in State)
        table.add_row(markup(line.name), *counts, f"{line.hours:.1f}", left, end_section=line is lines[-2])
    show(table, width=160)
    for run in suite.runs:
        failure = suite.folder_of(run).failure
        if suite.state(run) == State.FAILED:
            say(f"{run.name} failed: {failure.splitlines()[0]}", error=True)
    for reason in dict.fromkeys(run.missing for run in suite.runs if run.missing):
        say(f"missing: {reason}", error=True)


@app.command()
def report(
    names: Names = None,
    size: Size = "small",
    folder: Folder = RUNS,
    changes: Changes = None,
    rows: Rows = ROWS,
    pages: Annotated[Path, typer.Option(metavar="FOLDER", help="Write pages and figures here.")] = ROWS.parent,
) -> None:
    """Keep the rows of finished runs, and write from the kept rows what they decide: a page for each experiment."""
    from stemtree.errors import OptionError, StemtreeError

    try:
        from stemtree.experiments.report.build import build, collect, keep_chunk
    except ModuleNotFoundError as error:
        raise OptionError(
            f"reports need {error.name}, which is not installed: pip install 'stemtree[train,figures]'"
        ) from None
    from stemtree.experiments.definition import read_experiments
    from stemtree.experiments.plan import plan_runs

    experiments = read_experiments(names or ())
    new = collect(folder, rows, plan_runs(experiments, size, None, changes or ()))
    for name, experiment in experiments.items():
        try:
            keep_chunk(name, experiment, size, folder, rows, changes or ())
        except StemtreeError as error:
            say(f"no spectrograms of {name}: {error}", error=True)
    build(experiments, size, rows, pages, changes or ())
    say(f"{pages}: {counted(len(experiments), 'experiment')}, {counted(new, 'run')} more than before")


def _suite(
    names: list[str] | None, size: str, folder: Path, changes: list[str] | None, rows: Path
) -> "tuple[Suite, Songs]":
    from stemtree.errors import OptionError

    try:
        from stemtree.experiments.plan import Songs, plan_runs
        from stemtree.experiments.suite import Suite
        from stemtree.training.monitor import Monitor
    except ModuleNotFoundError as error:
        raise OptionError(
            f"experiments need {error.name}, which is not installed: pip install 'stemtree[train]'"
        ) from None
    from stemtree.experiments.definition import read_experiments
    from stemtree.experiments.tiny import make_tiny_corpora

    if size == "tiny":
        make_tiny_corpora(Path("data/tiny"))
    songs = Songs(Monitor(lambda sentence: say(sentence, error=True), progress_bar))
    runs = plan_runs(read_experiments(names or ()), size, songs, changes or ())
    if rows != ROWS and not rows.is_dir():
        say(f"there is no folder '{rows}' of kept rows yet: no run is taken from it", error=True)
    return Suite(folder, runs, rows if rows.is_dir() else None), songs


def _counts(states: "list[State]") -> str:
    """Such as ``3 pending, 2 evaluated``."""
    return ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
