import hashlib
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from support.archives import Server

from stemtree.curation.gather.download import DownloadSettings, _Part, download, open_session
from stemtree.errors import DownloadError

CONTENT = bytes(range(256)) * 4000
QUICK = DownloadSettings(tries=4, wait=0.001, timeout=5)


def fetch(server: Server, path: str, target: Path, settings: DownloadSettings = QUICK) -> str:
    with open_session() as session:
        return download(server.url(path), target, session, settings)


def test_whole(server: Server, tmp_path: Path) -> None:
    server.files["/a.zip"] = CONTENT
    assert fetch(server, "/a.zip", tmp_path / "a.zip") == hashlib.sha256(CONTENT).hexdigest()
    assert [file.name for file in tmp_path.iterdir()] == ["a.zip"]


def test_cut_connections_are_gone_on_with(server: Server, tmp_path: Path) -> None:
    server.files["/a.zip"] = CONTENT
    server.odd["/a.zip"] = lambda handler, count: server.send(handler, cut=20 << 14 if count < 3 else None)
    fetch(server, "/a.zip", tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == CONTENT
    assert [span for _, span in server.asked] == [None, f"bytes={20 << 14}-", f"bytes={40 << 14}-"]


def test_the_next_run_goes_on(server: Server, tmp_path: Path) -> None:
    server.files["/a.zip"] = CONTENT
    server.odd["/a.zip"] = lambda handler, count: server.send(handler, cut=5 << 14)
    with pytest.raises(DownloadError, match=r"could not be fetched whole in 2 tries .* run again later"):
        fetch(server, "/a.zip", tmp_path / "a.zip", DownloadSettings(tries=2, wait=0))
    assert not (tmp_path / "a.zip").exists()
    del server.odd["/a.zip"]
    fetch(server, "/a.zip", tmp_path / "a.zip")
    assert server.asked[-1][1] == f"bytes={10 << 14}-"
    assert (tmp_path / "a.zip").read_bytes() == CONTENT


def test_a_run_that_was_stopped_after_the_last_byte_fetches_nothing_again(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files["/a.zip"] = CONTENT

    def stop(part: _Part) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as stopped, pytest.raises(KeyboardInterrupt):
        stopped.setattr(_Part, "finish", stop)
        fetch(server, "/a.zip", tmp_path / "a.zip")
    assert fetch(server, "/a.zip", tmp_path / "a.zip") == hashlib.sha256(CONTENT).hexdigest()
    assert [span for _, span in server.asked] == [None, f"bytes={len(CONTENT)}-"]
    server.files["/b.zip"] = CONTENT
    with monkeypatch.context() as stopped, pytest.raises(KeyboardInterrupt):
        stopped.setattr(_Part, "finish", stop)
        fetch(server, "/b.zip", tmp_path / "b.zip")
    server.files["/b.zip"] = CONTENT[:-9]  # shorter than what is there, and the server does not say that it changed
    fetch(server, "/b.zip", tmp_path / "b.zip")
    assert (tmp_path / "b.zip").read_bytes() == CONTENT[:-9]


def test_another_version_starts_over(server: Server, tmp_path: Path) -> None:
    server.files["/a.zip"] = CONTENT
    server.odd["/a.zip"] = lambda handler, count: server.send(handler, cut=5 << 14)
    with pytest.raises(DownloadError):
        fetch(server, "/a.zip", tmp_path / "a.zip", DownloadSettings(tries=1))
    server.files["/a.zip"] = CONTENT[::-1]
    server.odd["/a.zip"] = lambda handler, count: server.send(handler, etag='"v2"')
    fetch(server, "/a.zip", tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == CONTENT[::-1]


def test_without_a_version_nothing_is_pieced_together(server: Server, tmp_path: Path) -> None:
    server.files["/a.zip"] = CONTENT
    server.odd["/a.zip"] = lambda handler, count: server.send(handler, cut=5 << 14 if count == 1 else None, etag=None)
    fetch(server, "/a.zip", tmp_path / "a.zip")
    assert [span for _, span in server.asked] == [None, None]
    assert (tmp_path / "a.zip").read_bytes() == CONTENT


def test_a_part_from_the_wrong_place(server: Server, tmp_path: Path) -> None:
    def wrong(handler: BaseHTTPRequestHandler, count: int) -> None:
        if not handler.headers.get("Range"):
            server.send(handler, cut=5 << 14 if count == 1 else None)
            return
        handler.send_response(206)
        handler.send_header("Content-Range", "bytes 0-3/4")
        handler.send_header("Content-Length", "4")
        handler.end_headers()
        handler.wfile.write(b"oops")

    server.files["/a.zip"], server.odd["/a.zip"] = CONTENT, wrong
    fetch(server, "/a.zip", tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == CONTENT


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_refusal_is_final(status: int, server: Server, tmp_path: Path) -> None:
    server.odd["/a.zip"] = lambda handler, count: handler.send_error(status)
    with pytest.raises(DownloadError, match=f"the server answers {status} for"):
        fetch(server, "/a.zip", tmp_path / "a.zip")
    assert len(server.asked) == 1


def test_a_busy_server_is_asked_again_and_in_the_end_given_up(server: Server, tmp_path: Path) -> None:
    server.files["/a.zip"] = b"content"
    server.odd["/a.zip"] = lambda handler, count: handler.send_error(503) if count < 4 else server.send(handler)
    fetch(server, "/a.zip", tmp_path / "a.zip")
    server.odd["/b.zip"] = lambda handler, count: handler.send_error(503)
    with pytest.raises(DownloadError, match=r"in 4 tries \(status 503\)"):
        fetch(server, "/b.zip", tmp_path / "b.zip")
    assert len(server.asked) == 8


def test_redirects(server: Server, tmp_path: Path) -> None:
    def to(path: str):
        def redirect(handler: BaseHTTPRequestHandler, count: int) -> None:
            handler.send_response(302)
            handler.send_header("Location", path)
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        return redirect

    server.files["/a.zip"] = b"content"
    server.odd |= {"/old.zip": to("/a.zip"), "/round": to("/round"), "/file": to("file:///etc/passwd")}
    fetch(server, "/old.zip", tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == b"content"
    with pytest.raises(DownloadError, match="leads from one address to the next"):
        fetch(server, "/round", tmp_path / "b.zip")
    with pytest.raises(DownloadError, match="leads to no http or https address"):
        fetch(server, "/file", tmp_path / "c.zip")


def test_too_large(server: Server, tmp_path: Path) -> None:
    def endless(handler: BaseHTTPRequestHandler, count: int) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(CONTENT)
        handler.close_connection = True

    server.files["/a.zip"] = CONTENT
    server.odd["/b.zip"] = endless
    for path, said in (
        ("/a.zip", f"has {len(CONTENT)} bytes, where 1000 are the most"),
        ("/b.zip", "has more than 1000"),
    ):
        with pytest.raises(DownloadError, match=said):
            fetch(server, path, tmp_path / "a.zip", DownloadSettings(most=1000))


def test_other_schemes_and_nobody_there(tmp_path: Path) -> None:
    with open_session() as session:
        with pytest.raises(DownloadError, match="is no http or https address"):
            download("ftp://127.0.0.1/a.zip", tmp_path / "a.zip", session)
        with pytest.raises(DownloadError, match=r"in 2 tries \('127.0.0.1' cannot be reached\): run again"):
            download("http://127.0.0.1:9/a.zip", tmp_path / "a.zip", session, DownloadSettings(tries=2, wait=0))
