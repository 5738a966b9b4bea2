"""Chromium, driven through ``web/browser/driver.mjs``: a command a line, an answer a line."""

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

WEB = Path(__file__).parents[2] / "web"
CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome", "chrome") if (found := shutil.which(name))),
    None,
)


_BASE64 = """(side) => {
    const bytes = new Uint8Array(side.buffer);
    let text = '';
    for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768));
    return btoa(text);
}"""


def missing() -> str | None:
    """What the tests in a browser lack on this machine."""
    if shutil.which("node") is None:
        return "node is not installed"
    if not (WEB / "node_modules" / "playwright-core").is_dir():
        return "playwright-core is not installed: npm ci in web/"
    return None if CHROMIUM else "no Chromium is installed"


class Browser:
    """One browser for all tests; each opens a page of its own."""

    def __init__(self) -> None:
        if problem := missing():
            if os.environ.get("CI"):
                pytest.fail(f"the page cannot be tested: {problem}")
            pytest.skip(problem)
        self._process = subprocess.Popen(
            ["node", "browser/driver.mjs"],
            cwd=WEB,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"CHROMIUM": str(CHROMIUM)},
        )

    def __call__(self, command: str, **options: Any) -> Any:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps({"command": command, **options}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the browser has gone"
        answer = json.loads(line)
        assert "error" not in answer, f"{command} {options}: {answer['error']}"
        return answer["value"]

    def open(self, page: Path | str, **options: Any) -> Any:
        """Open a page; whatever it complains of in the console is an error."""
        url = page if isinstance(page, str) else page.resolve().as_uri()
        opened = self("open", url=url, **options)
        assert opened["problems"] == []
        return opened

    def evaluate(self, expression: str) -> Any:
        """The value of an expression in which ``app`` is the page's."""
        return self("evaluate", expression=expression)

    def capture(self, samples: int, **options: Any) -> np.ndarray:
        """What would be heard: (2, sample) float32."""
        wanted = json.dumps({"samples": samples, **options})
        encoded = self.evaluate(f"app.capture({wanted}).then((sides) => sides.map({_BASE64}))")
        return np.stack([np.frombuffer(base64.b64decode(side), "<f4") for side in encoded])

    def close(self) -> None:
        """End it."""
        assert self._process.stdin
        self._process.stdin.write('{"command": "quit"}\n')
        self._process.stdin.close()
        assert self._process.stdout
        self._process.stdout.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
