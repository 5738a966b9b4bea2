import pytest

from stemtree.errors import HierarchyError
from stemtree.hierarchy import Hierarchy, Match, available, load, match
from stemtree.hierarchy.load import parse

MS21 = load("ms21")
SERVED = MS21.cut(lambda path: path == "vocal")
"""As by the default splitters."""


def matched(asked: Hierarchy | str) -> Match:
    tree = parse(f"tree: {asked}", "mine") if isinstance(asked, str) else asked
    found = match(tree, SERVED, MS21)
    assert found is not None
    assert set(found.parts) == set(found.tree.leaves())
    assert sorted(part for parts in found.parts.values() for part in parts) == sorted(SERVED.leaves())
    return found


def names(found: Match) -> dict[str, str]:
    """Last names of the parts of each leaf."""
    return {leaf: " ".join(part.rpartition("/")[2] for part in parts) for leaf, parts in found.parts.items()}


@pytest.mark.parametrize("name", available())
def test_every_definition_is_made_of_what_is_served(name: str) -> None:
    found = matched(load(name))
    assert len(found.parts) >= 4


def test_the_four_stems_of_musdb18() -> None:
    found = matched(load("musdb18"))
    assert found.tree == load("musdb18") and found.notes == ()
    assert names(found)["accompaniment/drums"] == "drum_set nontonal_percussion"
    assert found.parts["accompaniment/other"] == MS21.leaves("accompaniment/other")
    assert found.parts["vocals"] == ("vocal",)


def test_moisesdb_stays_whole_where_nothing_tells_its_tracks_apart() -> None:
    found = matched(load("moisesdb"))
    assert names(found) == {
        "vocals": "vocal",
        "bass": "bass",
        "drums": "drum_set",
        "percussion/atonal_percussion": "nontonal_percussion",
        "percussion/pitched_percussion": "tonal_percussion",
        "guitar": "electric_guitar acoustic_guitar",
        "piano": "pianos",
        "other_keys": "electronic_keyboards",
        "bowed_strings": "strings",
        "wind": "brass woodwinds",
        "other": "fx_processed_sound",
    }
    assert "'other' stays whole: no splitter at hand makes 'other/click_track'" in found.notes
    assert (
        "'other_plucked' of hierarchy 'moisesdb' is not told apart: it is left in guitar, bowed_strings" in found.notes
    )
    assert found.notes[-1].startswith("no splitter at hand divides these nodes of 'moisesdb' further: vocals, bass, ")


def test_what_has_no_node_is_the_rest() -> None:
    found = matched(load("slakh"))
    assert found.parts["rest"] == ("accompaniment/other/fx_processed_sound",)
    assert "'rest' holds what hierarchy 'slakh' has no node for: fx_processed_sound" in found.notes
    assert names(found)["percussion/percussion/drums"] == "drum_set nontonal_percussion"
    assert names(matched("{vocals: , guitar: }"))["guitar"] == "electric_guitar acoustic_guitar"


@pytest.mark.parametrize(
    ("asked", "parts"),
    [
        ("{karaoke: , acapella: }", {"acapella": "vocal"}),
        ("{vocals: , drums: , bass: , other: }", {"drums": "drum_set nontonal_percussion", "bass": "bass"}),
        (
            "{vocals: , drums: , bass: , guitar: , piano: , other: }",
            {
                "piano": "pianos",
                "other": "electronic_keyboards strings brass woodwinds tonal_percussion fx_processed_sound",
            },
        ),
        (
            "{vocals: [lead vox, choir], accompaniment: {drums: [kick, snare, overheads], rest: }}",
            {"vocals": "vocal", "accompaniment/drums": "drum_set nontonal_percussion"},
        ),
        ("{voice: , band: {rhythm: {bass: , drums: }, others: }}", {"band/rhythm/bass": "bass"}),
        (
            "{singing: [Lead_Vocal, Backing_Vocal], beat: [Drum_Kick, Loop], low: [Electric_Bass], rest: }",
            {"singing": "vocal", "beat": "drum_set", "low": "bass"},
        ),
        (
            "{vox: [Lead Female Singer], beat: [Full Acoustic Drumkit], keys: [Grand Piano, Synth Pad], rest: }",
            {"vox": "vocal", "beat": "drum_set", "keys": "pianos electronic_keyboards"},
        ),
        ("{vox: [vocals], gtr: [guitar], rest: [other, bass, drums]}", {"gtr": "electric_guitar acoustic_guitar"}),
        ("{vocals: {lead: , back: }, rest: }", {"vocals": "vocal"}),
        ("{bass: , drums: , vocals: , accompaniment: }", {"drums": "drum_set nontonal_percussion"}),
        ("{vocals: , kit: [Drums], hands: [Percussion], rest: }", {"kit": "drum_set", "hands": "nontonal_percussion"}),
        ("{Gesang: [vocals], Schlagzeug: [drums], Rest: }", {"Schlagzeug": "drum_set nontonal_percussion"}),
        (
            "{vocals: , accompaniment: {bass: , guitar: , piano: }}",
            {
                "accompaniment/piano": "pianos",
                "accompaniment/rest": "drum_set nontonal_percussion electronic_keyboards strings brass woodwinds "
                "tonal_percussion fx_processed_sound",
            },
        ),
        ("{vocals: , accompaniment: {bass: , ukulele: , other: }}", {"vocals": "vocal"}),
    ],
)
def test_a_users_own_tree(asked: str, parts: dict[str, str]) -> None:
    assert parts.items() <= names(matched(asked)).items()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("{vocals: , choir: , band: }", "tells 'choir' from 'vocals' of hierarchy 'mine': put both under one node"),
        ("{lead_vocal: , rest: }", "tells 'lead_vocal' from 'rest'"),
        ("{vocals: , kazoo: }", "no splitter at hand makes 'kazoo' of hierarchy 'mine': leave it out"),
    ],
)
def test_what_cannot_be_made_is_named(asked: str, message: str) -> None:
    with pytest.raises(HierarchyError, match=message):
        matched(asked)


def test_a_tree_of_other_things_has_no_match() -> None:
    assert match(parse("tree: {a: , b: }", "mine"), SERVED, MS21) is None
