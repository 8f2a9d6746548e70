// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

import {Trees} from "./Trees.sol";
import {World} from "./World.sol";
import {ICids} from "contracts/interfaces/ICids.sol";
import {IEvaluatorQuorum} from "contracts/interfaces/IEvaluatorQuorum.sol";
import {IMeritEpochs} from "contracts/interfaces/IMeritEpochs.sol";
import {ITrainingRuns} from "contracts/interfaces/ITrainingRuns.sol";

contract EpochsTest is World {
    function setUp() public override {
        super.setUp();
        commitRound(keccak256("contributions"), 0);
        vm.warp(START + DISPUTE_WINDOW);
    }

    function _expectRefused(IMeritEpochs.EpochCommit memory c, bytes memory reason) private {
        bytes[] memory signatures = cosign(epochDigest(c), K);
        vm.expectRevert(reason);
        epochs.commitEpoch(c, signatures);
    }

    function test_an_epoch_is_final_after_the_delay() public {
        commitEpoch();
        uint256 finalAt = START + DISPUTE_WINDOW + FINALITY_DELAY;
        same(epochs.finalEpochAt(finalAt - 1), 0);
        same(epochs.finalEpochAt(finalAt), 1);
        same(epochs.epoch(1).finalAt, finalAt);
        same(epochs.epoch(1).totalWeight, 100);
        same(epochs.numEpochs(), 1);
    }

    function test_the_newest_epoch_final_at_a_time_is_found(uint256 apart, uint256 later) public {
        commitEpoch();
        uint256 first = epochs.epoch(1).finalAt;
        vm.warp(block.timestamp + between(apart, 1, 365 days));
        commitEpoch();
        uint256 second = epochs.epoch(2).finalAt;
        same(epochs.finalEpochAt(second - 1), 1);
        same(epochs.finalEpochAt(first - 1), 0);
        same(epochs.finalEpochAt(second + between(later, 0, 1000 days)), 2);
    }

    function test_epochs_come_in_order(uint256 number) public {
        vm.assume(number != 1);
        IMeritEpochs.EpochCommit memory c = nextEpoch();
        c.epoch = number;
        _expectRefused(c, abi.encodeWithSelector(IMeritEpochs.WrongEpoch.selector, number, 1));
    }

    function test_a_replayed_epoch_is_refused() public {
        IMeritEpochs.EpochCommit memory c = nextEpoch();
        epochs.commitEpoch(c, cosign(epochDigest(c), K));
        _expectRefused(c, abi.encodeWithSelector(IMeritEpochs.WrongEpoch.selector, 1, 2));
    }

    function test_a_round_that_is_not_final_earns_no_merit() public {
        commitRound(keccak256("contributions"), 0);
        _expectRefused(nextEpoch(), abi.encodeWithSelector(IMeritEpochs.RoundNotFinal.selector, RUN, 2));
    }

    function test_the_largest_weight_cannot_exceed_the_sum(uint128 most) public {
        IMeritEpochs.EpochCommit memory c = nextEpoch();
        c.maxWeight = uint128(between(most, 101, type(uint128).max));
        _expectRefused(c, abi.encodeWithSelector(IMeritEpochs.InvalidWeights.selector, c.maxWeight, 100));
    }

    function test_a_sum_beyond_the_governors_tally_is_refused() public {
        IMeritEpochs.EpochCommit memory c = nextEpoch();
        c.totalWeight = uint128(2 ** 56);
        _expectRefused(c, abi.encodeWithSelector(IMeritEpochs.InvalidWeights.selector, 50, 2 ** 56));
    }

    // One member may weigh half of all, or twice an equal share where so few cannot keep that; the sum may double.

    function test_no_member_weighs_more_than_the_cap() public {
        IMeritEpochs.EpochCommit memory c = nextEpoch();
        (c.totalWeight, c.maxWeight, c.count) = (100, 51, 4);
        _expectRefused(c, abi.encodeWithSelector(IMeritEpochs.ShareAboveCap.selector, 51, 100, 4));
    }

    function test_twice_an_equal_share_is_allowed_to_so_few_that_the_cap_cannot_hold() public {
        IMeritEpochs.EpochCommit memory c = nextEpoch();
        (c.totalWeight, c.maxWeight, c.count) = (100, 66, 3); // two thirds
        epochs.commitEpoch(c, cosign(epochDigest(c), K));
    }

    function test_even_few_are_not_ruled_by_one() public {
        IMeritEpochs.EpochCommit memory c = nextEpoch();
        (c.totalWeight, c.maxWeight, c.count) = (100, 67, 3);
        _expectRefused(c, abi.encodeWithSelector(IMeritEpochs.ShareAboveCap.selector, 67, 100, 3));
    }

    function test_a_sum_that_more_than_doubles_is_refused() public {
        commitEpoch();
        IMeritEpochs.EpochCommit memory c = nextEpoch();
        c.totalWeight = 201;
        _expectRefused(c, abi.encodeWithSelector(IMeritEpochs.GrowthAboveCap.selector, 201, 200));
        c.totalWeight = 200;
        epochs.commitEpoch(c, cosign(epochDigest(c), K));
    }

    function _setBounds(uint16 share, uint32 growth) private {
        vm.prank(address(timelock));
        epochs.setBounds(IMeritEpochs.Bounds(share, growth));
    }

    function test_governance_sets_the_bounds() public {
        _setBounds(4900, 10_000);
        IMeritEpochs.EpochCommit memory c = nextEpoch();
        c.count = 5; // 50 of 100: above 49 %, and above twice an equal share
        _expectRefused(c, abi.encodeWithSelector(IMeritEpochs.ShareAboveCap.selector, 50, 100, 5));
    }

    function test_nobody_else_sets_the_bounds() public {
        bytes32 role = epochs.GOVERNANCE_ROLE();
        vm.expectRevert(abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, ADMIN, role));
        vm.prank(ADMIN);
        epochs.setBounds(IMeritEpochs.Bounds(1, 10_000));
    }

    function test_bounds_that_bind_nothing_or_everything_are_refused() public {
        uint16[4] memory shares = [uint16(0), 10_001, 5000, 5000];
        uint32[4] memory growths = [uint32(20_000), 20_000, 9999, 100_001];
        for (uint256 i = 0; i < 4; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IMeritEpochs.InvalidBounds.selector, shares[i], growths[i]));
            _setBounds(shares[i], growths[i]);
        }
    }

    function test_an_epoch_without_leaves_is_refused() public {
        IMeritEpochs.EpochCommit memory c = nextEpoch();
        c.count = 0;
        _expectRefused(c, abi.encodeWithSelector(IMeritEpochs.EmptyEpoch.selector, 1));
    }

    function test_a_tree_that_is_no_cid_is_refused() public {
        IMeritEpochs.EpochCommit memory c = nextEpoch();
        c.treeCid = "Qm";
        _expectRefused(c, abi.encodeWithSelector(ICids.InvalidCid.selector, c.treeCid));
    }

    function test_an_epoch_needs_the_quorum_of_its_run() public {
        IMeritEpochs.EpochCommit memory c = nextEpoch();
        bytes[] memory signatures = cosign(epochDigest(c), K - 1);
        vm.expectRevert(abi.encodeWithSelector(IEvaluatorQuorum.QuorumNotReached.selector, K - 1, K));
        epochs.commitEpoch(c, signatures);
    }

    function test_a_leaf_is_verified_and_any_other_weight_is_not(uint256 merit, uint256 weight) public {
        commitEpoch();
        bytes32[] memory hashes = meritHashes(1);
        bytes32[] memory proof = Trees.proof(hashes, hashes[2]);
        holds(epochs.verify(1, trainerId(2), trainer(2), 400, 20, proof), "the true leaf is refused");
        vm.assume(merit != 400 || weight != 20);
        holds(!epochs.verify(1, trainerId(2), trainer(2), merit, weight, proof), "a forged leaf is taken");
        holds(!epochs.verify(1, trainerId(1), trainer(2), 400, 20, proof), "another member's id is taken");
        holds(!epochs.verify(1, trainerId(2), trainer(1), 400, 20, proof), "another account is taken");
        holds(!epochs.verify(2, trainerId(2), trainer(2), 400, 20, proof), "another epoch is taken");
    }

    function test_a_leaf_above_the_largest_weight_is_not_verified() public {
        IMeritEpochs.EpochCommit memory c = nextEpoch();
        c.maxWeight = 49; // the tree holds a weight of 50
        epochs.commitEpoch(c, cosign(epochDigest(c), K));
        bytes32[] memory hashes = meritHashes(1);
        bytes32[] memory proof = Trees.proof(hashes, hashes[0]);
        holds(!epochs.verify(1, trainerId(0), trainer(0), 2500, 50, proof), "above the cap, yet taken");
    }

    function test_an_epoch_is_told_whole() public {
        IMeritEpochs.EpochCommit memory c = nextEpoch();
        bytes[] memory signatures = cosign(epochDigest(c), K);
        uint48 finalAt = uint48(block.timestamp) + FINALITY_DELAY;
        vm.expectEmit(address(epochs));
        emit IMeritEpochs.EpochCommitted(1, RUN, 1, c.root, 100, 50, 3, c.treeCid, finalAt);
        epochs.commitEpoch(c, signatures);
        IMeritEpochs.Epoch memory kept = epochs.epoch(1);
        same(kept.root, c.root);
        same(kept.maxWeight, 50);
        same(kept.runId, RUN);
        same(kept.uptoRound, 1);
        same(kept.count, 3);
    }

    function test_new_bounds_are_told_and_kept_up_to_their_ends() public {
        IMeritEpochs.Bounds memory widest = IMeritEpochs.Bounds(10_000, 100_000);
        vm.expectEmit(address(epochs));
        emit IMeritEpochs.MeritBoundsSet(widest);
        vm.prank(address(timelock));
        epochs.setBounds(widest);
        same(epochs.bounds().maxShareBps, 10_000);
        same(epochs.bounds().maxGrowthBps, 100_000);
    }

    function test_the_ends_of_what_is_allowed_are_allowed() public {
        IMeritEpochs.EpochCommit memory c = nextEpoch();
        c.count = 8; // seven members
        _expectRefused(c, abi.encodeWithSelector(IMeritEpochs.MoreLeavesThanMembers.selector, 8, 7));
        c.count = 7;
        c.totalWeight = uint128(2 ** 56 - 1);
        epochs.commitEpoch(c, cosign(epochDigest(c), K));
    }

    function test_a_member_alone_weighs_all() public {
        IMeritEpochs.EpochCommit memory c = nextEpoch();
        (c.totalWeight, c.maxWeight, c.count) = (50, 50, 1);
        epochs.commitEpoch(c, cosign(epochDigest(c), K));
        same(epochs.epoch(1).maxWeight, 50);
    }

    /// @dev Attack: who may open runs opens one where a single evaluator signs, and writes everybody's weight with it.
    function test_another_runs_smaller_quorum_signs_no_epoch() public {
        commitRound(keccak256("contributions"), 0);
        vm.warp(block.timestamp + DISPUTE_WINDOW);
        commitEpoch();
        uint256 other = _runOf(1);
        IMeritEpochs.EpochCommit memory commit = nextEpoch();
        (commit.runId, commit.uptoRound) = (other, 1);
        bytes32 digest = epochDigest(commit);
        bytes[] memory one = cosign(digest, 1);
        vm.expectRevert(abi.encodeWithSelector(IEvaluatorQuorum.QuorumNotReached.selector, 1, K));
        epochs.commitEpoch(commit, one);
        epochs.commitEpoch(commit, cosign(digest, K));
        same(epochs.epoch(2).runId, other);
    }

    function test_a_larger_quorum_of_the_run_itself_is_asked_for() public {
        commitRound(keccak256("contributions"), 0);
        vm.warp(block.timestamp + DISPUTE_WINDOW);
        commitEpoch();
        uint256 other = _runOf(K + 1);
        IMeritEpochs.EpochCommit memory commit = nextEpoch();
        (commit.runId, commit.uptoRound) = (other, 1);
        bytes[] memory three = cosign(epochDigest(commit), K);
        vm.expectRevert(abi.encodeWithSelector(IEvaluatorQuorum.QuorumNotReached.selector, K, K + 1));
        epochs.commitEpoch(commit, three);
        epochs.commitEpoch(commit, cosign(epochDigest(commit), K + 1));
    }

    /// @dev Another run with one final round, co-signed by `quorum`.
    function _runOf(uint8 quorum) private returns (uint256 runId) {
        ITrainingRuns.RunParams memory params = runParams();
        (params.quorum, params.disputeWindowSeconds) = (quorum, 0);
        vm.prank(COORDINATOR);
        runId = runs.createRun(params);
        ITrainingRuns.Run memory run = runs.run(runId);
        ITrainingRuns.RoundCommit memory commit = nextCommit(keccak256("contributions"), 3, 0);
        (commit.runId, commit.round, commit.parentDigest) = (runId, 1, run.headDigest);
        runs.commitRound(commit, cosign(roundDigest(commit), quorum));
    }
}
