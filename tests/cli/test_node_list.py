import pytest

from stemtree.separation import separator


def test_the_nodes_with_their_names_and_what_makes_them(cli, monkeypatch) -> None:
    monkeypatch.setattr(separator.Separator, "__init__", lambda *_, **__: pytest.fail("weights would be loaded"))
    outcome = cli("separate", "--list")
    assert outcome.code == 0, outcome.err
    assert "vocal  spleeter: vocals, voice" in outcome.out
    assert "percussion  the default model: drums, drum\n" in outcome.out
    assert "drum_set  the default model: drum kit" in outcome.out
    assert "kick  the model of drum pieces: kick drum" in outcome.out
    assert "guitar, guitars: electric_guitar + acoustic_guitar\n" in outcome.out
    four = cli("separate", "--list", "--hierarchy", "musdb18").out.splitlines()
    assert len(four) == 6 and "drums  the default model: drum, percussion" in four[4]
    assert "left in guitar, bowed_strings" in cli("separate", "--list", "--hierarchy", "moisesdb").out
    assert len(cli("separate", "--list", "--depth", 1).out.splitlines()) == 3


def test_options_that_name_nodes_decide_what_is_listed(cli) -> None:
    of_node = cli("separate", "--list", "--node", "drum_set").out
    assert "drum_set" in of_node and "piano" not in of_node
    assert cli("separate", "--list", "--two-stems", "drum_set").out == of_node


@pytest.mark.parametrize("option", ["--node", "--two-stems", "--sum", "--without"])
@pytest.mark.parametrize("command", [["--list"], ["none.wav"], ["none.wav", "--hierarchy", "musdb18"]])
def test_nodes_beneath_the_depth(cli, option: str, command: list[str]) -> None:
    outcome = cli("separate", *command, option, "drums", "--depth", 1)
    assert (outcome.code, outcome.out) == (1, "")
    assert "lies 2 generations under the song" in outcome.err and "give a depth of 2, or none" in outcome.err
