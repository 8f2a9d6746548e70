// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";

import {Votes} from "./Votes.sol";
import {ITenWingsGovernor} from "contracts/interfaces/ITenWingsGovernor.sol";

/// @title The guardian's one right, and its end.
contract GuardianTest is Votes {
    function setUp() public override {
        super.setUp();
        earnMerit();
    }

    function _expectUnable(Proposal memory p) private {
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorUnableToCancel.selector, idOf(p), GUARDIAN));
        vm.prank(GUARDIAN);
        cancel(p);
    }

    function test_the_guardian_stops_what_is_already_queued() public {
        Proposal memory p = standard();
        passUpToExecution(p);
        vm.prank(GUARDIAN);
        cancel(p);
        expectState(idOf(p), IGovernor.ProposalState.Canceled);
        vm.expectPartialRevert(IGovernor.GovernorUnexpectedProposalState.selector);
        execute(p);
        (,, bool armed) = governor.guardian();
        holds(!armed, "the right is used up");
    }

    function test_the_guardians_term_ends_by_itself() public {
        Proposal memory p = standard();
        propose(p);
        vm.warp(START + GUARDIAN_TERM);
        _expectUnable(p);
    }

    function test_a_vote_arms_the_guardian_again() public {
        Proposal memory p = standard();
        propose(p);
        vm.prank(GUARDIAN);
        cancel(p);
        uint48 endsAt = uint48(block.timestamp + 300 days);
        pass(proposal(address(governor), abi.encodeCall(ITenWingsGovernor.setGuardian, (GUARDIAN, endsAt))));
        p.description = describe("Again", trainer(0));
        propose(p);
        vm.prank(GUARDIAN);
        cancel(p);
        expectState(idOf(p), IGovernor.ProposalState.Canceled);
    }

    function test_a_vote_takes_the_guardian_away() public {
        pass(proposal(address(governor), abi.encodeCall(ITenWingsGovernor.setGuardian, (address(0), 0))));
        Proposal memory p = standard();
        propose(p);
        _expectUnable(p);
        (address account,, bool armed) = governor.guardian();
        same(account, address(0));
        holds(!armed, "nobody is armed");
    }

    function test_a_term_in_the_past_or_too_long_is_refused(uint48 endsAt) public {
        Proposal memory p =
            proposal(address(governor), abi.encodeCall(ITenWingsGovernor.setGuardian, (GUARDIAN, endsAt)));
        passUpToExecution(p);
        vm.assume(endsAt <= block.timestamp || endsAt > block.timestamp + 366 days);
        vm.expectRevert(abi.encodeWithSelector(ITenWingsGovernor.InvalidTerm.selector, endsAt));
        execute(p);
    }

    function test_the_guardian_cannot_cancel_what_is_done() public {
        Proposal memory p = standard();
        pass(p);
        vm.expectPartialRevert(IGovernor.GovernorUnexpectedProposalState.selector);
        vm.prank(GUARDIAN);
        cancel(p);
        (,, bool armed) = governor.guardian();
        holds(armed, "a failed attempt spends nothing");
    }

    function test_a_proposer_who_is_the_guardian_withdraws_without_spending_its_right() public {
        uint48 endsAt = uint48(block.timestamp + 300 days);
        pass(proposal(address(governor), abi.encodeCall(ITenWingsGovernor.setGuardian, (trainer(0), endsAt))));
        Proposal memory p = standard();
        propose(p);
        vm.prank(trainer(0));
        cancel(p);
        (,, bool armed) = governor.guardian();
        holds(armed, "its own proposal needs no guardian");
    }
}
