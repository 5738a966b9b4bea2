import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemtree.curation.sessions.panning import Placement, panning_matrix, place_tracks

GUITARS = "accompaniment/other/electric_guitar"
VOICES = "vocal/backing_vocal"
_PIECES = (
    ("", "01_"),
    ("Vox", "BV ", "음성"),
    ("", "1", "02"),
    ("", "DT", "a", "DTDI", "Mic2"),
    ("", ".L", " R"),
    (".wav",),
)


def pans(names: list[str], leaf: str, automix: bool = True, mono: bool = True) -> list[float]:
    return [round(placed.pan, 2) for placed in place_tracks(names, [mono] * len(names), leaf, automix)]


def test_left_and_right_files_are_one_recording() -> None:
    names = ["02_Overheads L.wav", "03_Overheads R.wav", "Kick.wav", "Arp.L.wav", "Arp.R.wav", "Solo Left.wav"]
    placed = place_tracks(names, [True] * 6, "accompaniment/percussion/drum_set", automix=False)
    assert [item.pan for item in placed] == [-1, 1, 0, -1, 1, 0]
    assert [item.unit for item in placed] == [0, 0, 2, 3, 3, 5]


@pytest.mark.parametrize(
    ("names", "leaf", "expected"),
    [
        (["12_ElecGtr1.wav", "13_ElecGtr1DT.wav", "14_ElecGtr2.wav"], GUITARS, [-0.9, 0.9, 0]),
        (["ElecGtr01a.wav", "ElecGtr01b.wav", "ElecGtr02a.wav", "ElecGtr02b.wav"], GUITARS, [-0.9, 0.9, -0.9, 0.9]),
        # Microphones of a take stay together.
        (["Gtr1DI.wav", "Gtr1Mic1.wav", "Gtr1DTDI.wav", "Gtr1DTMic1.wav"], GUITARS, [-0.9, -0.9, 0.9, 0.9]),
        (["ElecGtr1.wav", "ElecGtr1DT1.wav", "ElecGtr1DT2.wav"], GUITARS, [0, -0.9, 0.9]),
        (["ElecGtr1.wav", "ElecGtr2.wav"], GUITARS, [0, 0]),  # two parts, not two takes
        (["BackingVox1.wav", "BackingVox2.wav"], VOICES, [-0.7, 0.7]),
        (["BackingVox1.wav", "BackingVox1DT.wav", "BackingVox2.wav"], VOICES, [-0.7, 0.7, 0]),
        (["BV 1.wav", "BV 2.wav", "BV 3.wav", "BV 4.wav"], VOICES, [-0.7, 0.7, -0.35, 0.35]),
        (["Synth1.wav", "Synth1DT.wav"], "accompaniment/other/electronic_keyboards", [0, 0]),
    ],
)
def test_takes_of_one_part_stand_about_the_middle(names: list[str], leaf: str, expected: list[float]) -> None:
    assert pans(names, leaf) == expected
    assert pans(names, leaf, automix=False) == [0] * len(names)


def test_stereo_files_keep_their_image() -> None:
    assert pans(["ElecGtr1.wav", "ElecGtr1DT.wav"], GUITARS, mono=False) == [0, 0]


@given(st.lists(st.tuples(*map(st.sampled_from, _PIECES)).map("".join), max_size=12))
def test_any_names_are_placed_in_balance(names: list[str]) -> None:
    placed = place_tracks(names, [True] * len(names), VOICES, automix=True)
    assert len(placed) == len(names) and all(-1 <= item.pan <= 1 for item in placed)


@given(st.floats(-1, 1))
def test_panning_keeps_the_power(pan: float) -> None:
    assert np.sum(np.square(panning_matrix(Placement(0, pan), 1, stereo=True))) == pytest.approx(1)
    assert panning_matrix(Placement(0, pan), 2, stereo=True) == [[1, 0], [0, 1]]
    assert panning_matrix(Placement(0, pan), 2, stereo=False) == [[0.5, 0.5]]
