// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";

import {World} from "./World.sol";
import {ISignedRequests} from "contracts/interfaces/ISignedRequests.sol";
import {ITenWingsGovernor} from "contracts/interfaces/ITenWingsGovernor.sol";
import {IRunGovernance} from "contracts/interfaces/IRunGovernance.sol";
import {ITrainingRuns} from "contracts/interfaces/ITrainingRuns.sol";

contract GovernorTest is World {
    struct Proposal {
        address[] targets;
        uint256[] values;
        bytes[] calldatas;
        string description;
    }

    function proposal(address target, bytes memory call, address proposer) private pure returns (Proposal memory p) {
        p.targets = new address[](1);
        p.values = new uint256[](1);
        p.calldatas = new bytes[](1);
        p.targets[0] = target;
        p.calldatas[0] = call;
        p.description = string.concat("Change it #proposer=", Strings.toHexString(proposer));
    }

    function specChange() private view returns (Proposal memory) {
        return proposal(
            address(runs), abi.encodeCall(IRunGovernance.setSpec, (RUN, cid(keccak256("spec 2")), specParams())), trainer(0)
        );
    }

    function propose(Proposal memory p) private returns (uint256) {
        vm.prank(trainer(0));
        return governor.propose(p.targets, p.values, p.calldatas, p.description);
    }

    function proposeAndOpen(Proposal memory p) private returns (uint256 proposalId) {
        proposalId = propose(p);
        vm.warp(block.timestamp + VOTING_DELAY + 1);
    }

    function vote(uint256 proposalId, uint256 i, uint8 support) private {
        bytes memory params = ballot(1, i);
        vm.prank(trainer(i));
        governor.castVoteWithReasonAndParams(proposalId, support, "", params);
    }

    function queueAndExecute(Proposal memory p) private {
        bytes32 descriptionHash = keccak256(bytes(p.description));
        governor.queue(p.targets, p.values, p.calldatas, descriptionHash);
        vm.warp(block.timestamp + TIMELOCK_DELAY);
        governor.execute(p.targets, p.values, p.calldatas, descriptionHash);
    }

    function _expectState(uint256 proposalId, IGovernor.ProposalState state) private view {
        same(uint8(governor.state(proposalId)), uint8(state));
    }

    function test_a_vote_changes_the_spec_through_the_timelock() public {
        earnMerit();
        Proposal memory p = specChange();
        uint256 proposalId = proposeAndOpen(p);
        vote(proposalId, 0, 1);
        vote(proposalId, 1, 0);
        vm.warp(block.timestamp + VOTING_PERIOD);
        queueAndExecute(p);
        (uint32 version, bytes32 spec) = runs.specOf(RUN);
        same(version, 2);
        same(spec, keccak256("spec 2"));
        _expectState(proposalId, IGovernor.ProposalState.Executed);
    }

    function test_a_proposal_is_executed_once() public {
        earnMerit();
        Proposal memory p = specChange();
        vote(proposeAndOpen(p), 0, 1);
        vm.warp(block.timestamp + VOTING_PERIOD);
        queueAndExecute(p);
        vm.expectPartialRevert(IGovernor.GovernorUnexpectedProposalState.selector);
        governor.execute(p.targets, p.values, p.calldatas, keccak256(bytes(p.description)));
    }

    function test_nothing_is_executed_before_the_timelocks_delay(uint256 wait) public {
        earnMerit();
        Proposal memory p = specChange();
        vote(proposeAndOpen(p), 0, 1);
        vm.warp(block.timestamp + VOTING_PERIOD);
        bytes32 descriptionHash = keccak256(bytes(p.description));
        governor.queue(p.targets, p.values, p.calldatas, descriptionHash);
        vm.warp(block.timestamp + between(wait, 0, TIMELOCK_DELAY - 1));
        vm.expectPartialRevert(TimelockController.TimelockUnexpectedOperationState.selector);
        governor.execute(p.targets, p.values, p.calldatas, descriptionHash);
    }

    function test_a_majority_against_defeats() public {
        earnMerit();
        uint256 proposalId = proposeAndOpen(specChange());
        vote(proposalId, 1, 1);
        vote(proposalId, 0, 0);
        vm.warp(block.timestamp + VOTING_PERIOD);
        _expectState(proposalId, IGovernor.ProposalState.Defeated);
    }

    function test_below_the_quorum_a_proposal_is_defeated() public {
        earnMerit();
        _setQuorum(2001); // of a weight of 100: 20 is reached by member 3 alone, at 20.01 floors to 20
        _setQuorum(2100); // 21 is not
        uint256 proposalId = proposeAndOpen(specChange());
        vote(proposalId, 2, 1);
        vm.warp(block.timestamp + VOTING_PERIOD);
        _expectState(proposalId, IGovernor.ProposalState.Defeated);
    }

    function _setQuorum(uint256 bps) private {
        Proposal memory p =
            proposal(address(governor), abi.encodeCall(ITenWingsGovernor.setQuorumBps, (bps)), trainer(0));
        vote(proposeAndOpen(p), 0, 1);
        vm.warp(block.timestamp + VOTING_PERIOD);
        queueAndExecute(p);
        same(governor.quorumBps(block.timestamp), bps);
    }

    function test_a_new_quorum_leaves_open_proposals_alone() public {
        earnMerit();
        uint256 opened = block.timestamp;
        _setQuorum(9000);
        same(governor.quorum(opened), 20);
        same(governor.quorum(block.timestamp), 90);
    }

    function test_only_a_proposal_sets_the_quorum() public {
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorOnlyExecutor.selector, RELAYER));
        vm.prank(RELAYER);
        governor.setQuorumBps(1);
    }

    function test_a_threshold_by_weight_is_refused() public {
        earnMerit();
        Proposal memory p =
            proposal(address(governor), abi.encodeCall(governor.setProposalThreshold, (1)), trainer(0));
        vote(proposeAndOpen(p), 0, 1);
        vm.warp(block.timestamp + VOTING_PERIOD);
        bytes32 descriptionHash = keccak256(bytes(p.description));
        governor.queue(p.targets, p.values, p.calldatas, descriptionHash);
        vm.warp(block.timestamp + TIMELOCK_DELAY);
        vm.expectRevert(abi.encodeWithSelector(ITenWingsGovernor.ProposalThresholdUnsupported.selector, 1));
        governor.execute(p.targets, p.values, p.calldatas, descriptionHash);
    }

    function test_a_member_votes_once() public {
        earnMerit();
        uint256 proposalId = proposeAndOpen(specChange());
        vote(proposalId, 0, 1);
        bytes memory params = ballot(1, 0);
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorAlreadyCastVote.selector, trainer(0)));
        vm.prank(trainer(0));
        governor.castVoteWithReasonAndParams(proposalId, 1, "", params);
    }

    function test_a_forged_weight_is_refused(uint256 weight) public {
        vm.assume(weight != weights[2]);
        earnMerit();
        uint256 proposalId = proposeAndOpen(specChange());
        (uint256 memberId, uint256 merit,, bytes32[] memory proof) =
            abi.decode(ballot(1, 2), (uint256, uint256, uint256, bytes32[]));
        vm.expectRevert(
            abi.encodeWithSelector(
                ITenWingsGovernor.InvalidMeritProof.selector, trainer(2), 1, memberId, merit, weight
            )
        );
        vm.prank(trainer(2));
        governor.castVoteWithReasonAndParams(proposalId, 1, "", abi.encode(memberId, merit, weight, proof));
    }

    function test_nobody_votes_with_anothers_proof() public {
        earnMerit();
        uint256 proposalId = proposeAndOpen(specChange());
        bytes memory stolen = ballot(1, 0);
        vm.expectPartialRevert(ITenWingsGovernor.InvalidMeritProof.selector);
        vm.prank(trainer(1));
        governor.castVoteWithReasonAndParams(proposalId, 1, "", stolen);
    }

    function test_an_epoch_final_after_the_snapshot_does_not_count() public {
        earnMerit();
        uint256 proposalId = propose(specChange());
        weights[2] = 50; // the second epoch grants more
        commitEpoch();
        vm.warp(block.timestamp + FINALITY_DELAY); // final, and the vote is open
        bytes memory params = ballot(2, 2);
        vm.expectPartialRevert(ITenWingsGovernor.InvalidMeritProof.selector);
        vm.prank(trainer(2));
        governor.castVoteWithReasonAndParams(proposalId, 1, "", params);
    }

    function test_a_plain_vote_says_that_a_proof_is_needed() public {
        earnMerit();
        uint256 proposalId = proposeAndOpen(specChange());
        vm.expectRevert(abi.encodeWithSelector(ITenWingsGovernor.MeritProofRequired.selector, trainer(0)));
        vm.prank(trainer(0));
        governor.castVote(proposalId, 1);
    }

    function test_a_suspended_member_cannot_vote() public {
        earnMerit();
        uint256 proposalId = proposeAndOpen(specChange());
        vm.prank(address(timelock));
        members.setActive(trainerId(0), false);
        bytes memory params = ballot(1, 0);
        vm.expectRevert(abi.encodeWithSelector(ITenWingsGovernor.NotAnActiveMember.selector, trainer(0)));
        vm.prank(trainer(0));
        governor.castVoteWithReasonAndParams(proposalId, 1, "", params);
    }

    function test_a_quorum_beyond_the_whole_is_refused(uint256 bps) public {
        vm.assume(bps == 0 || bps > 10_000);
        earnMerit();
        Proposal memory p =
            proposal(address(governor), abi.encodeCall(ITenWingsGovernor.setQuorumBps, (bps)), trainer(0));
        vote(proposeAndOpen(p), 0, 1);
        vm.warp(block.timestamp + VOTING_PERIOD);
        bytes32 descriptionHash = keccak256(bytes(p.description));
        governor.queue(p.targets, p.values, p.calldatas, descriptionHash);
        vm.warp(block.timestamp + TIMELOCK_DELAY);
        vm.expectRevert(abi.encodeWithSelector(ITenWingsGovernor.InvalidQuorumBps.selector, bps));
        governor.execute(p.targets, p.values, p.calldatas, descriptionHash);
    }

    function test_a_proposer_withdraws_before_the_vote_opens_and_nobody_else_does() public {
        earnMerit();
        Proposal memory p = specChange();
        uint256 proposalId = propose(p);
        bytes32 descriptionHash = keccak256(bytes(p.description));
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorUnableToCancel.selector, proposalId, trainer(1)));
        vm.prank(trainer(1));
        governor.cancel(p.targets, p.values, p.calldatas, descriptionHash);
        vm.prank(trainer(0));
        governor.cancel(p.targets, p.values, p.calldatas, descriptionHash);
        _expectState(proposalId, IGovernor.ProposalState.Canceled);
    }

    // Proposing.

    function test_an_outsider_cannot_propose() public {
        earnMerit();
        Proposal memory p = proposal(address(runs), "", RELAYER);
        vm.expectRevert(abi.encodeWithSelector(ITenWingsGovernor.NotAnActiveMember.selector, RELAYER));
        vm.prank(RELAYER);
        governor.propose(p.targets, p.values, p.calldatas, p.description);
    }

    function test_nothing_is_proposed_before_an_epoch_is_final() public {
        Proposal memory p = specChange();
        vm.expectRevert(abi.encodeWithSelector(ITenWingsGovernor.NoFinalEpoch.selector, START));
        vm.prank(trainer(0));
        governor.propose(p.targets, p.values, p.calldatas, p.description);
    }

    function test_a_proposal_cannot_be_front_run() public {
        earnMerit();
        Proposal memory p = specChange(); // names trainer 0
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorRestrictedProposer.selector, trainer(1)));
        vm.prank(trainer(1));
        governor.propose(p.targets, p.values, p.calldatas, p.description);
    }

    function test_a_description_without_its_proposer_is_refused(string memory description) public {
        earnMerit();
        Proposal memory p = specChange();
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorRestrictedProposer.selector, trainer(0)));
        vm.prank(trainer(0));
        governor.propose(p.targets, p.values, p.calldatas, description);
    }

    function test_the_proposers_address_alone_is_no_suffix() public {
        earnMerit();
        Proposal memory p = specChange();
        p.description = string.concat("Change it #sponsor=", Strings.toHexString(trainer(0)));
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorRestrictedProposer.selector, trainer(0)));
        vm.prank(trainer(0));
        governor.propose(p.targets, p.values, p.calldatas, p.description);
    }

    function signProposal(uint256 key, Proposal memory p, uint64 deadline) private view returns (bytes memory) {
        uint256 proposalId =
            governor.hashProposal(p.targets, p.values, p.calldatas, keccak256(bytes(p.description)));
        bytes32 typehash = keccak256("ProposalBySig(address proposer,uint256 proposalId,uint64 deadline)");
        bytes32 structHash = keccak256(abi.encode(typehash, trainer(0), proposalId, deadline));
        return sign(key, typed("TenWings Governor", address(governor), structHash));
    }

    function proposeBySig(Proposal memory p, uint64 deadline, bytes memory signature) private returns (uint256) {
        return governor.proposeBySig(
            trainer(0), p.targets, p.values, p.calldatas, p.description, deadline, signature
        );
    }

    function test_a_relayer_proposes_for_a_member_who_signed() public {
        earnMerit();
        Proposal memory p = specChange();
        uint256 proposalId = proposeBySig(p, LATER, signProposal(trainerKeys[0], p, LATER));
        same(governor.proposalProposer(proposalId), trainer(0));
    }

    function test_a_signed_proposal_is_not_replayed() public {
        earnMerit();
        Proposal memory p = specChange();
        bytes memory signature = signProposal(trainerKeys[0], p, LATER);
        proposeBySig(p, LATER, signature);
        vm.expectPartialRevert(IGovernor.GovernorUnexpectedProposalState.selector);
        proposeBySig(p, LATER, signature);
    }

    function test_an_expired_proposal_is_refused() public {
        earnMerit();
        Proposal memory p = specChange();
        uint64 past = uint64(block.timestamp - 1);
        bytes memory signature = signProposal(trainerKeys[0], p, past);
        vm.expectRevert(abi.encodeWithSelector(ISignedRequests.RequestExpired.selector, past, block.timestamp));
        proposeBySig(p, past, signature);
    }

    function test_a_proposal_signed_by_another_is_refused() public {
        earnMerit();
        Proposal memory p = specChange();
        bytes memory signature = signProposal(trainerKeys[1], p, LATER);
        vm.expectRevert(abi.encodeWithSelector(ISignedRequests.InvalidSignature.selector, trainer(0), signature));
        proposeBySig(p, LATER, signature);
    }

    function test_a_signed_proposal_must_name_its_proposer() public {
        earnMerit();
        Proposal memory p = specChange();
        p.description = "Change it";
        bytes memory signature = signProposal(trainerKeys[0], p, LATER);
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorRestrictedProposer.selector, trainer(0)));
        proposeBySig(p, LATER, signature);
    }

    // Signed ballots.

    function signBallot(uint256 proposalId, uint256 i, uint8 support, uint256 nonce) private view returns (bytes memory) {
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256(
                    "ExtendedBallot(uint256 proposalId,uint8 support,address voter,uint256 nonce,string reason,bytes params)"
                ),
                proposalId,
                support,
                trainer(i),
                nonce,
                keccak256("because"),
                keccak256(ballot(1, i))
            )
        );
        return sign(trainerKeys[i], typed("TenWings Governor", address(governor), structHash));
    }

    function test_a_relayer_casts_a_signed_ballot() public {
        earnMerit();
        uint256 proposalId = proposeAndOpen(specChange());
        bytes memory signature = signBallot(proposalId, 1, 1, 0);
        bytes memory params = ballot(1, 1);
        vm.prank(RELAYER);
        governor.castVoteWithReasonAndParamsBySig(proposalId, 1, trainer(1), "because", params, signature);
        (, uint256 inFavour,) = governor.proposalVotes(proposalId);
        same(inFavour, weights[1]);
        holds(governor.hasVoted(proposalId, trainer(1)), "the ballot did not count");
    }

    function test_a_signed_ballot_cannot_be_turned_around() public {
        earnMerit();
        uint256 proposalId = proposeAndOpen(specChange());
        bytes memory signature = signBallot(proposalId, 1, 1, 0);
        bytes memory params = ballot(1, 1);
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorInvalidSignature.selector, trainer(1)));
        governor.castVoteWithReasonAndParamsBySig(proposalId, 0, trainer(1), "because", params, signature);
    }

    function test_a_malleated_ballot_is_refused() public {
        earnMerit();
        uint256 proposalId = proposeAndOpen(specChange());
        bytes memory signature = malleated(signBallot(proposalId, 1, 1, 0));
        bytes memory params = ballot(1, 1);
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorInvalidSignature.selector, trainer(1)));
        governor.castVoteWithReasonAndParamsBySig(proposalId, 1, trainer(1), "because", params, signature);
    }

    function test_a_ballot_for_another_proposal_is_refused() public {
        earnMerit();
        uint256 proposalId = proposeAndOpen(specChange());
        bytes memory signature = signBallot(proposalId + 1, 1, 1, 0);
        bytes memory params = ballot(1, 1);
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorInvalidSignature.selector, trainer(1)));
        governor.castVoteWithReasonAndParamsBySig(proposalId, 1, trainer(1), "because", params, signature);
    }
}
