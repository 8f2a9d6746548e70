// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";

import {Votes} from "./Votes.sol";
import {IGuardian} from "contracts/interfaces/IGuardian.sol";
import {IRunDisputes} from "contracts/interfaces/IRunDisputes.sol";

/// @title The guardian's one right, to cancel or to pause, and its end.
contract GuardianTest is Votes {
    function setUp() public override {
        super.setUp();
        earnMerit();
    }

    function _pause(uint48 until) private {
        vm.prank(GUARDIAN);
        guardian.pause(RUN, until);
    }

    function _expectNoRight() private {
        vm.expectRevert(abi.encodeWithSelector(IGuardian.NotTheGuardian.selector, GUARDIAN));
    }

    function _appoint(address account, uint48 endsAt) private view returns (Proposal memory) {
        return proposal(address(guardian), abi.encodeCall(IGuardian.appoint, (account, endsAt)));
    }

    function test_the_guardian_stops_what_is_already_queued() public {
        Proposal memory p = standard();
        passUpToExecution(p);
        vm.expectEmit(address(guardian));
        emit IGuardian.GuardianCanceled(idOf(p), GUARDIAN);
        stopAsGuardian(p);
        expectState(idOf(p), IGovernor.ProposalState.Canceled);
        vm.expectPartialRevert(IGovernor.GovernorUnexpectedProposalState.selector);
        execute(p);
        (,, bool armed) = guardian.guardian();
        holds(!armed, "the right is used up");
    }

    function test_the_guardian_pauses_a_run_which_goes_on_by_itself() public {
        uint48 until = uint48(block.timestamp + 7 days);
        vm.expectEmit(address(guardian));
        emit IGuardian.GuardianPaused(RUN, GUARDIAN, until);
        _pause(until);
        same(runs.run(RUN).pausedUntil, until);
        vm.warp(until);
        commitRound(keccak256("contributions"), 0);
        same(runs.run(RUN).lastRound, 2);
    }

    function test_who_paused_cannot_cancel() public {
        _pause(uint48(block.timestamp + 1 days));
        Proposal memory p = standard();
        propose(p);
        _expectNoRight();
        stopAsGuardian(p);
    }

    function test_who_cancelled_cannot_pause() public {
        Proposal memory p = standard();
        propose(p);
        stopAsGuardian(p);
        _expectNoRight();
        _pause(uint48(block.timestamp + 1 days));
    }

    function test_a_pause_of_more_than_a_week_is_refused_and_spends_nothing() public {
        uint48 latest = uint48(block.timestamp + 7 days);
        vm.expectRevert(
            abi.encodeWithSelector(IRunDisputes.PauseOutOfRange.selector, RUN, latest + 1, block.timestamp + 1, latest)
        );
        _pause(latest + 1);
        (,, bool armed) = guardian.guardian();
        holds(armed, "a failed attempt spends nothing");
    }

    function test_nobody_else_cancels_or_pauses_through_the_contract(address stranger) public {
        vm.assume(stranger != GUARDIAN);
        Proposal memory p = standard();
        propose(p);
        bytes memory refusal = abi.encodeWithSelector(IGuardian.NotTheGuardian.selector, stranger);
        vm.expectRevert(refusal);
        vm.prank(stranger);
        guardian.cancel(p.targets, p.values, p.calldatas, keccak256(bytes(p.description)));
        vm.expectRevert(refusal);
        vm.prank(stranger);
        guardian.pause(RUN, uint48(block.timestamp + 1));
    }

    function test_the_guardians_term_ends_by_itself() public {
        Proposal memory p = standard();
        propose(p);
        vm.warp(START + GUARDIAN_TERM);
        _expectNoRight();
        stopAsGuardian(p);
    }

    function test_the_guardian_acts_up_to_the_last_second_of_its_term() public {
        Proposal memory p = standard();
        propose(p);
        vm.warp(START + GUARDIAN_TERM - 1);
        stopAsGuardian(p);
        expectState(idOf(p), IGovernor.ProposalState.Canceled);
    }

    function test_a_vote_arms_the_guardian_again() public {
        Proposal memory p = standard();
        propose(p);
        stopAsGuardian(p);
        pass(_appoint(GUARDIAN, uint48(block.timestamp + 300 days)));
        p.description = describe("Again", trainer(0));
        propose(p);
        stopAsGuardian(p);
        expectState(idOf(p), IGovernor.ProposalState.Canceled);
    }

    function test_a_vote_takes_the_guardian_away() public {
        pass(_appoint(address(0), 0));
        Proposal memory p = standard();
        propose(p);
        _expectNoRight();
        stopAsGuardian(p);
        (address account,, bool armed) = guardian.guardian();
        same(account, address(0));
        holds(!armed, "nobody is armed");
    }

    function test_a_term_in_the_past_or_too_long_is_refused(uint48 endsAt) public {
        vm.assume(endsAt <= block.timestamp || endsAt > block.timestamp + 366 days);
        vm.expectRevert(abi.encodeWithSelector(IGuardian.InvalidTerm.selector, endsAt));
        vm.prank(address(timelock));
        guardian.appoint(GUARDIAN, endsAt);
    }

    function test_a_term_of_366_days_is_the_longest() public {
        uint48 endsAt = uint48(block.timestamp + 366 days);
        vm.expectEmit(address(guardian));
        emit IGuardian.GuardianAppointed(trainer(1), endsAt);
        vm.prank(address(timelock));
        guardian.appoint(trainer(1), endsAt);
        (address account, uint48 ends, bool armed) = guardian.guardian();
        same(account, trainer(1));
        same(ends, endsAt);
        holds(armed, "who is appointed is armed");
    }

    function test_the_guardian_cannot_cancel_what_is_done() public {
        Proposal memory p = standard();
        pass(p);
        vm.expectPartialRevert(IGovernor.GovernorUnexpectedProposalState.selector);
        stopAsGuardian(p);
        (,, bool armed) = guardian.guardian();
        holds(armed, "a failed attempt spends nothing");
    }

    function test_a_proposer_who_is_the_guardian_withdraws_without_spending_its_right() public {
        pass(_appoint(trainer(0), uint48(block.timestamp + 300 days)));
        Proposal memory p = standard();
        propose(p);
        vm.prank(trainer(0));
        cancel(p);
        (,, bool armed) = guardian.guardian();
        holds(armed, "its own proposal needs no guardian");
    }

    /// @dev Attack: a guardian that is not one of the incident's responders ends its containment early.
    function test_a_pause_that_runs_is_not_cut_short_by_another() public {
        _grantOn(address(runs), runs.INCIDENT_ROLE(), RESPONDER);
        uint48 until = uint48(block.timestamp + 3 days);
        vm.prank(RESPONDER);
        runs.pause(RUN, until);
        vm.expectRevert(
            abi.encodeWithSelector(
                IRunDisputes.PauseOutOfRange.selector, RUN, until - 1, until, block.timestamp + 7 days
            )
        );
        _pause(until - 1);
        _pause(until + 1);
        same(runs.run(RUN).pausedUntil, until + 1);
    }
}
