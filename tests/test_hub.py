"""Models on the Hugging Face hub: a small server on this machine stands for it."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from stemtree.errors import LibraryError, ModelError
from stemtree.hub import fetch, is_hub_name, upload
from stemtree.model_files import CARDS
from stemtree.separation.splitters.abilities import DRUM_MODEL

pytest.importorskip("huggingface_hub")
constants = pytest.importorskip("huggingface_hub.constants")

FILES = {"/me/mine/resolve/main/config.json": b"{}", "/me/old/resolve/v1/model.json": b"[]"}
ANSWERS = {
    "/me/old/": (404, "EntryNotFound"),
    "/me/empty/": (404, "EntryNotFound"),
    "/me/mine/": (404, "RevisionNotFound"),
    "/me/gated/": (403, "GatedRepo"),
    "/me/broken/": (500, ""),
}


class _Hub(BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        content = FILES.get(self.path)
        status, code = next((a for start, a in ANSWERS.items() if self.path.startswith(start)), (404, "RepoNotFound"))
        self.send_response(status if content is None else 200)
        self.send_header("X-Error-Code", code) if content is None else None
        for name, value in {"X-Repo-Commit": "a" * 40, "ETag": '"1"', "Content-Length": len(content or b"")}.items():
            self.send_header(name, str(value))
        self.end_headers()

    def do_GET(self) -> None:
        self.do_HEAD()
        self.wfile.write(FILES.get(self.path, b""))

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(401)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(time, "sleep", lambda seconds: None)  # between attempts
    fetch.cache_clear()
    yield server
    fetch.cache_clear()
    server.shutdown()
    server.server_close()


def test_one_file_is_fetched_and_kept(server: ThreadingHTTPServer, capfd: pytest.CaptureFixture[str]) -> None:
    file = fetch("hf:me/mine", CARDS)
    assert file.name == "config.json" and json.loads(file.read_bytes()) == {}
    server.shutdown()
    server.server_close()
    fetch.cache_clear()
    assert fetch("hf:me/mine", CARDS) == file  # without the network
    assert capfd.readouterr() == ("", "")


def test_a_card_of_the_old_name_is_found_without_the_network(server: ThreadingHTTPServer) -> None:
    file = fetch("hf:me/old@v1", CARDS)
    assert file.name == "model.json"
    server.shutdown()
    server.server_close()
    fetch.cache_clear()
    assert fetch("hf:me/old@v1", CARDS) == file


def test_cards_of_earlier_models(server: ThreadingHTTPServer) -> None:
    assert fetch("hf:me/old@v1", CARDS).read_bytes() == b"[]"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hf:me/none", "the Hugging Face hub shows no model 'hf:me/none': check the name, or run `hf auth login`"),
        ("hf:me/mine@v9", "the model 'hf:me/mine@v9' has no such revision"),
        ("hf:me/empty", "'hf:me/empty' is no model of stemtree: it has no config.json"),
        ("hf:me/gated", "the model 'hf:me/gated' is given only to those who ask for it"),
        ("hf:me", "'hf:me' is no name of a model on the Hugging Face hub: give hf:OWNER/NAME"),
        ("hf:me/a--b..c", "'hf:me/a--b..c' is no name of a model on the Hugging Face hub: give hf:OWNER/NAME"),
    ],
)
def test_names_that_are_no_models(name: str, message: str, server: ThreadingHTTPServer) -> None:
    with pytest.raises(ModelError) as caught:
        fetch(name, CARDS)
    assert str(caught.value).startswith(message) and "\n" not in str(caught.value)


def test_without_network(cli: Callable, server: ThreadingHTTPServer, wav: Path, tmp_path: Path) -> None:
    server.shutdown()
    server.server_close()
    outcome = cli("separate", wav, "-o", tmp_path / "out", "--splitter", "hf:me/mine")
    assert outcome.code == 1 and not (tmp_path / "out").exists()
    address = f"http://127.0.0.1:{server.server_port}"
    assert outcome.err == (
        f"stemtree: cannot reach {address} for the model 'hf:me/mine', which is not on this machine: "
        "check the network\n"
    )
    asked = cli("query", wav, "-o", tmp_path / "out", "--like", wav, "--model", "hf:me/mine")
    assert (asked.code, asked.err) == (1, outcome.err) and not (tmp_path / "out").exists()


def test_models_that_were_fetched_are_listed_without_the_network(
    cli: Callable, server: ThreadingHTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of the hub's, one of a revision, one of which only the card was fetched, and one of another program."""
    server.shutdown()
    server.server_close()
    monkeypatch.chdir(tmp_path)
    for name, ref, files in (
        ("mine", "main", ("config.json", "model.safetensors")),
        ("tagged", "v1", ("config.json", "model.safetensors")),
        ("card", "main", ("config.json",)),
        ("other", "main", ()),
    ):
        place = tmp_path / "cache" / f"models--me--{name}"
        (place / "refs").mkdir(parents=True)
        (place / "refs" / ref).write_text("a" * 40)
        (place / "snapshots" / ("a" * 40)).mkdir(parents=True)
        (place / "blobs").mkdir()
        (place / "snapshots" / ("a" * 40) / "config.json").write_text("{}")
        for file in files:
            shutil.copy(DRUM_MODEL / file, place / "snapshots" / ("a" * 40))
    lines = cli("models").out.splitlines()
    assert [line.split()[0] for line in lines if line.startswith(" hf:")] == ["hf:me/mine", "hf:me/tagged@v1"]


def test_uploading_needs_a_login(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"run `hf auth login`"):
        upload(tmp_path, "me/new", ["config.json"])
    with pytest.raises(ModelError, match="'hf:me' is no name of a model"):
        upload(tmp_path, "me", ["config.json"])


def test_the_library_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub.errors", None)
    with pytest.raises(
        LibraryError, match=r"the model 'hf:me/other' needs huggingface_hub: `pip install 'stemtree\[hub\]'`"
    ):
        fetch("hf:me/other", CARDS)
    assert is_hub_name("hf:me/other") and not is_hub_name(Path("me/other"))
