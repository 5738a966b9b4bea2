"""How far the audio in a file goes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Extent:
    """What a file announces and what it holds, found without decoding.

    Parameters
    ----------
    cut_off : str
        What is announced and what is there, where that is less (``"it announces … and holds …"``); empty where all
        that is announced is there.
    wrong_header : str
        In what header and content contradict each other so that nobody can tell what is audio; else empty.
    is_certain : bool
        Whether the length that libsndfile takes from the header is that of the audio. If not, FFmpeg's decoders read
        the file to its end.
    num_samples : int or None
        Samples per channel that are there, where that is known; in a file that is cut off, those that are announced.
    links : tuple of (int, int)
        Where each part begins and ends, in bytes, of a file that was joined of several whole ones.
    remark : str
        Something that a user should know of a file that is read; else empty.
    """

    cut_off: str = ""
    wrong_header: str = ""
    is_certain: bool = True
    num_samples: int | None = None
    links: tuple[tuple[int, int], ...] = ()
    remark: str = ""


def cut_off(announced: int, held: int, unit: str = "bytes of audio") -> str:
    """The part of a sentence for `Extent.cut_off`."""
    return f"it announces {announced} {unit} and holds {held}"
