"""File formats and sample widths."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from stemtree.errors import OptionError, suggest

Width = Literal["pcm16", "pcm24", "float"]
WIDTHS: tuple[Width, ...] = get_args(Width)
FORMATS = ("wav", "flac", "ogg", "mp3", "m4a")
LOSSY = ("ogg", "mp3", "m4a")
"""Formats whose decoded stems differ from the samples written, so that they add up only approximately."""

RATES = (8000, 192000)
"""Lowest and highest supported sample rate in Hz."""

_SUBTYPES = {"pcm16": "PCM_16", "pcm24": "PCM_24", "float": "FLOAT"}
_MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
_AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)

BITRATES = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
"""Of MP3, in kbit/s."""


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """File format and sample width of the stems.

    Parameters
    ----------
    container : {"wav", "flac", "ogg", "mp3", "m4a"}
        The file format, which is also the file name's suffix.
    width : {"pcm16", "pcm24", "float"}, optional
        By default that of the input: integers of more than 16 bits give ``pcm24``, floating point gives ``float``
        (``pcm24`` in FLAC, which has no floats), everything else ``pcm16``.
    bitrate : int, optional
        Of MP3, one of `BITRATES` in kbit/s, the same at all times; by default the encoder's own choice.

    Raises
    ------
    OptionError
        If container, width or bit rate is unknown, or if the container does not support them.
    """

    container: str = "wav"
    width: Width | None = None
    bitrate: int | None = None

    def __post_init__(self) -> None:
        if self.container not in FORMATS:
            raise OptionError(f"there is no output format '{self.container}'{suggest(self.container, FORMATS)}")
        if self.bitrate is not None and self.container != "mp3":
            raise OptionError(f"--mp3-bitrate is for mp3, not {self.container}: leave it out, or choose the format mp3")
        if self.bitrate is not None and self.bitrate not in BITRATES:
            raise OptionError(
                f"mp3 has no bit rate of {self.bitrate} kbit/s: give one of {', '.join(map(str, BITRATES))}"
            )
        if self.width is None:
            return
        if self.width not in WIDTHS:
            raise OptionError(f"there is no subtype '{self.width}'{suggest(self.width, WIDTHS)}")
        if self.is_lossy:
            raise OptionError(f"{self.container} is lossy and has no subtype '{self.width}': leave --subtype out")
        if self.container == "flac" and self.width == "float":
            raise OptionError("flac holds integers, not subtype 'float': choose pcm24, or the format wav")

    @property
    def is_lossy(self) -> bool:
        """Whether the container is one of `LOSSY`."""
        return self.container in LOSSY

    def for_source(self, width: Width, sample_rate: int) -> "OutputFormat":
        """Complete the format for one input: a width that is None becomes the input's.

        Raises
        ------
        OptionError
            If the container does not support the input's sample rate.
        """
        if not holds_rate(self.container, sample_rate):
            others = [name for name in FORMATS if holds_rate(name, sample_rate)]
            raise OptionError(
                f"{self.container} cannot hold a sample rate of {sample_rate} Hz: choose {' or '.join(others)}"
            )
        if self.bitrate and self.bitrate > (most := _bitrates(sample_rate)[1]):
            raise OptionError(f"mp3 at {sample_rate} Hz has no more than {most} kbit/s, not {self.bitrate}: give less")
        if self.is_lossy or self.width is not None:
            return self
        return OutputFormat(self.container, "pcm24" if (self.container, width) == ("flac", "float") else width)

    @property
    def bits(self) -> int | None:
        """Bits per integer sample; None where samples are written as floating point."""
        return {"pcm16": 16, "pcm24": 24}.get(self.width or "")

    @property
    def soundfile_subtype(self) -> str | None:
        """The width as `soundfile.SoundFile` names it; None for its default."""
        return _SUBTYPES[self.width] if self.width else None

    def compression_level(self, sample_rate: int) -> float | None:
        """The bit rate as `soundfile.SoundFile` takes it, from 0, the highest, to 1; None for its default."""
        if self.bitrate is None:
            return None
        least, most = _bitrates(sample_rate)
        return min((most - self.bitrate) / (most - least), 0.999)  # it refuses 1


def _bitrates(sample_rate: int) -> tuple[int, int]:
    """Lowest and highest bit rate of MPEG-1, -2 and -2.5 layer III in kbit/s."""
    if sample_rate >= 32000:
        return 32, 320
    return 8, 160 if sample_rate >= 16000 else 64


def holds_rate(container: str, sample_rate: int) -> bool:
    """Whether a container holds audio of a rate in Hz."""
    if container in ("mp3", "m4a"):
        return sample_rate in (_MP3_RATES if container == "mp3" else _AAC_RATES)
    return container != "flac" or sample_rate < 1 << 16 or sample_rate % 10 == 0  # FLAC's streamable subset


def bytes_needed(output: OutputFormat, num_values: int, num_files: int) -> int:
    """Upper bound of the space that files of `num_values` samples each take on disk, all channels counted."""
    bytes_per_value = {"pcm16": 2, "pcm24": 3, "float": 4}[output.width] if output.width else 1
    return num_files * (num_values * bytes_per_value + 4096)


_NAMES = """
wav wave w64 rf64 flac ogg oga opus mp3 mp2 aif aiff aifc au snd caf m4a m4b mp4 mov aac alac wma asf webm mka mkv avi
ac3 eac3 dts ape wv tta amr 3gp weba mpc dsf dff mp1 spx tak shn bwf 3g2 3ga m4r m4v oggflac oma ra sd2 voc qoa mpp
"""
SUFFIXES = frozenset(f".{name}" for name in _NAMES.split())
"""Suffixes of the files that are taken for audio when a folder is given."""


def is_audio_name(file: Path) -> bool:
    """Whether a file in a folder looks like audio by its name; hidden files do not."""
    return file.suffix.lower() in SUFFIXES and not file.name.startswith(".")
