"""Paired loss scores as integers: what evaluators measure and how their sheets become one number.

Every update is tried alone on the base, at the weight it has in the mean: at full weight one noisy update can hurt
where the mean of all helps. Its gain is the loss of the base minus the loss with it, on the same clips, timesteps and
noise.
The seed of those draws comes from a block mined after all receipts were in, so nobody can train for them. From here on
all numbers are integers (millionths), so that every machine that has the sheets agrees to the last digit.
"""

from __future__ import annotations

import hashlib
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence

from node.records.chain import Address
from node.round_record import ScoreSheet, SignedReceipt, UpdateScore

MICRO = 1_000_000
HARMFUL_ERRORS = 3
"""An update must be worse than the base by more than so many standard errors to be left out."""


def scoring_seed(block_hash: bytes, receipts: Iterable[SignedReceipt]) -> bytes:
    """32 bytes that depend on the block and on every admitted update."""
    digest = hashlib.sha256(b"tenwings scoring seed" + block_hash)
    for signed in sorted(receipts, key=lambda s: s.receipt.account):
        digest.update(signed.receipt.update_digest)
    return digest.digest()


def seed_to_int(seed: bytes) -> int:
    """The 63-bit seed that generators take."""
    return int.from_bytes(seed[:8], "big") >> 1


def to_micro(value: float) -> int:
    """Millionths, rounded half to even. Raises ValueError when not finite."""
    if not math.isfinite(value):
        raise ValueError(f"expected a finite number, got {value}")
    return round(value * MICRO)


def paired_score(
    account: Address, update_digest: bytes, base: Sequence[float], candidate: Sequence[float], *, draws_per_clip: int
) -> UpdateScore:
    """Mean of base - candidate over the same draws, and its standard error over clips, in millionths.

    Draws of one clip are neighbours and are averaged first: they share its content, so only clips count as independent.
    """
    if len(base) != len(candidate) or len(base) % draws_per_clip or len(base) < 2 * draws_per_clip:
        raise ValueError(
            f"expected {draws_per_clip} draws of each of at least two clips, got {len(base)} and {len(candidate)}"
        )
    draws = [b - c for b, c in zip(base, candidate, strict=True)]
    differences = [statistics.fmean(draws[i : i + draws_per_clip]) for i in range(0, len(draws), draws_per_clip)]
    error = statistics.stdev(differences) / math.sqrt(len(differences))
    gain = to_micro(statistics.fmean(differences))
    return UpdateScore(account=account, update_digest=update_digest, gain_micro=gain, error_micro=to_micro(error))


def median_scores(sheets: Sequence[ScoreSheet]) -> tuple[UpdateScore, ...]:
    """Per update the lower median of the evaluators' gains and errors, ordered by account."""
    if not sheets:
        raise ValueError("expected at least one score sheet, got none")
    by_account: dict[Address, list[UpdateScore]] = {}
    for sheet in sheets:
        for score in sheet.scores:
            by_account.setdefault(score.account, []).append(score)
    return tuple(_median(by_account[account]) for account in sorted(by_account))


def _median(scores: list[UpdateScore]) -> UpdateScore:
    return UpdateScore(
        account=scores[0].account,
        update_digest=scores[0].update_digest,
        gain_micro=statistics.median_low([s.gain_micro for s in scores]),
        error_micro=statistics.median_low([s.error_micro for s in scores]),
    )


def is_harmful(score: UpdateScore) -> bool:
    """Does the update raise the loss by more than three times its standard error?

    Under two, chance alone refused one in forty updates that change nothing; more where the draws are few.
    """
    return score.gain_micro + HARMFUL_ERRORS * score.error_micro < 0


def agreement_bps(sheet: ScoreSheet, medians: Mapping[Address, UpdateScore]) -> int:
    """How many of the sheet's gains lie within three standard errors (at least 1 % of the gain) of the median."""
    near = 0
    for score in sheet.scores:
        median = medians[score.account]
        allowed = max(3 * median.error_micro, abs(median.gain_micro) // 100, 1)
        near += abs(score.gain_micro - median.gain_micro) <= allowed
    return 10_000 * near // len(sheet.scores)
