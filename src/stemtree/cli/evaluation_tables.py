"""The tables that ``stemtree evaluate`` prints."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl
    from rich.table import Table


def chunk_table(summary: "pl.DataFrame", counts: "pl.DataFrame") -> "Table":
    """Means over chunks, with medians in brackets, and how many rows have which status."""
    from rich.table import Table

    headings = {"si_sdr": "SI-SDR", "si_sdr_improvement": "improvement", "sdr": "SDR = SNR", "sir": "SIR", "sar": "SAR"}
    metrics = [f"{heading}\nmean (median)" for heading in headings.values()]
    table = Table("over chunks", *metrics, *counts.columns[2:], "undefined")
    for column in table.columns[1:]:
        column.justify = "right"
    for group, name, *statuses in counts.iter_rows():
        of_group = summary.filter(group=group, name=name)
        means, medians = (_values(of_group.filter(statistic=f"chunk {which}")) for which in ("mean", "median"))
        cells = [
            f"{_decibels(means.get(metric))} ({_decibels(medians.get(metric))})" if metric in means else ""
            for metric in headings
        ]
        undefined = of_group.filter(statistic="chunk mean")["undefined"].max() or 0
        table.add_row(name, *cells, *map(str, statuses), str(undefined), end_section=group != "node")
    return table


def statistics_table(summary: "pl.DataFrame") -> "Table":
    """Framewise and global figures, averaged over songs."""
    from rich.table import Table

    heads = (
        summary.filter(~summary["statistic"].str.starts_with("chunk"))
        .select("metric", "statistic")
        .unique(maintain_order=True)
    )
    pairs = heads.rows()
    names = {"si_sdr_improvement": "improvement"}
    headings = [f"{names.get(metric, metric.upper().replace('_', '-'))}\n{statistic}" for metric, statistic in pairs]
    table = Table("over songs", *headings)
    table.columns[0].no_wrap = True  # a node's path is read by its end
    for column in table.columns[1:]:
        column.justify = "right"
    for group, name in summary.select("group", "name").unique(maintain_order=True).iter_rows():
        of_group = summary.filter(group=group, name=name)
        cells = [
            _values(of_group.filter(metric=metric, statistic=statistic)).get(metric) for metric, statistic in pairs
        ]
        table.add_row(name, *map(_decibels, cells), end_section=group != "node")
    return table


def level_table(rows: "pl.DataFrame") -> "Table":
    """Levels of the targets' paths over the same chunks."""
    from rich.table import Table

    from stemtree.evaluation import levels

    table = Table("levels over the same chunks", "mixture", "SI-SDR", "improvement", "chunks", "undefined")
    for column in table.columns[1:]:
        column.justify = "right"
    for level, *figures, chunks, undefined in levels.level_table(rows).iter_rows():
        table.add_row(level, *map(_decibels, figures), str(chunks), str(undefined))
    return table


def absent_table(absent: "pl.DataFrame") -> "Table":
    """How loud the estimates of silent nodes are."""
    from rich.table import Table

    table = Table("estimates of absent nodes, dB below (-) the mixture", *absent.columns[1:])
    for column in table.columns[1:]:
        column.justify = "right"
    for name, count, *figures in absent.iter_rows():
        table.add_row(name, str(count), *map(_decibels, figures))
    return table


def found_table(figures: "pl.DataFrame") -> "Table":
    """Which leaves of trees of queries were found."""
    from rich.table import Table

    table = Table("leaves", "there", "found", "right", "precision", "recall", "F1")
    table.columns[0].no_wrap = True  # a leaf's path is read by its end
    for column in table.columns[1:]:
        column.justify = "right"
    for number, (name, *row) in enumerate(figures.iter_rows()):
        table.add_row(name, *map(str, row[:3]), *map(_decibels, row[3:]), end_section=not number)
    return table


def _values(summary: "pl.DataFrame") -> dict[str, float | None]:
    """Value by metric, of one group and statistic."""
    return dict(summary.select("metric", "value").iter_rows())


def _decibels(value: float | None) -> str:
    """Two digits; nothing for a value that does not exist."""
    return "" if value is None else f"{round(value, 2) + 0.0:.2f}"  # + 0.0: never -0.00
