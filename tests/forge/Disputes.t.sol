// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

import {World} from "./World.sol";
import {IMeritEpochs} from "contracts/interfaces/IMeritEpochs.sol";
import {IRunDisputes} from "contracts/interfaces/IRunDisputes.sol";
import {ITrainingRuns} from "contracts/interfaces/ITrainingRuns.sol";

contract DisputesTest is World {
    bytes32 private constant ROOT = keccak256("contributions");

    function setUp() public override {
        super.setUp();
        grantIncidents();
    }

    function dispute(uint32 round) private {
        vm.prank(INCIDENTS);
        runs.dispute(RUN, round);
    }

    function settle(uint32 round, bool voided) private {
        vm.prank(INCIDENTS);
        runs.settleDispute(RUN, round, voided);
    }

    function voidRound(uint32 round) private {
        dispute(round);
        settle(round, true);
        runs.restoreHead(RUN, dataOf(RUN, round));
    }

    function expectStatus(uint32 round, ITrainingRuns.RoundStatus expected) private view {
        same(uint256(runs.statusOf(RUN, round)), uint256(expected));
    }

    function test_a_disputed_round_is_not_final_however_long_it_takes(uint256 wait) public {
        commitRound(ROOT, 5);
        dispute(1);
        vm.warp(block.timestamp + between(wait, 0, 1000 days));
        expectStatus(1, ITrainingRuns.RoundStatus.Disputed);
        ITrainingRuns.RoundData memory data = dataOf(RUN, 1);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.RoundNotFinal.selector, RUN, 1));
        runs.requireFinal(RUN, 1, data);
    }

    function test_no_epoch_counts_a_disputed_round() public {
        commitRound(ROOT, 0);
        dispute(1);
        vm.warp(block.timestamp + DISPUTE_WINDOW);
        IMeritEpochs.EpochCommit memory epoch = nextEpoch();
        bytes[] memory signatures = cosign(epochDigest(epoch), K);
        vm.expectRevert(abi.encodeWithSelector(IMeritEpochs.RoundNotFinal.selector, RUN, 1));
        epochs.commitEpoch(epoch, signatures);
    }

    function test_a_cleared_round_is_final_after_a_window_of_its_own() public {
        commitRound(ROOT, 0);
        dispute(1);
        vm.warp(START + 10 days);
        settle(1, false);
        expectStatus(1, ITrainingRuns.RoundStatus.Committed);
        vm.warp(START + 10 days + DISPUTE_WINDOW - 1);
        expectStatus(1, ITrainingRuns.RoundStatus.Committed);
        vm.warp(START + 10 days + DISPUTE_WINDOW);
        expectStatus(1, ITrainingRuns.RoundStatus.Final);
    }

    function test_only_an_open_round_can_be_disputed() public {
        _expectNotOpen(1, ITrainingRuns.RoundStatus.None);
        commitRound(ROOT, 0);
        vm.warp(START + DISPUTE_WINDOW);
        _expectNotOpen(1, ITrainingRuns.RoundStatus.Final);
        commitRound(ROOT, 0);
        voidRound(2);
        _expectNotOpen(2, ITrainingRuns.RoundStatus.Voided);
    }

    function test_a_second_dispute_waits_for_the_first_and_finds_its_round_still_open() public {
        commitRound(ROOT, 0);
        commitRound(ROOT, 0);
        dispute(2);
        vm.warp(START + 3 * uint256(DISPUTE_WINDOW));
        vm.expectRevert(abi.encodeWithSelector(IRunDisputes.AnotherDispute.selector, RUN, 2));
        dispute(1);
        expectStatus(1, ITrainingRuns.RoundStatus.Committed);
        settle(2, false);
        dispute(1);
        expectStatus(1, ITrainingRuns.RoundStatus.Disputed);
    }

    function test_a_dispute_holds_back_nothing_that_was_final() public {
        commitRound(ROOT, 0);
        vm.warp(START + DISPUTE_WINDOW);
        commitRound(ROOT, 0);
        dispute(2);
        expectStatus(1, ITrainingRuns.RoundStatus.Final);
        settle(2, true);
        expectStatus(1, ITrainingRuns.RoundStatus.Final);
    }

    /// @dev A dispute while rounds are held: those due meanwhile were not final, and do not become so by it.
    function test_a_dispute_right_after_another_makes_nothing_final() public {
        commitRound(ROOT, 0);
        commitRound(ROOT, 0);
        dispute(2);
        vm.warp(START + 2 * uint256(DISPUTE_WINDOW));
        settle(2, false);
        vm.warp(block.timestamp + 1);
        dispute(2);
        expectStatus(1, ITrainingRuns.RoundStatus.Committed);
        settle(2, true);
        vm.warp(block.timestamp + DISPUTE_WINDOW);
        expectStatus(1, ITrainingRuns.RoundStatus.Final);
        expectStatus(2, ITrainingRuns.RoundStatus.Voided);
    }

    function test_a_voided_round_takes_all_later_ones_with_it_and_the_head_goes_back_to_its_parent() public {
        commitRound(ROOT, 10);
        commitRound(ROOT, 20);
        commitRound(ROOT, 40);
        voidRound(2);
        (uint32 head, bytes32 checkpoint) = runs.head(RUN);
        same(head, 1);
        same(checkpoint, keccak256(abi.encode("checkpoint", 1)));
        same(runs.run(RUN).cumulativeReward, 10);
        expectStatus(2, ITrainingRuns.RoundStatus.Voided);
        expectStatus(3, ITrainingRuns.RoundStatus.Voided);
        expectStatus(1, ITrainingRuns.RoundStatus.Committed);
    }

    function test_after_a_void_rounds_go_on_under_new_numbers() public {
        commitRound(ROOT, 10);
        commitRound(ROOT, 20);
        voidRound(2);
        same(commitRound(ROOT, 5), 3);
        same(runs.round(RUN, 3).parentRound, 1);
        same(runs.run(RUN).cumulativeReward, 15);
    }

    function test_a_voided_rounds_commit_cannot_be_brought_again() public {
        ITrainingRuns.RoundCommit memory c = nextCommit(ROOT, 3, 10);
        bytes[] memory signatures = cosign(roundDigest(c), K);
        commitSigned(c);
        voidRound(1);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.WrongRound.selector, RUN, 1, 2));
        runs.commitRound(c, signatures);
    }

    function test_the_first_round_can_be_voided_and_the_run_starts_from_its_genesis_again() public {
        commitRound(ROOT, 10);
        voidRound(1);
        (uint32 head, bytes32 checkpoint) = runs.head(RUN);
        same(head, 0);
        same(checkpoint, keccak256("genesis"));
        same(commitRound(ROOT, 7), 2);
        same(runs.run(RUN).cumulativeReward, 7);
    }

    function test_voids_that_reach_back_over_earlier_ones_keep_every_status_right() public {
        for (uint256 i = 0; i < 4; ++i) commitRound(ROOT, 1); // 1 2 3 4
        voidRound(4);
        commitRound(ROOT, 1); // 5 on 3
        voidRound(3); // 3 and 5
        commitRound(ROOT, 1); // 6 on 2
        commitRound(ROOT, 1); // 7
        voidRound(7);
        commitRound(ROOT, 1); // 8 on 6
        for (uint32 round = 1; round <= 8; ++round) {
            bool counts = round == 1 || round == 2 || round == 6 || round == 8;
            expectStatus(round, counts ? ITrainingRuns.RoundStatus.Committed : ITrainingRuns.RoundStatus.Voided);
        }
        same(runs.run(RUN).cumulativeReward, 4);
    }

    function test_commits_wait_until_the_head_is_known_again() public {
        commitRound(ROOT, 10);
        ITrainingRuns.RoundCommit memory next = nextCommit(ROOT, 3, 0);
        bytes[] memory signatures = cosign(roundDigest(next), K);
        dispute(1);
        settle(1, true);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.HeadUnknown.selector, RUN, 1));
        runs.commitRound(next, signatures);
    }

    function test_a_made_up_head_is_not_taken(bytes32 parent, uint96 total) public {
        commitRound(ROOT, 10);
        dispute(1);
        settle(1, true);
        ITrainingRuns.RoundData memory data = dataOf(RUN, 1);
        vm.assume(parent != data.parentDigest || total != data.cumulativeReward);
        data.parentDigest = parent;
        data.cumulativeReward = total;
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.WrongRoundData.selector, RUN, 1));
        runs.restoreHead(RUN, data);
    }

    function test_a_head_that_is_known_is_not_restored() public {
        commitRound(ROOT, 10);
        ITrainingRuns.RoundData memory data = dataOf(RUN, 1);
        vm.expectRevert(abi.encodeWithSelector(IRunDisputes.HeadKnown.selector, RUN));
        runs.restoreHead(RUN, data);
    }

    function test_only_the_round_under_dispute_is_settled() public {
        commitRound(ROOT, 0);
        dispute(1);
        vm.expectRevert(abi.encodeWithSelector(IRunDisputes.NotDisputed.selector, RUN, 2));
        settle(2, true);
        settle(1, false);
        vm.expectRevert(abi.encodeWithSelector(IRunDisputes.NotDisputed.selector, RUN, 1));
        settle(1, true);
        vm.expectRevert(abi.encodeWithSelector(IRunDisputes.NotDisputed.selector, RUN, 0));
        settle(0, true);
    }

    function test_only_incidents_dispute_settle_pause_and_unpause() public {
        bytes32 role = runs.INCIDENT_ROLE();
        bytes memory reason =
            abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, address(this), role);
        vm.expectRevert(reason);
        runs.dispute(RUN, 1);
        vm.expectRevert(reason);
        runs.settleDispute(RUN, 1, true);
        vm.expectRevert(reason);
        runs.pause(RUN, uint48(block.timestamp + 1));
        vm.expectRevert(reason);
        runs.unpause(RUN);
    }

    function test_a_paused_run_commits_nothing_and_the_pause_ends_by_itself(uint256 length) public {
        length = between(length, 1, 7 days);
        vm.prank(INCIDENTS);
        runs.pause(RUN, uint48(START + length));
        ITrainingRuns.RoundCommit memory c = nextCommit(ROOT, 3, 0);
        bytes[] memory signatures = cosign(roundDigest(c), K);
        vm.warp(START + length - 1);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.RunIsPaused.selector, RUN, START + length));
        runs.commitRound(c, signatures);
        vm.warp(START + length);
        runs.commitRound(c, signatures);
    }

    function test_a_pause_lasts_seven_days_at_most_however_often_it_is_prolonged() public {
        vm.prank(INCIDENTS);
        runs.pause(RUN, uint48(START + 5 days));
        vm.warp(START + 4 days);
        vm.expectRevert(
            abi.encodeWithSelector(
                IRunDisputes.PauseOutOfRange.selector, RUN, START + 7 days + 1, START + 5 days, START + 7 days
            )
        );
        vm.prank(INCIDENTS);
        runs.pause(RUN, uint48(START + 7 days + 1));
        vm.prank(INCIDENTS);
        runs.pause(RUN, uint48(START + 7 days));
    }

    function test_pauses_cannot_be_chained() public {
        vm.prank(INCIDENTS);
        runs.pause(RUN, uint48(START + 7 days));
        vm.warp(START + 7 days);
        vm.expectRevert(abi.encodeWithSelector(IRunDisputes.PauseTooSoon.selector, RUN, START + 14 days));
        vm.prank(INCIDENTS);
        runs.pause(RUN, uint48(START + 8 days));
        vm.warp(START + 14 days);
        vm.prank(INCIDENTS);
        runs.pause(RUN, uint48(START + 15 days));
    }

    function test_a_pause_into_the_past_is_refused() public {
        vm.expectRevert(
            abi.encodeWithSelector(
                IRunDisputes.PauseOutOfRange.selector, RUN, START, START + 1, START + 7 days
            )
        );
        vm.prank(INCIDENTS);
        runs.pause(RUN, uint48(START));
    }

    function test_a_pause_can_be_ended_early() public {
        vm.prank(INCIDENTS);
        runs.pause(RUN, uint48(START + 7 days));
        vm.warp(START + 1 days);
        vm.prank(INCIDENTS);
        runs.unpause(RUN);
        same(commitRound(ROOT, 0), 1);
        same(runs.run(RUN).pausedUntil, START + 1 days);
    }

    function _expectNotOpen(uint32 round, ITrainingRuns.RoundStatus status) private {
        vm.expectRevert(abi.encodeWithSelector(IRunDisputes.RoundNotOpen.selector, RUN, round, uint8(status)));
        dispute(round);
    }

    // What pages are built from.

    function test_a_dispute_its_void_and_the_head_that_comes_back_are_told() public {
        commitRound(ROOT, 10);
        commitRound(ROOT, 20);
        commitRound(ROOT, 40);
        vm.expectEmit(address(runs));
        emit IRunDisputes.RoundDisputed(RUN, 2);
        dispute(2);
        vm.expectEmit(address(runs));
        emit IRunDisputes.DisputeSettled(RUN, 2, true, uint48(START) + DISPUTE_WINDOW);
        vm.expectEmit(address(runs));
        emit IRunDisputes.RoundsVoided(RUN, 2, 3, 1);
        settle(2, true);
        vm.expectEmit(address(runs));
        emit IRunDisputes.HeadRestored(RUN, 1, keccak256(abi.encode("checkpoint", 1)), 10);
        runs.restoreHead(RUN, dataOf(RUN, 2));
    }

    function test_a_pause_and_its_early_end_are_told() public {
        vm.expectEmit(address(runs));
        emit IRunDisputes.RunPaused(RUN, uint48(START + 1 days));
        vm.prank(INCIDENTS);
        runs.pause(RUN, uint48(START + 1 days));
        vm.expectEmit(address(runs));
        emit IRunDisputes.RunUnpaused(RUN);
        vm.prank(INCIDENTS);
        runs.unpause(RUN);
        same(runs.run(RUN).pausedUntil, START);
    }

    /// @dev Else a call after the end would prolong the span for which the run is free.
    function test_ending_a_pause_that_is_over_changes_nothing() public {
        vm.prank(INCIDENTS);
        runs.pause(RUN, uint48(START + 1 days));
        vm.warp(START + 5 days);
        vm.prank(INCIDENTS);
        runs.unpause(RUN);
        same(runs.run(RUN).pausedUntil, START + 1 days);
    }

    function test_a_void_takes_the_rewards_of_its_rounds_and_no_others() public {
        commitRound(ROOT, 10);
        vm.warp(START + DISPUTE_WINDOW);
        commitRound(ROOT, 20);
        voidRound(2);
        ITrainingRuns.RoundData memory data = dataOf(RUN, 1);
        runs.requireFinal(RUN, 1, data);
        same(runs.run(RUN).headRound, 1);
        same(runs.run(RUN).lastRound, 2);
        same(runs.run(RUN).disputedRound, 0);
    }
}
