"""A folder of tables and figures about corpora."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from stemtree.corpora.track import Problem
from stemtree.curation.sessions.csv_tables import write_table, write_text
from stemtree.curation.sessions.sessions import name_key
from stemtree.curation.sessions.songs import SongFacts, read_songs
from stemtree.curation.splits.tables import read_splits
from stemtree.curation.statistics import tables
from stemtree.curation.statistics.figures import draw_bars, draw_durations, require_matplotlib
from stemtree.curation.statistics.locations import CorpusLocation
from stemtree.curation.statistics.records import SongRecord, read_records
from stemtree.curation.statistics.tables import Table
from stemtree.errors import OptionError


@dataclass
class StatisticsReport:
    """The corpora, and the files that were written.

    Parameters
    ----------
    corpora : dict
        The songs of every corpus, by its name.
    problems : list of Problem
        Songs that could not be read.
    files : list of str
        Names of the files.
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
) -> StatisticsReport:
    """Write the statistics of the thesis's chapter 3 for any corpora, side by side.

    Parameters
    ----------
    sources : iterable of str
        Corpora as `CorpusLocation.parse` reads them.
    output : path-like
        A folder; other files in it stay.
    songs : iterable of path-like
        Tables of songs with genres (`stemtree.curation.sessions.songs.read_songs`).
    splits : path-like, optional
        CSV with the columns ``song`` and ``split``.
    figures : bool
        Whether to draw figures.
    progress : callable, optional
        Called with the number of songs read, and None for the unknown number of all songs.

    Returns
    -------
    StatisticsReport
        The songs, problems, and the names of the files.

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
    split_of = {name_key(song): split for song, split in read_splits(splits).items()} if splits else {}
    report = StatisticsReport()
    for source in map(CorpusLocation.parse, sources):
        if source.name in report.corpora:
            raise OptionError(
                f"two corpora are called '{source.name}': give one another name, as in NAME={source.root}"
            )
        before = sum(map(len, report.corpora.values()))
        report_done = (lambda done, before=before: progress(before + done, None)) if progress else None
        report.corpora[source.name], problems = read_records(source, facts, split_of, report_done)
        report.problems += problems
    if not report.corpora:
        raise OptionError("there is no corpus to describe: give at least one")
    _write(report, Path(output), figures)
    return report


@dataclass(frozen=True, slots=True)
class _Section:
    """A table, and its figure.

    Parameters
    ----------
    table : Table
        A section of the report.
    figure : int or None
        Number of its figure in the thesis.
    draw : callable or None
        Draws the figure to files that begin with a path, and returns their paths.
    in_report : bool
        Whether the table is in ``report.md``, or only in files of its own.
    """

    table: Table
    figure: int | None = None
    draw: Callable[[Path], list[Path]] | None = None
    in_report: bool = True


def _write(report: StatisticsReport, folder: Path, figures: bool) -> None:
    text = ["# Statistics"]
    for section in _sections(report.corpora):
        table = section.table
        write_table(folder / f"{table.name}.csv", table.header, table.rows)
        write_text(folder / f"{table.name}.md", f"# {table.title}\n\n{_markdown(table)}\n")
        report.files += [f"{table.name}.csv", f"{table.name}.md"]
        if not section.in_report:
            continue
        text += [f"## {table.title}", _markdown(table)]
        if figures and section.draw and table.rows and len(table.header) > 1:
            drawn = section.draw(folder / f"figure_{section.figure:02}_{table.name}")
            report.files += [path.name for path in drawn]
            text.append(f"![{table.title}]({quote(drawn[0].name)})")
    write_text(folder / "report.md", "\n\n".join(text) + "\n")
    report.files.append("report.md")


def _sections(corpora: dict[str, list[SongRecord]]) -> Iterator[_Section]:
    """All tables, in the order of the report."""
    yield _Section(tables.corpora_table(corpora))
    yield _with_bars(8, tables.instrument_table(corpora), "songs")
    for name, songs in corpora.items():
        if tables.by_split(songs):
            if tables.has_genres(songs):
                yield _with_bars(10, tables.genre_table_by_split(name, songs), "% of songs")
            yield _with_bars(11, tables.instrument_table_by_split(name, songs), "% of all instruments heard")
    yield _with_durations(12, tables.duration_table(corpora), corpora)
    yield _with_bars(13, tables.genre_table(corpora), "% of songs")
    yield _Section(tables.song_table(corpora), in_report=False)


def _with_bars(figure: int, table: Table, unit: str) -> _Section:
    return _Section(table, figure, lambda file: draw_bars(table, file, unit))


def _with_durations(figure: int, table: Table, corpora: dict[str, list[SongRecord]]) -> _Section:
    seconds = {name: [song.seconds for song in songs if song.seconds] for name, songs in corpora.items()}
    known = {name: lengths for name, lengths in seconds.items() if lengths}
    return _Section(table, figure, lambda file: draw_durations(known, table.title, file))


def _markdown(table: Table) -> str:
    lines = [table.header, tuple("---" for _ in table.header), *table.rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(cell: object) -> str:
    return "?" if cell is None else " ".join(str(cell).split()).replace("|", "\\|")
