import importlib
import re
import socket
from importlib.util import find_spec
from pathlib import Path

import pytest
from support import separator_packages as packages

from stemtree.errors import SplitterError
from stemtree.separation.splitters.external_loading import load_package


def _refused(name: str, model: str = "") -> str:
    with pytest.raises(SplitterError) as caught:
        load_package(name, model)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("name", ["demucs", "openunmix", "pymss", "unblend"])
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

    monkeypatch.setattr("stemtree.separation.splitters.external_loading.import_module", fail)
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
        ("pymss", "bs-roformer-sw", "pymss's model 'bs-roformer-sw' .*: run `pymss download bs-roformer-sw` once$"),
        ("unblend", "scnet_small", "run `unblend models download scnet_small` once$"),
    ],
)
def test_weights_that_are_not_here_are_not_fetched(
    name: str, model: str, where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    packages.have(name)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("UNBLEND_CACHE_DIR", str(tmp_path))
    if name == "pymss":
        monkeypatch.setattr("pymss.model_registry.DEFAULT_MODEL_DIR", tmp_path)
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
        ("pymss", "htdemuks6", "pymss has no model 'htdemuks6'"),
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
