from collections.abc import Iterator

import pytest
from support.archives import Server


@pytest.fixture
def server() -> Iterator[Server]:
    serving = Server()
    yield serving
    serving.close()
