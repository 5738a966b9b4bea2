"""From a corpus's folder to `Track` records."""

import os
from collections.abc import Iterator
from pathlib import Path

from stemtree.audio import open_source
from stemtree.corpora.folder import Folder
from stemtree.corpora.layout import Layout
from stemtree.corpora.medleydb import MedleyDb
from stemtree.corpora.moisesdb import MoisesDb
from stemtree.corpora.musdb import Musdb18, Musdb18HQ
from stemtree.corpora.slakh import Slakh
from stemtree.corpora.track import AudioFile, Corpus, Listing, Problem, Stem, Track
from stemtree.errors import AudioError, CorpusError, HierarchyError, OptionError, suggest
from stemtree.hierarchy import Hierarchy
from stemtree.hierarchy import load as load_hierarchy

KINDS: dict[str, Layout] = {
    "slakh": Slakh(),
    "slakh-split2": Slakh("split2"),
    "slakh-redux": Slakh("redux"),
    "musdb18": Musdb18(),
    "musdb18-hq": Musdb18HQ(),
    "medleydb": MedleyDb(),
    "moisesdb": MoisesDb(),
    "ms21": MedleyDb(hierarchy="ms21"),
    "folder": Folder(),
}


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
        A key of `KINDS`.
    hierarchy : str or Hierarchy, optional
        What its labels are looked up in; by default the one that the corpus was rendered for, or its kind's own.
    split : str, optional
        Only the songs of one split.
    skip_bad : bool
        Leave stems that the hierarchy has no leaf for out of their songs, and songs with any other problem, and list
        the problems, instead of raising the first.

    Raises
    ------
    OptionError
        If there is no such kind.
    CorpusError
        If the folder holds no song of that kind, or if a song is not whole: metadata or a stem missing or unreadable,
        an unknown label, stems of unequal rate or length. The message names the file.
    """
    layout, tree = layout_of(kind), hierarchy_of(kind, hierarchy, root)
    tracks: list[Track] = []
    problems: list[Problem] = []
    for track, found in read_tracks(Path(root), layout, tree):
        if found and not skip_bad:
            raise CorpusError(found[0].message)
        problems += found
        if track and split in (None, track.split):
            tracks.append(track)
    if not tracks and not problems:
        which = f" of the split '{split}'" if split else ""
        raise CorpusError(f"'{root}' holds no songs{which} in the layout '{kind}': check folder and kind")
    return Corpus(Path(root), kind, tree.name, tuple(sorted(tracks, key=lambda track: track.id)), tuple(problems))


def layout_of(kind: str) -> Layout:
    """Look a layout up; raises OptionError if there is none."""
    try:
        return KINDS[kind]
    except KeyError:
        raise OptionError(f"there is no kind of corpus '{kind}'{suggest(kind, KINDS)}") from None


def hierarchy_of(
    kind: str, hierarchy: str | Hierarchy | None = None, root: str | os.PathLike[str] | None = None
) -> Hierarchy:
    """The hierarchy asked for, or the one that the corpus at `root` was rendered for, or the kind's own."""
    layout = layout_of(kind)
    if isinstance(hierarchy, Hierarchy):
        return hierarchy
    if hierarchy is None and root is not None and isinstance(layout, Slakh):
        hierarchy = layout.recorded_hierarchy(Path(root))
    return load_hierarchy(hierarchy or layout.hierarchy)


def read_tracks(root: Path, layout: Layout, hierarchy: Hierarchy) -> Iterator[tuple[Track | None, list[Problem]]]:
    """Read every song, with everything that is wrong with it; one that is not whole is None."""
    if not root.is_dir():
        raise CorpusError(f"there is no folder '{root}': check the path")
    places: dict[str, str] = {}
    for place in layout.find(root):
        name = str(place.relative_to(root))
        try:
            listing = layout.read(place)
            if (other := places.setdefault(listing.id, name)) != name:
                message = f"'{name}' and '{other}' are both the song '{listing.id}': remove one"
                yield None, [Problem(name, "duplicate", message)]
            else:
                track, problems = _track(listing, hierarchy, layout)
                yield track, [Problem(name, kind, message) for kind, message in problems]
        except CorpusError as error:
            yield None, [Problem(name, "metadata", str(error))]
        except (OSError, ValueError) as error:  # names that no file can have
            message = f"'{name}' has or names a file that cannot be opened ({error}): rename it"
            yield None, [Problem(name, "unreadable", message)]


_Found = tuple[str, str]
"""The kind of a problem, and the sentence."""


def _track(listing: Listing, hierarchy: Hierarchy, layout: Layout) -> tuple[Track | None, list[_Found]]:
    """A song and all that is wrong with it: stems without a leaf are left out of it, anything else spoils it."""
    if not listing.stems:
        return None, [("no stems", f"the song '{listing.id}' has no stems: complete the copy")]
    stems, unlabelled = [], []
    for name, labels, file in listing.stems:
        try:
            stems.append(_stem(name, labels, file, hierarchy))
        except HierarchyError as error:
            unlabelled.append(("label", f"stem '{name}' of '{listing.id}': {error}"))
    formats, spoilt = [], []
    for stem in stems:
        try:
            formats.append((stem.file, *probe(stem.file)))
        except FileNotFoundError:
            spoilt.append(("missing", f"the stem '{stem.file}' is missing: complete the copy"))
        except AudioError as error:
            spoilt.append(("unreadable", str(error)))
    spoilt += [found for other in formats[1:] for found in unequal(other, formats[0])]
    if spoilt or not stems:
        return None, spoilt + unlabelled
    _, rate, num_samples = formats[0]
    adds_up = layout.adds_up if listing.adds_up is None else listing.adds_up
    track = Track(listing.id, listing.split, rate, num_samples, tuple(stems), listing.mixture, listing.origin, adds_up)
    return track, unlabelled


def _stem(name: str, labels: tuple[str, ...], file: AudioFile, hierarchy: Hierarchy) -> Stem:
    error = HierarchyError("it has no label: give it one")
    for label in labels:
        try:
            return Stem(name, label, hierarchy.leaf(label), file)
        except HierarchyError as unknown:
            error = unknown
    raise error


def probe(file: AudioFile) -> tuple[int, int]:
    """Sample rate and length from the header, or by decoding where the header does not tell the length.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    AudioError
        If it cannot be read as audio.
    """
    if not file.path.exists():
        raise FileNotFoundError
    source = open_source(file.path, file.stream)
    return source.sample_rate, source.num_samples or sum(block.shape[1] for block in source.blocks(1 << 20))


def unequal(file: tuple[AudioFile, int, int], first: tuple[AudioFile, int, int]) -> Iterator[_Found]:
    """How a file's sample rate and length differ from another's of its song."""
    (path, rate, length), (other, other_rate, other_length) = file, first
    if rate != other_rate:
        yield "sample rate", f"'{path}' has {rate} Hz and '{other}' {other_rate} Hz: resample one of them"
    elif length != other_length:
        yield "length", f"'{path}' has {length} samples and '{other}' {other_length}: pad or copy it again"
