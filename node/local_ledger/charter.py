"""Charter in memory: the text in force, changed by the timelock alone."""

from __future__ import annotations

from node import cid as cids
from node.deployment import DeploySettings
from node.errors import LedgerRefused
from node.local_ledger.world import Tx, World
from node.records.governance import CharterState


class Charter:
    """The community's charter."""

    NAME = "Charter"

    def __init__(self, world: World, settings: DeploySettings) -> None:
        self._owner = world.addresses["TimelockController"]
        self.state = CharterState(cid=settings.charter_cid, num_articles=settings.charter_articles, version=1)

    def set(self, tx: Tx, cid: bytes, num_articles: int) -> None:
        """Replace the text."""
        if tx.sender != self._owner:
            raise LedgerRefused("OwnableUnauthorizedAccount", {"account": tx.sender})
        if num_articles == 0:
            raise LedgerRefused("EmptyCharter")
        try:
            text = cids.from_bytes(cid)
        except ValueError as error:
            raise LedgerRefused("InvalidCid", {"cid": cid}) from error
        self.state = CharterState(cid=text, num_articles=num_articles, version=self.state.version + 1)
        self.announce(tx)

    def announce(self, tx: Tx) -> None:
        """The event that tells of the text in force."""
        cid = cids.to_bytes(self.state.cid)
        tx.emit(self.NAME, "CharterSet", version=self.state.version, cid=cid, numArticles=self.state.num_articles)
