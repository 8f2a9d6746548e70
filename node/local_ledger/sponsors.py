"""Sponsors in memory: a proposal names its article and its proposer, and enough members sign it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from node.errors import LedgerRefused
from node.local_ledger.registries import MemberRegistry
from node.local_ledger.world import Tx, require_signed
from node.records.chain import Address, Domain
from node.records.proposals import ProposalStatement, Sponsor

_ARTICLE = re.compile(r"#article=(\d{1,3})\n#proposer=0x[0-9a-f]{40}\Z", re.ASCII)
_NOBODY = Address("0x" + "0" * 40)


def require_described(proposer: Address, description: str, num_articles: int) -> None:
    """The last line names the proposer, the one before an article of the charter."""
    if not description.endswith(f"#proposer={proposer.lower()}"):
        raise LedgerRefused("GovernorRestrictedProposer", {"proposer": proposer})
    found = _ARTICLE.search(description)
    article = int(found[1]) if found else 0
    if article == 0:
        raise LedgerRefused("ArticleMissing")
    if article > num_articles:
        raise LedgerRefused("UnknownArticle", {"article": article, "numArticles": num_articles})


def require_sponsors(
    tx: Tx,
    members: MemberRegistry,
    domain: Domain,
    statement: ProposalStatement,
    sponsors: Sequence[Sponsor],
    needed: int,
) -> None:
    """Distinct active members signed it, ascending by account, the proposer among them."""
    if len(sponsors) < needed:
        raise LedgerRefused("TooFewSponsors", {"given": len(sponsors), "needed": needed})
    previous = _NOBODY
    for sponsor in sponsors:
        if int(sponsor.account, 16) <= int(previous, 16):
            raise LedgerRefused("SponsorsNotAscending", {"previous": previous, "account": sponsor.account})
        require_signed(tx, domain, statement, statement.deadline, sponsor.signature, sponsor.account)
        members.require_active(sponsor.account)
        previous = sponsor.account
    if statement.proposer not in [sponsor.account for sponsor in sponsors]:
        raise LedgerRefused("ProposerIsNoSponsor", {"proposer": statement.proposer})
