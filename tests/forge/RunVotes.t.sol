// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

import {World} from "./World.sol";
import {IArtifactRegistry} from "contracts/interfaces/IArtifactRegistry.sol";
import {IRunGovernance} from "contracts/interfaces/IRunGovernance.sol";
import {ITrainingRuns} from "contracts/interfaces/ITrainingRuns.sol";

/// @title What votes change about a run, played by the timelock.
contract RunVotesTest is World {
    bytes32 private constant ROOT = keccak256("contributions");

    modifier asVoted() {
        vm.prank(address(timelock));
        _;
    }

    function register(string memory name, IArtifactRegistry.Kind kind) private returns (bytes32 digest) {
        digest = keccak256(bytes(name));
        IArtifactRegistry.Registration memory r = IArtifactRegistry.Registration(
            trainer(0), uint8(kind), cid(digest), "CC-BY-4.0", new bytes32[](0), false, LATER
        );
        artifacts.register(r, signRegistration(trainerKeys[0], r));
    }

    function expectRefused(ITrainingRuns.RoundCommit memory c, bytes memory reason) private {
        bytes[] memory signatures = cosign(roundDigest(c), K);
        vm.expectRevert(reason);
        runs.commitRound(c, signatures);
    }

    function test_a_param_out_of_its_bounds_is_refused(uint256 position, bool above) public {
        position = between(position, 1, 8);
        IRunGovernance.SpecParams memory params = specParams();
        (uint256 value, uint256 least, uint256 most) = _push(params, position, above);
        if (value >= least && value <= most) return; // the least of some numbers is zero, the most of some their type's
        vm.expectRevert(
            abi.encodeWithSelector(IRunGovernance.ParamOutOfBounds.selector, position, value, least, most)
        );
        vm.prank(address(timelock));
        runs.setSpec(RUN, cid(keccak256("spec 2")), params);
    }

    function test_a_run_opens_within_the_bounds_alone() public {
        ITrainingRuns.RunParams memory params = runParams();
        params.specParams.aggregationRule = 2;
        vm.expectRevert(abi.encodeWithSelector(IRunGovernance.ParamOutOfBounds.selector, 8, 2, 1, 1));
        vm.prank(COORDINATOR);
        runs.createRun(params);
    }

    function test_voted_bounds_hold_from_the_next_spec_on() public {
        IRunGovernance.ParamBounds memory tighter = bounds();
        tighter.most.learningRateMillionths = 299;
        vm.prank(address(timelock));
        runs.setBounds(tighter);
        same(runs.bounds().most.learningRateMillionths, 299);
        vm.expectRevert(abi.encodeWithSelector(IRunGovernance.ParamOutOfBounds.selector, 2, 300, 1, 299));
        vm.prank(address(timelock));
        runs.setSpec(RUN, cid(keccak256("spec 2")), specParams());
    }

    function test_bounds_that_leave_nothing_are_refused() public {
        IRunGovernance.ParamBounds memory empty = bounds();
        empty.least.batchSize = 9;
        empty.most.batchSize = 8;
        vm.expectRevert(abi.encodeWithSelector(IRunGovernance.EmptyBounds.selector, 3, 9, 8));
        vm.prank(address(timelock));
        runs.setBounds(empty);
    }

    function test_a_new_dataset_binds_the_next_round() public {
        bytes32 other = register("clouds", IArtifactRegistry.Kind.Dataset);
        ITrainingRuns.RoundCommit memory inFlight = nextCommit(ROOT, 3, 0);
        vm.prank(address(timelock));
        runs.setDataset(RUN, other);
        expectRefused(
            inFlight, abi.encodeWithSelector(ITrainingRuns.WrongDataset.selector, RUN, dataset, other)
        );
        same(commitRound(ROOT, 0), 1);
        same(runs.run(RUN).datasetDigest, other);
    }

    function test_a_dataset_must_be_registered() public {
        vm.expectRevert(abi.encodeWithSelector(IRunGovernance.NotADataset.selector, keccak256("nothing")));
        vm.prank(address(timelock));
        runs.setDataset(RUN, keccak256("nothing"));
    }

    function test_a_frozen_dataset_serves_no_run_until_the_freeze_is_over() public {
        vm.prank(RESPONDER);
        artifacts.freeze(dataset, uint48(block.timestamp) + 1 days);
        vm.expectRevert(
            abi.encodeWithSelector(
                IRunGovernance.ArtifactNotUsable.selector, dataset, IArtifactRegistry.State.Frozen
            )
        );
        vm.prank(address(timelock));
        runs.setDataset(RUN, dataset);
        vm.warp(block.timestamp + 1 days);
        vm.prank(address(timelock));
        runs.setDataset(RUN, dataset);
    }

    function test_a_checkpoint_that_was_taken_down_is_not_promoted() public {
        bytes32 checkpoint = register("from elsewhere", IArtifactRegistry.Kind.Checkpoint);
        vm.prank(address(timelock));
        artifacts.takeDown(checkpoint, new IArtifactRegistry.Descendant[](0), cid(keccak256("report")));
        vm.expectRevert(
            abi.encodeWithSelector(
                IRunGovernance.ArtifactNotUsable.selector, checkpoint, IArtifactRegistry.State.TakenDown
            )
        );
        vm.prank(address(timelock));
        runs.promote(RUN, cid(checkpoint));
    }

    function test_a_new_quorum_counts_for_the_next_round() public asVoted {
        runs.setQuorum(RUN, 4);
        ITrainingRuns.RoundCommit memory c = nextCommit(ROOT, 3, 0);
        bytes[] memory signatures = cosign(roundDigest(c), K);
        vm.expectRevert();
        runs.commitRound(c, signatures);
        runs.commitRound(c, cosign(roundDigest(c), 4));
    }

    function test_a_quorum_of_nobody_is_refused() public {
        vm.expectRevert(abi.encodeWithSelector(IRunGovernance.InvalidQuorum.selector, 0));
        vm.prank(address(timelock));
        runs.setQuorum(RUN, 0);
    }

    function test_a_lower_reward_cap_counts_for_the_next_round() public asVoted {
        runs.setRewardCap(RUN, 9);
        expectRefused(
            nextCommit(ROOT, 3, 10), abi.encodeWithSelector(ITrainingRuns.RewardAboveCap.selector, RUN, 10, 9)
        );
    }

    function test_a_rollback_sets_the_head_to_a_final_rounds_checkpoint_and_keeps_all_rewards() public {
        commitRound(ROOT, 10);
        commitRound(ROOT, 20);
        vm.warp(block.timestamp + DISPUTE_WINDOW);
        ITrainingRuns.RoundCommit memory inFlight = nextCommit(ROOT, 3, 0);
        vm.prank(address(timelock));
        runs.rollBack(RUN, 1, dataOf(RUN, 1));
        (, bytes32 checkpoint) = runs.head(RUN);
        same(checkpoint, keccak256(abi.encode("checkpoint", 1)));
        expectRefused(
            inFlight,
            abi.encodeWithSelector(ITrainingRuns.WrongParent.selector, RUN, inFlight.parentDigest, checkpoint)
        );
        same(commitRound(ROOT, 5), 3);
        same(runs.run(RUN).cumulativeReward, 35);
        same(runs.round(RUN, 3).parentRound, 2);
    }

    function test_a_rollback_goes_to_final_rounds_alone() public {
        commitRound(ROOT, 0);
        ITrainingRuns.RoundData memory data = dataOf(RUN, 1);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.RoundNotFinal.selector, RUN, 1));
        vm.prank(address(timelock));
        runs.rollBack(RUN, 1, data);
    }

    function test_a_rollback_to_made_up_data_is_refused(bytes32 checkpoint) public {
        commitRound(ROOT, 0);
        vm.warp(block.timestamp + DISPUTE_WINDOW);
        ITrainingRuns.RoundData memory data = dataOf(RUN, 1);
        vm.assume(checkpoint != data.checkpointDigest);
        data.checkpointDigest = checkpoint;
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.WrongRoundData.selector, RUN, 1));
        vm.prank(address(timelock));
        runs.rollBack(RUN, 1, data);
    }

    function test_a_registered_checkpoint_can_be_promoted() public {
        bytes32 better = register("better", IArtifactRegistry.Kind.Checkpoint);
        vm.prank(address(timelock));
        runs.promote(RUN, cid(better));
        ITrainingRuns.RoundCommit memory next = nextCommit(ROOT, 3, 0);
        same(next.parentDigest, better);
        runs.commitRound(next, cosign(roundDigest(next), K));
    }

    function test_what_is_no_registered_checkpoint_is_not_promoted() public {
        vm.expectRevert(abi.encodeWithSelector(IRunGovernance.NotACheckpoint.selector, dataset));
        vm.prank(address(timelock));
        runs.promote(RUN, cid(dataset));
    }

    function test_a_vote_about_the_head_outlives_the_void_of_an_earlier_round() public {
        grantIncidents();
        bytes32 better = register("better", IArtifactRegistry.Kind.Checkpoint);
        commitRound(ROOT, 10);
        vm.prank(address(timelock));
        runs.promote(RUN, cid(better));
        commitRound(ROOT, 20);
        vm.prank(INCIDENTS);
        runs.dispute(RUN, 1);
        vm.prank(INCIDENTS);
        runs.settleDispute(RUN, 1, true);
        runs.restoreHead(RUN, dataOf(RUN, 1));
        same(runs.run(RUN).headDigest, better);
        same(runs.run(RUN).cumulativeReward, 0);
    }

    function test_a_void_of_a_round_on_a_promoted_head_goes_back_to_that_head() public {
        grantIncidents();
        bytes32 better = register("better", IArtifactRegistry.Kind.Checkpoint);
        commitRound(ROOT, 10);
        vm.prank(address(timelock));
        runs.promote(RUN, cid(better));
        commitRound(ROOT, 20);
        vm.prank(INCIDENTS);
        runs.dispute(RUN, 2);
        vm.prank(INCIDENTS);
        runs.settleDispute(RUN, 2, true);
        runs.restoreHead(RUN, dataOf(RUN, 2));
        same(runs.run(RUN).headDigest, better);
        same(runs.run(RUN).cumulativeReward, 10);
    }

    function test_only_governance_changes_runs() public {
        bytes32 role = runs.GOVERNANCE_ROLE();
        bytes memory reason =
            abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, address(this), role);
        ITrainingRuns.RoundData memory data;
        vm.expectRevert(reason);
        runs.setBounds(bounds());
        vm.expectRevert(reason);
        runs.setDataset(RUN, dataset);
        vm.expectRevert(reason);
        runs.setQuorum(RUN, 1);
        vm.expectRevert(reason);
        runs.setRewardCap(RUN, 1);
        vm.expectRevert(reason);
        runs.rollBack(RUN, 1, data);
        vm.expectRevert(reason);
        runs.promote(RUN, cid(dataset));
    }

    /// @dev Puts the number at `position` just outside its bounds; returns it with them.
    function _push(IRunGovernance.SpecParams memory p, uint256 position, bool above)
        private
        pure
        returns (uint256 value, uint256 least, uint256 most)
    {
        least = [uint256(1), 1, 1, 10, 1, 0, 0, 1][position - 1];
        most = [uint256(10_000), 100_000, 4096, 100_000, 10_000, 10_000e18, 10_000, 1][position - 1];
        value = above ? most + 1 : least == 0 ? 0 : least - 1;
        if (position == 1) p.innerSteps = uint32(value);
        if (position == 2) p.learningRateMillionths = uint32(value);
        if (position == 3) p.batchSize = uint32(value);
        if (position == 4) p.outerAlphaBps = uint32(value);
        if (position == 5) p.minUpdates = uint32(value);
        if (position == 6) p.rewardPerRound = uint96(value);
        if (position == 7) p.trainersBps = uint16(value);
        if (position == 8) p.aggregationRule = uint8(value);
    }

    // What pages are built from.

    function test_a_vote_about_the_terms_is_told_with_the_round_it_binds() public {
        commitRound(ROOT, 0);
        bytes memory spec = cid(keccak256("spec 2"));
        vm.expectEmit(address(runs));
        emit IRunGovernance.SpecChanged(RUN, 2, keccak256("spec 2"), spec, 2, specParams());
        vm.prank(address(timelock));
        runs.setSpec(RUN, spec, specParams());

        bytes32 other = register("other", IArtifactRegistry.Kind.Dataset);
        vm.expectEmit(address(runs));
        emit IRunGovernance.DatasetChanged(RUN, other, 2);
        vm.prank(address(timelock));
        runs.setDataset(RUN, other);
        same(runs.run(RUN).datasetDigest, other);
    }

    function test_a_vote_about_the_numbers_is_told() public {
        vm.expectEmit(address(runs));
        emit IRunGovernance.QuorumChanged(RUN, 2);
        vm.prank(address(timelock));
        runs.setQuorum(RUN, 2);
        vm.expectEmit(address(runs));
        emit IRunGovernance.RewardCapChanged(RUN, 7);
        vm.prank(address(timelock));
        runs.setRewardCap(RUN, 7);
        IRunGovernance.ParamBounds memory tighter = bounds();
        tighter.most.batchSize = 64;
        vm.expectEmit(address(runs));
        emit IRunGovernance.BoundsChanged(tighter);
        vm.prank(address(timelock));
        runs.setBounds(tighter);
    }

    function test_a_vote_about_the_head_is_told() public {
        bytes32 better = register("better", IArtifactRegistry.Kind.Checkpoint);
        commitRound(ROOT, 10);
        vm.warp(block.timestamp + DISPUTE_WINDOW);
        ITrainingRuns.RoundData memory data = dataOf(RUN, 1);
        vm.expectEmit(address(runs));
        emit IRunGovernance.RolledBack(RUN, 1, data.checkpointDigest);
        vm.prank(address(timelock));
        runs.rollBack(RUN, 1, data);
        vm.expectEmit(address(runs));
        emit IRunGovernance.CheckpointPromoted(RUN, better, cid(better));
        vm.prank(address(timelock));
        runs.promote(RUN, cid(better));
    }
}
