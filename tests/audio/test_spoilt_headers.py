"""Files whose first bytes are spoilt, or that end early: read, or refused in a sentence; nothing else."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.encoded import tone, with_ffmpeg, with_soundfile

from stemtree.audio import open_source
from stemtree.errors import StemtreeError

FILES = {
    "wav": with_soundfile("WAV", tone(0.05)),
    "flac": with_soundfile("FLAC", tone(0.05)),
    "ogg": with_soundfile("OGG", tone(0.05)),
    "mp3": with_soundfile("MP3", tone(0.05)),
    "m4a": with_ffmpeg("ipod", "aac", tone(0.05)),
    "mka": with_ffmpeg("matroska", "flac", tone(0.05)),
}


@pytest.mark.parametrize("ending", FILES)
@settings(max_examples=60, deadline=5000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), accept=st.booleans())
def test_spoilt_files(ending: str, tmp_path: Path, data: st.DataObject, accept: bool) -> None:
    content = bytearray(FILES[ending])
    positions = st.integers(0, min(len(content), 4096) - 1)
    for position, value in data.draw(st.lists(st.tuples(positions, st.integers(0, 255)), max_size=6)):
        content[position] = value
    length = data.draw(st.one_of(st.just(len(content)), st.integers(1, len(content))))
    path = tmp_path / f"a.{ending}"
    path.write_bytes(content[:length])
    try:
        read = 0
        for block in open_source(path, None, accept_truncated=accept).blocks(1 << 14):
            read += block.shape[1]
            assert read < 10_000_000
    except StemtreeError as error:
        assert "\n" not in str(error).strip()
