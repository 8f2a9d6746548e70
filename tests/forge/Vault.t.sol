// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Trees} from "./Trees.sol";
import {World} from "./World.sol";
import {IRewardVault} from "contracts/interfaces/IRewardVault.sol";
import {ITrainingRuns} from "contracts/interfaces/ITrainingRuns.sol";

contract VaultTest is World {
    /// @dev Commits a round whose tree grants each trainer the given cumulative rewards.
    function grant(uint128[3] memory cumulative, uint96 reward) private returns (IRewardVault.Leaf[] memory leaves) {
        leaves = _leaves(cumulative);
        commitRound(Trees.root(_hashes(leaves)), reward);
        vm.warp(block.timestamp + DISPUTE_WINDOW);
    }

    function _leaves(uint128[3] memory cumulative) private view returns (IRewardVault.Leaf[] memory leaves) {
        (uint32 last,) = runs.head(RUN);
        leaves = new IRewardVault.Leaf[](3);
        for (uint256 i = 0; i < 3; ++i) leaves[i] = leafOf(last + 1, i, cumulative[i]);
    }

    function _hashes(IRewardVault.Leaf[] memory leaves) private view returns (bytes32[] memory hashes) {
        hashes = new bytes32[](leaves.length);
        for (uint256 i = 0; i < leaves.length; ++i) hashes[i] = vault.leafHash(leaves[i]);
    }

    function _proof(IRewardVault.Leaf[] memory leaves, uint256 i) private view returns (bytes32[] memory) {
        return Trees.proof(_hashes(leaves), vault.leafHash(leaves[i]));
    }

    function test_anyone_claims_for_a_member_what_a_final_round_granted() public {
        IRewardVault.Leaf[] memory leaves = grant([uint128(50e18), 30e18, 20e18], 100e18);
        bytes32[] memory proof = _proof(leaves, 1);
        vm.prank(RELAYER);
        vault.claim(leaves[1], proof);
        same(token.balanceOf(trainer(1)), 30e18);
        same(vault.claimed(RUN, trainer(1)), 30e18);
        same(vault.totalClaimed(RUN), 30e18);
        same(vault.funded(RUN), BUDGET);
    }

    function test_one_claim_pays_for_all_rounds_since_the_last(uint96 a, uint96 b) public {
        uint128 first = uint128(between(a, 1, REWARD_CAP));
        uint128 second = first + uint128(between(b, 1, REWARD_CAP));
        IRewardVault.Leaf[] memory early = grant([first, 0, 0], uint96(first));
        vault.claim(early[0], _proof(early, 0));
        IRewardVault.Leaf[] memory late = grant([second, 0, 0], uint96(second - first));
        vault.claim(late[0], _proof(late, 0));
        same(token.balanceOf(trainer(0)), second);
    }

    function test_a_claim_never_pays_twice() public {
        IRewardVault.Leaf[] memory leaves = grant([uint128(50e18), 30e18, 20e18], 100e18);
        bytes32[] memory proof = _proof(leaves, 0);
        vault.claim(leaves[0], proof);
        vm.expectRevert(
            abi.encodeWithSelector(IRewardVault.NothingToClaim.selector, RUN, trainer(0), 50e18, 50e18)
        );
        vault.claim(leaves[0], proof);
    }

    function test_an_old_round_pays_nothing_after_a_newer_claim() public {
        IRewardVault.Leaf[] memory early = grant([uint128(10e18), 0, 0], 10e18);
        bytes32[] memory earlyProof = _proof(early, 0);
        IRewardVault.Leaf[] memory late = grant([uint128(15e18), 0, 0], 5e18);
        vault.claim(late[0], _proof(late, 0));
        vm.expectRevert(
            abi.encodeWithSelector(IRewardVault.NothingToClaim.selector, RUN, trainer(0), 10e18, 15e18)
        );
        vault.claim(early[0], earlyProof);
    }

    function test_who_left_early_still_claims_after_others_claimed_from_a_later_round() public {
        IRewardVault.Leaf[] memory early = grant([uint128(10e18), 10e18, 0], 20e18);
        bytes32[] memory earlyProof = _proof(early, 1);
        IRewardVault.Leaf[] memory late = grant([uint128(60e18), 10e18, 0], 50e18);
        vault.claim(late[0], _proof(late, 0));
        vault.claim(early[1], earlyProof);
        same(vault.totalClaimed(RUN), 70e18);
    }

    function test_a_round_in_its_dispute_window_pays_nothing(uint256 wait) public {
        IRewardVault.Leaf[] memory leaves = _leaves([uint128(50e18), 30e18, 20e18]);
        commitRound(Trees.root(_hashes(leaves)), 100e18);
        bytes32[] memory proof = _proof(leaves, 0);
        vm.warp(START + between(wait, 0, DISPUTE_WINDOW - 1));
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.RoundNotFinal.selector, RUN, 1));
        vault.claim(leaves[0], proof);
    }

    function test_a_leaf_with_other_values_is_refused(uint128 cumulative, address account) public {
        IRewardVault.Leaf[] memory leaves = grant([uint128(50e18), 30e18, 20e18], 100e18);
        bytes32[] memory proof = _proof(leaves, 0);
        IRewardVault.Leaf memory forged = leaves[0];
        vm.assume(cumulative != forged.cumulativeReward || account != forged.account);
        forged.cumulativeReward = cumulative;
        forged.account = account;
        bytes32 hash = vault.leafHash(forged);
        vm.expectRevert(abi.encodeWithSelector(IRewardVault.InvalidProof.selector, RUN, 1, hash));
        vault.claim(forged, proof);
    }

    function test_a_leaf_of_another_round_is_refused() public {
        grant([uint128(50e18), 30e18, 20e18], 100e18);
        IRewardVault.Leaf[] memory late = grant([uint128(50e18), 40e18, 20e18], 10e18);
        bytes32[] memory proof = _proof(late, 1);
        late[1].round = 1;
        vm.expectPartialRevert(IRewardVault.InvalidProof.selector);
        vault.claim(late[1], proof);
    }

    function test_a_run_pays_no_more_than_it_was_funded_with() public {
        uint256 second = _openUnfundedRun();
        IRewardVault.Leaf memory leaf = leafOf(1, 0, 10e18);
        leaf.runId = second;
        _commitSingle(second, vault.leafHash(leaf), 10e18);
        vm.expectRevert(abi.encodeWithSelector(IRewardVault.InsufficientFunds.selector, second, 0, 10e18));
        vault.claim(leaf, new bytes32[](0));
    }

    function test_a_tree_cannot_pay_more_than_its_rounds_granted() public {
        IRewardVault.Leaf[] memory leaves = grant([uint128(50e18), 51e18, 0], 100e18);
        vault.claim(leaves[0], _proof(leaves, 0));
        bytes32[] memory proof = _proof(leaves, 1);
        vm.expectRevert(abi.encodeWithSelector(IRewardVault.MoreThanGranted.selector, RUN, 101e18, 100e18));
        vault.claim(leaves[1], proof);
    }

    function test_an_unknown_run_cannot_be_funded() public {
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.UnknownRun.selector, 9));
        vault.fund(9, 1);
    }

    function _openUnfundedRun() private returns (uint256) {
        vm.prank(COORDINATOR);
        return runs.createRun(runParams());
    }

    function _commitSingle(uint256 runId, bytes32 root, uint96 reward) private {
        ITrainingRuns.RoundCommit memory c = nextCommit(root, 1, reward);
        c.runId = runId;
        runs.commitRound(c, cosign(roundDigest(c), K));
        vm.warp(block.timestamp + DISPUTE_WINDOW);
    }
}
