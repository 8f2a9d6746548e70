// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {BitMaps} from "@openzeppelin/contracts/utils/structs/BitMaps.sol";

import {ITenWingsGovernor} from "../interfaces/ITenWingsGovernor.sol";
import {MeritVotes} from "./MeritVotes.sol";

/// @title Counts ballots: one word of weights and heads per proposal, one bit per voter.
/// @notice The word holds, from the lowest bit, three weights of 56 bits and three head counts of 24 bits, each against,
/// for, abstain (the number of the support), and at bit 240 whether the vote was extended.
abstract contract PackedTally is MeritVotes {
    using BitMaps for BitMaps.BitMap;

    uint256 private constant WEIGHT_BITS = 56;
    uint256 private constant HEADS_BITS = 24;
    uint256 private constant FIRST_HEAD = 3 * WEIGHT_BITS;
    uint256 private constant EXTENDED = 1 << 240;

    mapping(uint256 proposalId => uint256) private _tallies;
    mapping(uint256 proposalId => BitMaps.BitMap) private _voters;

    // solhint-disable-next-line func-name-mixedcase
    function COUNTING_MODE() public pure override returns (string memory) {
        return "support=bravo&quorum=for&count=weight,heads&voters=bitmap";
    }

    /// @notice Whether the account is a member that voted. A member votes once, whatever account it has by then.
    function hasVoted(uint256 proposalId, address account) public view override returns (bool) {
        (uint256 memberId,,,,) = members().memberOf(account);
        return memberId != 0 && _voters[proposalId].get(memberId);
    }

    /// @inheritdoc ITenWingsGovernor
    function proposalVotes(uint256 proposalId) public view returns (uint256, uint256, uint256) {
        uint256 tally = _tallies[proposalId];
        return (_weight(tally, 0), _weight(tally, 1), _weight(tally, 2));
    }

    /// @inheritdoc ITenWingsGovernor
    function proposalHeads(uint256 proposalId) public view returns (uint256, uint256, uint256) {
        uint256 tally = _tallies[proposalId];
        return (_heads(tally, 0), _heads(tally, 1), _heads(tally, 2));
    }

    function _countVote(uint256 proposalId, address account, uint8 support, uint256 weight, bytes memory params)
        internal
        virtual
        override
        returns (uint256)
    {
        if (support > 2) revert GovernorInvalidVoteType();
        uint256 memberId = abi.decode(params, (uint256)); // proved together with the weight
        if (_voters[proposalId].get(memberId)) revert GovernorAlreadyCastVote(account);
        _voters[proposalId].set(memberId);
        uint256 tally = _tallies[proposalId];
        SafeCast.toUint56(_weight(tally, support) + weight); // reverts before a weight runs into its neighbour
        // 24 bits of heads cannot overflow: no two ballots share a member.
        _tallies[proposalId] =
            tally + (weight << (WEIGHT_BITS * support)) + (1 << (FIRST_HEAD + HEADS_BITS * support));
        return weight;
    }

    function _isExtended(uint256 proposalId) internal view returns (bool) {
        return _tallies[proposalId] & EXTENDED != 0;
    }

    function _setExtended(uint256 proposalId) internal {
        _tallies[proposalId] |= EXTENDED;
    }

    function _weight(uint256 tally, uint256 support) private pure returns (uint256) {
        return uint56(tally >> (WEIGHT_BITS * support));
    }

    function _heads(uint256 tally, uint256 support) private pure returns (uint256) {
        return uint24(tally >> (FIRST_HEAD + HEADS_BITS * support));
    }
}
