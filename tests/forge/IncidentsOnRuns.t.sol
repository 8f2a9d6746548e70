// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

import {Incidents} from "./Incidents.sol";
import {Rewards} from "./Rewards.sol";
import {World} from "./World.sol";
import {IIncidentManager} from "contracts/interfaces/IIncidentManager.sol";
import {IRewardVault} from "contracts/interfaces/IRewardVault.sol";
import {IRunDisputes} from "contracts/interfaces/IRunDisputes.sol";
import {ITrainingRuns} from "contracts/interfaces/ITrainingRuns.sol";

/// @title The incident manager over the real runs and the real vault; 40 % of every reward vests over 100 days.
contract IncidentsOnRunsTest is Incidents, Rewards {
    function setUp() public override(Incidents, World) {
        Incidents.setUp();
        bytes32 role = runs.INCIDENT_ROLE();
        _grantOn(address(runs), role, address(incidents));
        _grantOn(address(vault), role, address(incidents));
    }

    function disputedRuns() internal view override returns (address) {
        return address(runs);
    }

    function slashedRewards() internal view override returns (address) {
        return address(vault);
    }

    function runParams() internal view override returns (ITrainingRuns.RunParams memory params) {
        params = super.runParams();
        (params.vestedBps, params.vestingSeconds) = (4_000, 100 days);
    }

    function test_a_voided_rounds_claims_die_with_it() public {
        IRewardVault.Leaf[] memory leaves = grantOpen([uint128(50e18), 0, 0], 50e18);
        uint256 caseId = disputeRound(2, ACCUSED, 1);
        vm.warp(block.timestamp + DISPUTE_WINDOW + 1);
        bytes memory notFinal = abi.encodeWithSelector(ITrainingRuns.RoundNotFinal.selector, RUN, 1);
        expectClaimRefused(leaves, 0, notFinal);
        adjudicate(caseId, IIncidentManager.Status.Upheld, 0, 0);
        vm.warp(block.timestamp + 100 days);
        expectClaimRefused(leaves, 0, notFinal);
        same(uint8(runs.statusOf(RUN, 1)), uint8(ITrainingRuns.RoundStatus.Voided));
    }

    /// @dev Attack: one member accuses all others, so that none of them can put up the bond of a dispute.
    function test_who_is_accused_disputes_all_the_same() public {
        for (uint256 id = 2; id <= 7; ++id) report(0, id);
        grantOpen([uint128(50e18), 0, 0], 50e18);
        disputeRound(1, 1, 1);
        same(uint8(runs.statusOf(RUN, 1)), uint8(ITrainingRuns.RoundStatus.Disputed));
    }

    function test_a_dismissed_disputes_claims_are_paid_after_another_window() public {
        IRewardVault.Leaf[] memory leaves = grantOpen([uint128(50e18), 0, 0], 50e18);
        uint256 caseId = disputeRound(2, ACCUSED, 1);
        adjudicate(caseId, IIncidentManager.Status.Dismissed, 0, 0);
        vm.warp(block.timestamp + DISPUTE_WINDOW);
        claim(leaves, 0);
        same(token.balanceOf(trainer(0)), 30e18);
    }

    function test_a_lapsed_dispute_leaves_the_round() public {
        commitRound(keccak256("contributions"), 0);
        uint256 caseId = disputeRound(2, ACCUSED, 1);
        vm.warp(block.timestamp + CASE_SECONDS + 1);
        incidents.lapse(caseId);
        vm.warp(block.timestamp + DISPUTE_WINDOW);
        holds(runs.isFinal(RUN, 1), "not final after a lapsed dispute");
    }

    /// @dev Attack: a case that paused a run long ago ends the guardian's pause of today; anybody brings it to its end.
    function test_the_end_of_an_old_case_leaves_the_guardians_pause() public {
        uint256 caseId = report(0, 0);
        contain(caseId, IIncidentManager.Target.Run, uint48(block.timestamp + 1 days));
        vm.warp(block.timestamp + CASE_SECONDS + 1);
        uint48 until = uint48(block.timestamp + 7 days);
        vm.prank(GUARDIAN);
        guardian.pause(RUN, until);
        incidents.lapse(caseId);
        same(runs.run(RUN).pausedUntil, until);
    }

    /// @dev Attack: replaced in the middle of a case, the manager holds bonds for ever.
    function test_a_replaced_manager_still_ends_its_cases_and_holds_no_bond() public {
        commitRound(keccak256("contributions"), 0);
        uint256 disputing = disputeRound(2, ACCUSED, 1);
        uint256 pausing = report(0, ACCUSED);
        contain(pausing, IIncidentManager.Target.Run, uint48(block.timestamp + 7 days));
        contain(pausing, IIncidentManager.Target.Member, uint48(block.timestamp + 7 days));
        contain(pausing, IIncidentManager.Target.Artifact, uint48(block.timestamp + 7 days));
        bytes32 role = runs.INCIDENT_ROLE();
        _revoke(address(runs), role);
        _revoke(address(members), role);
        _revoke(address(artifacts), role);

        adjudicate(pausing, IIncidentManager.Status.Dismissed, 0, 0);
        holds(!members.isActive(trainer(1), 0), "the bar ended with its case");
        vm.warp(block.timestamp + CASE_SECONDS + 1);
        incidents.lapse(disputing);
        same(incidents.bondOf(ACCUSED).openCases, 0);
        same(_bond(1), BOND);
        same(_bond(3), BOND);
        holds(members.isActive(trainer(1), 0), "the bar did not end by itself");
        same(uint8(runs.statusOf(RUN, 1)), uint8(ITrainingRuns.RoundStatus.Disputed));
    }

    function test_a_round_is_disputed_inside_its_window_alone() public {
        commitRound(keccak256("contributions"), 0);
        vm.warp(block.timestamp + DISPUTE_WINDOW);
        IIncidentManager.Report memory r = reportOf(2, ACCUSED);
        (r.kind, r.round) = (uint8(IIncidentManager.Kind.BadRound), 1);
        bytes memory signature = signReport(trainerKeys[2], r);
        vm.expectPartialRevert(IRunDisputes.RoundNotOpen.selector);
        incidents.report(r, signature);
    }

    function test_a_paused_run_takes_no_commit_until_the_verdict_or_the_end() public {
        uint256 caseId = report(0, ACCUSED);
        contain(caseId, IIncidentManager.Target.Run, uint48(block.timestamp + 7 days));
        ITrainingRuns.RoundCommit memory commit = nextCommit(keccak256("contributions"), 3, 0);
        bytes[] memory signatures = cosign(roundDigest(commit), K);
        vm.expectPartialRevert(ITrainingRuns.RunIsPaused.selector);
        runs.commitRound(commit, signatures);
        adjudicate(caseId, IIncidentManager.Status.Dismissed, 0, 0);
        runs.commitRound(commit, signatures);
    }

    function test_an_upheld_case_takes_bond_and_unvested_rewards_and_no_more() public {
        claim(grant([uint128(0), 50e18, 0], 50e18), 1);
        uint256 caseId = report(0, ACCUSED);
        uint256 most = vault.unvested(RUN, ACCUSED);
        same(most, 20e18);
        vm.warp(block.timestamp + 4 days); // a vote later less is unvested
        adjudicate(caseId, IIncidentManager.Status.Upheld, BOND, most);
        same(vault.unvested(RUN, ACCUSED), 0);
        same(incidents.bondOf(ACCUSED).amount, 0);
        same(token.balanceOf(trainer(1)), 30e18 + 8e17); // what was paid stays paid, and what has vested is
    }

    function _revoke(address target, bytes32 role) private {
        vm.prank(ADMIN);
        IAccessControl(target).revokeRole(role, address(incidents));
    }
}
