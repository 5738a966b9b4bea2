from pathlib import Path

import numpy as np
import pytest

from stemtree.audio import FORMATS, OutputFormat, StemWriter
from stemtree.errors import AudioError, OptionError


@pytest.mark.parametrize(
    ("asked", "source_width", "settled"),
    [
        (OutputFormat(), "pcm24", "pcm24"),
        (OutputFormat(), "float", "float"),
        (OutputFormat("flac"), "float", "pcm24"),
        (OutputFormat("flac", "pcm16"), "float", "pcm16"),
        (OutputFormat("mp3"), "float", None),
        (OutputFormat("m4a"), "pcm24", None),
    ],
)
def test_the_width_follows_the_input(asked: OutputFormat, source_width: str, settled: str | None) -> None:
    assert asked.for_source(source_width, 44100).width == settled  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("aiff",), "no output format 'aiff'; there are wav, flac, ogg, mp3, m4a"),
        (("wav", "pcm8"), r"no subtype 'pcm8'; .* pcm16"),
        (("ogg", "pcm16"), "ogg is lossy"),
        (("flac", "float"), "flac holds integers"),
    ],
)
def test_what_does_not_exist(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        OutputFormat(*arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("rate", [8000, 12345, 44100, 65535, 65536, 65540, 96000, 96096, 192000])
def test_formats_hold_the_rates_that_they_claim(rate: int, tmp_path: Path) -> None:
    """A refusal names only formats that hold the rate, and the libraries that write agree with both."""
    holding = {}
    for container in FORMATS:
        try:
            with StemWriter(tmp_path / f"a.{container}", OutputFormat(container), rate, 2) as writer:
                writer.write(np.zeros((2, 100), np.float32))
            holding[container] = True
        except AudioError:
            holding[container] = False
    for container, holds in holding.items():
        if holds:
            OutputFormat(container).for_source("pcm16", rate)
        else:
            others = " or ".join(name for name, other in holding.items() if other)
            with pytest.raises(OptionError, match=f"{container} cannot hold .* {rate} Hz: choose {others}$"):
                OutputFormat(container).for_source("pcm16", rate)


def test_bit_rates_depend_on_the_sample_rate() -> None:
    output = OutputFormat("mp3", bitrate=160)
    assert output.for_source("pcm16", 22050) == output and output.compression_level(22050) == 0
    with pytest.raises(OptionError, match="mp3 at 11025 Hz has no more than 64 kbit/s, not 160: give less"):
        output.for_source("pcm16", 11025)
    assert OutputFormat("mp3", bitrate=32).compression_level(44100) < 1
    assert OutputFormat("mp3").compression_level(44100) is None
