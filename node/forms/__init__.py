"""What can be proposed, a form for each decision: from words to calls and a text that says the effect.

A form for a function that a contract does not have (yet) is not offered. Specs are proposed by `federation.proposals`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from node.abi_codec import encode_call
from node.errors import ConfigError
from node.forms import people, rules, safety, training
from node.forms.form import TRAIN_TOGETHER, Form, Plan
from node.membership import MemberDesk
from node.records.proposals import Action

__all__ = ["FORMS", "TRAIN_TOGETHER", "Form", "Plan", "plan"]

FORMS: Mapping[str, Form] = {**training.FORMS, **rules.FORMS, **people.FORMS, **safety.FORMS}
"""By the word that names it; what follows are its own words."""


def plan(desk: MemberDesk, run_id: int, words: Sequence[str]) -> Plan:
    """From a form's name and its words. Raises ConfigError with the form's usage, or the list of forms."""
    form = FORMS.get(words[0]) if words else None
    if form is None or not form.offered:
        known = "\n".join(f"  {f.usage}" for f in FORMS.values() if f.offered)
        raise ConfigError(f"expected SECTION.NAME=VALUE of the run spec, or one of\n{known}\ngot {' '.join(words)!r}")
    try:
        args, effect, changes = form.build(desk, run_id, words[1:])
        calls = args if form.many else [(form.contract, form.function, args)]
        actions = tuple(
            Action(target=desk.ledger.addresses()[contract], calldata=encode_call(contract, function, *values))
            for contract, function, values in calls
        )
    except (ValueError, OSError) as error:
        raise ConfigError(f"expected `{form.usage}`: {error}") from error
    return Plan(actions=actions, effect=effect, article=form.article, changes=changes)
