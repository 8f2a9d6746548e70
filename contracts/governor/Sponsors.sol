// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SignedRequests} from "../SignedRequests.sol";
import {Descriptions} from "./Descriptions.sol";
import {LateSwing} from "./LateSwing.sol";

/// @title A proposal needs heads, not weight: so many members sign it, its proposer among them.
abstract contract Sponsors is LateSwing, SignedRequests {
    bytes32 private constant PROPOSAL_BY_SIG_TYPEHASH =
        keccak256("ProposalBySig(address proposer,uint256 proposalId,uint64 deadline)");

    mapping(address proposer => uint256 proposalId) private _lastRoutine;

    function proposeBySig(
        address proposer,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        string calldata description,
        uint64 deadline,
        Sponsor[] calldata sponsors
    ) external returns (uint256 proposalId) {
        _requireDescribed(proposer, description);
        _requireFinalEpoch(clock());
        proposalId = _propose(targets, values, calldatas, description, proposer);
        _requireSponsors(proposer, proposalId, deadline, sponsors);
        if (_kindIn(proposalId) == Kind.Routine) _requireOneRoutine(proposer, proposalId);
        for (uint256 i = 0; i < sponsors.length; ++i) {
            if (sponsors[i].account != proposer) emit ProposalSponsored(proposalId, sponsors[i].account);
        }
    }

    /// @notice Nobody proposes alone in a transaction of its own: use proposeBySig.
    function propose(address[] memory, uint256[] memory, bytes[] memory, string memory)
        public
        pure
        override
        returns (uint256)
    {
        revert SponsorsRequired();
    }

    function _requireDescribed(address proposer, string calldata description) private view {
        if (!Descriptions.names(description, proposer)) revert GovernorRestrictedProposer(proposer);
        uint256 article = Descriptions.article(description);
        if (article == 0) revert ArticleMissing();
        uint256 numArticles = charter().numArticles();
        if (article > numArticles) revert UnknownArticle(article, numArticles);
    }

    /// @dev A routine proposal passes in silence: more of them than members can read and veto would all pass.
    function _requireOneRoutine(address proposer, uint256 proposalId) private {
        uint256 last = _lastRoutine[proposer];
        if (last != 0 && state(last) <= ProposalState.Active) revert RoutineStillOpen(last);
        _lastRoutine[proposer] = proposalId;
    }

    function _requireSponsors(address proposer, uint256 proposalId, uint64 deadline, Sponsor[] calldata sponsors)
        private
        view
    {
        uint256 needed = _sponsorsOf(uint256(_kindIn(proposalId)));
        if (sponsors.length < needed) revert TooFewSponsors(sponsors.length, needed);
        bytes32 structHash = keccak256(abi.encode(PROPOSAL_BY_SIG_TYPEHASH, proposer, proposalId, deadline));
        address previous = address(0);
        bool named = false;
        for (uint256 i = 0; i < sponsors.length; ++i) {
            address account = sponsors[i].account;
            if (account <= previous) revert SponsorsNotAscending(previous, account);
            _requireSigned(account, structHash, deadline, sponsors[i].signature);
            _requireActive(account);
            named = named || account == proposer;
            previous = account;
        }
        if (!named) revert ProposerIsNoSponsor(proposer);
    }
}
