from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from stemtree.curation.annotation.classifier.file_names import Vocabulary, fold, readable, real_words, vocabulary
from stemtree.curation.annotation.labels import instrument_by_label

WORDS = Path(__file__).parents[4] / "src/stemtree/curation/annotation/classifier/words.yaml"


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("01_Kick.wav", "kick"),
        ("23_ElecGtr04DT.wav", "electric guitar doubletrack"),
        ("HiHat.wav", "hihat"),
        ("09_RIde.wav", "ride"),
        ("05_bassguitar.wav", "bass guitar"),
        ("28_Doublebasses.aif", "double bass"),
        ("14_Recordier.wav", "recorder"),
        ("EGutiar 2.wav", "electric guitar"),
        ("Drums-Snare Bottom-M81.wav", "drum snare bottom"),
        ("ADLIB ALTO-251AC-SSL6000E.wav", "adlib alto"),
        ("808 Kick.wav", "kick"),
        ("BGV 2.wav", "background vocal"),
        ("Piano.L.wav", "piano left"),
        ("20_AcousticGtrMic.flac", "acoustic guitar microphone"),
        ("09_HiHatOD_Overheads.wav", "hihat overdub"),
        ("K In.wav", "kick in"),
        ("гитара 2.wav", "guitar"),
        ("ギター.wav", "guitar"),
        ("Piano dâ€™Anna.wav", "piano d anna"),
        ("99.wav", ""),
    ],
)
def test_words(file: str, words: str) -> None:
    assert " ".join(vocabulary().parse(file).words) == words


def test_real_words_are_not_mended() -> None:
    words = """cover lover recover overlap recorded clips bride ridge broom groom bloom brash sting simple planet better
        tables organic shaken trumped clamp hanger basis drummer keeper stranger guitarist pianist flutter overtime"""
    assert [word for word in words.split() if vocabulary().parse(f"{word}.wav").words != (word,)] == []


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("EG 1.wav", "electric guitar"),
        ("AG.wav", "acoustic guitar"),
        ("EGs.wav", "electric guitar"),
        ("EGT 2.wav", "electric guitar"),
        ("AGT L.wav", "acoustic guitar left"),
        ("BU VOC DBL_02.wav", "backing vocal double"),
        ("Grosse Caisse.wav", "kick"),
        ("Caisse claire.wav", "snare"),
        ("chimbal_aberto.wav", "hihat open"),
        ("Prato.wav", "cymbal"),
        ("Segunda voz.wav", "backing vocal"),
        ("Bass Di SM57.wav", "bass direct"),
        ("Kick In D112.wav", "kick in"),
        ("Snare Top.dup1_03.wav", "snare top"),
        ("bassamp.wav", "bass amp"),
    ],
)
def test_what_engineers_write(file: str, words: str) -> None:
    assert " ".join(vocabulary().parse(file).words) == words


def test_the_list_of_real_words_has_no_word_of_the_vocabulary() -> None:
    known = Vocabulary(yaml.safe_load(WORDS.read_text("utf-8")))
    assert [word for word in real_words() if not known.would_mend(word)] == []


def test_numbers() -> None:
    name = vocabulary().parse("07 - Vox12b_3.wav")
    assert (name.numbers, name.numbered) == (("12", "3"), True)
    assert not vocabulary().parse("808.wav").numbered


@given(st.text(max_size=40))
def test_any_name_can_be_read(file: str) -> None:
    name = vocabulary().parse(file)
    assert all(word and word == fold(word) for word in name.words)
    assert vocabulary().parse(file) == name


@given(st.text(max_size=20))
def test_mended_text_was_read_wrongly_before(text: str) -> None:
    """What was UTF-8 read as Windows-1252, once or twice, comes back."""
    try:
        wrong = text.encode().decode("cp1252")
    except UnicodeDecodeError:
        return
    assert readable(wrong) == readable(text)


def test_the_vocabulary_is_written_as_it_says() -> None:
    data = yaml.safe_load(WORDS.read_text("utf-8"))
    spelled = [other for others in data["spellings"].values() for other in others]
    assert len(spelled) == len(set(spelled)) and not {*spelled} & {*data["spellings"]}
    phrases = [phrase for group in data["labels"].values() for phrase in group]
    assert len(phrases) == len(set(phrases))
    assert set(data["labels"]) == set(instrument_by_label())
    unreachable = [phrase for phrase in phrases if " ".join(vocabulary().parse(phrase).words) != phrase]
    assert not unreachable
    models = [str(model) for group in data["models"].values() for model in group]
    assert len(models) == len(set(models))
    words = {" ".join(vocabulary().parse(f"x {model}").words[1:]) for model in models}
    assert words == set(data["models"])


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("05_TR-808 Kick.wav", "drummachine kick"),
        ("Bass808.wav", "bass drummachine"),
        ("Organ B3 Leslie.wav", "organ hammond leslie"),
        ("12_DX7_Pad.wav", "synth pad"),
        ("SynthMS20.wav", "synth synth"),
        ("Gtr12String.wav", "guitar twelvestring"),
        ("12_Strings.wav", "string"),
        ("Kick_2024.wav", "kick"),
        ("SNARE B-M80.wav", "snare b"),
    ],
)
def test_models_with_digits(file: str, words: str) -> None:
    assert " ".join(vocabulary().parse(file).words) == words
