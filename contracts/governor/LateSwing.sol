// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TwoHouses} from "./TwoHouses.sol";

/// @title Who turns a vote near its end gives the others time to answer: its deadline moves, once.
abstract contract LateSwing is TwoHouses {
    /// @dev A quarter of the voting period is late; so long the vote is extended, too.
    uint256 private constant LATE_PART = 4;

    function proposalDeadline(uint256 proposalId) public view virtual override returns (uint256) {
        uint256 deadline = super.proposalDeadline(proposalId);
        return _isExtended(proposalId) ? deadline + _late(proposalId) : deadline;
    }

    /// @dev Late is measured from the first deadline: an extended vote is not extended again.
    function _countVote(uint256 proposalId, address account, uint8 support, uint256 weight, bytes memory params)
        internal
        virtual
        override
        returns (uint256)
    {
        uint256 deadline = proposalDeadline(proposalId);
        if (_isExtended(proposalId) || clock() + _late(proposalId) <= deadline) {
            return super._countVote(proposalId, account, support, weight, params);
        }
        (bool reached, bool succeeded) = _standing(proposalId);
        super._countVote(proposalId, account, support, weight, params);
        (bool reachedNow, bool succeedsNow) = _standing(proposalId);
        if (reachedNow != reached || succeedsNow != succeeded) {
            _setExtended(proposalId);
            emit ProposalExtended(proposalId, uint64(proposalDeadline(proposalId)));
        }
        return weight;
    }

    function _late(uint256 proposalId) private view returns (uint256) {
        return (super.proposalDeadline(proposalId) - proposalSnapshot(proposalId)) / LATE_PART;
    }
}
