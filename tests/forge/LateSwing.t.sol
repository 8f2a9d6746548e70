// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";

import {Votes} from "./Votes.sol";
import {ITenWingsGovernor} from "contracts/interfaces/ITenWingsGovernor.sol";

/// @title When a vote is extended, and when not. A quarter of three days is late.
contract LateSwingTest is Votes {
    uint256 private constant LATE = 3 days / 4;

    function setUp() public override {
        super.setUp();
        earnMerit();
    }

    function _lateIn(Proposal memory p) private returns (uint256 proposalId, uint256 deadline) {
        proposalId = propose(p);
        deadline = governor.proposalDeadline(proposalId);
        vm.warp(deadline - LATE + 1);
    }

    function test_a_quorum_that_is_reached_late_extends_the_vote() public {
        (uint256 proposalId, uint256 deadline) = _lateIn(standard());
        vote(proposalId, 2, 1);
        same(governor.proposalDeadline(proposalId), deadline + LATE);
    }

    function test_an_outcome_that_turns_before_is_not_late() public {
        (uint256 proposalId, uint256 deadline) = _lateIn(standard());
        vm.warp(deadline - LATE);
        vote(proposalId, 2, 1);
        same(governor.proposalDeadline(proposalId), deadline);
    }

    function test_a_late_ballot_that_turns_nothing_extends_nothing() public {
        uint256 proposalId = proposeAndOpen(standard());
        uint256 deadline = governor.proposalDeadline(proposalId);
        vote(proposalId, 0, 1);
        vm.warp(deadline);
        vote(proposalId, 1, 1);
        vote(proposalId, 2, 0);
        same(governor.proposalDeadline(proposalId), deadline);
    }

    function test_a_late_veto_extends_the_vote() public {
        (uint256 proposalId, uint256 deadline) = _lateIn(routine());
        vote(proposalId, 1, 0); // 30 of 34
        same(governor.proposalDeadline(proposalId), deadline);
        vote(proposalId, 2, 0); // vetoed
        same(governor.proposalDeadline(proposalId), deadline + LATE);
    }

    function test_a_vote_is_extended_once() public {
        (uint256 proposalId, uint256 deadline) = _lateIn(standard());
        vote(proposalId, 2, 1);
        vm.warp(deadline + LATE);
        vote(proposalId, 1, 0); // turns it again
        same(governor.proposalDeadline(proposalId), deadline + LATE);
        vm.warp(deadline + LATE + 1);
        expectState(proposalId, IGovernor.ProposalState.Defeated);
    }

    function test_an_extended_tally_keeps_its_counts() public {
        (uint256 proposalId,) = _lateIn(standard());
        vote(proposalId, 2, 1);
        vote(proposalId, 1, 0);
        (uint256 against, uint256 inFavour, uint256 abstain) = governor.proposalVotes(proposalId);
        same(against, 30);
        same(inFavour, 20);
        same(abstain, 0);
        (against, inFavour, abstain) = governor.proposalHeads(proposalId);
        same(against, 1);
        same(inFavour, 1);
        same(abstain, 0);
    }

    function test_an_extension_is_told_with_its_new_end() public {
        (uint256 proposalId, uint256 deadline) = _lateIn(standard());
        bytes memory params = ballot(1, 2);
        vm.expectEmit(address(governor));
        emit ITenWingsGovernor.ProposalExtended(proposalId, uint64(deadline + LATE));
        vm.prank(trainer(2));
        governor.castVoteWithReasonAndParams(proposalId, 1, "", params);
    }
}
