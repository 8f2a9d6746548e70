"""The errors of the world outside, as one tree; callers' own mistakes stay ValueError.

TenWingsError                     exit code 1; every message says what was expected, what came, what to do
├── ConfigError                   2  a setting, file or argument of the user's that cannot be used
│   └── NoRewards                 2  money was asked of a network without a token
├── PrerequisiteError             3  something that must be installed or free on this machine is not
├── DaemonUnavailable             4  a process we need does not answer or does not start
├── ContentUnavailable            5  a CID that nobody connected to us serves in time
├── ContentCorrupt                6  bytes that do not hash to their CID
├── LedgerError                   7  the chain refused or lost a transaction
│   └── LedgerRefused             7  a contract's rule said no: carries the rule's name and its values
├── SignatureInvalid              8  a signature that is not the account's over this message
├── DeploymentDiffers             9  contracts on a chain that are not what their manifest says
└── AuditFailed                   9  a history that does not hold: carries the object and the round
"""

from __future__ import annotations

from collections.abc import Mapping

from node.rule_words import words_of


class TenWingsError(Exception):
    """Root of everything that the outside world can do to us; its text is fit for a user."""

    exit_code = 1


class ConfigError(TenWingsError):
    """A setting, file or argument that cannot be used."""

    exit_code = 2


class NoRewards(ConfigError):
    """This network was deployed without a token."""

    def __init__(self) -> None:
        super().__init__(
            "expected a network that pays rewards, got one without a token: merit and votes work here, there is "
            "nothing to fund or to claim"
        )


class PrerequisiteError(TenWingsError):
    """Something that must be installed, free or writable on this machine is not."""

    exit_code = 3


class DaemonUnavailable(TenWingsError):
    """A process that we need does not answer or does not start."""

    exit_code = 4


class ContentUnavailable(TenWingsError):
    """No node that we are connected to serves this CID in time."""

    exit_code = 5


class ContentCorrupt(TenWingsError):
    """Bytes came that do not hash to the CID they were asked for by."""

    exit_code = 6


class LedgerError(TenWingsError):
    """The chain lost, delayed or refused a transaction."""

    exit_code = 7


class LedgerRefused(LedgerError):
    """A rule on chain said no.

    `rule` is the name of the contract's custom error (the twins raise the same names), `values` what it carries.
    """

    def __init__(self, rule: str, values: Mapping[str, object] | None = None) -> None:
        self.rule = rule
        self.values = dict(values or {})
        shown = ", ".join(f"{name}={_shown(value)}" for name, value in self.values.items())
        words = words_of(rule)
        super().__init__(f"the chain refused: {rule}({shown}){f': {words}' if words else ''}")


def _shown(value: object) -> str:
    return f"0x{value.hex()}" if isinstance(value, bytes) else str(value)


class SignatureInvalid(TenWingsError):
    """A signature that the named account did not make over this message."""

    exit_code = 8


class DeploymentDiffers(TenWingsError):
    """Contracts on a chain are not what their manifest says."""

    exit_code = 9

    def __init__(self, subject: str, finding: str) -> None:
        self.subject = subject
        super().__init__(f"{subject}: {finding}")


class AuditFailed(TenWingsError):
    """A replay found something that does not hold."""

    exit_code = 9

    def __init__(self, message: str, *, round_number: int, subject: str) -> None:
        self.round_number = round_number
        self.subject = subject
        super().__init__(f"round {round_number}: {subject}: {message}")
