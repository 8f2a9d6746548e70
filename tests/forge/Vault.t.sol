// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

import {Rewards} from "./Rewards.sol";
import {RewardToken} from "contracts/RewardToken.sol";
import {RewardVault} from "contracts/RewardVault.sol";
import {IRewardVault} from "contracts/interfaces/IRewardVault.sol";
import {ITrainingRuns} from "contracts/interfaces/ITrainingRuns.sol";

/// @title A token that calls back whoever it asks to.
contract CallingToken is ERC20("Calling", "CALL") {
    address private _target;
    bytes private _call;
    bool public called;
    bool public succeeded;

    function mint(address account, uint256 amount) external {
        _mint(account, amount);
    }

    function callBack(address target, bytes calldata call) external {
        _target = target;
        _call = call;
    }

    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, value);
        if (_target == address(0) || called) return;
        called = true;
        (succeeded,) = _target.call(_call);
    }
}

contract VaultTest is Rewards {
    function test_anyone_claims_for_a_member_what_a_final_round_granted() public {
        IRewardVault.Leaf[] memory leaves = grant([uint128(50e18), 30e18, 20e18], 100e18);
        claim(leaves, 1);
        same(token.balanceOf(trainer(1)), 30e18);
        same(vault.claimed(RUN, trainerId(1)), 30e18);
        same(vault.totalClaimed(RUN), 30e18);
        same(vault.totalGranted(RUN), 100e18);
        same(vault.funded(RUN), BUDGET);
    }

    function test_one_claim_pays_for_all_rounds_since_the_last(uint96 a, uint96 b) public {
        uint128 first = uint128(between(a, 1, REWARD_CAP));
        uint128 second = first + uint128(between(b, 1, REWARD_CAP));
        claim(grant([first, 0, 0], uint96(first)), 0);
        claim(grant([second, 0, 0], uint96(second - first)), 0);
        same(token.balanceOf(trainer(0)), second);
    }

    function test_a_claim_never_pays_twice() public {
        IRewardVault.Leaf[] memory leaves = grant([uint128(50e18), 30e18, 20e18], 100e18);
        claim(leaves, 0);
        expectClaimRefused(
            leaves,
            0,
            abi.encodeWithSelector(IRewardVault.NothingToClaim.selector, RUN, trainerId(0), 50e18, 50e18)
        );
    }

    function test_a_cumulative_total_that_falls_pays_nothing_and_takes_nothing() public {
        claim(grant([uint128(50e18), 0, 0], 50e18), 0);
        IRewardVault.Leaf[] memory fallen = grant([uint128(10e18), 0, 0], 0);
        expectClaimRefused(
            fallen,
            0,
            abi.encodeWithSelector(IRewardVault.NothingToClaim.selector, RUN, trainerId(0), 10e18, 50e18)
        );
        same(vault.claimed(RUN, trainerId(0)), 50e18);
    }

    function test_an_old_round_pays_nothing_after_a_newer_claim() public {
        IRewardVault.Leaf[] memory early = grant([uint128(10e18), 0, 0], 10e18);
        claim(grant([uint128(15e18), 0, 0], 5e18), 0);
        expectClaimRefused(
            early,
            0,
            abi.encodeWithSelector(IRewardVault.NothingToClaim.selector, RUN, trainerId(0), 10e18, 15e18)
        );
    }

    function test_who_left_early_still_claims_after_others_claimed_from_a_later_round() public {
        IRewardVault.Leaf[] memory early = grant([uint128(10e18), 10e18, 0], 20e18);
        claim(grant([uint128(60e18), 10e18, 0], 50e18), 0);
        claim(early, 1);
        same(vault.totalClaimed(RUN), 70e18);
    }

    function test_a_round_in_its_dispute_window_pays_nothing(uint256 wait) public {
        IRewardVault.Leaf[] memory leaves = grantOpen([uint128(50e18), 30e18, 20e18], 100e18);
        vm.warp(START + between(wait, 0, DISPUTE_WINDOW - 1));
        expectClaimRefused(leaves, 0, abi.encodeWithSelector(ITrainingRuns.RoundNotFinal.selector, RUN, 1));
    }

    function test_a_leaf_with_other_values_is_refused(uint128 cumulative, uint256 memberId) public {
        IRewardVault.Leaf[] memory leaves = grant([uint128(50e18), 30e18, 20e18], 100e18);
        bytes32[] memory proof = proofOf(leaves, 0);
        IRewardVault.Leaf memory forged = leaves[0];
        vm.assume(cumulative != forged.cumulativeReward || memberId != forged.memberId);
        forged.cumulativeReward = cumulative;
        forged.memberId = memberId;
        bytes32 hash = vault.leafHash(forged);
        expectRefused(forged, proof, abi.encodeWithSelector(IRewardVault.InvalidProof.selector, RUN, 1, hash));
    }

    function test_a_leaf_of_another_round_is_refused() public {
        grant([uint128(50e18), 30e18, 20e18], 100e18);
        IRewardVault.Leaf[] memory late = grant([uint128(50e18), 40e18, 20e18], 10e18);
        bytes32[] memory proof = proofOf(late, 1);
        late[1].round = 1;
        bytes32 hash = vault.leafHash(late[1]);
        expectRefused(late[1], proof, abi.encodeWithSelector(IRewardVault.InvalidProof.selector, RUN, 1, hash));
    }

    /// @dev With the round's data unchecked, anyone would bring a root of its own.
    function test_a_root_of_the_claimers_own_is_refused(uint96 cumulative, bytes32 checkpoint) public {
        grant([uint128(0), 0, 0], 0);
        IRewardVault.Leaf memory made = leafOf(1, 0, 9000e18);
        ITrainingRuns.RoundData memory data = dataOf(RUN, 1);
        data.contributionsRoot = vault.leafHash(made);
        data.cumulativeReward = cumulative;
        data.checkpointDigest = checkpoint;
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.WrongRoundData.selector, RUN, 1));
        vault.claim(made, data, new bytes32[](0));
    }

    function test_a_run_pays_nothing_beyond_what_it_was_funded_with() public {
        (uint256 second, IRewardVault.Leaf memory leaf) = _grantInUnfundedRun(10e18, 10e18);
        bytes memory reason = abi.encodeWithSelector(IRewardVault.InsufficientFunds.selector, second, 0, 10e18);
        expectRefused(leaf, new bytes32[](0), reason);
        same(token.balanceOf(address(vault)), BUDGET);
    }

    function test_earlier_rounds_within_the_budget_are_paid_while_later_ones_wait_for_funds() public {
        vm.prank(COORDINATOR);
        uint256 second = runs.createRun(runParams());
        _fund(second, 10e18);
        IRewardVault.Leaf memory early = _commitSingle(second, 10e18, 10e18);
        IRewardVault.Leaf memory late = _commitSingle(second, 15e18, 5e18);
        bytes memory reason = abi.encodeWithSelector(IRewardVault.InsufficientFunds.selector, second, 10e18, 15e18);
        expectRefused(late, new bytes32[](0), reason);
        vault.claim(early, dataOf(second, 1), new bytes32[](0));
        _fund(second, 5e18);
        vault.claim(late, dataOf(second, 2), new bytes32[](0));
        same(vault.totalClaimed(second), 15e18);
    }

    /// @dev Even K evaluators who sign a tree that promises more cannot reach another run's money.
    function test_a_tree_cannot_pay_more_than_its_rounds_granted() public {
        IRewardVault.Leaf[] memory leaves = grant([uint128(50e18), 51e18, 0], 100e18);
        claim(leaves, 0);
        expectClaimRefused(
            leaves, 1, abi.encodeWithSelector(IRewardVault.MoreThanGranted.selector, RUN, 101e18, 100e18)
        );
    }

    function test_another_runs_budget_is_out_of_reach(uint128 promised) public {
        promised = uint128(between(promised, 11e18, BUDGET));
        (uint256 second, IRewardVault.Leaf memory leaf) = _grantInUnfundedRun(promised, 10e18);
        _fund(second, 10e18);
        bytes memory reason =
            abi.encodeWithSelector(IRewardVault.MoreThanGranted.selector, second, promised, 10e18);
        expectRefused(leaf, new bytes32[](0), reason);
    }

    function test_one_call_claims_for_all_and_passes_over_who_was_paid() public {
        IRewardVault.Leaf[] memory leaves = grant([uint128(50e18), 30e18, 20e18], 100e18);
        claim(leaves, 1);
        bytes32[][] memory proofs = _proofs(leaves);
        vm.prank(RELAYER);
        vault.claimFor(leaves, dataOf(RUN, 1), proofs);
        same(token.balanceOf(trainer(0)), 50e18);
        same(token.balanceOf(trainer(1)), 30e18);
        same(token.balanceOf(trainer(2)), 20e18);
        same(vault.totalClaimed(RUN), 100e18);
    }

    function test_one_member_twice_in_a_batch_is_paid_once() public {
        IRewardVault.Leaf[] memory leaves = grant([uint128(50e18), 30e18, 20e18], 100e18);
        leaves[1] = leaves[0];
        bytes32[][] memory proofs = new bytes32[][](3);
        IRewardVault.Leaf[] memory own = new IRewardVault.Leaf[](3);
        for (uint256 i = 0; i < 3; ++i) own[i] = leafOf(1, i, [uint128(50e18), 30e18, 20e18][i]);
        proofs[0] = proofOf(own, 0);
        proofs[1] = proofs[0];
        proofs[2] = proofOf(own, 2);
        vault.claimFor(leaves, dataOf(RUN, 1), proofs);
        same(token.balanceOf(trainer(0)), 50e18);
        same(vault.totalClaimed(RUN), 70e18);
    }

    function test_a_batch_is_of_one_round_with_a_proof_for_each() public {
        IRewardVault.Leaf[] memory early = grant([uint128(50e18), 30e18, 20e18], 100e18);
        bytes32[][] memory proofs = _proofs(early);
        ITrainingRuns.RoundData memory data = dataOf(RUN, 1);
        vm.expectRevert(abi.encodeWithSelector(IRewardVault.InvalidBatch.selector, 0, 3));
        vault.claimFor(new IRewardVault.Leaf[](0), data, proofs);
        vm.expectRevert(abi.encodeWithSelector(IRewardVault.InvalidBatch.selector, 3, 0));
        vault.claimFor(early, data, new bytes32[][](0));
        early[2].round = 2;
        vm.expectRevert(abi.encodeWithSelector(IRewardVault.AnotherRound.selector, 2, RUN, 2));
        vault.claimFor(early, data, proofs);
    }

    function test_a_batch_with_a_forged_leaf_pays_nobody() public {
        IRewardVault.Leaf[] memory leaves = grant([uint128(50e18), 30e18, 20e18], 100e18);
        bytes32[][] memory proofs = _proofs(leaves);
        leaves[2].cumulativeReward = 21e18;
        bytes32 hash = vault.leafHash(leaves[2]);
        ITrainingRuns.RoundData memory data = dataOf(RUN, 1);
        vm.expectRevert(abi.encodeWithSelector(IRewardVault.InvalidProof.selector, RUN, 1, hash));
        vault.claimFor(leaves, data, proofs);
        same(vault.totalClaimed(RUN), 0);
    }

    function _proofs(IRewardVault.Leaf[] memory leaves) private view returns (bytes32[][] memory proofs) {
        proofs = new bytes32[][](leaves.length);
        for (uint256 i = 0; i < leaves.length; ++i) proofs[i] = proofOf(leaves, i);
    }

    function test_an_unknown_run_cannot_be_funded() public {
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.UnknownRun.selector, 9));
        vault.fund(9, 1);
    }

    function test_a_voided_rounds_claims_die_with_it() public {
        grantIncidents();
        IRewardVault.Leaf[] memory leaves = grantOpen([uint128(50e18), 30e18, 20e18], 100e18);
        vm.prank(INCIDENTS);
        runs.dispute(RUN, 1);
        vm.prank(INCIDENTS);
        runs.settleDispute(RUN, 1, true);
        vm.warp(block.timestamp + 365 days);
        expectClaimRefused(leaves, 0, abi.encodeWithSelector(ITrainingRuns.RoundNotFinal.selector, RUN, 1));
    }

    function test_a_withheld_tree_pays_nobody_and_its_round_can_be_voided() public {
        grantIncidents();
        commitRound(keccak256("a root whose leaves nobody has"), 100e18);
        vm.prank(INCIDENTS);
        runs.dispute(RUN, 1);
        vm.prank(INCIDENTS);
        runs.settleDispute(RUN, 1, true);
        runs.restoreHead(RUN, dataOf(RUN, 1));
        claim(grant([uint128(50e18), 30e18, 20e18], 100e18), 0);
        same(token.balanceOf(trainer(0)), 50e18);
        same(vault.totalGranted(RUN), 100e18);
    }

    function test_a_root_once_committed_is_never_reset() public {
        IRewardVault.Leaf[] memory leaves = grant([uint128(50e18), 30e18, 20e18], 100e18);
        ITrainingRuns.RoundCommit memory again = nextCommit(keccak256("another root"), 3, 0);
        again.round = 1;
        bytes[] memory signatures = cosign(roundDigest(again), K);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.WrongRound.selector, RUN, 1, 2));
        runs.commitRound(again, signatures);
        claim(leaves, 0);
    }

    /// @dev The token calls claim again while it pays: everything is written before it is called.
    function test_a_token_that_calls_back_is_not_paid_twice() public {
        CallingToken calling = new CallingToken();
        token = RewardToken(address(calling));
        vault = RewardVault(vm.deployCode("RewardVault.sol", abi.encode(calling, runs, ADMIN)));
        calling.mint(ADMIN, BUDGET);
        _fund(RUN, BUDGET);
        IRewardVault.Leaf[] memory leaves = grant([uint128(50e18), 30e18, 20e18], 100e18);
        bytes memory again =
            abi.encodeCall(IRewardVault.claim, (leaves[0], dataOf(RUN, leaves[0].round), proofOf(leaves, 0)));
        calling.callBack(address(vault), again);
        claim(leaves, 0);
        holds(calling.called(), "the token did not call back");
        holds(!calling.succeeded(), "the claim was paid within the claim");
        same(calling.balanceOf(trainer(0)), 50e18);
    }

    function _fund(uint256 runId, uint256 amount) private {
        vm.prank(ADMIN);
        token.approve(address(vault), amount);
        vm.prank(ADMIN);
        vault.fund(runId, amount);
    }

    function _grantInUnfundedRun(uint128 promised, uint96 reward)
        private
        returns (uint256 runId, IRewardVault.Leaf memory leaf)
    {
        vm.prank(COORDINATOR);
        runId = runs.createRun(runParams());
        leaf = _commitSingle(runId, promised, reward);
    }

    /// @dev A round of another run whose tree is one leaf of trainer 0.
    function _commitSingle(uint256 runId, uint128 cumulative, uint96 reward)
        private
        returns (IRewardVault.Leaf memory leaf)
    {
        ITrainingRuns.Run memory run = runs.run(runId);
        leaf = leafOf(run.lastRound + 1, 0, cumulative);
        leaf.runId = runId;
        ITrainingRuns.RoundCommit memory c = nextCommit(vault.leafHash(leaf), 1, reward);
        c.runId = runId;
        c.round = run.lastRound + 1;
        c.parentDigest = run.headDigest;
        commitSigned(c);
        vm.warp(block.timestamp + DISPUTE_WINDOW);
    }

    function test_funds_and_claims_are_told() public {
        vm.prank(ADMIN);
        token.approve(address(vault), 5e18);
        vm.expectEmit(address(vault));
        emit IRewardVault.RunFunded(RUN, ADMIN, 5e18);
        vm.prank(ADMIN);
        vault.fund(RUN, 5e18);
        claim(grant([uint128(10e18), 0, 0], 10e18), 0);
        IRewardVault.Leaf[] memory leaves = grant([uint128(50e18), 0, 0], 40e18);
        bytes32[] memory proof = proofOf(leaves, 0);
        vm.expectEmit(address(vault));
        emit IRewardVault.RewardClaimed(RUN, 2, 1, trainer(0), 40e18, 50e18);
        vault.claim(leaves[0], dataOf(RUN, 2), proof);
    }
}
