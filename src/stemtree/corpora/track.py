"""Records that every corpus is read into."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stemtree.hierarchy import NodePath, is_within


@dataclass(frozen=True, slots=True)
class AudioFile:
    """A file, or one of the audio streams in it (a stem file of MUSDB18 holds five).

    Parameters
    ----------
    path : pathlib.Path
        The file.
    stream : int
        Number of the audio stream.
    num_samples : int or None
        Only so many samples of it are used; None for all.
    """

    path: Path
    stream: int = 0
    num_samples: int | None = None

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
        The corpus's label that decided the leaf.
    leaf : NodePath
        In the hierarchy that the corpus was loaded with.
    file : AudioFile
        Its audio.
    leaks : tuple of NodePath
        Leaves of other stems that were found to leak into it.
    """

    name: str
    label: str
    leaf: NodePath
    file: AudioFile
    leaks: tuple[NodePath, ...] = ()


@dataclass(frozen=True, slots=True)
class Track:
    """One song; a node's signal is the sum of the stems whose leaf is the node or beneath it.

    Parameters
    ----------
    id : str
        Unique in its corpus.
    split : str or None
        ``train``, ``validation`` or ``test``; None where the corpus has no splits.
    sample_rate : int
        Of all stems, in Hz.
    num_samples : int
        Length of the song; a stem that ends before it is silent from there on.
    stems : tuple of Stem
        At least one.
    mixture : AudioFile or None
        The corpus's own mixture, if it has one; only `check_corpus` looks whether the file exists.
    origin : str or None
        An identifier of what the song was made from, where several songs may share it (Slakh: the MIDI file).
    adds_up : bool
        Whether the mixture is the sum of the stems; a mastered mixture is not.
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
        """The stems whose sum is a node; all of them for the mixture."""
        return tuple(stem for stem in self.stems if is_within(stem.leaf, node))


@dataclass(frozen=True, slots=True)
class ListedStem:
    """A stem as a corpus's metadata describes it.

    Parameters
    ----------
    name : str
        Unique in its song.
    labels : tuple of str
        In the order in which they are looked up; the first that the hierarchy knows decides the leaf.
    file : AudioFile
        Its audio, which may be missing.
    group : str
        Where lengths may differ: the stems of a group end together, at the end of the shortest.
    leaks : tuple of str
        Labels of other stems that were found to leak into it.
    """

    name: str
    labels: tuple[str, ...]
    file: AudioFile
    group: str = ""
    leaks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Listing:
    """A song as a corpus's metadata describes it, before any audio file is opened.

    Parameters
    ----------
    id, split, mixture, origin
        As in `Track`.
    stems : sequence of ListedStem
        May be empty.
    adds_up : bool or None
        As in `Track`; None where the layout decides for all songs.
    description : mapping
        The whole metadata of formats that describe more than this, such as genre or bleed; else empty.
    notes : sequence of str
        Sentences about what is read in another way than it is written.
    """

    id: str
    split: str | None
    stems: Sequence[ListedStem]
    mixture: AudioFile | None = None
    origin: str | None = None
    adds_up: bool | None = None
    description: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()

    @property
    def files(self) -> list[AudioFile]:
        """Those of the stems, then that of the mixture if there is one."""
        return [*(stem.file for stem in self.stems), *([self.mixture] if self.mixture else [])]


@dataclass(frozen=True, slots=True)
class Problem:
    """A fault of a corpus: the song, the kind of fault, and a sentence that names file and value."""

    track: str
    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class Corpus:
    """Songs loaded with one hierarchy.

    Parameters
    ----------
    root : pathlib.Path
        Its folder.
    kind : str
        Its layout, a key of `stemtree.corpora.registry.KINDS`.
    hierarchy : str
        Name of the hierarchy that the stems' leaves belong to.
    tracks : tuple of Track
        Sorted by id.
    problems : tuple of Problem
        What was left out, and why.
    notes : tuple of Problem
        What was read in another way than it is written, such as stems of unequal length; nothing is wrong with it.
    """

    root: Path
    kind: str
    hierarchy: str
    tracks: tuple[Track, ...]
    problems: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()
