// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ITenWingsGovernor} from "../interfaces/ITenWingsGovernor.sol";
import {BallotBatch} from "./BallotBatch.sol";

/// @title A guardian may cancel one proposal, until its term ends by itself or a vote takes it away.
/// @notice Held by whom a constitutional vote names (at first, whom the deployment names). Whoever holds it has no other
/// right, and after one use none at all until another vote.
abstract contract Guardian is BallotBatch {
    uint256 private constant MAX_TERM = 366 days;

    address private _account;
    uint48 private _endsAt;
    bool private _armed;

    constructor(address account, uint48 endsAt) {
        _setGuardian(account, endsAt);
    }

    /// @inheritdoc ITenWingsGovernor
    function setGuardian(address account, uint48 endsAt) external onlyGovernance {
        _setGuardian(account, endsAt);
    }

    /// @inheritdoc ITenWingsGovernor
    function guardian() external view returns (address account, uint48 endsAt, bool armed) {
        return (_account, _endsAt, _armed);
    }

    function cancel(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) public virtual override returns (uint256 proposalId) {
        proposalId = getProposalId(targets, values, calldatas, descriptionHash);
        if (super._validateCancel(proposalId, msg.sender)) {
            return _cancel(targets, values, calldatas, descriptionHash);
        }
        if (!_mayGuard(msg.sender)) revert GovernorUnableToCancel(proposalId, msg.sender);
        _armed = false;
        _cancel(targets, values, calldatas, descriptionHash);
        emit GuardianCanceled(proposalId, msg.sender);
    }

    function _mayGuard(address caller) private view returns (bool) {
        return _armed && caller == _account && clock() < _endsAt;
    }

    function _setGuardian(address account, uint48 endsAt) private {
        if (account != address(0) && (endsAt <= clock() || endsAt > clock() + MAX_TERM)) revert InvalidTerm(endsAt);
        _account = account;
        _endsAt = endsAt;
        _armed = account != address(0);
        emit GuardianSet(account, endsAt);
    }
}
