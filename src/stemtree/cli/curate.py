"""``stemtree curate``: from a folder of raw multitracks to a hierarchical dataset."""

import typer

from stemtree.cli import curate_stems

app = typer.Typer(
    help="Build a hierarchical dataset from raw multitracks.", no_args_is_help=True, rich_markup_mode=None
)
app.command()(curate_stems.bleed)
app.command()(curate_stems.stems)
app.command()(curate_stems.split)
app.command()(curate_stems.stats)
