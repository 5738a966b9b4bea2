"""Reading excerpts of stems."""

from collections.abc import Sequence

from stemtree.audio import Excerpts
from stemtree.audio.held import HeldFiles
from stemtree.corpora.track import Stem


def open_stems(stems: Sequence[Stem], held: HeldFiles | None = None) -> Excerpts:
    """Open the files of stems, each of which ends where its song uses it no longer; use it in a ``with`` statement.

    Parameters
    ----------
    stems : sequence of Stem
        In the order in which they are read.
    held : HeldFiles, optional
        See `Excerpts`.

    Raises
    ------
    AudioError
        If a file cannot be opened or read.
    """
    files = [stem.file for stem in stems]
    return Excerpts(
        [file.path for file in files], [file.stream for file in files], [file.num_samples for file in files], held
    )
