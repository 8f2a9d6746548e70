// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Governor} from "@openzeppelin/contracts/governance/Governor.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {GovernorTimelockControl} from
    "@openzeppelin/contracts/governance/extensions/GovernorTimelockControl.sol";

import {BallotBatch} from "./governor/BallotBatch.sol";
import {GovernorRules} from "./governor/GovernorRules.sol";
import {MeritVotes} from "./governor/MeritVotes.sol";
import {ProposalKinds} from "./governor/ProposalKinds.sol";
import {ICharter} from "./interfaces/ICharter.sol";
import {IMemberRegistry} from "./interfaces/IMemberRegistry.sol";
import {IMeritEpochs} from "./interfaces/IMeritEpochs.sol";

/// @title OpenZeppelin's Governor with its timelock, and our own capabilities, each in a file of its own.
/// @notice They stand on each other in a chain, so that no function has two parents: GovernorRules, MeritVotes, PackedTally,
/// ProposalKinds, TwoHouses, LateSwing, Sponsors, BallotBatch.
contract TenWingsGovernor is BallotBatch {
    /// @param kinds The first table of kinds; see {ITenWingsGovernor-setKind}.
    constructor(
        IMemberRegistry members_,
        IMeritEpochs epochs_,
        ICharter charter_,
        TimelockController timelock_,
        Rules memory rules_,
        KindSetting[] memory kinds
    )
        Governor("TenWings Governor")
        GovernorTimelockControl(timelock_)
        GovernorRules(rules_)
        MeritVotes(members_, epochs_)
        ProposalKinds(charter_, kinds)
    {}

    /// @notice Not offered: all calls of a proposal are the timelock's, none the governor's own.
    function relay(address, uint256, bytes calldata) public payable override {
        revert GovernorOnlyExecutor(msg.sender);
    }

    /// @dev Its proposer while it is pending; and until it is executed whoever holds CANCELLER_ROLE of the timelock, which is
    /// the guardian's contract.
    function _validateCancel(uint256 proposalId, address caller) internal view override returns (bool) {
        TimelockController executor = TimelockController(payable(timelock()));
        return super._validateCancel(proposalId, caller) || executor.hasRole(executor.CANCELLER_ROLE(), caller);
    }
}
