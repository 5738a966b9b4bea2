"""A folder of tables and figures about corpora."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from stemtree.corpora.track import Problem
from stemtree.curation.sessions.csv_tables import write_table, write_text
from stemtree.curation.sessions.songs import SongFacts, read_songs
from stemtree.curation.splits.tables import read_splits
from stemtree.curation.statistics import tables
from stemtree.curation.statistics.figures import draw_bars, draw_durations, require_matplotlib
from stemtree.curation.statistics.records import CorpusLocation, SongRecord, read_records
from stemtree.curation.statistics.tables import Table
from stemtree.errors import OptionError

_UNITS = {8: "songs", 10: "% of songs", 11: "% of all instruments heard", 13: "% of songs"}
"""What the axis of each of the thesis's figures says."""


@dataclass
class Report:
    """What was found and written.

    Parameters
    ----------
    corpora : dict
        The songs of every corpus, by its name.
    problems : list of Problem
        Songs that could not be read.
    files : list of str
        Names of what was written.
    """

    corpora: dict[str, list[SongRecord]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    files: list[str] = field(default_factory=list)


def write_report(
    sources: Iterable[str],
    output: str | os.PathLike[str],
    *,
    songs: Iterable[str | os.PathLike[str]] = (),
    splits: str | os.PathLike[str] | None = None,
    figures: bool = True,
    progress: Callable[[int, int | None], None] | None = None,
) -> Report:
    """Write the statistics of the thesis's chapter 3 for any corpora, side by side.

    Parameters
    ----------
    sources : iterable of str
        Corpora as `CorpusLocation.parse` reads them.
    output : path-like
        A folder; of what is there, only files of the same names are replaced.
    songs : iterable of path-like
        Tables of songs with genres (`stemtree.curation.sessions.songs.read_songs`).
    splits : path-like, optional
        CSV with the columns ``song`` and ``split``.
    figures : bool
        Draw as well.
    progress : callable, optional
        Told how many songs are read.

    Returns
    -------
    Report
        The songs, what could not be read, and the names of the files.

    Raises
    ------
    OptionError
        If two corpora have one name, or matplotlib is missing.
    CorpusError
        If a corpus or a table cannot be read.
    """
    if figures:
        require_matplotlib()
    facts: dict[str, SongFacts] = {}
    for file in songs:
        facts |= read_songs(file)
    of = read_splits(splits) if splits else {}
    report = Report()
    for source in map(CorpusLocation.parse, sources):
        if source.name in report.corpora:
            raise OptionError(
                f"two corpora are called '{source.name}': give one another name, as in NAME={source.root}"
            )
        before = sum(map(len, report.corpora.values()))
        told = (lambda done, before=before: progress(before + done, None)) if progress else None
        report.corpora[source.name], problems = read_records(source, facts, of, told)
        report.problems += problems
    if not report.corpora:
        raise OptionError("there is no corpus to tell about: give at least one")
    _write(report, Path(output), figures)
    return report


def _write(report: Report, folder: Path, figures: bool) -> None:
    corpora, text = report.corpora, ["# Statistics"]
    for number, table in _all_tables(report):
        write_table(folder / f"{table.name}.csv", table.header, table.rows)
        write_text(folder / f"{table.name}.md", f"# {table.title}\n\n{_markdown(table)}\n")
        report.files += [f"{table.name}.csv", f"{table.name}.md"]
        if table.name == "songs":
            continue
        text += [f"## {table.title}", _markdown(table)]
        if figures and number and table.rows and len(table.header) > 1:
            file = folder / f"figure_{number:02}_{table.name}"
            if number == 12:
                lengths = {name: [song.seconds for song in songs if song.seconds] for name, songs in corpora.items()}
                drawn = draw_durations({name: some for name, some in lengths.items() if some}, table.title, file)
            else:
                drawn = draw_bars(table, file, _UNITS[number])
            report.files += [path.name for path in drawn]
            text.append(f"![{table.title}]({quote(drawn[0].name)})")
    write_text(folder / "report.md", "\n\n".join(text) + "\n")
    report.files.append("report.md")


def _all_tables(report: Report) -> Iterable[tuple[int, Table]]:
    """Every table, with the number of its figure in the thesis; 0 for those without one."""
    corpora = report.corpora
    yield 0, tables.summary(corpora)
    yield 8, tables.instruments(corpora)
    for name, songs in corpora.items():
        if tables.by_split(songs):
            if tables.tells_genres(songs):
                yield 10, tables.genres_by_split(name, songs)
            yield 11, tables.instruments_by_split(name, songs)
    yield 12, tables.durations(corpora)
    yield 13, tables.genres(corpora)
    yield 0, tables.songs_table(corpora)


def _markdown(table: Table) -> str:
    lines = [table.header, tuple("---" for _ in table.header), *table.rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(cell: object) -> str:
    return "?" if cell is None else " ".join(str(cell).split()).replace("|", "\\|")
