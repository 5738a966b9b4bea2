import pytest

from stemtree.audio import OutputFormat
from stemtree.errors import OptionError


@pytest.mark.parametrize(
    ("asked", "source_width", "settled"),
    [
        (OutputFormat(), "pcm24", "pcm24"),
        (OutputFormat(), "float", "float"),
        (OutputFormat("flac"), "float", "pcm24"),
        (OutputFormat("flac", "pcm16"), "float", "pcm16"),
        (OutputFormat("mp3"), "float", None),
    ],
)
def test_the_width_follows_the_input(asked: OutputFormat, source_width: str, settled: str | None) -> None:
    assert asked.for_source(source_width, 44100).width == settled  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("aiff",), "no output format 'aiff'; there are wav, flac, ogg, mp3"),
        (("wav", "pcm8"), r"no subtype 'pcm8'; .* pcm16"),
        (("ogg", "pcm16"), "ogg is lossy"),
        (("flac", "float"), "flac holds integers"),
    ],
)
def test_what_does_not_exist(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        OutputFormat(*arguments)  # type: ignore[arg-type]


def test_mp3_has_few_rates() -> None:
    with pytest.raises(OptionError, match="mp3 cannot hold a sample rate of 96000 Hz"):
        OutputFormat("mp3").for_source("pcm16", 96000)
