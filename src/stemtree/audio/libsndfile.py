"""Audio files read by libsndfile."""

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import soundfile

from stemtree.audio.formats import Width
from stemtree.audio.headers import check_header, silence_stderr, truncation_error
from stemtree.audio.samples import ExactSamples
from stemtree.audio.source import check_finite, check_supported
from stemtree.errors import AudioError


class SoundFileSource:
    """An audio file read by libsndfile: WAV, FLAC, OGG, MP3, AIFF and others."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        with silence_stderr(), soundfile.SoundFile(path) as file:
            self.sample_rate, self.channels, self.num_samples = file.samplerate, file.channels, file.frames
            self.width: Width = _width(file.subtype)
            self.is_mpeg = file.format == "MP3"
            check_header(self, file.extra_info)
        check_supported(self)

    def blocks(self, size: int, start: int = 0) -> Iterator[ExactSamples]:
        """See `AudioSource.blocks`."""
        position = start
        try:
            with silence_stderr():
                file = soundfile.SoundFile(self.name)
            with file:
                if start:  # some codecs, such as GSM in WAV, cannot seek at all
                    file.seek(min(start, self.num_samples))
                while len(block := self._read(file, size)):
                    yield check_finite(block.T, position, self.name)
                    position += len(block)
        except soundfile.LibsndfileError as error:
            reason = error.error_string.removeprefix("Error : ").strip(" .")
            raise AudioError(
                f"'{self.name}' is damaged after {position} samples ({reason}): get a whole copy"
            ) from None
        if position < self.num_samples:
            raise truncation_error(self, self.num_samples, position)

    def _read(self, file: soundfile.SoundFile, size: int) -> ExactSamples:
        with silence_stderr() if self.is_mpeg else nullcontext():
            block: ExactSamples = file.read(size, dtype="float64", always_2d=True)
        return block


def _width(subtype: str) -> Width:
    if subtype in ("FLOAT", "DOUBLE"):
        return "float"
    return "pcm24" if subtype in ("PCM_24", "PCM_32", "ALAC_20", "ALAC_24", "ALAC_32") else "pcm16"
