import socket

import pytest

from stemtree.cluster import in_own_process, is_on_cluster, map_tracks, on_cluster, reachable
from stemtree.errors import OptionError, WorkerError


@pytest.mark.parametrize("place", ["processes", "threads", "here"])
def test_without_a_cluster(place) -> None:
    with on_cluster(None):
        assert not is_on_cluster()
        assert list(map_tracks(abs, iter([-2, 1, -3]), 1, place=place)) == [(-2, 2), (1, 1), (-3, 3)]


def test_a_process_of_its_own() -> None:
    assert in_own_process(abs, -1) == 1


@pytest.mark.parametrize("address", ["", "here", ":6379", "host:", "host:x", "host:99999", "ray://host"])
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(OptionError, match="is no address of a cluster: give HOST:PORT"), on_cluster(address):
        pass
    assert not is_on_cluster()


def test_a_cluster_that_does_not_answer() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(WorkerError, match=f"the cluster at '{address}' cannot be reached .Connection refused.: c"):
            reachable(address)
        with on_cluster(address):
            assert is_on_cluster()
            with pytest.raises(WorkerError, match="cannot be reached"):
                list(map_tracks(abs, [1]))
            with pytest.raises(WorkerError, match="cannot be reached"):
                in_own_process(abs, 1)
    assert reachable("local") == "local"
