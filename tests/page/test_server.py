import http.client
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.page_songs import make_song

from stemtree.errors import StemtreeError
from stemtree.page.make import make_page
from stemtree.page.server import PageServer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PageServer]:
    song = tmp_path / "song"
    make_song(song)
    (tmp_path / "secret.txt").write_text("secret")
    (song / "link.txt").symlink_to(tmp_path / "secret.txt")
    (song / "inside.txt").symlink_to(song / "tree.json")
    (song / ".hidden").write_text("hidden")
    page = make_page(song).parent
    with PageServer(song, page) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(
    server: PageServer, path: str, method: str = "GET", token: str | None = None, **headers: str
) -> tuple[int, bytes, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=5)
    connection.putrequest(method, f"/{server.token if token is None else token}/{path}", skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders()
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content, {name.lower(): value for name, value in answer.getheaders()}


def test_the_page_and_the_stems(server: PageServer) -> None:
    status, content, headers = ask(server, "page/")
    assert status == 200 and b"<script src=" in content and headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in headers["content-security-policy"] and headers["referrer-policy"] == "no-referrer"
    for redirected in ("", "page"):
        assert ask(server, redirected)[2]["location"] == f"/{server.token}/page/"
    assert ask(server, "page/data/song.js")[2]["content-type"] == "text/javascript; charset=utf-8"
    status, content, headers = ask(server, "accompaniment/bass.wav")
    assert status == 200 and content[:4] == b"RIFF" and headers["accept-ranges"] == "bytes"
    assert ask(server, "inside.txt")[0] == 200
    status, content, headers = ask(server, "vocal.wav", "HEAD")
    assert (status, content) == (200, b"") and int(headers["content-length"]) > 1000


def test_ranges(server: PageServer) -> None:
    whole = ask(server, "vocal.wav")[1]
    size = len(whole)
    for asked, part in (
        ("bytes=0-3", whole[:4]),
        ("bytes=100-", whole[100:]),
        ("bytes=-10", whole[-10:]),
        (f"bytes=10-{size + 5}", whole[10:]),
    ):
        status, content, headers = ask(server, "vocal.wav", Range=asked)
        assert (status, content) == (206, part)
        start = size - len(part) if asked.startswith("bytes=-") else int(asked[6:].split("-")[0])
        assert headers["content-range"] == f"bytes {start}-{start + len(part) - 1}/{size}"
    for asked in ("lines=1-2", "bytes=1-2,4-5", "bytes=-"):
        assert ask(server, "vocal.wav", Range=asked)[:2] == (200, whole)
    for asked in (f"bytes={size}-", "bytes=5-2", "bytes=-0"):
        status, content, headers = ask(server, "vocal.wav", Range=asked)
        assert (status, headers["content-range"]) == (416, f"bytes */{size}")


@pytest.mark.parametrize(
    "path",
    [
        "../secret.txt",
        "%2e%2e/secret.txt",
        "..%2fsecret.txt",
        "accompaniment/../../secret.txt",
        "page/../../secret.txt",
        "/etc/passwd",
        "//etc/passwd",
        "link.txt",
        ".hidden",
        "accompaniment",
        "nothing.wav",
        "..\\secret.txt",
        "a%00b",
        "x" * 5000,
    ],
)
def test_nothing_outside_the_folder(server: PageServer, path: str) -> None:
    status, content, _ = ask(server, path)
    assert status == 404 and content == b"There is no such file in this song's folder.\n"


def test_strangers_are_refused(server: PageServer) -> None:
    for token in ("", "x", server.token[:-1], server.token + "x", "%C3%A9", "%00"):
        status, content, _ = ask(server, "page/index.html", token=token)
        assert status == 403 and content == b"The token in this address is not the one that was printed.\n"
    for headers in (
        {"Host": "evil.example"},
        {"Host": f"evil.example:{server.server_port}"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors"},
    ):
        assert ask(server, "page/index.html", **headers)[0] == 403
    own = f"127.0.0.1:{server.server_port}"
    for headers in ({"Origin": f"http://{own}"}, {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}):
        assert ask(server, "page/index.html", **headers)[0] == 200
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "NONSENSE"):
        assert ask(server, "page/index.html", method)[0] == 501


def test_ports(server: PageServer, tmp_path: Path) -> None:
    assert server.address == f"http://127.0.0.1:{server.server_port}/{server.token}/page/"
    with pytest.raises(StemtreeError, match=f"port {server.server_port} is in use: give another with --port"):
        PageServer(tmp_path, tmp_path, server.server_port)
    with pytest.raises(StemtreeError, match="there is no port 70000"):
        PageServer(tmp_path, tmp_path, 70000)
