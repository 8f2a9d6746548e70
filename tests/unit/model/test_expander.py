from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.data.worlds.words import caption, read_caption
from model.text import expander_lm
from model.text.expander import GrammarWriter, build_writer, expand
from model.text.expander_lm import (
    WRITER_PRESETS,
    CaptionModel,
    LmWriter,
    load_writer,
    save_writer,
    short_prompt,
    train_writer,
)
from model.text.fit import FitPlan
from model.text.prompt import content_words, lacks, read_prompt
from model.text.slots import VOCABULARY, random_slots

OTHER_WORDS = "a the and on balls falls bouncing 3 behind shiny cat no background ! ,"
KNOWN_WORDS = sorted({part for words in VOCABULARY.values() for word in words for part in word.split()})
WORLD_WORDS = st.sampled_from([*KNOWN_WORDS, *OTHER_WORDS.split()])
PROMPTS = st.one_of(st.lists(WORLD_WORDS, min_size=1, max_size=8).map(" ".join), st.text(min_size=1, max_size=40))


class _Says:
    """A writer that says what it is told to."""

    name = "stub"

    def __init__(self, *texts: str) -> None:
        self._texts = iter(texts)

    def propose(self, prompt: str, seed: int) -> str:
        return next(self._texts)


def test_endings_digits_and_case_do_not_hide_a_word() -> None:
    assert content_words("The 2 balls, bouncing!") == content_words("two BALL bounces")
    assert lacks("a red ball bounces", "a red ball moves left on a navy background and bounces off the floor") == []


def test_a_lost_word_a_lost_repetition_and_a_moved_colour_are_found() -> None:
    assert lacks("three red balls", "red balls drift") == ["thre"]
    assert lacks("a red ball and a red square", "a red ball beside a square") == ["red"]
    assert lacks("red ball, blue square", "a blue ball beside a red square") == ["blu squar", "red ball"]


@pytest.mark.parametrize(
    ("prompt", "slots"),
    [
        ("3 blue squares", {"law": "counting", "colour": "blue", "shape": "square", "count": "three"}),
        ("red disc behind a pillar", {"law": "occluder", "colour": "red", "shape": "ball"}),
        ("an orange ball hits a green block", {"law": "collision", "colour2": "green", "shape2": "square"}),
        ("purple rhombus on a sky blue background", {"background": "sky blue", "colour": "purple", "shape": "diamond"}),
        ("it bounces off the left wall", {"law": "bounce", "wall": "left wall"}),
    ],
)
def test_slots_are_found_in_loose_words(prompt: str, slots: dict[str, str]) -> None:
    found = read_prompt(prompt).slots
    assert {slot: found.get(slot) for slot in slots} == slots


def test_a_whole_sentence_of_the_grammar_stays_as_it_is() -> None:
    sentence = "a red ball falls on a navy background and bounces off the floor"
    assert expand(sentence, seed=1).text == sentence


def test_open_slots_are_filled_and_given_ones_kept() -> None:
    slots = read_caption(expand("three blue squares", seed=2).text)
    assert slots is not None
    assert (slots["law"], slots["count"], slots["colour"], slots["shape"]) == ("counting", "three", "blue", "square")


def test_one_thing_stays_one_and_many_stay_many() -> None:
    singles = [read_caption(expand("a red ball", seed=seed).text) for seed in range(30)]
    many = [read_caption(expand("red balls", seed=seed).text) for seed in range(5)]
    assert "counting" not in {slots["law"] for slots in singles if slots}
    assert {slots["law"] for slots in many if slots} == {"counting"}


def test_seeds_differ_and_repeat() -> None:
    texts = [expand("a green diamond", seed=seed).text for seed in (0, 1, 2, 3, 0)]
    assert texts[0] == texts[4]
    assert len(set(texts)) > 2


def test_free_text_stays_in_front_of_clauses_about_what_it_leaves_open() -> None:
    text = expand("a cat runs at night").text
    assert text.startswith("a cat runs at night; the camera ")
    assert not {"dark", "bright", "lit"} & set(text.split())


@given(prompt=PROMPTS, seed=st.integers(0, 5))
@settings(deadline=None, max_examples=300)
def test_nothing_of_any_prompt_is_dropped(prompt: str, seed: int) -> None:
    if not content_words(prompt):
        with pytest.raises(ValueError, match="expected a prompt that says something"):
            expand(prompt, seed=seed)
        return
    text = expand(prompt, seed=seed).text
    assert lacks(" ".join(prompt.split()), text) == []
    asked, said = read_prompt(prompt).slots, read_caption(text)
    if said is not None and "colour" in asked:
        assert said["colour"] == asked["colour"] or said.get("colour2") == asked["colour"]


@given(seed=st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=60)
def test_short_prompts_of_captions_keep_their_slots(seed: int) -> None:
    rng = np.random.Generator(np.random.Philox(seed))
    slots = random_slots(rng)
    short = short_prompt(slots, rng)
    asked = read_prompt(short).slots
    assert all(slots.get(slot) == word for slot, word in asked.items()), short
    assert lacks(short, expand(short, seed=seed).text) == []


def test_a_writer_that_forgets_is_asked_again_and_then_replaced() -> None:
    kept = expand("a red ball", _Says("a ball", "", "a big red ball rolls"))
    assert (kept.text, kept.writer, kept.rejected) == ("a big red ball rolls", "stub", 2)
    lost = expand("a red ball", _Says("a ball", "a cat", "", "red"))
    assert (lost.writer, lost.rejected) == ("grammar", 4)
    assert lacks("a red ball", lost.text) == []


def test_a_small_language_model_is_seeded_and_comes_back_from_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expander_lm, "BATCH", 4)
    plan = FitPlan(num_steps=3, seed=1)
    module, done = train_writer(WRITER_PRESETS["nano"], plan)
    again, _ = train_writer(WRITER_PRESETS["nano"], plan)
    assert save_writer(module) == save_writer(again)
    assert len(done.losses) == 3
    writer = load_writer(save_writer(module))
    assert writer.propose("a red ball", 3) == LmWriter(module).propose("a red ball", 3)
    assert expand("a red ball", writer, seed=1).writer == "grammar"


def test_the_language_model_is_asked_for_the_caption_alone() -> None:
    codes, targets = expander_lm._rows([("ab", "cd"), ("a", "b")])
    assert codes.tolist() == [[97, 98, 1, 99, 100], [97, 1, 98, 0, 0]]
    assert targets.tolist() == [[-100, -100, 99, 100, 2], [-100, 98, 2, -100, -100]]
    assert CaptionModel(WRITER_PRESETS["nano"])(codes).shape == (2, 5, 256)


def test_a_later_byte_does_not_change_what_is_said_before() -> None:
    module = CaptionModel(WRITER_PRESETS["nano"])
    codes, _ = expander_lm._rows([("ab", "cdefg")])
    other = codes.clone()
    other[0, -1] = 65
    assert np.allclose(module(codes)[0, :-1].detach(), module(other)[0, :-1].detach(), atol=1e-5)


def test_a_writer_without_what_it_needs_is_refused() -> None:
    with pytest.raises(ValueError, match="choose from grammar, lm, llm"):
        build_writer("poet")
    with pytest.raises(ValueError, match="lm needs the path of its file"):
        build_writer("lm")
    assert isinstance(build_writer("grammar"), GrammarWriter)


def test_captions_are_themselves_kept() -> None:
    rng = np.random.Generator(np.random.Philox(8))
    sentences = [caption(random_slots(rng)) for _ in range(20)]
    assert all(lacks(sentence, expand(sentence).text) == [] for sentence in sentences)
