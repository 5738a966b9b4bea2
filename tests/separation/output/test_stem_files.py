"""Stems add up to what was put in, read back by other means than the project's own: soundfile and PyAV."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from stemtree.audio import OutputFormat, read
from stemtree.separation.separator import Separator

Write = Callable[[Path, np.ndarray], Path]


def _sound(ending: str, subtype: str, rate: int) -> Write:
    def write(folder: Path, audio: np.ndarray) -> Path:
        soundfile.write(folder / f"song.{ending}", audio.T, rate, subtype)
        return folder / f"song.{ending}"

    return write


def _alac(folder: Path, audio: np.ndarray) -> Path:
    with av.open(str(folder / "song.m4a"), "w") as container:
        stream = container.add_stream("alac", rate=44100, layout="stereo", format="s16p")
        pcm = np.clip(np.rint(audio * 32768), -32768, 32767).astype(np.int16)
        for start in range(0, pcm.shape[1], 4096):
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(pcm[:, start : start + 4096]), "s16p", "stereo")
            frame.sample_rate, frame.pts, frame.time_base = 44100, start, Fraction(1, 44100)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return folder / "song.m4a"


def _read(path: Path) -> np.ndarray:
    """Samples as float64 ``(channel, sample)``."""
    if path.suffix != ".m4a":
        return soundfile.read(path, dtype="float64", always_2d=True)[0].T
    with av.open(str(path)) as container:
        return np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1) / 32768


MAKE = {
    "real song": lambda song: song,
    "real song, left": lambda song: song[:1],
    "silence": lambda song: np.zeros((2, 30000)),
    "one sample": lambda song: np.array([[0.5], [-0.25]]),
    "constant": lambda song: np.full((1, 20000), 0.7),
    "noise": lambda song: np.random.default_rng(0).uniform(-1, 1, (2, 30000)),
    "clipping": lambda song: np.clip(song * 8, -1, 1),
    "beyond full scale": lambda song: song * 8,
    "faint": lambda song: song * 1e-4,
    "square wave": lambda song: np.sign(np.sin(np.arange(40000) / 50))[None] * 0.999,
    "opposite channels": lambda song: np.stack([song[0], -song[0]]),
}

CASES: list[tuple[str, Write, OutputFormat]] = [
    ("real song", _sound("wav", "PCM_16", 44100), OutputFormat()),
    ("real song", _sound("wav", "PCM_24", 48000), OutputFormat()),
    ("real song", _sound("wav", "PCM_32", 96000), OutputFormat("wav", "pcm24")),
    ("real song", _sound("wav", "PCM_U8", 11025), OutputFormat("wav", "pcm16")),
    ("real song", _sound("wav", "FLOAT", 44100), OutputFormat()),
    ("real song", _sound("wav", "DOUBLE", 192000), OutputFormat("wav", "pcm24")),
    ("real song", _sound("flac", "PCM_24", 88200), OutputFormat("flac")),
    ("real song", _sound("flac", "PCM_16", 22050), OutputFormat("flac", "pcm24")),
    ("real song", _sound("mp3", "MPEG_LAYER_III", 44100), OutputFormat("wav", "pcm16")),
    ("real song", _sound("mp3", "MPEG_LAYER_III", 32000), OutputFormat("wav", "float")),
    ("real song", _sound("ogg", "VORBIS", 44100), OutputFormat("flac", "pcm16")),
    ("real song", _sound("aiff", "PCM_16", 8000), OutputFormat()),
    ("real song", _alac, OutputFormat("wav", "pcm16")),
    ("real song, left", _sound("wav", "PCM_16", 16000), OutputFormat()),
    ("real song, left", _sound("wav", "PCM_24", 44100), OutputFormat("wav", "pcm16")),
    ("silence", _sound("wav", "PCM_16", 44100), OutputFormat()),
    ("one sample", _sound("wav", "PCM_16", 44100), OutputFormat()),
    ("one sample", _sound("wav", "FLOAT", 192000), OutputFormat()),
    ("constant", _sound("wav", "PCM_16", 44100), OutputFormat()),
    ("noise", _sound("wav", "PCM_16", 44100), OutputFormat()),
    ("noise", _sound("wav", "FLOAT", 48000), OutputFormat()),
    ("clipping", _sound("wav", "PCM_16", 44100), OutputFormat()),
    ("clipping", _sound("wav", "PCM_24", 44100), OutputFormat("flac", "pcm16")),
    ("beyond full scale", _sound("wav", "FLOAT", 44100), OutputFormat("wav", "pcm16")),
    ("beyond full scale", _sound("wav", "FLOAT", 44100), OutputFormat()),
    ("faint", _sound("wav", "PCM_24", 44100), OutputFormat("wav", "pcm16")),
    ("square wave", _sound("wav", "PCM_16", 44100), OutputFormat()),
    ("opposite channels", _sound("wav", "PCM_16", 44100), OutputFormat()),
]


@pytest.mark.parametrize(("kind", "write", "output"), CASES)
def test_stems_add_up(
    kind: str, write: Write, output: OutputFormat, separator: Separator, excerpt: np.ndarray, tmp_path: Path
) -> None:
    path = write(tmp_path, MAKE[kind](excerpt[:, :60000].astype(np.float64)))
    given = _read(path)
    saved = separator.save(path, tmp_path / "stems", output)
    files = [saved.folder / row["file"] for row in saved.manifest["nodes"]]
    width = saved.manifest["format"]["subtype"]
    nodes = {row["path"]: _read(saved.folder / row["file"]) for row in saved.manifest["nodes"]}
    tree = separator.tree
    stems = [nodes[leaf] for leaf in tree.leaves()]
    assert all(stem.shape == given.shape for stem in nodes.values())
    for path, node in nodes.items():
        if children := [nodes[child] for child in tree.children(path)]:
            assert np.abs(sum(children) - node).max() <= (1e-6 * max(1, np.abs(node).max()) if width == "float" else 0)
    assert {soundfile.info(file).samplerate for file in files} == {saved.manifest["sample_rate"]}
    if width == "float":
        assert {soundfile.info(file).subtype for file in files} == {"FLOAT"}
        assert np.abs(sum(stems) - given).max() < 1e-6 * max(1, np.abs(given).max())
    else:
        full = {"pcm16": 2**15, "pcm24": 2**23}[width]
        assert {soundfile.info(file).subtype for file in files} == {f"PCM_{width[-2:]}"}
        expected = np.clip(np.rint(given * full), -full, full - 1)
        assert np.array_equal(sum(np.rint(stem * full) for stem in stems), expected)


@pytest.mark.parametrize("container", ["ogg", "mp3", "m4a"])
def test_lossy_stems_keep_length_and_add_up_roughly(
    container: str, separator: Separator, excerpt: np.ndarray, wav: Path, tmp_path: Path
) -> None:
    saved = separator.save(wav, tmp_path / "stems", OutputFormat(container))
    given = _read(wav)
    stems = [read(saved.folder / f"{leaf}.{container}")[0] for leaf in separator.tree.leaves()]
    padding = 1023 if container == "m4a" else 0  # at the end, which FFmpeg does not cut off
    assert all(0 <= stem.shape[1] - given.shape[1] <= padding for stem in stems)
    total = sum(stem[:, : given.shape[1]] for stem in stems)
    assert np.mean((total - given) ** 2) < 0.01 * np.mean(given**2)
