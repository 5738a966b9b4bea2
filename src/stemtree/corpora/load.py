"""From a corpus's folder to `Track` records."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from stemtree.corpora.headers import Header, differences, read_header
from stemtree.corpora.layout import Layout, songs_in
from stemtree.corpora.registry import layout_of
from stemtree.corpora.track import AudioFile, Corpus, ListedStem, Listing, Problem, Stem, Track
from stemtree.errors import AudioError, CorpusError, HierarchyError
from stemtree.hierarchy import Hierarchy
from stemtree.hierarchy import load as load_hierarchy


@dataclass(frozen=True, slots=True)
class LoadedSong:
    """A song, or None if it cannot be used, everything that is wrong with it, and what is read in another way."""

    track: Track | None
    problems: tuple[Problem, ...]
    notes: tuple[Problem, ...] = ()


def load_corpus(
    root: str | os.PathLike[str],
    kind: str,
    hierarchy: str | Hierarchy | None = None,
    *,
    split: str | None = None,
    skip_bad: bool = False,
) -> Corpus:
    """Load a corpus.

    Parameters
    ----------
    root : path-like
        Its folder.
    kind : str
        A key of `stemtree.corpora.registry.KINDS`.
    hierarchy : str or Hierarchy, optional
        Where labels are looked up; by default the hierarchy that the corpus was rendered for, or its kind's own.
    split : str, optional
        Load only the songs of this split.
    skip_bad : bool
        Omit stems that the hierarchy has no leaf for, and songs with any other problem, and list the problems, instead
        of raising the first.

    Raises
    ------
    OptionError
        If there is no such kind.
    CorpusError
        If the folder holds no song of that kind, or if a song is incomplete: metadata or a stem missing or unreadable,
        an unknown label, stems of unequal rate or length. The message names the file.
    """
    layout, tree = layout_of(kind), hierarchy_of(kind, hierarchy, root)
    tracks: list[Track] = []
    problems: list[Problem] = []
    notes: list[Problem] = []
    for song in load_songs(Path(root), layout, tree):
        if song.problems and not skip_bad:
            raise _first_error(song)
        problems += song.problems
        if song.track and split in (None, song.track.split):
            tracks.append(song.track)
            notes += song.notes
    if not tracks and not problems:
        which = f" of the split '{split}'" if split else ""
        raise CorpusError(f"'{root}' holds no songs{which} in the layout '{kind}': check folder and kind")
    in_order = tuple(sorted(tracks, key=lambda track: track.id))
    return Corpus(Path(root), kind, tree.name, in_order, tuple(problems), tuple(notes))


def _first_error(song: LoadedSong) -> CorpusError:
    first = song.problems[0]
    give = "give it a leaf with --labels FILE, or " if first.kind == "label" else ""
    options = "'labels', 'skip_bad: true'" if give else "'skip_bad: true'"
    return CorpusError(f"{first.message}; {give}leave it out with --skip-bad (in a configuration {options})")


def hierarchy_of(
    kind: str, hierarchy: str | Hierarchy | None = None, root: str | os.PathLike[str] | None = None
) -> Hierarchy:
    """The given hierarchy, or the one that the corpus at `root` was rendered for, or the kind's own."""
    layout = layout_of(kind)
    if isinstance(hierarchy, Hierarchy):
        return hierarchy
    if hierarchy is not None or root is None or (recorded := layout.recorded_hierarchy(Path(root))) is None:
        return load_hierarchy(hierarchy or layout.hierarchy)
    try:
        return load_hierarchy(recorded)
    except HierarchyError as error:
        raise HierarchyError(f"{error}, or give --hierarchy; '{root}' says that it was made for it") from None


def load_songs(root: Path, layout: Layout, hierarchy: Hierarchy) -> Iterator[LoadedSong]:
    """Read every song of a corpus, with everything that is wrong with it.

    Raises
    ------
    CorpusError
        If there is no folder `root`.
    """
    if not root.is_dir():
        raise CorpusError(f"there is no folder '{root}': check the path")
    names: dict[str, str] = {}
    for path in songs_in(root, layout):
        name, listing = str(path.relative_to(root)), read_listing(root, path, layout)
        if isinstance(listing, Problem):
            yield LoadedSong(None, (listing,))
        elif (other := names.setdefault(listing.id, name)) != name:
            message = f"'{name}' and '{other}' are both the song '{listing.id}': remove one"
            yield LoadedSong(None, (Problem(name, "duplicate", message),))
        else:
            yield _load_song(name, listing, hierarchy, layout)


