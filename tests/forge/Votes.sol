// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";

import {World} from "./World.sol";
import {IArtifactRegistry} from "contracts/interfaces/IArtifactRegistry.sol";
import {IGovernorRules} from "contracts/interfaces/IGovernorRules.sol";
import {ITenWingsGovernor} from "contracts/interfaces/ITenWingsGovernor.sol";
import {IRunGovernance} from "contracts/interfaces/IRunGovernance.sol";

/// @title What people do with proposals. Trainers 0, 1 and 2 weigh 50, 30 and 20; trainer 0 proposes.
abstract contract Votes is World {
    struct Proposal {
        address[] targets;
        uint256[] values;
        bytes[] calldatas;
        string description;
    }

    // Proposals of each kind.

    function proposal(address target, bytes memory call) internal view returns (Proposal memory p) {
        p.targets = new address[](1);
        p.values = new uint256[](1);
        p.calldatas = new bytes[](1);
        p.targets[0] = target;
        p.calldatas[0] = call;
        p.description = describe("Change it", trainer(0));
    }

    function describe(string memory words, address proposer) internal pure returns (string memory) {
        return string.concat(words, "\n#article=1\n#proposer=", Strings.toHexString(proposer));
    }

    function routine() internal view returns (Proposal memory) {
        return proposal(address(runs), abi.encodeCall(IRunGovernance.setSpec, (RUN, cid(keccak256("spec 2")), specParams())));
    }

    function standard() internal view returns (Proposal memory) {
        return proposal(address(artifacts), abi.encodeCall(IArtifactRegistry.setLicence, ("MIT", true)));
    }

    function constitutional() internal view returns (Proposal memory) {
        return ruling(rules());
    }

    function ruling(IGovernorRules.Rules memory r) internal view returns (Proposal memory) {
        return proposal(address(governor), abi.encodeCall(IGovernorRules.setRules, (r)));
    }

    // What is done with them.

    function idOf(Proposal memory p) internal view returns (uint256) {
        return governor.getProposalId(p.targets, p.values, p.calldatas, keccak256(bytes(p.description)));
    }

    function statement(uint256 proposalId, address proposer, uint64 deadline) internal view returns (bytes32) {
        bytes32 typehash = keccak256("ProposalBySig(address proposer,uint256 proposalId,uint64 deadline)");
        bytes32 structHash = keccak256(abi.encode(typehash, proposer, proposalId, deadline));
        return typed("TenWings Governor", address(governor), structHash);
    }

    /// @dev The first `count` trainers' signatures under a proposal of trainer 0, in ascending order of accounts.
    function sponsored(uint256 proposalId, uint256 count)
        internal
        view
        returns (ITenWingsGovernor.Sponsor[] memory sponsors)
    {
        sponsors = new ITenWingsGovernor.Sponsor[](count);
        bytes32 digest = statement(proposalId, trainer(0), LATER);
        for (uint256 i = 0; i < count; ++i) {
            uint256 at_ = i;
            for (; at_ > 0 && sponsors[at_ - 1].account > trainer(i); --at_) sponsors[at_] = sponsors[at_ - 1];
            sponsors[at_] = ITenWingsGovernor.Sponsor(trainer(i), sign(trainerKeys[i], digest));
        }
    }

    function send(Proposal memory p, address proposer, ITenWingsGovernor.Sponsor[] memory sponsors)
        internal
        returns (uint256)
    {
        return
            governor.proposeBySig(proposer, p.targets, p.values, p.calldatas, p.description, LATER, sponsors);
    }

    function propose(Proposal memory p) internal returns (uint256) {
        return send(p, trainer(0), sponsored(idOf(p), 2));
    }

    function proposeAndOpen(Proposal memory p) internal returns (uint256 proposalId) {
        proposalId = propose(p);
        vm.warp(block.timestamp + VOTING_DELAY + 1);
    }

    function vote(uint256 proposalId, uint256 i, uint8 support) internal {
        bytes memory params = ballot(1, i);
        vm.prank(trainer(i));
        governor.castVoteWithReasonAndParams(proposalId, support, "", params);
    }

    function close() internal {
        vm.warp(block.timestamp + VOTING_PERIOD);
    }

    function queue(Proposal memory p) internal {
        governor.queue(p.targets, p.values, p.calldatas, keccak256(bytes(p.description)));
    }

    function execute(Proposal memory p) internal {
        governor.execute(p.targets, p.values, p.calldatas, keccak256(bytes(p.description)));
    }

    function cancel(Proposal memory p) internal {
        governor.cancel(p.targets, p.values, p.calldatas, keccak256(bytes(p.description)));
    }

    function stopAsGuardian(Proposal memory p) internal {
        vm.prank(GUARDIAN);
        guardian.cancel(p.targets, p.values, p.calldatas, keccak256(bytes(p.description)));
    }

    /// @dev All three vote for it, and it is executed.
    function pass(Proposal memory p) internal {
        passUpToExecution(p);
        execute(p);
    }

    function passUpToExecution(Proposal memory p) internal {
        uint256 proposalId = proposeAndOpen(p);
        for (uint256 i = 0; i < 3; ++i) vote(proposalId, i, 1);
        close();
        queue(p);
        vm.warp(block.timestamp + TIMELOCK_DELAY);
    }

    function expectState(uint256 proposalId, IGovernor.ProposalState state) internal view {
        same(uint8(governor.state(proposalId)), uint8(state));
    }

    function expectUnknown(uint256 proposalId) internal {
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorNonexistentProposal.selector, proposalId));
    }

    // Signed ballots.

    function signBallot(uint256 proposalId, uint256 i, uint8 support) internal view returns (bytes memory) {
        return sign(trainerKeys[i], ballotDigest(proposalId, i, support));
    }

    function ballotDigest(uint256 proposalId, uint256 i, uint8 support) internal view returns (bytes32) {
        bytes32 typehash = keccak256(
            "MeritBallot(uint256 proposalId,uint8 support,address voter,string reason,bytes params)"
        );
        bytes32 structHash = keccak256(
            abi.encode(typehash, proposalId, support, trainer(i), keccak256("because"), keccak256(ballot(1, i)))
        );
        return typed("TenWings Governor", address(governor), structHash);
    }

    function cast(uint256 proposalId, uint256 i, uint8 support, bytes memory signature) internal {
        governor.castVoteWithReasonAndParamsBySig(
            proposalId, support, trainer(i), "because", ballot(1, i), signature
        );
    }
}
