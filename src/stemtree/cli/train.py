"""``stemtree train``: a model from a configuration."""

from pathlib import Path
from typing import Annotated

import typer


def train(
    configs: Annotated[list[Path], typer.Argument(metavar="CONFIG...", help="YAML; each changes those before it.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="RUN", help="The run's folder.")],
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Change a setting, such as network.units=300; can be repeated."
        ),
    ] = None,
) -> None:
    """Train a model; a run that was stopped goes on. RUN gets checkpoints, TensorBoard's events and the model."""
    from rich.console import Console
    from rich.table import Table

    from stemtree.errors import OptionError
    from stemtree.training.settings import read_settings

    settings = read_settings(configs, changes or ())
    try:
        from stemtree.training.run import first_process
        from stemtree.training.run import train as train_model
    except ModuleNotFoundError as error:
        raise OptionError(
            f"training needs {error.name}, which is not installed: pip install 'stemtree[train]'"
        ) from None
    console = Console(stderr=True)

    def tell(sentence: str) -> None:
        if first_process():
            typer.echo(f"stemtree: {sentence}", err=True)

    try:
        model = train_model(settings, output, progress_bar=console.is_terminal, tell=tell)
    except KeyboardInterrupt:
        typer.echo(f"stemtree: stopped; run again with -o {output} to go on from the last checkpoint", err=True)
        raise typer.Exit(130) from None
    if not first_process():
        return
    told = model.card.training
    typer.echo(
        f"{output}: {told['steps']} steps, weights of step {told['kept_step']}, {told['cpu_seconds']} CPU seconds"
    )
    table = Table("validation", "SI-SDR improvement, dB", "examples")
    for node, measured in model.card.metrics["validation"].items():
        gained = f"{measured['si_sdr_improvement']:.2f}" if measured["examples"] else ""
        table.add_row(node, gained, str(measured["examples"]))
    Console(width=120, highlight=False).print(table)