def read_listing(root: Path, path: Path, layout: Layout) -> Listing | Problem:
    """Read one song of `songs_in`, or say why it cannot be used."""
    name = str(path.relative_to(root))
    try:
        listing = layout.read_song(path)
        listing.id.encode()  # tables hold text
        for file in (stem.file.path for stem in listing.stems):
            file.exists()
    except CorpusError as error:
        return Problem(name, "metadata", str(error))
    except UnicodeEncodeError:
        return Problem(name, "name", f"the name '{name}' is not valid text: rename it")
    except (OSError, ValueError) as error:  # names that no file can have
        return Problem(name, "unreadable", f"'{name}' has or names a file that cannot be opened ({error}): rename it")
    return listing


def _load_song(name: str, listing: Listing, hierarchy: Hierarchy, layout: Layout) -> LoadedSong:
    """Make a track; stems without a leaf are left out of it, anything else that is wrong makes the song unusable."""
    if not listing.stems:
        return LoadedSong(
            None, (Problem(name, "no stems", f"the song '{listing.id}' has no stems: complete the copy"),)
        )
    stems: list[Stem] = []
    groups: list[str] = []
    unlabelled: list[Problem] = []
    for listed in listing.stems:
        try:
            stems.append(_find_leaf(listed, hierarchy))
            groups.append(listed.group)
        except HierarchyError as error:
            unlabelled.append(Problem(name, "label", f"stem '{listed.name}' of '{listing.id}': {error}"))
    headers, faults = _read_headers(name, stems, layout)
    if faults or not stems:
        return LoadedSong(None, (*faults, *unlabelled))
    fitted = _fit_lengths(headers, groups)
    track = Track(
        id=listing.id,
        split=listing.split,
        sample_rate=headers[0].sample_rate,
        num_samples=fitted.num_samples,
        stems=tuple(replace(stem, file=file) for stem, file in zip(stems, fitted.files, strict=True)),
        mixture=listing.mixture,
        origin=listing.origin,
        adds_up=layout.adds_up if listing.adds_up is None else listing.adds_up,
    )
    notes = (*listing.notes, *(f"'{listing.id}': {note}" for note in fitted.notes))
    return LoadedSong(track, tuple(unlabelled), tuple(Problem(name, "note", note) for note in notes))


@dataclass(frozen=True, slots=True)
class _FittedLengths:
    """Files of which as much is used as fits a song, the song's length, and sentences that say so."""

    files: tuple[AudioFile, ...]
    num_samples: int
    notes: tuple[str, ...]


def _fit_lengths(headers: Sequence[Header], groups: Sequence[str]) -> _FittedLengths:
    """Cut the files of a group where the shortest ends; the song lasts as long as the longest group."""
    ends: dict[str, int] = {}
    for header, group in zip(headers, groups, strict=True):
        ends[group] = min(header.num_samples, ends.get(group, header.num_samples))
    longest = max(ends.values())
    used = [ends[group] for group in groups]
    cut = sum(end < header.num_samples for header, end in zip(headers, used, strict=True))
    padded = sum(end < longest for end in used)
    notes = []
    if padded:
        notes.append(f"{padded} of {len(used)} stems end before the song does and are silent from there on")
    if cut:
        notes.append(f"{cut} of {len(used)} stems are cut where the shortest of their group ends")
    files = [
        header.file if end == header.num_samples == longest else replace(header.file, num_samples=end)
        for header, end in zip(headers, used, strict=True)
    ]
    return _FittedLengths(tuple(files), longest, tuple(notes))


def _find_leaf(stem: ListedStem, hierarchy: Hierarchy) -> Stem:
    """Look up the stem's labels in order; raises HierarchyError if the hierarchy knows none of them."""
    if not stem.labels:
        raise HierarchyError("it has no label: give it one")
    leaf = hierarchy.leaf(*stem.labels)
    leaks = {hierarchy.leaf(label) for label in stem.leaks if hierarchy.knows(label)} - {leaf}
    label = next(label for label in stem.labels if hierarchy.knows(label))
    return Stem(stem.name, label, leaf, stem.file, tuple(sorted(leaks)))


def _read_headers(song: str, stems: list[Stem], layout: Layout) -> tuple[list[Header], list[Problem]]:
    """The headers of the files that can be read; problems of the others, and of files that differ from the first."""
    headers: list[Header] = []
    problems: list[Problem] = []
    for stem in stems:
        try:
            headers.append(read_header(stem.file))
        except FileNotFoundError:
            problems.append(Problem(song, "missing", f"the stem '{stem.file}' is missing: complete the copy"))
        except AudioError as error:
            problems.append(Problem(song, "unreadable", str(error)))
    for header in headers[1:]:
        problems += differences(song, header, headers[0], compare_lengths=not layout.pads_stems)
    return headers, problems
