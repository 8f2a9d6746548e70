// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Governor} from "@openzeppelin/contracts/governance/Governor.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {GovernorCountingSimple} from "@openzeppelin/contracts/governance/extensions/GovernorCountingSimple.sol";
import {GovernorSettings} from "@openzeppelin/contracts/governance/extensions/GovernorSettings.sol";
import {GovernorTimelockControl} from "@openzeppelin/contracts/governance/extensions/GovernorTimelockControl.sol";
import {Bytes} from "@openzeppelin/contracts/utils/Bytes.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";

import {IMemberRegistry} from "./interfaces/IMemberRegistry.sol";
import {IMeritEpochs} from "./interfaces/IMeritEpochs.sol";
import {ITenWingsGovernor} from "./interfaces/ITenWingsGovernor.sol";
import {SignedRequests} from "./SignedRequests.sol";

contract TenWingsGovernor is
    ITenWingsGovernor,
    SignedRequests,
    Governor,
    GovernorSettings,
    GovernorCountingSimple,
    GovernorTimelockControl
{
    using Checkpoints for Checkpoints.Trace208;

    uint256 private constant BPS = 10_000;
    uint256 private constant SUFFIX_LENGTH = 52; // "#proposer=" and "0x" with 40 digits
    uint256 private constant ADDRESS_LENGTH = 42;
    bytes32 private constant PROPOSAL_BY_SIG_TYPEHASH =
        keccak256("ProposalBySig(address proposer,uint256 proposalId,uint64 deadline)");

    IMemberRegistry private immutable _members;
    IMeritEpochs private immutable _epochs;
    Checkpoints.Trace208 private _quorumBps;

    constructor(
        IMemberRegistry members_,
        IMeritEpochs epochs_,
        TimelockController timelock_,
        uint48 votingDelaySeconds,
        uint32 votingPeriodSeconds,
        uint256 quorumBps_
    )
        Governor("TenWings Governor")
        GovernorSettings(votingDelaySeconds, votingPeriodSeconds, 0)
        GovernorTimelockControl(timelock_)
    {
        _members = members_;
        _epochs = epochs_;
        _setQuorumBps(quorumBps_);
    }

    /// @inheritdoc ITenWingsGovernor
    function proposeBySig(
        address proposer,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        string memory description,
        uint64 deadline,
        bytes calldata signature
    ) public returns (uint256 proposalId) {
        if (!_isValidDescriptionForProposer(proposer, description)) revert GovernorRestrictedProposer(proposer);
        proposalId = getProposalId(targets, values, calldatas, keccak256(bytes(description)));
        bytes32 structHash = keccak256(abi.encode(PROPOSAL_BY_SIG_TYPEHASH, proposer, proposalId, deadline));
        _requireSigned(proposer, structHash, deadline, signature);
        _propose(targets, values, calldatas, description, proposer);
    }

    /// @inheritdoc ITenWingsGovernor
    function setQuorumBps(uint256 newQuorumBps) external onlyGovernance {
        _setQuorumBps(newQuorumBps);
    }

    /// @inheritdoc ITenWingsGovernor
    function quorumBps(uint256 timepoint) public view returns (uint256) {
        return _quorumBps.upperLookupRecent(SafeCast.toUint48(timepoint));
    }

    /// @notice The weight that must vote for or abstain, for proposals with their snapshot at `timepoint`.
    function quorum(uint256 timepoint) public view override returns (uint256) {
        uint256 totalWeight = _epochs.epoch(_requireFinalEpoch(timepoint)).totalWeight;
        return Math.mulDiv(totalWeight, quorumBps(timepoint), BPS);
    }

    /// @inheritdoc ITenWingsGovernor
    function members() external view returns (IMemberRegistry) {
        return _members;
    }

    /// @inheritdoc ITenWingsGovernor
    function epochs() external view returns (IMeritEpochs) {
        return _epochs;
    }

    function clock() public view override returns (uint48) {
        return uint48(block.timestamp);
    }

    // solhint-disable-next-line func-name-mixedcase
    function CLOCK_MODE() public pure override returns (string memory) {
        return "mode=timestamp";
    }

    function _propose(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        string memory description,
        address proposer
    ) internal override returns (uint256) {
        _requireActive(proposer);
        _requireFinalEpoch(clock());
        return super._propose(targets, values, calldatas, description, proposer);
    }

    /// @dev The weight that `params` prove for `account` in the epoch that is final at `timepoint`.
    function _getVotes(address account, uint256 timepoint, bytes memory params)
        internal
        view
        override
        returns (uint256)
    {
        if (params.length == 0) revert MeritProofRequired(account);
        _requireActive(account);
        (uint256 memberId, uint256 merit, uint256 weight, bytes32[] memory proof) =
            abi.decode(params, (uint256, uint256, uint256, bytes32[]));
        uint256 epoch = _requireFinalEpoch(timepoint);
        if (!_epochs.verify(epoch, memberId, account, merit, weight, proof)) {
            revert InvalidMeritProof(account, epoch, memberId, merit, weight);
        }
        return weight;
    }

    /// @dev Stricter than OpenZeppelin, where the suffix is optional: here it must be there and name the proposer.
    function _isValidDescriptionForProposer(address proposer, string memory description)
        internal
        pure
        override
        returns (bool)
    {
        uint256 length = bytes(description).length;
        if (length < SUFFIX_LENGTH) return false;
        bytes memory marker =
            Bytes.slice(bytes(description), length - SUFFIX_LENGTH, length - ADDRESS_LENGTH);
        (bool parsed, address named) = Strings.tryParseAddress(description, length - ADDRESS_LENGTH, length);
        return parsed && named == proposer && Bytes.equal(marker, "#proposer=");
    }

    function _setProposalThreshold(uint256 newProposalThreshold) internal override {
        if (newProposalThreshold != 0) revert ProposalThresholdUnsupported(newProposalThreshold);
        super._setProposalThreshold(newProposalThreshold);
    }

    function _setQuorumBps(uint256 newQuorumBps) private {
        if (newQuorumBps == 0 || newQuorumBps > BPS) revert InvalidQuorumBps(newQuorumBps);
        (uint208 oldQuorumBps,) = _quorumBps.push(clock(), SafeCast.toUint208(newQuorumBps));
        emit QuorumBpsSet(oldQuorumBps, newQuorumBps);
    }

    function _requireActive(address account) private view {
        if (!_members.isActive(account, 0)) revert NotAnActiveMember(account);
    }

    function _requireFinalEpoch(uint256 timepoint) private view returns (uint256 epoch) {
        epoch = _epochs.finalEpochAt(timepoint);
        if (epoch == 0) revert NoFinalEpoch(timepoint);
    }

    // The overrides below are required by Solidity: they only name which parent answers.

    function state(uint256 proposalId)
        public
        view
        override(Governor, GovernorTimelockControl)
        returns (ProposalState)
    {
        return super.state(proposalId);
    }

    function proposalNeedsQueuing(uint256 proposalId)
        public
        view
        override(Governor, GovernorTimelockControl)
        returns (bool)
    {
        return super.proposalNeedsQueuing(proposalId);
    }

    function proposalThreshold() public view override(Governor, GovernorSettings) returns (uint256) {
        return super.proposalThreshold();
    }

    function votingDelay() public view override(Governor, GovernorSettings) returns (uint256) {
        return super.votingDelay();
    }

    function votingPeriod() public view override(Governor, GovernorSettings) returns (uint256) {
        return super.votingPeriod();
    }

    function _queueOperations(
        uint256 proposalId,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) returns (uint48) {
        return super._queueOperations(proposalId, targets, values, calldatas, descriptionHash);
    }

    function _executeOperations(
        uint256 proposalId,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) {
        super._executeOperations(proposalId, targets, values, calldatas, descriptionHash);
    }

    function _cancel(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) returns (uint256) {
        return super._cancel(targets, values, calldatas, descriptionHash);
    }

    function _executor() internal view override(Governor, GovernorTimelockControl) returns (address) {
        return super._executor();
    }
}
