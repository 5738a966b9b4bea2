"""Fails where the committed bundle was not made from the sources beside it: ``make page`` makes it anew."""

import hashlib
import sys
from pathlib import Path

WEB = Path(__file__).resolve().parents[1]
BUNDLE = WEB.parent / "src" / "stemtree" / "page" / "bundle"
OTHERS = ("index.html", "package-lock.json", "package.json", "packet.js", "scripts/finish.mjs", "vite.config.ts")


def sources_checksum() -> str:
    """SHA-256 of everything that decides what the bundle is, as ``finish.mjs`` has it."""
    found = [file.relative_to(WEB).as_posix() for file in (WEB / "src").rglob("*") if file.is_file()]
    total = hashlib.sha256()
    for name in sorted([*found, *OTHERS]):
        content = (WEB / name).read_bytes().replace(b"\r\n", b"\n")
        total.update(f"{name}\n{len(content)}\n".encode() + content)
    return total.hexdigest()


if __name__ == "__main__":
    if (BUNDLE / "sources.sha256").read_text("ascii").strip() != sources_checksum():
        sys.exit("src/stemtree/page/bundle was not made from the sources in web/: run make page and commit it")
