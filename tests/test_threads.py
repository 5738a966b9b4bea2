"""How threads wait, chosen by what else the machine does."""

import os
import sys
from types import SimpleNamespace

import pytest

from stemtree import threads
from stemtree.threads import Waiting, available_cores, choose_waiting, other_load, songs_at_once, threads_per_song


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Two cores, and no torch so far."""
    monkeypatch.setattr(threads, "os", SimpleNamespace(environ={}))
    monkeypatch.setattr(threads, "sys", SimpleNamespace(modules={}))
    monkeypatch.setattr(threads, "available_cores", lambda: 2)
    return monkeypatch


@pytest.mark.parametrize(("others", "waiting"), [(0, Waiting.SPINNING), (1, Waiting.SLEEPING), (3, Waiting.SLEEPING)])
def test_threads_sleep_where_others_want_their_cores(
    others: int, waiting: Waiting, machine: pytest.MonkeyPatch
) -> None:
    machine.setattr(threads, "other_load", lambda: others)
    assert choose_waiting() is waiting
    expected = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"} if waiting is Waiting.SLEEPING else {}
    assert threads.os.environ == expected


def test_free_cores_are_enough(machine: pytest.MonkeyPatch) -> None:
    machine.setattr(threads, "other_load", lambda: 3)
    machine.setattr(threads, "available_cores", lambda: 8)
    threads.os.environ["OMP_NUM_THREADS"] = "4,2"
    assert threads_per_song() == 4 and choose_waiting() is Waiting.SPINNING
    threads.os.environ["OMP_NUM_THREADS"] = "6"
    assert choose_waiting() is Waiting.SLEEPING


@pytest.mark.parametrize("name", ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"])
def test_what_the_user_sets_stays(name: str, machine: pytest.MonkeyPatch) -> None:
    machine.setattr(threads, "other_load", lambda: 9)
    threads.os.environ[name] = "1"
    assert choose_waiting() is Waiting.AS_SET and threads.os.environ == {name: "1"}


def test_torch_has_read_it_already(machine: pytest.MonkeyPatch) -> None:
    machine.setattr(threads, "other_load", lambda: 9)
    threads.sys.modules["torch"] = None
    assert choose_waiting() is Waiting.AS_SET and not threads.os.environ


def test_one_thread_waits_for_nobody(machine: pytest.MonkeyPatch) -> None:
    machine.setattr(threads, "other_load", lambda: 9)
    threads.os.environ["OMP_NUM_THREADS"] = "1"
    assert choose_waiting() is Waiting.SPINNING


def test_the_load_of_this_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    running = iter((1, 4, 3, 9, 4))
    monkeypatch.setattr(threads, "_running_tasks", lambda wait: next(running))
    assert other_load() == 3
    monkeypatch.undo()
    assert other_load() >= 0 or sys.platform != "linux"
    assert 1 <= available_cores() <= (os.cpu_count() or 1)


def test_systems_that_count_no_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_running_tasks", lambda wait: int("?"))
    monkeypatch.setattr(os, "getloadavg", lambda: (1.5, 1.0, 0.5), raising=False)
    assert other_load() == 1.5
    monkeypatch.delattr(os, "getloadavg")
    assert other_load() == 0


def test_songs_at_once() -> None:
    much = 64 << 30
    for seconds, cores, memory, expected in (
        ([200] * 8, 2, much, 2),
        ([200] * 8, 1, much, 1),  # no threads to divide
        ([200] * 3, 2, much, 1),  # few songs
        ([5] * 8, 2, much, 1),  # start-up takes most of the time
        ([200, 200, 200, 3600], 2, much, 1),  # the last would be computed by one thread
        ([200] * 8, 2, 1 << 30, 1),  # no memory for two
        ([200] * 100, 16, 5 << 30, 5),
        ([200] * 96, 16, much, 16),
        ([200] * 10, 16, much, 5),
        ([], 2, much, 1),
        ([0] * 8, 2, much, 1),
    ):
        assert songs_at_once(seconds, cores, memory) == expected, (seconds, cores)
