import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr
import torch
from support import separator_packages as packages
from support.audio import si_sdr
from torch import nn

from stemtree.errors import SplitterError
from stemtree.hierarchy import MIXTURE, load
from stemtree.hierarchy.load import parse
from stemtree.separation.separator import Separator
from stemtree.separation.splitters.base import Splitter
from stemtree.separation.splitters.external import ExternalSplitter
from stemtree.separation.splitters.external_loading import load_package
from stemtree.separation.splitters.external_packages import ExternalPackage
from stemtree.separation.splitters.registry import make_splitters
from stemtree.spectral import Stft

MS21 = load("ms21")
FOUR = ("vocal", "accompaniment", "accompaniment/bass", "accompaniment/percussion", "accompaniment/other")


class Scales(ExternalPackage):
    """A separator whose stems are multiples of what it hears, which it remembers."""

    name = "torch"

    def __init__(self, gains: dict[str, float]) -> None:
        super().__init__("scales")
        self.heard: list[torch.Tensor] = []
        self.gains = torch.tensor(list(gains.values()))
        self.sources, self.sample_rate, self.channels, self.network = tuple(gains), 44100, 2, nn.Linear(1, 1)

    def separate(self, audio: torch.Tensor) -> torch.Tensor:
        self.heard.append(audio)
        return self.gains[:, None, None] * audio


@pytest.mark.parametrize(("rate", "channels", "times"), [(44100, 2, 5), (48000, 1, 1), (96000, 2, 1), (16000, 2, 1)])
def test_children_add_up(splitter: str, rate: int, channels: int, times: int, excerpt: np.ndarray) -> None:
    song = np.tile(excerpt, times)[:channels]  # two blocks at 44.1 kHz
    separator = Separator(splitters=make_splitters([splitter])[:1])
    result = separator.separate(song, rate)
    assert separator.tree.paths == (FOUR if len(separator.tree.paths) > 2 else FOUR[:2])
    for node in result.root:
        if node.children:
            assert np.abs(sum(child.audio for child in node.children) - node.audio).max() < 1e-6
    leaves = [result[leaf].audio for leaf in separator.tree.leaves()]
    assert all(np.isfinite(leaf).all() and leaf.std() > 1e-4 for leaf in leaves)
    assert max(abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) for a in leaves for b in leaves if a is not b) < 0.9999


def test_integer_stems_add_up_to_the_file(splitter: str, cli, wav: Path, tmp_path: Path) -> None:
    outcome = cli("separate", wav, "-o", tmp_path / "out", "--splitter", splitter)
    assert outcome.code == 0, outcome.err
    folder = tmp_path / "out" / "song"
    manifest = json.loads((folder / "tree.json").read_text())
    made = manifest["splitters"][0]
    name = splitter.partition(":")[0]
    assert made["name"] == name and made["version"].startswith(f"{name} ") and len(made["weights"][0]["sha256"]) == 64
    paths = [row["path"] for row in manifest["nodes"]]
    leaves = [row["file"] for row in manifest["nodes"] if not any(f"{row['path']}/" in path for path in paths)]
    total = sum(soundfile.read(folder / leaf, dtype="int16")[0].astype(int) for leaf in leaves)
    assert np.array_equal(total, soundfile.read(wav, dtype="int16")[0])


def test_masks_are_shares_of_power(excerpt: np.ndarray) -> None:
    gains = {"drums": 0.1, "bass": 0.2, "other": 0.3, "vocals": 0.4, "piano": 0.5}
    installed = ExternalSplitter(Scales(gains))
    result = Separator(splitters=[installed]).separate(excerpt, 44100)
    powers = {"vocal": 0.4**2, "accompaniment/percussion": 0.1**2, "accompaniment/bass": 0.2**2}
    powers["accompaniment/other"] = 0.3**2 + 0.5**2  # of the piano by itself, which no splitter here tells from others
    for path, power in powers.items():
        share = power / sum(powers.values())
        assert si_sdr(result[path].audio, excerpt) > 80
        assert result[path].audio.std() == pytest.approx(share * excerpt.std(), rel=1e-3)


