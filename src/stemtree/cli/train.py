"""``stemtree train``: a model from a configuration."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stemtree.cli.corpus_options import Labels, SkipBad
from stemtree.cli.given_options import refuse_given
from stemtree.cli.messages import progress_bar, say, show, stopped_by_user
from stemtree.errors import OptionError, counted

if TYPE_CHECKING:
    from stemtree.model import Model
    from stemtree.training.settings import TrainSettings


def train(
    context: typer.Context,
    configs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="CONFIG...",
            help="Train with these: names of configurations that come with stemtree, or YAML files; each overrides "
            "those before it.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="RUN", help="Write the run into this folder.", show_default=False),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Change a setting, such as network.units=300; can be repeated."
        ),
    ] = None,
    print_only: Annotated[
        bool, typer.Option("--print", help="Print the whole configuration as YAML, defaults included; do not train.")
    ] = False,
    labels: Labels = None,
    skip_bad: SkipBad = False,
    list_configs: Annotated[
        bool, typer.Option("--list", help="List the configurations that come with stemtree; do not train.")
    ] = False,
) -> None:
    """Train a model; a run that was stopped continues. RUN gets checkpoints, TensorBoard's events and the model."""
    from stemtree.training.configuration import available, read_settings, resolved_yaml

    if list_configs:
        others = {parameter.name or "" for parameter in context.command.params} - {"list_configs"}
        refuse_given(context, others, "--list prints the configurations that come along")
        for name, trains in available().items():
            say(f"{name:28} {trains}")
        return
    if not configs:
        raise OptionError("give a configuration, by its name or as a YAML file; stemtree train --list prints the names")
    settings = _for_all_corpora(read_settings(configs, changes or ()), labels, skip_bad)
    if print_only:
        say(resolved_yaml(settings).rstrip("\n"))
        return
    if output is None:
        raise OptionError("a run needs a folder: give -o RUN, or --print to see the configuration")
    with stopped_by_user(f"run again with -o {output} to go on from the last checkpoint"):
        _train(settings, output)


def _train(settings: "TrainSettings", output: Path) -> None:
    from rich.console import Console

    try:
        from stemtree.training.monitor import Monitor
        from stemtree.training.run import train as train_model
        from stemtree.training.trainer import first_process
    except ModuleNotFoundError as error:
        raise OptionError(
            f"training needs {error.name}, which is not installed: pip install 'stemtree[train]'"
        ) from None

    reported = set()

    def report(sentence: str) -> None:
        if sentence not in reported:
            reported.add(sentence)
            say(sentence, error=True)

    monitor = Monitor(report, progress_bar) if first_process() else Monitor()
    model = train_model(settings, output, progress_bar=Console(stderr=True).is_terminal, monitor=monitor)
    if first_process():
        _print_outcome(model, output)


def _for_all_corpora(settings: "TrainSettings", labels: Path | None, skip_bad: bool) -> "TrainSettings":
    """The settings with the options that the command line gives for every corpus."""
    options: dict[str, Any] = ({"labels": labels} if labels else {}) | ({"skip_bad": True} if skip_bad else {})
    sources = {
        purpose: tuple(replace(source, **options) for source in getattr(settings, purpose))
        for purpose in ("train", "validation")
    }
    return settings.model_copy(update=sources)


def _print_outcome(model: "Model", output: Path) -> None:
    from rich.table import Table

    training = model.card.training
    say(
        f"{output}: {counted(training['steps'], 'step')}, weights of step {training['kept_step']}, "
        f"{training['cpu_seconds']} CPU seconds"
    )
    table = Table("validation", "SI-SDR improvement, dB", "examples")
    for node, measured in model.card.metrics["validation"].items():
        improvement = f"{measured['si_sdr_improvement']:.2f}" if measured["examples"] else ""
        table.add_row(node, improvement, str(measured["examples"]))
    show(table, width=120)
    say(
        "examples: those of validation that stemtree evaluate would count: neither the node nor everything else is "
        "silent,\nor 30 dB or more below the mixture"
    )
