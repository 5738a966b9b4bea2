"""From a corpus's folder to `Track` records."""

import os
from collections.abc import Iterator
from pathlib import Path as FilePath

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
        What its labels are looked up in; by default the corpus's own.
    split : str, optional
        Only the songs of one split.
    skip_bad : bool
        Leave songs with problems out and list the problems, instead of raising the first.

    Raises
    ------
    OptionError
        If there is no such kind.
    CorpusError
        If the folder holds no song of that kind, or if a song is not whole: metadata or a stem missing or unreadable,
        an unknown label, stems of unequal rate or length. The message names the file.
    """
    layout, tree = layout_of(kind), hierarchy_of(kind, hierarchy)
    tracks, problems = [], []
    for found in read_tracks(FilePath(root), layout, tree):
        if isinstance(found, Track):
            if split in (None, found.split):
                tracks.append(found)
        elif skip_bad:
            problems.append(found)
        else:
            raise CorpusError(found.message)
    if not tracks and not problems:
        which = f" of the split '{split}'" if split else ""
        raise CorpusError(f"'{root}' holds no songs{which} in the layout '{kind}': check folder and kind")
    return Corpus(FilePath(root), kind, tree.name, tuple(sorted(tracks, key=lambda track: track.id)), tuple(problems))


def layout_of(kind: str) -> Layout:
    """Look a layout up; raises OptionError if there is none."""
    try:
        return KINDS[kind]
    except KeyError:
        raise OptionError(f"there is no kind of corpus '{kind}'{suggest(kind, KINDS)}") from None


def hierarchy_of(kind: str, hierarchy: str | Hierarchy | None) -> Hierarchy:
    """The hierarchy asked for, or the corpus's own."""
    return hierarchy if isinstance(hierarchy, Hierarchy) else load_hierarchy(hierarchy or layout_of(kind).hierarchy)


def read_tracks(root: FilePath, layout: Layout, hierarchy: Hierarchy) -> Iterator[Track | Problem]:
    """Read every song; one that is not whole becomes a problem."""
    if not root.is_dir():
        raise CorpusError(f"there is no folder '{root}': check the path")
    places: dict[str, str] = {}
    for place in layout.find(root):
        name = str(place.relative_to(root))
        try:
            listing = layout.read(place)
            if (other := places.setdefault(listing.id, name)) != name:
                raise _BadTrack("duplicate", f"'{name}' and '{other}' are both the song '{listing.id}': remove one")
            yield _track(listing, hierarchy, layout)
        except _BadTrack as bad:
            yield Problem(name, bad.kind, str(bad))
        except CorpusError as error:
            yield Problem(name, "metadata", str(error))


class _BadTrack(CorpusError):
    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def _track(listing: Listing, hierarchy: Hierarchy, layout: Layout) -> Track:
    if not listing.stems:
        raise _BadTrack("no stems", f"the song '{listing.id}' has no stems: complete the copy")
    stems = tuple(_stem(listing.id, name, labels, file, hierarchy) for name, labels, file in listing.stems)
    rates_and_lengths = [_probe(stem.file) for stem in stems]
    rate, frames = rates_and_lengths[0]
    for stem, (other_rate, other_frames) in zip(stems, rates_and_lengths, strict=True):
        if other_rate != rate:
            raise _BadTrack(
                "sample rate",
                f"'{stem.file}' has {other_rate} Hz and '{stems[0].file}' {rate} Hz: resample one of them",
            )
        if other_frames != frames:
            raise _BadTrack(
                "length",
                f"'{stem.file}' has {other_frames} samples and '{stems[0].file}' {frames}: pad or copy it again",
            )
    adds_up = layout.adds_up if listing.adds_up is None else listing.adds_up
    return Track(listing.id, listing.split, rate, frames, stems, listing.mixture, listing.origin, adds_up)


def _stem(track: str, name: str, labels: tuple[str, ...], file: AudioFile, hierarchy: Hierarchy) -> Stem:
    error = HierarchyError(f"stem '{name}' of '{track}' has no label")
    for label in labels:
        try:
            return Stem(name, label, hierarchy.leaf(label), file)
        except HierarchyError as unknown:
            error = unknown
    raise _BadTrack("label", f"stem '{name}' of '{track}': {error}")


def _probe(file: AudioFile) -> tuple[int, int]:
    """Sample rate and length from the header, or by decoding where the header does not tell the length."""
    if not file.path.exists():
        raise _BadTrack("missing", f"the stem '{file}' is missing: complete the copy")
    try:
        source = open_source(file.path, file.stream)
        frames = source.frames or sum(block.shape[1] for block in source.blocks(1 << 20))
    except AudioError as error:
        raise _BadTrack("unreadable", str(error)) from None
    return source.sample_rate, frames