def test_what_the_separator_hears_is_the_song_around_the_block(excerpt: np.ndarray) -> None:
    song = np.tile(excerpt, 9)[:, : 26 * 44100]
    scales = Scales({"vocals": 1, "other": 1})
    Separator(splitters=[ExternalSplitter(scales)]).separate(song, 44100)
    assert len(scales.heard) == 3
    padded = np.pad(song, ((0, 0), (2048, 1 << 20)))
    for number, heard in enumerate(scales.heard):
        start = max(0, number * 512 - 44) * 1024
        inner = slice(64, heard.shape[1] - 64)  # windows are all but zero at their ends
        expected = padded[:, start : start + heard.shape[1]]
        assert si_sdr(heard.numpy()[:, inner], expected[:, inner]) > 90
    lengths = [(heard.shape[1] - 4096) // 1024 + 1 for heard in scales.heard]
    assert lengths[:2] == [512 + 44, 44 + 512 + 44]
    assert scales.heard[1].shape[1] <= (2 - 0.1) * 7.8 * 44100  # two segments of HTDemucs


@pytest.mark.parametrize("rate", [48000, 96000, 22050])
def test_it_hears_other_rates_at_its_own(rate: int, excerpt: np.ndarray) -> None:
    song = soxr.resample(excerpt.T, 44100, rate).T
    scales = Scales({"vocals": 1, "other": 1})
    Separator(splitters=[ExternalSplitter(scales)]).separate(song, rate)
    (heard,) = scales.heard
    reference = soxr.resample(song.T, Stft().at(rate).hop * 44100 / 1024, 44100).T  # hops are whole samples
    length = min(reference.shape[1], heard.shape[1] - 2048) - 2048
    assert si_sdr(heard.numpy()[:, 4096 : 2048 + length], reference[:, 2048:length]) > 25


@pytest.mark.parametrize(
    ("tree", "stems", "found"),
    [
        ("{vocal: , accompaniment: {bass: , percussion: , other: }}", "four", "percussion bass other vocal"),
        ("{vocals: , drums: , bass: , other: }", "four", "drums bass other vocals"),
        ("{all: {vocals: , drums: , bass: , other: }}", "four", "drums bass other vocals"),
        ("{vocals: , accompaniment: }", "four", "vocals accompaniment"),
        ("{vocals: , accompaniment: {bass: , rest: }}", "four", "vocals accompaniment"),
        ("{vocal: , accompaniment: {bass: , percussion: , other: }}", "two", "vocal accompaniment"),
        ("{vocals: , drums: , bass: , other: }", "two", ""),
        ("{vocals: , drums: , bass: , other: , guitar: }", "four", ""),
        ("{bass: , drums: }", "four", ""),
    ],
)
def test_which_nodes_the_stems_are(tree: str, stems: str, found: str) -> None:
    hierarchy = parse(f"tree: {tree}", "mine")
    sources = packages.STEMS if stems == "four" else ["vocals", "other"]
    installed = ExternalSplitter(Scales(dict.fromkeys(sources, 1.0)))
    node = "all" if "all" in tree else MIXTURE
    assert [path.rpartition("/")[2] for path in installed.outputs(hierarchy, node)] == found.split()
    assert not any(installed.outputs(hierarchy, path) for path in hierarchy.paths if path != node)


def test_ms21_and_musdb18() -> None:
    installed = ExternalSplitter(Scales(dict.fromkeys(packages.STEMS, 1.0)))
    assert set(installed.outputs(MS21, MIXTURE)) == {path for path in FOUR if path != "accompaniment"}
    musdb = load("musdb18")
    assert set(installed.outputs(musdb, MIXTURE)) == set(musdb.leaves())


def test_a_map_names_nodes_of_a_hierarchy_made_in_python(tmp_path: Path, mapped) -> None:
    tree = parse("tree: {singing: , beat: , low: , rest: }", "mine")
    stem_map = mapped("stems: {vocals: singing, drums: beat, bass: low, other: rest}")
    separator = Separator(tree, splitters=packages.demucs(tmp_path), stem_maps=stem_map)
    assert separator.tree.leaves() == ("singing", "beat", "low", "rest")


def test_models_of_something_else(tmp_path: Path) -> None:
    model = packages.openunmix(tmp_path, ["noise", "speech"]).partition(":")[2]
    with pytest.raises(SplitterError, match="separates noise, speech, of which none is known to be a node: say which"):
        ExternalSplitter(load_package("openunmix", model))
    for file in tmp_path.glob("*.json"):
        file.unlink()
    packages.openunmix(tmp_path, channels=1)
    with pytest.raises(SplitterError, match=r"is for 1 channel\(s\): give a stereo one"):
        ExternalSplitter(load_package("openunmix", model))


SIX = {"drums": 0.1, "bass": 0.2, "other": 0.3, "vocals": 0.4, "guitar": 0.5, "piano": 0.6}
OTHER = "accompaniment/other"


def test_a_stem_that_is_several_nodes_is_shared_out_by_another_splitter(excerpt: np.ndarray, band: Splitter) -> None:
    separator = Separator(splitters=[ExternalSplitter(Scales(SIX)), band])
    result, power = separator.separate(excerpt, 44100), sum(gain**2 for gain in SIX.values())
    assert separator.tree.leaves() == ("vocal", *MS21.leaves("accompaniment"))

    def check(share: float, *paths: str) -> None:
        whole = sum(result[path].audio for path in paths)
        assert si_sdr(whole, excerpt) > 80 and whole.std() == pytest.approx(share / power * excerpt.std(), rel=1e-3)

    guitars = [f"{OTHER}/electric_guitar", f"{OTHER}/acoustic_guitar"]
    check(0.6**2, f"{OTHER}/pianos")
    check(0.5**2, *guitars)
    check(0.3**2, *(path for path in MS21.children(OTHER) if path not in (f"{OTHER}/pianos", *guitars)))
    assert si_sdr(result[guitars[0]].audio, result[guitars[1]].audio) < 30  # each has bins of its own
    for node in result.root:
        if node.children:
            assert np.abs(sum(child.audio for child in node.children) - node.audio).max() < 1e-6


def test_what_no_splitter_shares_out_stays_in_the_node_above() -> None:
    six = ExternalSplitter(Scales(SIX))
    assert Separator(splitters=[six]).tree.leaves() == FOUR[:1] + FOUR[2:]
    assert Separator("musdb18", splitters=[six]).tree == load("musdb18")


def test_a_separator_of_drums_lies_under_whoever_serves_the_drum_set(excerpt: np.ndarray, band: Splitter) -> None:
    heard = Scales({"kick": 0.6, "snare": 0.2, "toms": 0.1, "hh": 0.3, "ride": 0.1, "crash": 0.2})
    root = ExternalSplitter(Scales({"vocals": 1.0, "other": 1.0}))
    separator = Separator("ms21_deep", splitters=[ExternalSplitter(heard), root, band])
    result = separator.separate(excerpt, 44100)
    drums = result["drum_set"]
    assert [child.path.rpartition("/")[2] for child in drums.children] == ["kick", "snare", "toms", "hi_hat", "cymbals"]
    assert np.abs(sum(child.audio for child in drums.children) - drums.audio).max() < 1e-6
    total = 0.6**2 + 0.2**2 + 0.1**2 + 0.3**2 + (0.1 + 0.2) ** 2
    assert result["kick"].audio.std() == pytest.approx(0.36 / total * drums.audio.std(), rel=1e-2)
    assert result["cymbals"].audio.std() == pytest.approx(0.09 / total * drums.audio.std(), rel=1e-2)


def test_what_a_separator_leaves_goes_where_nobody_claimed_it(excerpt: np.ndarray, band: Splitter) -> None:
    one = Scales({"accordion": 0.2})
    two = ExternalSplitter(Scales({"vocals": 1.0, "other": 1.0}))
    separator = Separator(splitters=[ExternalSplitter(one), two, band])
    result = separator.separate(excerpt, 44100)
    share = 0.2**2 / (0.2**2 + 0.8**2)  # of the mixture; the rest of the woodwinds comes from what is left
    assert result["vocal"].audio.std() == pytest.approx((1 - share) / 2 * excerpt.std(), rel=1e-2)
    assert result["woodwinds"].audio.std() > share * excerpt.std()
    leaves = sum(result[leaf].audio for leaf in separator.tree.leaves())
    assert np.abs(leaves - excerpt).max() < 1e-6


def test_manifests_say_who_made_a_node_of_several_splitters(
    cli: Any, wav: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the real code of Demucs; deeper runs add to what others have written."""
    name = packages.demucs(tmp_path, [*packages.STEMS, "guitar", "piano"])
    for depth in ("2", "4"):
        outcome = cli("separate", wav, "-o", tmp_path / "out", "--splitter", name, "--depth", depth)
        assert outcome.code == 0, outcome.err
    folder = tmp_path / "out" / "song"
    manifest = json.loads((folder / "tree.json").read_text())
    other = manifest["splitters"][manifest["split_by"][OTHER]]
    assert other["name"] == "sum" and [one["name"] for one in other["by"]] == ["demucs", "trained"]
    paths = [row["path"] for row in manifest["nodes"]]
    assert f"{OTHER}/electric_guitar" in paths and "accompaniment/percussion/drum_set/kick" in paths
    leaves = [row["file"] for row in manifest["nodes"] if not any(path.startswith(f"{row['path']}/") for path in paths)]
    total = sum(soundfile.read(folder / leaf, dtype="int16")[0].astype(int) for leaf in leaves)
    assert np.array_equal(total, soundfile.read(wav, dtype="int16")[0])


@pytest.mark.parametrize(
    ("name", "stems", "node", "children"),
    [
        ("MDX23C-DrumSep-aufr33-jarredou", ["kick", "snare", "toms", "hh", "ride", "crash"], "drum_set", 5),
        ("bs_roformer_karaoke_anvuew", ["Vocals", "Instrumental"], "vocal", 2),
    ],
)
def test_pymsss_drums_and_voices(
    name: str, stems: list[str], node: str, children: int, excerpt: np.ndarray, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Its real code with tiny random weights, which both hear what the default splitters make of a song."""
    splitter = packages.pymss(tmp_path, monkeypatch, name, stems, "Vocals" if node == "vocal" else None)
    result = Separator(splitters=splitter, nodes=[node, "lead_vocal" if node == "vocal" else "kick"]).separate(
        excerpt, 44100
    )
    below = result[node].children
    assert len(below) == children and all(np.isfinite(child.audio).all() for child in below)
    assert np.abs(sum(child.audio for child in below) - result[node].audio).max() < 1e-6
