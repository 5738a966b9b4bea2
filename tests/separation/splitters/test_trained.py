from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile
import torch
from support.stub_device import STUB, stub_device

from stemtree.hierarchy import load
from stemtree.separation.separator import Separator
from stemtree.separation.splitters.base import Block
from stemtree.separation.splitters.registry import make_splitters
from stemtree.separation.splitters.spleeter import Spleeter
from stemtree.separation.splitters.trained import TrainedSplitter
from stemtree.spectral import Stft

MS21 = load("ms21")


def test_the_same_tree_beneath_a_better_root(splitter: str, band: TrainedSplitter, excerpt: np.ndarray) -> None:
    trees = []
    for root in (make_splitters([splitter])[0], Spleeter()):
        separator = Separator(splitters=[root, band])
        trees.append(separator.tree)
        result = separator.separate(excerpt, 44100)
        for node in result.root:
            if node.children:
                assert np.abs(sum(child.audio for child in node.children) - node.audio).max() < 1e-6
    assert trees[0] == trees[1]
    assert set(trees[0].leaves()) == {"vocal", *MS21.leaves("accompaniment")}


def test_a_part_of_a_models_tree_is_shared_as_the_model_says(band: TrainedSplitter, excerpt: np.ndarray) -> None:
    stft = Stft()
    block = Block(stft.transform(torch.from_numpy(excerpt)), 0, stft)
    everything = band.outputs(MS21, "accompaniment")
    assert everything == MS21.leaves("accompaniment")
    drums = band.outputs(MS21, "accompaniment/percussion")
    assert drums == MS21.children("accompaniment/percussion")
    assert band.outputs(MS21, "accompaniment/bass") == band.outputs(MS21, "vocal") == ()
    whole = dict(zip(everything, band.masks(block, "accompaniment", everything), strict=True))
    total = sum(whole[path] for path in drums)
    for path, mask in zip(drums, band.masks(block, "accompaniment/percussion", drums), strict=True):
        assert torch.allclose(mask, whole[path] / total, atol=1e-5)


def test_a_model_of_an_inner_node_serves_beneath_the_others(
    pieces: TrainedSplitter, band: TrainedSplitter, excerpt: np.ndarray
) -> None:
    drum_set = "accompaniment/percussion/drum_set"
    song = excerpt[:, :60000]
    shallow = Separator("ms21", splitters=[band, Spleeter()]).separate(song, 44100)
    for hierarchy in (None, "ms21_deep"):
        deep = Separator(hierarchy, splitters=[pieces, band, Spleeter()]).separate(song, 44100)
        assert deep.hierarchy == load("ms21_deep").cut(lambda path: path == "vocal")
    for node in shallow:
        np.testing.assert_array_equal(node.audio, deep[node.path].audio)
    parts = [child.audio for child in deep[drum_set].children]
    assert len(parts) == 5 and all(part.any() for part in parts)
    assert np.abs(sum(parts) - deep[drum_set].audio).max() < 1e-6
    assert pieces not in Separator("ms21_deep", depth=3, splitters=[pieces, band, Spleeter()]).plan.splitters


def test_a_model_of_voices_serves_beneath_the_others(voices: TrainedSplitter, excerpt: np.ndarray) -> None:
    song = excerpt[:, :20000]
    assert voices not in Separator(nodes="vocal", splitters=[voices, Spleeter()]).plan.splitters
    for hierarchy in ("ms21", "medleydb"):
        assert voices in Separator(hierarchy, nodes="lead vocals", splitters=[voices, Spleeter()]).plan.splitters
    separator = Separator(nodes=["lead vocals", "backing vocals"], splitters=[voices, Spleeter()])
    with_voices, without = separator.separate(song, 44100), Separator(nodes="vocal").separate(song, 44100)
    np.testing.assert_allclose(with_voices["vocal"].audio, without["vocal"].audio, atol=1e-6)
    parts = [child.audio for child in with_voices["vocal"].children]
    assert len(parts) == 2 and all(part.any() for part in parts)
    assert np.abs(sum(parts) - with_voices["vocal"].audio).max() < 1e-6


def test_stems_of_a_deeper_tree_add_up_on_disk(cli, pieces: TrainedSplitter, wav: Path, tmp_path: Path) -> None:
    options = ("--splitter", tmp_path / "pieces", "--hierarchy", "ms21_deep", "-o", tmp_path / "deep")
    outcome = cli("separate", wav, *options)
    assert outcome.code == 0, outcome.err
    assert cli("separate", wav, "-o", tmp_path / "ms21", "--hierarchy", "ms21").code == 0
    place = tmp_path / "deep/song/accompaniment/percussion"
    whole, shallow = (
        soundfile.read(folder / "drum_set.wav", dtype="int16")[0].astype(int)
        for folder in (place, tmp_path / "ms21/song/accompaniment/percussion")
    )
    assert (whole == shallow).all()
    parts = {file.stem: soundfile.read(file, dtype="int16")[0].astype(int) for file in (place / "drum_set").iterdir()}
    assert sorted(parts) == ["cymbals", "hi_hat", "kick", "snare", "toms"]
    assert (sum(parts.values()) == whole).all()


def test_blocks_at_once_on_a_device(band: TrainedSplitter, excerpt: np.ndarray) -> None:
    stft = Stft()
    spectrogram = stft.transform(torch.from_numpy(excerpt[:, :40960]))
    blocks = [Block(frames, 0, stft) for frames in spectrogram[..., :40].split(20, dim=-1)]
    outputs = band.outputs(MS21, "accompaniment")
    expected = [band.masks(block, "accompaniment", outputs) for block in blocks]
    together = band.masks_of_blocks(blocks, "accompaniment", outputs)
    with stub_device() as counts:
        band.to(STUB)
        there = band.masks_of_blocks([block.to(STUB) for block in blocks], "accompaniment", outputs)
        assert (counts.fetched, counts.numbers) == ([], 0)
        there = [masks.cpu() for masks in there]
    for one, at_once, on_device in zip(expected, together, there, strict=True):
        torch.testing.assert_close(at_once, one, atol=1e-5, rtol=0)
        torch.testing.assert_close(on_device, one, atol=1e-5, rtol=0)


def test_masks_follow_positions_where_the_card_says_so(band: TrainedSplitter, excerpt: np.ndarray) -> None:
    stft = Stft()
    stereo = Block(stft.transform(torch.from_numpy(excerpt)), 0, stft)
    mono = Block(stereo.spectrogram.mean(dim=0, keepdim=True), 0, stft)
    parts = band.outputs(MS21, "accompaniment")
    before = [band.masks(block, "accompaniment", parts) for block in (stereo, mono)]
    band.model = replace(band.model, card=band.model.card.model_copy(update={"follows_position": True}))
    moved, kept = (band.masks(block, "accompaniment", parts) for block in (stereo, mono))
    assert (moved - before[0]).abs().max() > 0.1
    torch.testing.assert_close(moved.sum(dim=0), torch.ones_like(moved[0]))
    assert torch.equal(kept, before[1])
