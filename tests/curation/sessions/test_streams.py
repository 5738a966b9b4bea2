from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from stemtree.curation.sessions.panning import Placement
from stemtree.curation.sessions.sessions import RawTrack
from stemtree.curation.sessions.streams import PlacedTrack, Spool, mix_tracks, read_spools


def write_track(file: Path, audio: np.ndarray, rate: int) -> PlacedTrack:
    """A track whose file holds ``(channel, sample)``, in the middle."""
    soundfile.write(file, audio.T, rate, "DOUBLE")
    return PlacedTrack(RawTrack(file.name, file, "Bell", "bell"), len(audio), rate, Placement(0))


@pytest.mark.parametrize("block_size", [999, 4410, 100_000])
def test_the_sum_of_tracks_of_any_rate_and_length(tmp_path: Path, block_size: int) -> None:
    random = np.random.default_rng(0)
    mono, stereo = random.normal(0, 0.1, (1, 9000)), random.normal(0, 0.1, (2, 5000))
    tracks = [write_track(tmp_path / "a.wav", mono, 48000), write_track(tmp_path / "b.wav", stereo, 44100)]
    found = np.concatenate(list(mix_tracks(tracks, [2.0, 0.5], 44100, True, block_size)), axis=1)
    resampled = soxr.resample(mono[0], 48000, 44100)
    expected = np.sqrt(2) * np.tile(resampled, (2, 1))  # 2 times cos 45 degrees
    expected[:, :5000] += stereo / 2
    np.testing.assert_allclose(found[:, : expected.shape[1]], expected, atol=1e-6)
    assert not found[:, expected.shape[1] + 1 :].any()


def test_a_track_of_joined_files(tmp_path: Path) -> None:
    """As `cat` joins them; the first one's last block is short."""
    random = np.random.default_rng(0)
    audio = random.integers(-9000, 9000, (2, 1, 1000)) / 2**15
    for number in range(2):
        soundfile.write(tmp_path / f"{number}.flac", audio[number].T, 8000, "PCM_16")
    joined = write_track(tmp_path / "a.wav", np.zeros((1, 2000)), 8000)
    joined.track.path.write_bytes(b"".join((tmp_path / f"{number}.flac").read_bytes() for number in range(2)))
    other = write_track(tmp_path / "b.wav", np.ones((1, 2000)) / 4, 8000)
    found = np.concatenate(list(mix_tracks([joined, other], [1.0, 1.0], 8000, False, 300)), axis=1)
    np.testing.assert_allclose(found, np.concatenate(audio, axis=1) + 0.25, atol=1e-6)


def test_tracks_without_gain_are_not_read(tmp_path: Path) -> None:
    track = write_track(tmp_path / "a.wav", np.ones((1, 10)), 8000)
    (tmp_path / "a.wav").unlink()
    assert list(mix_tracks([track], [0.0], 8000, False)) == []


def test_spools_are_read_together_and_padded(tmp_path: Path) -> None:
    audio = [np.arange(20.0).reshape(2, 10), np.ones((1, 4))]
    spools = [Spool(tmp_path / str(number), len(signal)) for number, signal in enumerate(audio)]
    for spool, signal in zip(spools, audio, strict=True):
        assert [block.shape[1] for block in spool.fill([signal[:, :3], signal[:, 3:]])] == [3, signal.shape[1] - 3]
    assert [spool.num_samples for spool in spools] == [10, 4]
    first, second = (np.concatenate(blocks, axis=1) for blocks in zip(*read_spools(spools, 12, 5), strict=True))
    np.testing.assert_array_equal(first, np.pad(audio[0], [(0, 0), (0, 2)]))
    np.testing.assert_array_equal(second, np.pad(audio[1], [(0, 0), (0, 8)]))
