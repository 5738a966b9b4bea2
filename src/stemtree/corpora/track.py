"""What every corpus is read into."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stemtree.hierarchy import NodePath, is_within


@dataclass(frozen=True, slots=True)
class AudioFile:
    """A file, or one of the audio streams in it (a stem file of MUSDB18 holds five)."""

    path: Path
    stream: int = 0

    def __str__(self) -> str:
        return f"{self.path}#{self.stream}" if self.stream else str(self.path)


@dataclass(frozen=True, slots=True)
class Stem:
    """One recorded or rendered part of a song.

    Parameters
    ----------
    name : str
        Unique in its song, such as ``S00``.
    label : str
        The corpus's own label that decided the leaf.
    leaf : NodePath
        In the hierarchy that the corpus was loaded with.
    file : AudioFile
        Where it is.
    """

    name: str
    label: str
    leaf: NodePath
    file: AudioFile


@dataclass(frozen=True, slots=True)
class Track:
    """One song; a node's signal is the sum of the stems whose leaf lies at or below it.

    Parameters
    ----------
    id : str
        Unique in its corpus.
    split : str or None
        ``train``, ``validation`` or ``test``; None where the corpus has no split.
    sample_rate : int
        In Hz, of all stems.
    num_samples : int
        Length of all stems in samples.
    stems : tuple of Stem
        At least one.
    mixture : AudioFile or None
        Where the corpus's own mixture lies, if it has any; only `check_corpus` looks whether it is there.
    origin : str or None
        What it was made from, where several songs may be made from one thing (Slakh: the MIDI file).
    adds_up : bool
        Whether the mixture is meant to be the sum of the stems; a mastered mixture is not.
    """

    id: str
    split: str | None
    sample_rate: int
    num_samples: int
    stems: tuple[Stem, ...]
    mixture: AudioFile | None = None
    origin: str | None = None
    adds_up: bool = False

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.num_samples / self.sample_rate

    def stems_of(self, node: NodePath) -> tuple[Stem, ...]:
        """The stems that make up a node; all of them for the mixture."""
        return tuple(stem for stem in self.stems if is_within(stem.leaf, node))


@dataclass(frozen=True, slots=True)
class Listing:
    """A song as a corpus's own metadata describes it, before any audio file is opened.

    Parameters
    ----------
    id, split, mixture, origin
        As in `Track`.
    stems : sequence of (name, labels, file)
        Labels in the order in which they are to be looked up; the first that the hierarchy knows decides.
    adds_up : bool or None
        As in `Track`; None where the corpus's layout decides for all songs.
    """

    id: str
    split: str | None
    stems: Sequence[tuple[str, tuple[str, ...], AudioFile]]
    mixture: AudioFile | None = None
    origin: str | None = None
    adds_up: bool | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a corpus: the song, the kind of problem, and a sentence that names file and value."""

    track: str
    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class Corpus:
    """Songs loaded with one hierarchy.

    Parameters
    ----------
    root : pathlib.Path
        Where it lies.
    kind : str
        How it is laid out; see `stemtree.corpora.load.KINDS`.
    hierarchy : str
        Name of the hierarchy that the stems' leaves belong to.
    tracks : tuple of Track
        In order of their ids.
    problems : tuple of Problem
        What was left out, and why.
    """

    root: Path
    kind: str
    hierarchy: str
    tracks: tuple[Track, ...]
    problems: tuple[Problem, ...] = field(default=())
