"""``stemtree experiment``: the sources' experiments as configurations."""

from pathlib import Path
from typing import Annotated

import typer

from stemtree.cli.messages import say

app = typer.Typer(
    help="The sources' experiments: what they ask, and the configurations that they compare.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("list")
def list_experiments() -> None:
    """Print every experiment with its question and its arms."""
    from stemtree.experiments.definition import available, read_experiment

    for name in available():
        experiment = read_experiment(name)
        say(f"{name}: {experiment.question} ({experiment.source})")
        say(f"  {', '.join(experiment.arms)}")


@app.command()
def settings(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the experiment.")],
    arm: Annotated[str, typer.Argument(metavar="ARM", help="One of its arms.")],
    size: Annotated[str, typer.Option(metavar="small|paper", help="Two cores for minutes, or the sources' size.")] = (
        "small"
    ),
    seed: Annotated[int, typer.Option(metavar="N", help="Of the run.")] = 0,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE.yaml", help="Write it there instead.")
    ] = None,
) -> None:
    """Print the whole configuration of one arm as YAML, for stemtree train."""
    from stemtree.errors import OptionError
    from stemtree.experiments.definition import arm_settings, read_experiment
    from stemtree.training.configuration import resolved_yaml

    text = resolved_yaml(arm_settings(read_experiment(name), arm, size, seed))
    if output is None:
        say(text.rstrip("\n"))
        return
    try:
        output.write_text(text, "utf-8")
    except OSError as error:
        raise OptionError(f"cannot write '{output}' ({error.strerror}): choose another file") from None
