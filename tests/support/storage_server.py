"""Moto's S3 server in this process, with a bucket named ``bucket``."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import fsspec
import pytest
import requests
from moto.server import ThreadedMotoServer


@dataclass
class StorageServer:
    """A server that can be stopped and started again, with all that it holds."""

    moto: ThreadedMotoServer
    port: int

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        self.moto.stop()

    def start(self) -> None:
        self.moto = ThreadedMotoServer("127.0.0.1", self.port, verbose=False)
        self.moto.start()

    def ask_for_rights(self, wanted: bool) -> None:
        """Deny all from now on, since no key is known; or nothing."""
        requests.post(f"{self.address}/moto-api/reset-auth", data=b"0" if wanted else b"inf", timeout=10)

    def files(self, folder: str) -> dict[str, bytes]:
        """What lies in a folder of the bucket, by the names in it."""
        system, root = fsspec.filesystem("s3"), f"bucket/{folder}"
        system.invalidate_cache()
        return {name.removeprefix(f"{root}/"): system.cat_file(name) for name in system.find(root)}


@contextmanager
def storage_server() -> Iterator[StorageServer]:
    with pytest.MonkeyPatch.context() as patch:
        moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        moto.start()
        server = StorageServer(moto, moto.get_host_and_port()[1])
        for key, value in {
            "AWS_ENDPOINT_URL": server.address, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b",
            "AWS_DEFAULT_REGION": "us-east-1", "AWS_MAX_ATTEMPTS": "1", "NO_PROXY": "127.0.0.1",
        }.items():  # fmt: skip
            patch.setenv(key, value)
        patch.setattr(fsspec.get_filesystem_class("s3"), "retries", 1)  # besides those that are tested
        fsspec.get_filesystem_class("s3").clear_instance_cache()
        fsspec.filesystem("s3").mkdir("bucket")
        try:
            yield server
        finally:
            with suppress(AttributeError):  # it does not run
                server.stop()
