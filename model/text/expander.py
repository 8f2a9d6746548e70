"""Short prompts into long ones: whoever writes them, nothing that the prompt says is dropped.

Three writers: the grammar (here), a small language model trained on captions (expander_lm.py), and a language model
from a folder (expander_hub.py). `expand` keeps the promise for all: a proposal that lacks a word of the prompt (see
prompt.py) is thrown away, and after a few of them the grammar writes, which begins with the prompt where it must.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from model.data.worlds.words import caption
from model.text.prompt import NEGATIONS, Reading, content_words, lacks, read_prompt
from model.text.slots import random_slots

_TRIES = 4


@dataclass(frozen=True, kw_only=True)
class Expansion:
    """A long prompt."""

    text: str
    """It keeps every content word of the short one."""
    writer: str
    """Who wrote it."""
    rejected: int
    """Proposals that dropped something."""


class Writer(Protocol):
    """Proposes long prompts; it may forget things."""

    name: str

    def propose(self, prompt: str, seed: int) -> str:
        """Return a text; equal arguments give equal texts."""


def expand(prompt: str, writer: Writer | None = None, *, seed: int = 0) -> Expansion:
    """Expand a prompt with a writer (default: the grammar). An empty prompt raises ValueError."""
    prompt = " ".join(prompt.split())
    if not content_words(prompt):
        raise ValueError(f"expected a prompt that says something, got {prompt!r}")
    rejected = 0
    for attempt in range(_TRIES if writer else 0):
        assert writer is not None
        text = " ".join(writer.propose(prompt, seed * _TRIES + attempt).split())
        if text and not lacks(prompt, text):
            return Expansion(text=text, writer=writer.name, rejected=rejected)
        rejected += 1
    text = GrammarWriter().propose(prompt, seed)
    dropped = lacks(prompt, text)
    assert not dropped, f"the grammar dropped {dropped} of {prompt!r}"
    return Expansion(text=text, writer=GrammarWriter.name, rejected=rejected)


class GrammarWriter:
    """Fills the slots that a prompt leaves open; what is none of the grammar's stays and gets clauses."""

    name = "grammar"

    def propose(self, prompt: str, seed: int) -> str:
        """Return the worlds' sentence if it says all of the prompt, else the prompt itself and what can be added."""
        rng = np.random.Generator(np.random.Philox(key=[seed, 33]))
        reading = read_prompt(prompt)
        if reading.complete:
            return prompt
        sentence = _filled(reading, rng)
        if sentence is None or NEGATIONS & set(prompt.lower().split()):
            return _with_clauses(prompt, rng)
        return sentence if not lacks(prompt, sentence) else f"{prompt.rstrip(' .,;')}; {sentence}"


def _filled(reading: Reading, rng: np.random.Generator) -> str | None:
    """A sentence with the prompt's slots, or None where it names no shape or where no law has a place for all."""
    if "shape" not in reading.slots:
        return None
    try:
        while True:
            slots = random_slots(rng, given=reading.slots)
            # `a ball` is one ball: only a prompt that counts is given a number.
            if slots["law"] != "counting" or {"count", "change"} & set(reading.slots) or "law" in reading.slots:
                return caption(slots)
    except ValueError:
        return None


_CLAUSES: Final[Mapping[str, tuple[str, ...]]] = {
    "shot camera close wide zoom pan tilt": (
        "the camera stands still",
        "the camera pans right slowly",
        "the camera pans left slowly",
        "the camera zooms in slowly",
        "the camera tilts up slowly",
    ),
    "light lit dark bright sun night day evening morning shadow": ("evenly lit", "bright", "dark"),
    "vivid muted natural colour colourful black white grey style": ("in natural colours", "in muted colours", "vivid"),
}
"""Words that settle a matter already -> clauses about it, in the words of measured captions."""


def _with_clauses(prompt: str, rng: np.random.Generator) -> str:
    said = set(content_words(prompt))
    clauses = [
        choices[int(rng.integers(len(choices)))]
        for settled, choices in _CLAUSES.items()
        if not said & set(content_words(settled))
    ]
    return "; ".join([prompt.rstrip(" .,;"), *clauses])


WRITERS: Final = ("grammar", "lm", "llm")


def build_writer(kind: str, path: Path | None = None) -> Writer:
    """Open `grammar` (no file), `lm` (a file of `text train`) or `llm` (a folder of the transformers library).

    Raises ValueError for another kind, or where the path is missing or too much.
    """
    if kind not in WRITERS:
        raise ValueError(f"unknown writer {kind!r}; choose from {', '.join(WRITERS)}")
    if kind == "grammar":
        if path is not None:
            raise ValueError(f"the grammar has no weights, got the path {path}")
        return GrammarWriter()
    if path is None:
        raise ValueError(f"the writer {kind} needs the path of its {'file' if kind == 'lm' else 'folder'}")
    if kind == "lm":
        from model.text.expander_lm import load_writer

        return load_writer(path.read_bytes())
    from model.text.expander_hub import HubWriter

    return HubWriter(path)
