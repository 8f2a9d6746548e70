// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

import {Votes} from "./Votes.sol";
import {ITenWingsGovernor} from "contracts/interfaces/ITenWingsGovernor.sol";

/// @title A proposal's way, from its ballots through the timelock to its calls.
contract GovernorTest is Votes {
    function setUp() public override {
        super.setUp();
        earnMerit();
    }

    function test_a_vote_changes_the_licences_through_the_timelock() public {
        Proposal memory p = standard();
        uint256 proposalId = proposeAndOpen(p);
        vote(proposalId, 0, 1);
        vote(proposalId, 1, 0);
        close();
        queue(p);
        vm.warp(block.timestamp + TIMELOCK_DELAY);
        execute(p);
        (string memory licence, bool allowed) = artifacts.licence(3);
        same(keccak256(bytes(licence)), keccak256("MIT"));
        holds(allowed, "the vote allowed it");
        expectState(proposalId, IGovernor.ProposalState.Executed);
    }

    function test_a_proposal_is_executed_once() public {
        Proposal memory p = standard();
        pass(p);
        vm.expectPartialRevert(IGovernor.GovernorUnexpectedProposalState.selector);
        execute(p);
    }

    function test_nothing_is_executed_before_the_timelocks_delay(uint256 wait) public {
        Proposal memory p = standard();
        vote(proposeAndOpen(p), 0, 1);
        close();
        queue(p);
        vm.warp(block.timestamp + between(wait, 0, TIMELOCK_DELAY - 1));
        vm.expectPartialRevert(TimelockController.TimelockUnexpectedOperationState.selector);
        execute(p);
    }

    function test_nobody_but_the_governor_executes_in_the_timelock() public {
        Proposal memory p = standard();
        passUpToExecution(p);
        bytes32 salt = bytes20(address(governor)) ^ keccak256(bytes(p.description));
        vm.expectRevert();
        timelock.executeBatch(p.targets, p.values, p.calldatas, 0, salt);
    }

    function test_a_proposer_withdraws_before_the_vote_opens_and_nobody_else_does() public {
        Proposal memory p = standard();
        uint256 proposalId = propose(p);
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorUnableToCancel.selector, proposalId, trainer(1)));
        vm.prank(trainer(1));
        cancel(p);
        vm.prank(trainer(0));
        cancel(p);
        expectState(proposalId, IGovernor.ProposalState.Canceled);
    }

    function test_a_proposer_cannot_withdraw_what_is_voted_on() public {
        Proposal memory p = standard();
        uint256 proposalId = proposeAndOpen(p);
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorUnableToCancel.selector, proposalId, trainer(0)));
        vm.prank(trainer(0));
        cancel(p);
    }

    function test_the_governor_makes_no_calls_of_its_own() public {
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorOnlyExecutor.selector, address(timelock)));
        vm.prank(address(timelock));
        governor.relay(address(members), 0, "");
    }

    // Ballots.

    function test_a_tally_counts_weights_and_heads() public {
        uint256 proposalId = proposeAndOpen(standard());
        vote(proposalId, 0, 0);
        vote(proposalId, 1, 1);
        vote(proposalId, 2, 2);
        (uint256 against, uint256 inFavour, uint256 abstain) = governor.proposalVotes(proposalId);
        same(against, 50);
        same(inFavour, 30);
        same(abstain, 20);
        (against, inFavour, abstain) = governor.proposalHeads(proposalId);
        same(against, 1);
        same(inFavour, 1);
        same(abstain, 1);
    }

    function test_the_counting_is_told() public view {
        same(
            keccak256(bytes(governor.COUNTING_MODE())),
            keccak256("support=bravo&quorum=for&count=weight,heads&voters=bitmap")
        );
    }

    function test_who_voted_is_known() public {
        uint256 proposalId = proposeAndOpen(standard());
        vote(proposalId, 1, 2);
        holds(governor.hasVoted(proposalId, trainer(1)), "a voter is not known");
        holds(!governor.hasVoted(proposalId, trainer(0)), "who did not vote is taken for a voter");
        holds(!governor.hasVoted(proposalId, RELAYER), "an outsider is taken for a voter");
    }

    function test_a_choice_that_does_not_exist_is_refused(uint8 support) public {
        uint256 proposalId = proposeAndOpen(standard());
        bytes memory params = ballot(1, 0);
        vm.expectRevert(IGovernor.GovernorInvalidVoteType.selector);
        vm.prank(trainer(0));
        governor.castVoteWithReasonAndParams(proposalId, uint8(between(support, 3, 255)), "", params);
    }

    function test_a_plain_vote_says_that_a_proof_is_needed() public {
        uint256 proposalId = proposeAndOpen(standard());
        vm.expectRevert(abi.encodeWithSelector(ITenWingsGovernor.MeritProofRequired.selector, trainer(0)));
        vm.prank(trainer(0));
        governor.castVote(proposalId, 1);
        vm.expectRevert(abi.encodeWithSelector(ITenWingsGovernor.MeritProofRequired.selector, trainer(0)));
        vm.prank(trainer(0));
        governor.castVoteWithReason(proposalId, 1, "I like it");
        vm.expectRevert(abi.encodeWithSelector(ITenWingsGovernor.MeritProofRequired.selector, trainer(0)));
        governor.castVoteBySig(proposalId, 1, trainer(0), "");
    }

    function test_a_suspended_member_cannot_vote() public {
        uint256 proposalId = proposeAndOpen(standard());
        vm.prank(address(timelock));
        members.setActive(trainerId(0), false);
        bytes memory params = ballot(1, 0);
        vm.expectRevert(abi.encodeWithSelector(ITenWingsGovernor.NotAnActiveMember.selector, trainer(0)));
        vm.prank(trainer(0));
        governor.castVoteWithReasonAndParams(proposalId, 1, "", params);
    }

    /// @dev Attack: one responder bars who would vote against, for as long as the vote lasts.
    function test_a_barred_member_votes_all_the_same() public {
        uint256 proposalId = proposeAndOpen(standard());
        vm.prank(RESPONDER);
        members.bar(trainerId(0), uint48(block.timestamp + 7 days));
        holds(!members.isActive(trainer(0), 0), "not barred");
        vote(proposalId, 0, 0);
        (uint256 against,,) = governor.proposalVotes(proposalId);
        same(against, weights[0]);
    }

    function test_who_left_and_who_never_joined_may_not_vote() public {
        holds(members.mayVote(trainer(0)), "a member may not vote");
        holds(!members.mayVote(address(0xBAD)), "a stranger may vote");
        vm.prank(address(timelock));
        members.moveMember(trainerId(0), address(0xF2E5));
        holds(!members.mayVote(trainer(0)), "the account left behind may vote");
        holds(members.mayVote(address(0xF2E5)), "the new account may not vote");
    }

    /// @dev Attack: a wei of dust gives the account that a vote pays a code hash, and so the proposal another id.
    function test_dust_changes_no_proposal() public {
        Proposal memory p = proposal(address(0xFA7E), "");
        uint256 before = idOf(p);
        vm.deal(address(0xFA7E), 1);
        same(idOf(p), before);
    }

    function test_a_relayer_casts_a_signed_ballot() public {
        uint256 proposalId = proposeAndOpen(standard());
        bytes memory signature = signBallot(proposalId, 1, 1);
        vm.prank(RELAYER);
        cast(proposalId, 1, 1, signature);
        (, uint256 inFavour,) = governor.proposalVotes(proposalId);
        same(inFavour, weights[1]);
        holds(governor.hasVoted(proposalId, trainer(1)), "the ballot did not count");
    }

    function test_a_batch_counts_all_but_the_ballots_that_are_refused() public {
        uint256 proposalId = proposeAndOpen(standard());
        vote(proposalId, 0, 0); // came first
        ITenWingsGovernor.SignedBallot[] memory ballots = new ITenWingsGovernor.SignedBallot[](3);
        for (uint256 i = 0; i < 3; ++i) {
            ballots[i] = ITenWingsGovernor.SignedBallot(
                proposalId, 1, trainer(i), "because", ballot(1, i), signBallot(proposalId, i, 1)
            );
        }
        same(governor.castBallots(ballots), 2);
        (uint256 against, uint256 inFavour,) = governor.proposalVotes(proposalId);
        same(against, 50);
        same(inFavour, 50);
    }

    function test_a_refused_ballot_is_told_with_its_reason() public {
        uint256 proposalId = proposeAndOpen(standard());
        vote(proposalId, 0, 0);
        ITenWingsGovernor.SignedBallot[] memory ballots = new ITenWingsGovernor.SignedBallot[](1);
        ballots[0] = ITenWingsGovernor.SignedBallot(
            proposalId, 1, trainer(0), "because", ballot(1, 0), signBallot(proposalId, 0, 1)
        );
        bytes memory reason = abi.encodeWithSelector(IGovernor.GovernorAlreadyCastVote.selector, trainer(0));
        vm.expectEmit(address(governor));
        emit ITenWingsGovernor.BallotRefused(proposalId, trainer(0), reason);
        same(governor.castBallots(ballots), 0);
    }

    function test_a_ballot_with_empty_params_says_that_a_proof_is_needed() public {
        uint256 proposalId = proposeAndOpen(standard());
        vm.expectRevert(abi.encodeWithSelector(ITenWingsGovernor.MeritProofRequired.selector, trainer(0)));
        vm.prank(trainer(0));
        governor.castVoteWithReasonAndParams(proposalId, 1, "", "");
    }
}
