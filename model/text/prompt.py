"""What a prompt says: the words that carry its content, whether another text keeps them, and the slots it fills."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from model.data.worlds.words import read_caption
from model.text.palette import NAMES
from model.text.slots import VOCABULARY
from model.text.wordings import SYNONYMS, plural

STOP_WORDS: Final = frozenset(
    (
        "a",
        "an",
        "the",
        "is",
        "are",
        "be",
        "of",
        "and",
        "with",
        "in",
        "on",
        "at",
        "to",
        "it",
        "its",
        "that",
        "this",
        "as",
    )
)
"""Words whose loss loses nothing."""
NEGATIONS: Final = frozenset(("no", "not", "without", "never", "none"))
"""Words that turn the sense of what follows round."""
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_DIGITS = {str(digit): word for digit, word in enumerate(_NUMBERS)}
_SIZES = ("big", "large", "small", "tiny", "little", "huge", "long", "short", "tall", "wide")
_NEAR = 3
"""Content words within which the second of a pair must follow the first."""
_BREAK = "\n"
"""Stands for punctuation, across which words make no pair."""
_MODIFIERS = frozenset(
    (*_NUMBERS, *_SIZES, *NEGATIONS, *" ".join(NAMES).split(), *VOCABULARY["colour"], "gold", "silver")
)
"""Words that belong to the one after them: numbers, sizes, colours."""


def content_words(text: str) -> list[str]:
    """The words of a text without STOP_WORDS: lower case, digits spelt out, endings taken off."""
    return [word for word in _words(text) if word != _BREAK]


def lacks(prompt: str, text: str) -> list[str]:
    """What a text drops of a prompt: content words that it has less often, and modifiers that it takes off their word.

    A number, size or colour belongs to the content word after it; in the text that word must come at most three
    content words after it, so that `a blue ball beside a red square` does not keep `red ball, blue square`.
    """
    lost = Counter(content_words(prompt)) - Counter(content_words(text))
    kept, modifiers = _pairs(text, _NEAR), {_stem(word) for word in _MODIFIERS}
    bound = {(a, b) for a, b in _pairs(prompt, 1) if a in modifiers and a not in lost and b not in lost}
    return [*sorted(lost.elements()), *sorted(f"{a} {b}" for a, b in bound - kept)]


def _pairs(text: str, reach: int) -> set[tuple[str, str]]:
    words = _words(text)
    found: set[tuple[str, str]] = set()
    for i, first in enumerate(words):
        window = words[i + 1 : i + 1 + reach]
        window = window[: window.index(_BREAK)] if _BREAK in window else window
        found |= {(first, second) for second in window if first != _BREAK}
    return found


def _words(text: str) -> list[str]:
    found = re.findall(r"[^\W_]+|[,.;:!?\n]", text.lower())
    words = [_BREAK if re.fullmatch(r"[,.;:!?\n]", word) else _DIGITS.get(word, word) for word in found]
    return [_stem(word) for word in words if word not in STOP_WORDS]


def _stem(word: str) -> str:
    """`bounces`, `bouncing` and `bounced` become one."""
    word = word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
    for ending in ("ing", "ed"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            word = word[: -len(ending)]
            break
    return word[:-1] if len(word) > 3 and word.endswith("e") else word


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A prompt as far as the worlds' grammar understands it."""

    slots: Mapping[str, str]
    """What it fills; without `law` where nothing tells the law."""
    complete: bool
    """It is a sentence of the grammar."""


_LAW_SIGNS: Final = (
    ("pendulum", r"swing|pendulum|string|thread"),
    ("occluder", r"behind|pillar|column|hidden|hides"),
    ("containment", r"\bbox\b|crate|covers|covered"),
    ("inelastic", r"softly|bump|thud"),
    ("collision", r"collid|crash|\bhits? an?\b|knocks? into"),
    ("gravity", r"\bfall|\bdrop"),
    ("bounce", r"bounc|rebound"),
    (
        "counting",
        rf"\bdrift|\b(?:{'|'.join(plural(word) for shape in VOCABULARY['shape'] for word in SYNONYMS[shape])})\b",
    ),
)
"""Law to what gives it away; the first that is found counts."""


_ONLY_IN: Final = {"count": "counting", "change": "counting"}
"""Slots whose words mean something else where another law is told."""


def read_prompt(prompt: str) -> Reading:
    """Find slots in a prompt, which may hold other words as well: `lacks` tells whether a sentence keeps them."""
    exact = read_caption(prompt.strip())
    if exact is not None:
        return Reading(slots=exact, complete=True)
    text = re.sub(r"\s+", " ", prompt.lower())
    slots: dict[str, str] = {}
    text = _take(text, slots, "background", r"({})(?: background| wall)")
    for wall in ("left wall", "right wall"):
        if wall in text:
            slots["wall"], text = wall, text.replace(wall, " ")
    for number, match in enumerate(_things(text)):
        suffix = "" if number == 0 else "2"
        slots |= {f"{name}{suffix}": word for name, word in match.items() if word}
    law = next((law for law, sign in _LAW_SIGNS if re.search(sign, text)), None)
    slots |= {"law": law} if law else {}
    for slot in ("direction", "wall", *_ONLY_IN):
        if slot not in slots and law in (None, _ONLY_IN.get(slot, law)):
            _take(text, slots, slot, r"\b({})\b")
    if law == "containment":
        _take(text, slots, "action", r"\b({})\b")
    return Reading(slots={slot: slots[slot] for slot in VOCABULARY if slot in slots}, complete=False)


def _take(text: str, slots: dict[str, str], slot: str, pattern: str) -> str:
    """Put the first word of a slot that a text says into `slots`; return the text without it."""
    said = {spelling: word for word in VOCABULARY[slot] for spelling in SYNONYMS.get(word, (word,))}
    said |= {digit: word for digit, word in _DIGITS.items() if slot == "count" and word in VOCABULARY[slot]}
    match = re.search(pattern.format("|".join(sorted(said, key=len, reverse=True))), text)
    if not match:
        return text
    slots[slot] = said[match[1]]
    return f"{text[: match.start()]} {text[match.end() :]}"


def _things(text: str) -> list[dict[str, str]]:
    """Up to two things: a colour, a shape, or both."""
    shapes = {spelling: shape for shape in VOCABULARY["shape"] for spelling in SYNONYMS[shape]}
    colours, nouns = "|".join(VOCABULARY["colour"]), "|".join(shapes)
    pattern = rf"\b(?:(?P<colour>{colours})(?: (?P<shape>{nouns})e?s?)?|(?P<lone>{nouns})e?s?)\b"
    return [
        {"colour": match["colour"] or "", "shape": shapes.get(match["shape"] or match["lone"] or "", "")}
        for match in list(re.finditer(pattern, text))[:2]
    ]
