"""The options ``--cluster`` and ``--workers``, the same for every command that maps over tracks."""

from typing import Annotated

import typer

from stemtree.cluster import on_cluster


def _use(context: typer.Context, address: str | None) -> str | None:
    if address is not None and not context.resilient_parsing:
        context.with_resource(on_cluster(address))  # until the command ends
    return address


ClusterOption = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="HOST:PORT|auto|local",
        envvar="STEMTREE_CLUSTER",
        callback=_use,
        help="Work on the machines of this Ray cluster; local: of one that is started here.",
    ),
]
Workers = Annotated[int | None, typer.Option(min=1, metavar="N", help="Use so many processes (default: one a core).")]
