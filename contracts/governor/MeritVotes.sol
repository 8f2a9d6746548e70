// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMemberRegistry} from "../interfaces/IMemberRegistry.sol";
import {IMeritEpochs} from "../interfaces/IMeritEpochs.sol";
import {ITenWingsGovernor} from "../interfaces/ITenWingsGovernor.sol";
import {GovernorRules} from "./GovernorRules.sol";

/// @title The weight of a ballot: what its params prove in the epoch that is final at the snapshot.
abstract contract MeritVotes is GovernorRules, ITenWingsGovernor {
    IMemberRegistry private immutable _members;
    IMeritEpochs private immutable _epochs;

    constructor(IMemberRegistry members_, IMeritEpochs epochs_) {
        _members = members_;
        _epochs = epochs_;
    }

    /// @inheritdoc ITenWingsGovernor
    function members() public view returns (IMemberRegistry) {
        return _members;
    }

    /// @inheritdoc ITenWingsGovernor
    function epochs() public view returns (IMeritEpochs) {
        return _epochs;
    }

    function clock() public view override returns (uint48) {
        return uint48(block.timestamp);
    }

    // solhint-disable-next-line func-name-mixedcase
    function CLOCK_MODE() public pure override returns (string memory) {
        return "mode=timestamp";
    }

    /// @notice A ballot without params proves no weight; use castVoteWithReasonAndParams.
    function castVote(uint256, uint8) public view override returns (uint256) {
        revert MeritProofRequired(msg.sender);
    }

    /// @notice A ballot without params proves no weight; use castVoteWithReasonAndParams.
    function castVoteWithReason(uint256, uint8, string calldata) public view override returns (uint256) {
        revert MeritProofRequired(msg.sender);
    }

    /// @notice A ballot without params proves no weight; use castVoteWithReasonAndParamsBySig.
    function castVoteBySig(uint256, uint8, address voter, bytes memory) public pure override returns (uint256) {
        revert MeritProofRequired(voter);
    }

    function _getVotes(address account, uint256 timepoint, bytes memory params)
        internal
        view
        override
        returns (uint256)
    {
        if (params.length == 0) revert MeritProofRequired(account);
        if (!_members.mayVote(account)) revert NotAnActiveMember(account);
        (uint256 memberId, uint256 merit, uint256 weight, bytes32[] memory proof) =
            abi.decode(params, (uint256, uint256, uint256, bytes32[]));
        uint256 epoch = _requireFinalEpoch(timepoint);
        if (!_epochs.verify(epoch, memberId, account, merit, weight, proof)) {
            revert InvalidMeritProof(account, epoch, memberId, merit, weight);
        }
        return weight;
    }

    function _requireActive(address account) internal view {
        if (!_members.isActive(account, 0)) revert NotAnActiveMember(account);
    }

    function _requireFinalEpoch(uint256 timepoint) internal view returns (uint256 epoch) {
        epoch = _epochs.finalEpochAt(timepoint);
        if (epoch == 0) revert NoFinalEpoch(timepoint);
    }
}
