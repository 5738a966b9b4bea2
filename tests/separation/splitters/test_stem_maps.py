"""What a separator with a stem map makes of a hierarchy."""

from itertools import combinations

import pytest

from stemtree.errors import SplitterError
from stemtree.hierarchy import MIXTURE, load
from stemtree.hierarchy.load import parse
from stemtree.separation.splitters.stem_map_files import read_stem_map, shipped_maps, stem_map_of
from stemtree.separation.splitters.stem_parts import SeparatorStems

DEEP = load("ms21_deep")


def test_a_map_of_a_users_own(mapped) -> None:
    found = read_stem_map(mapped("stems: {Vox: vocal, gtr: guitar, keys 1 + keys 2: pianos, hats: hi_hat, x: }"))
    assert [line.stems for line in found.lines] == [("vox",), ("gtr",), ("keys 1", "keys 2"), ("hats",), ("x",)]
    parts = found.parts(DEEP, ["vox", "gtr", "keys_1", "Keys-2", "x"])
    assert parts is not None and parts.divided == MIXTURE
    guitars = ("accompaniment/other/electric_guitar", "accompaniment/other/acoustic_guitar")
    assert parts.parts[:3] == (("vocal",), guitars, ("accompaniment/other/pianos",))
    assert parts.stems == ((0,), (1,), (2, 3), (4,))


def test_nodes_of_a_hierarchy_of_ones_own(mapped) -> None:
    mine = parse("tree: {singing: , band: {drums: , six strings: }}", "mine")
    found = read_stem_map(mapped("stems: {vocals: singing, drums: drums, guitar: six strings}"))
    found.check(mine, ["vocals", "drums", "guitar"])
    parts = found.parts(mine, ["vocals", "drums", "guitar"])
    assert parts is not None and parts.parts == (("singing",), ("band/drums",), ("band/six strings",))
    assert found.parts(DEEP, ["vocals", "drums", "guitar"]) is None


def test_what_is_left_goes_to_the_nodes_that_no_stem_is(mapped) -> None:
    found = read_stem_map(mapped("divides: vocal\nstems: {lead: lead_vocal}"))
    parts = found.parts(DEEP, ["lead", "unused"])
    assert parts is not None and (parts.divided, parts.stems) == ("vocal", ((0,), ()))
    assert parts.parts == (("vocal/lead_vocal",), ("vocal/backing_vocal",))
    assert found.parts(load("musdb18"), ["lead"]) is None


def test_stems_of_one_model_that_overlap() -> None:
    stems = ("vocals", "guitar", "acoustic-guitar")
    with pytest.raises(SplitterError, match=r"cover '.*acoustic_guitar' twice, .* in a stem map of your own"):
        SeparatorStems("x", stems, stem_map_of("demucs", "x", "", stems))
    assert all(set(a.models).isdisjoint(b.models) for a, b in combinations(shipped_maps(), 2))
