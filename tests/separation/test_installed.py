import importlib
import json
from importlib.util import find_spec
from pathlib import Path

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
from stemtree.masks.relation import RelationSettings
from stemtree.model import Card, make_model, save_model
from stemtree.networks.build import FoldedConvSettings
from stemtree.separation.separator import Separator
from stemtree.separation.splitters.base import Block
from stemtree.separation.splitters.external import ExternalSplitter
from stemtree.separation.splitters.external_packages import ExternalPackage, load_package
from stemtree.separation.splitters.registry import make_splitters
from stemtree.separation.splitters.spleeter import Spleeter
from stemtree.separation.splitters.trained import TrainedSplitter
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


@pytest.fixture(params=packages.MAKE)
def splitter(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    return packages.MAKE[request.param](tmp_path, monkeypatch)


@pytest.mark.parametrize(("rate", "channels", "times"), [(44100, 2, 5), (48000, 1, 1), (96000, 2, 1), (16000, 2, 1)])
def test_children_add_up(splitter: str, rate: int, channels: int, times: int, excerpt: np.ndarray) -> None:
    song = np.tile(excerpt, times)[:channels]  # two blocks at 44.1 kHz
    separator = Separator(splitters=make_splitters([splitter])[:1])
    result = separator.separate(song, rate)
    assert separator.tree.paths == (FOUR if "tiny" not in splitter or len(separator.tree.paths) > 2 else FOUR[:2])
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


def test_demucs_is_run_as_its_own_api_does(tmp_path: Path, excerpt: np.ndarray) -> None:
    name = packages.demucs(tmp_path)
    from demucs.api import Separator as Demucs

    audio = torch.from_numpy(excerpt)
    theirs = Demucs("tiny", tmp_path, device="cpu", shifts=0, overlap=0.1).separate_tensor(audio, 44100)[1]
    package = load_package("demucs", name.partition(":")[2])
    assert package.sources == tuple(theirs)
    with torch.inference_mode():
        assert torch.equal(package.separate(audio), torch.stack(list(theirs.values())))


def test_openunmix_is_run_as_its_own_api_does(tmp_path: Path, excerpt: np.ndarray) -> None:
    name = packages.openunmix(tmp_path)
    from openunmix.predict import separate

    package = load_package("openunmix", name.partition(":")[2])
    assert package.sources == tuple(sorted(packages.STEMS))
    theirs = separate(torch.from_numpy(excerpt), 44100, str(tmp_path), list(package.sources), device="cpu")
    ours = package.separate(torch.from_numpy(excerpt))
    assert torch.allclose(ours, torch.cat(list(theirs.values())), atol=1e-6)


def test_unblends_htdemucs_is_demucss(tmp_path: Path, excerpt: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two packages, one architecture: with the weights of one, the other says the same."""
    demucs, unblend = packages.demucs(tmp_path), packages.unblend(tmp_path, monkeypatch)
    one, other = (load_package(*name.split(":")) for name in (demucs, unblend))
    other.network.load_state_dict(one.network.state_dict())
    with torch.inference_mode():
        ours, theirs = (package.separate(torch.from_numpy(excerpt)) for package in (one, other))
    assert si_sdr(ours.numpy(), theirs.numpy()) > 60


def test_masks_are_shares_of_power(excerpt: np.ndarray) -> None:
    gains = {"drums": 0.1, "bass": 0.2, "other": 0.3, "vocals": 0.4, "piano": 0.5}
    installed = ExternalSplitter(Scales(gains))
    result = Separator(splitters=[installed]).separate(excerpt, 44100)
    powers = {"vocal": 0.4**2, "accompaniment/percussion": 0.1**2, "accompaniment/bass": 0.2**2}
    powers["accompaniment/other"] = (0.3 + 0.5) ** 2
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


@pytest.fixture
def band(tmp_path: Path) -> TrainedSplitter:
    """An untrained model of everything under the accompaniment, as the default one is."""
    tree = MS21.subtree("accompaniment")
    network = FoldedConvSettings(widths=(4, 4), squeeze=2, units=4)
    card = Card(
        hierarchy="ms21", tree=tree.as_dict(), root="accompaniment", nodes=tree.leaves(), network=network,
        relation=RelationSettings(kind="tree"), stft=Stft(),
    )  # fmt: skip
    torch.manual_seed(1)
    return TrainedSplitter(save_model(make_model(card), tmp_path / "band"))


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


def _refused(name: str, model: str = "") -> str:
    with pytest.raises(SplitterError) as caught:
        ExternalSplitter(load_package(name, model))
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("name", ["demucs", "openunmix", "unblend"])
def test_not_installed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda asked: None if asked == name else find_spec(asked))
    assert _refused(name) == f"the separator {name} is not installed: run `pip install {name}`"


@pytest.mark.parametrize(
    ("name", "reason", "remedy"),
    [
        ("demucs", ModuleNotFoundError("No module named 'einops'"), "run `pip install demucs` with all"),
        ("openunmix", OSError("Could not load this library: /site/torchaudio/lib/x.so"), "torchaudio that was built"),
    ],
)
def test_not_usable(name: str, reason: Exception, remedy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    packages.have(name)

    def fail(module: str) -> None:
        raise reason

    monkeypatch.setattr("stemtree.separation.splitters.external_packages.import_module", fail)
    message = _refused(name)
    assert message.startswith(f"cannot use {name}: {reason}; ") and remedy in message


@pytest.mark.parametrize(
    ("name", "model", "where"),
    [
        (
            "demucs",
            "htdemucs",
            "run `demucs -n htdemucs SONG` once, or put https://.*955717e8.* at '{0}/hub/",
        ),
        ("demucs", "mdx_extra", "run `demucs -n mdx_extra SONG` once, or put https://.* at '{0}/hub/checkpoints/"),
        ("demucs", "hf://someone/theirs", "cannot load demucs's model 'hf://someone/theirs': .*fetch it anew with"),
        ("openunmix", "umxl", "run `umx --model umxl SONG` once, or put https://.*vocals.* at '{0}/hub/checkpoints/"),
        ("unblend", "htdemucs", "unblend's model 'htdemucs' .*: run `unblend models download htdemucs` once$"),
        ("unblend", "scnet_small", "run `unblend models download scnet_small` once$"),
    ],
)
def test_weights_that_are_not_here_are_not_fetched(
    name: str, model: str, where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    import re
    import socket

    packages.have(name)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("UNBLEND_CACHE_DIR", str(tmp_path))
    if find_spec("huggingface_hub"):
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("asked the network"))
    message = _refused(name, model)
    assert re.search(where.format(tmp_path), message), message
    assert capsys.readouterr() == ("", "")


def test_demucss_weights_are_found_where_it_keeps_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages.have("demucs")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    packages.demucs_hub(tmp_path, "htdemucs")
    assert load_package("demucs").sources == tuple(packages.STEMS)


@pytest.mark.parametrize(
    ("name", "model", "message"),
    [
        ("demucs", "htdemuks", "cannot load demucs's model 'htdemuks': htdemuks is neither a single pre-trained model"),
        ("demucs", "nowhere/tiny", "there is no folder 'nowhere' with models of demucs: give FOLDER/NAME"),
        ("openunmix", "umxxl", "openunmix has no model 'umxxl'; did you mean umxl"),
        ("openunmix", "utils", "openunmix has no model 'utils'"),
        ("openunmix", ".", "cannot load openunmix's model '.': "),
        ("unblend", "htdemuks", "unblend has no model 'htdemuks'; did you mean htdemucs"),
    ],
)
def test_no_such_model(name: str, model: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages.have(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert _refused(name, model).startswith(message)


def test_damaged_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [packages.demucs(tmp_path), packages.openunmix(tmp_path), packages.unblend(tmp_path, monkeypatch)]
    for file in (*tmp_path.glob("*.th"), *tmp_path.glob("*.pth"), *tmp_path.glob("*.safetensors")):
        file.write_bytes(file.read_bytes()[:1000])
    for name in names:
        package, _, model = name.partition(":")
        assert _refused(package, model).startswith(f"cannot load {package}'s model '{model}': ")


def test_models_of_something_else(tmp_path: Path) -> None:
    model = packages.openunmix(tmp_path, ["noise", "speech"]).partition(":")[2]
    assert "separates noise, speech: give one that separates vocals from the rest" in _refused("openunmix", model)
    for file in tmp_path.glob("*.json"):
        file.unlink()
    packages.openunmix(tmp_path, channels=1)
    assert "is for 1 channel(s): give a stereo one" in _refused("openunmix", model)


def test_the_command_line_says_it_in_one_sentence(cli, wav: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda asked: None if asked == "demucs" else find_spec(asked))
    outcome = cli("separate", wav, "-o", tmp_path / "out", "--splitter", "demucs")
    assert outcome.code == 1
    assert outcome.err == "stemtree: the separator demucs is not installed: run `pip install demucs`\n"
    assert not (tmp_path / "out").exists()
    unknown = cli("separate", wav, "-o", tmp_path / "out", "--splitter", "demix").err
    assert "there is no splitter 'demix': give spleeter, demucs, openunmix, unblend, or the folder" in unknown
