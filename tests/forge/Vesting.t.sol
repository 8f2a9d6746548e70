// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

import {Rewards} from "./Rewards.sol";
import {IRewardVault} from "contracts/interfaces/IRewardVault.sol";
import {ITrainingRuns} from "contracts/interfaces/ITrainingRuns.sol";

/// @title A run of which 40 % of every reward vests over 100 days.
contract VestingTest is Rewards {
    uint32 private constant VESTING = 100 days;

    function runParams() internal view override returns (ITrainingRuns.RunParams memory params) {
        params = super.runParams();
        params.vestedBps = 4_000;
        params.vestingSeconds = VESTING;
    }

    function setUp() public override {
        super.setUp();
        grantIncidents();
    }

    function test_a_claim_pays_the_free_part_and_locks_the_rest() public {
        claim(grant([uint128(50e18), 0, 0], 50e18), 0);
        same(token.balanceOf(trainer(0)), 30e18);
        (uint256 amount, uint48 endsAt) = vault.locked(RUN, trainerId(0));
        same(amount, 20e18);
        same(endsAt, block.timestamp + VESTING);
        same(vault.claimed(RUN, trainerId(0)), 50e18);
    }

    function test_the_locked_part_vests_by_the_second_and_anyone_releases_it(uint256 wait) public {
        claim(grant([uint128(50e18), 0, 0], 50e18), 0);
        wait = between(wait, 1, 2 * uint256(VESTING));
        vm.warp(block.timestamp + wait);
        vm.prank(RELAYER);
        vault.release(RUN, trainerId(0));
        uint256 left = wait >= VESTING ? 0 : 20e18 * (VESTING - wait) / VESTING;
        same(token.balanceOf(trainer(0)), 50e18 - left);
        same(vault.unvested(RUN, trainerId(0)), left);
    }

    function test_nothing_vested_is_nothing_to_release() public {
        claim(grant([uint128(50e18), 0, 0], 50e18), 0);
        vm.expectRevert(abi.encodeWithSelector(IRewardVault.NothingVested.selector, RUN, trainerId(0)));
        vault.release(RUN, trainerId(0));
    }

    function test_a_second_claim_pays_what_vested_and_ends_at_the_mean_of_both_by_amount() public {
        claim(grant([uint128(50e18), 0, 0], 50e18), 0);
        uint256 began = block.timestamp;
        IRewardVault.Leaf[] memory second = grantOpen([uint128(100e18), 0, 0], 50e18);
        vm.warp(began + 50 days);
        claim(second, 0);
        same(token.balanceOf(trainer(0)), 30e18 + 10e18 + 30e18);
        (uint256 amount, uint48 endsAt) = vault.locked(RUN, trainerId(0));
        same(amount, 30e18); // 10 that had not vested, with 50 days to go, and 20 with 100
        same(endsAt, block.timestamp + (10 * 50 days + 20 * 100 days) / 30);
    }

    function test_what_has_not_vested_can_be_slashed_to_the_runs_budget() public {
        claim(grant([uint128(50e18), 0, 0], 50e18), 0);
        vm.warp(block.timestamp + 50 days);
        vm.prank(INCIDENTS);
        vault.slashUnvested(RUN, trainerId(0), 10e18);
        same(vault.unvested(RUN, trainerId(0)), 0);
        same(token.balanceOf(trainer(0)), 40e18); // what had vested by then is its own
        same(vault.funded(RUN), BUDGET + 10e18);
        same(token.balanceOf(address(vault)), BUDGET - 40e18);
    }

    function test_no_more_than_the_unvested_part_can_be_slashed(uint256 amount) public {
        claim(grant([uint128(50e18), 0, 0], 50e18), 0);
        amount = between(amount, 20e18 + 1, type(uint128).max);
        vm.expectEmit(address(vault));
        emit IRewardVault.RewardSlashed(RUN, trainerId(0), 20e18);
        vm.prank(INCIDENTS);
        vault.slashUnvested(RUN, trainerId(0), amount);
        same(vault.funded(RUN), BUDGET + 20e18);
        (uint256 left,) = vault.locked(RUN, trainerId(0));
        same(left, 0);
    }

    function test_only_incidents_slash() public {
        bytes32 role = vault.INCIDENT_ROLE();
        vm.expectRevert(
            abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, RELAYER, role)
        );
        vm.prank(RELAYER);
        vault.slashUnvested(RUN, trainerId(0), 1);
    }

    function test_vesting_terms_that_say_nothing_are_refused(uint16 bps) public {
        ITrainingRuns.RunParams memory params = runParams();
        params.vestedBps = uint16(between(bps, 1, 10_000));
        params.vestingSeconds = 0;
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.InvalidVesting.selector, params.vestedBps, 0));
        vm.prank(COORDINATOR);
        runs.createRun(params);
    }

    function test_what_is_locked_vested_and_slashed_is_told() public {
        IRewardVault.Leaf[] memory leaves = grant([uint128(50e18), 0, 0], 50e18);
        bytes32[] memory proof = proofOf(leaves, 0);
        uint256 began = block.timestamp;
        vm.expectEmit(address(vault));
        emit IRewardVault.RewardLocked(RUN, 1, 20e18, uint48(began + VESTING));
        vault.claim(leaves[0], dataOf(RUN, 1), proof);
        vm.warp(began + 25 days);
        vm.expectEmit(address(vault));
        emit IRewardVault.RewardVested(RUN, 1, 5e18);
        vault.release(RUN, 1);
        vm.expectEmit(address(vault));
        emit IRewardVault.RewardSlashed(RUN, 1, 6e18);
        vm.prank(INCIDENTS);
        vault.slashUnvested(RUN, 1, 6e18);
        (uint256 left, uint48 endsAt) = vault.locked(RUN, 1);
        same(left, 9e18);
        same(endsAt, began + VESTING);
    }

    function test_more_than_all_cannot_vest_and_nothing_does_not_vest_over_time() public {
        ITrainingRuns.RunParams memory params = runParams();
        (params.vestedBps, params.vestingSeconds) = (10_001, 1 days);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.InvalidVesting.selector, 10_001, 1 days));
        vm.prank(COORDINATOR);
        runs.createRun(params);
        (params.vestedBps, params.vestingSeconds) = (0, 1 days);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.InvalidVesting.selector, 0, 1 days));
        vm.prank(COORDINATOR);
        runs.createRun(params);
        (params.vestedBps, params.vestingSeconds) = (10_000, 1 days);
        vm.prank(COORDINATOR);
        same(runs.createRun(params), 2);
        same(runs.run(2).vestedBps, 10_000);
    }
}
