// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Driven} from "./Driven.sol";
import {Trees} from "./Trees.sol";
import {World} from "./World.sol";
import {IRewardVault} from "contracts/interfaces/IRewardVault.sol";
import {ITrainingRuns} from "contracts/interfaces/ITrainingRuns.sol";

/// @title A world driven at random: rounds that grant, claims new and old, vesting, slashes, more funds, disputes, voids,
/// rollbacks, pauses, time.
contract RewardsHandler is World {
    /// @dev A committed round, or with 0 a vote that moved the head.
    struct Step {
        uint32 round;
        bytes32 digest;
    }

    uint256 private constant MAX_PAUSE = 7 days;

    mapping(uint32 round => uint128[3]) private _totals; // what each trainer had earned by then
    mapping(uint32 round => bytes23) private _finalSeals; // of rounds once seen final
    mapping(uint32 round => uint256) private _finalNotBefore; // of rounds that were open when a dispute was settled
    Step[] private _steps; // what moved the head and still counts
    uint256 private _pausedFrom;
    uint256 private _pausedUntil;
    // A revert inside a handler fails nothing, so what must never happen is noted here and checked by the invariant.
    bool public paidBeforeFinal;
    bool public rewardFell;
    bool public finalRoundChanged;
    bool public finalTooEarly;
    bool public pausesChained;
    uint256 public slashed;

    function runParams() internal view override returns (ITrainingRuns.RunParams memory params) {
        params = super.runParams();
        params.vestedBps = 3_000;
        params.vestingSeconds = 30 days;
    }

    function setUp() public override {
        super.setUp();
        grantIncidents();
    }

    modifier noted() {
        _;
        uint32 last = runs.run(RUN).lastRound;
        for (uint32 round = 1; round <= last; ++round) _note(round);
    }

    function commit(uint96 a, uint96 b, uint96 c) external noted {
        uint96[3] memory earns = [a % (REWARD_CAP / 3 + 1), b % (REWARD_CAP / 3 + 1), c % (REWARD_CAP / 3 + 1)];
        ITrainingRuns.Run memory run = runs.run(RUN);
        uint32 next = run.lastRound + 1;
        for (uint256 i = 0; i < 3; ++i) _totals[next][i] = _totals[run.headRound][i] + earns[i];
        commitRound(Trees.root(_hashes(next)), earns[0] + earns[1] + earns[2]);
        _steps.push(Step(next, dataOf(RUN, next).checkpointDigest));
    }

    /// @dev Reverts often, as it should: rounds in their window, claims paid before, a budget used up.
    function claim(uint256 roundSeed, uint256 trainerSeed) external noted {
        uint32 round = uint32(between(roundSeed, 1, runs.run(RUN).lastRound));
        uint256 i = trainerSeed % 3;
        bytes32[] memory hashes = _hashes(round);
        uint256 before = vault.claimed(RUN, trainerId(i));
        vault.claim(_leaf(round, i), dataOf(RUN, round), Trees.proof(hashes, hashes[i]));
        if (!runs.isFinal(RUN, round)) paidBeforeFinal = true;
        if (vault.claimed(RUN, trainerId(i)) <= before) rewardFell = true;
    }

    function release(uint256 trainerSeed) external noted {
        vault.release(RUN, trainerId(trainerSeed % 3));
    }

    function slash(uint256 trainerSeed, uint256 amount) external noted {
        uint256 memberId = trainerId(trainerSeed % 3);
        amount = between(amount, 0, vault.unvested(RUN, memberId));
        vm.prank(INCIDENTS);
        vault.slashUnvested(RUN, memberId, amount);
        slashed += amount;
    }

    function dispute(uint256 roundSeed) external noted {
        uint32 last = runs.run(RUN).lastRound; // one of the last few, mostly: older ones are final
        uint32 round = uint32(between(roundSeed, roundSeed % 4 != 0 && last > 3 ? last - 3 : 1, last));
        vm.prank(INCIDENTS);
        runs.dispute(RUN, round);
    }

    function settle(bool voided) external noted {
        uint32 round = runs.run(RUN).disputedRound;
        vm.prank(INCIDENTS);
        runs.settleDispute(RUN, round, voided);
        for (uint32 later = runs.run(RUN).lastRound; later > 0; --later) {
            if (_finalSeals[later] == bytes23(0)) _finalNotBefore[later] = block.timestamp + DISPUTE_WINDOW;
        }
        if (!voided) return;
        runs.restoreHead(RUN, dataOf(RUN, round));
        _forget(round);
    }

    function rollBack(uint256 roundSeed) external noted {
        uint32 round = uint32(between(roundSeed, 1, runs.run(RUN).lastRound));
        ITrainingRuns.RoundData memory data = dataOf(RUN, round);
        vm.prank(address(timelock));
        runs.rollBack(RUN, round, data);
        _steps.push(Step(0, data.checkpointDigest));
    }

    function pause(uint256 time) external noted {
        uint256 until = block.timestamp + between(time, 1, 8 days);
        vm.prank(INCIDENTS);
        runs.pause(RUN, uint48(until));
        if (block.timestamp >= _pausedUntil) {
            if (block.timestamp < _pausedUntil + (_pausedUntil - _pausedFrom)) pausesChained = true;
            _pausedFrom = block.timestamp;
        }
        _pausedUntil = until;
    }

    function fund(uint256 amount) external noted {
        amount = between(amount, 1, 1000e18);
        vm.prank(ADMIN);
        token.approve(address(vault), amount);
        vm.prank(ADMIN);
        vault.fund(RUN, amount);
    }

    function wait(uint256 time) external noted {
        vm.warp(block.timestamp + between(time, 1, DISPUTE_WINDOW));
    }

    function claimedSum() external view returns (uint256 sum) {
        for (uint256 i = 0; i < 3; ++i) sum += vault.claimed(RUN, trainerId(i));
    }

    function paidSum() external view returns (uint256 sum) {
        for (uint256 i = 0; i < 3; ++i) sum += token.balanceOf(trainer(i));
    }

    function lockedSum() external view returns (uint256 sum) {
        for (uint256 i = 0; i < 3; ++i) {
            (uint256 amount,) = vault.locked(RUN, trainerId(i));
            sum += amount;
        }
    }

    function unvestedIsLocked() external view returns (bool) {
        for (uint256 i = 0; i < 3; ++i) {
            (uint256 amount,) = vault.locked(RUN, trainerId(i));
            if (vault.unvested(RUN, trainerId(i)) > amount) return false;
        }
        return true;
    }

    function noneClaimedMoreThanEarned() external view returns (bool) {
        uint32 newest = _newestFinal();
        for (uint256 i = 0; i < 3; ++i) {
            if (vault.claimed(RUN, trainerId(i)) > _totals[newest][i]) return false;
        }
        return true;
    }

    /// @dev What the newest final round grants to all.
    function finalised() external view returns (uint256) {
        return dataOf(RUN, _newestFinal()).cumulativeReward;
    }

    /// @dev Final rounds come first, their totals never fall, and none that counts is overtaken by a later one.
    function finalRoundsAreInOrder() external view returns (bool) {
        uint32 last = runs.run(RUN).lastRound;
        bool open = false;
        uint256 total = 0;
        for (uint32 round = 1; round <= last; ++round) {
            ITrainingRuns.RoundStatus status = runs.statusOf(RUN, round);
            if (status == ITrainingRuns.RoundStatus.Voided) continue;
            if (status != ITrainingRuns.RoundStatus.Final) open = true;
            else if (open || dataOf(RUN, round).cumulativeReward < total) return false;
            total = dataOf(RUN, round).cumulativeReward;
        }
        return true;
    }

    /// @dev Round, checkpoint and total of the head are those of the last step that counts.
    function theHeadIsTheLastThatCounts() external view returns (bool) {
        ITrainingRuns.Run memory run = runs.run(RUN);
        bytes32 digest = _steps.length == 0 ? keccak256("genesis") : _steps[_steps.length - 1].digest;
        uint32 round = 0;
        for (uint256 i = _steps.length; i > 0 && round == 0; --i) round = _steps[i - 1].round;
        return run.headRound == round && run.headDigest == digest
            && run.cumulativeReward == dataOf(RUN, round).cumulativeReward;
    }

    function everyPauseEnds() external view returns (bool) {
        return runs.run(RUN).pausedUntil <= block.timestamp + MAX_PAUSE;
    }

    function funded() external view returns (uint256) {
        return vault.funded(RUN);
    }

    function totalClaimed() external view returns (uint256) {
        return vault.totalClaimed(RUN);
    }

    function totalGranted() external view returns (uint256) {
        return vault.totalGranted(RUN);
    }

    function vaultBalance() external view returns (uint256) {
        return token.balanceOf(address(vault));
    }

    function _note(uint32 round) private {
        bytes23 known = _finalSeals[round];
        bool isFinal = runs.isFinal(RUN, round);
        bytes23 seal = runs.round(RUN, round).seal;
        if (known != bytes23(0) && (!isFinal || seal != known)) finalRoundChanged = true;
        if (isFinal) _finalSeals[round] = seal;
        if (isFinal && block.timestamp < _finalNotBefore[round]) finalTooEarly = true;
    }

    /// @dev A void takes a round and all later ones; what votes chose stays.
    function _forget(uint32 from) private {
        uint256 kept = 0;
        for (uint256 i = 0; i < _steps.length; ++i) {
            if (_steps[i].round < from) _steps[kept++] = _steps[i];
        }
        while (_steps.length > kept) _steps.pop();
    }

    function _newestFinal() private view returns (uint32 round) {
        for (round = runs.run(RUN).lastRound; round > 0; --round) {
            if (runs.isFinal(RUN, round)) return round;
        }
    }

    function _leaf(uint32 round, uint256 i) private view returns (IRewardVault.Leaf memory) {
        return leafOf(round, i, _totals[round][i]);
    }

    function _hashes(uint32 round) private view returns (bytes32[] memory hashes) {
        hashes = new bytes32[](3);
        for (uint256 i = 0; i < 3; ++i) hashes[i] = vault.leafHash(_leaf(round, i));
    }
}

contract RewardsInvariants is Driven {
    RewardsHandler private _world;

    function setUp() public {
        _world = new RewardsHandler();
        _world.setUp();
        drive(address(_world));
        often(_world.commit.selector, 3); // all else needs rounds
        often(_world.claim.selector, 2);
        often(_world.wait.selector, 3);
        often(_world.release.selector, 1);
        often(_world.slash.selector, 1);
        often(_world.dispute.selector, 1);
        often(_world.settle.selector, 2);
        often(_world.rollBack.selector, 1);
        often(_world.pause.selector, 1);
        often(_world.fund.selector, 1);
    }

    function invariant_rewards_are_claimed_once_and_funded_and_final_rounds_stand_and_pauses_end() public view {
        _claimsKeepWithinWhatIsFinalAndThatWithinWhatIsFunded();
        _theVaultHoldsAllThatIsNotPaid();
        require(!_world.finalRoundChanged(), "a final round changed");
        require(_world.finalRoundsAreInOrder(), "a final round was overtaken, or a total fell");
        require(!_world.finalTooEarly(), "a settled dispute left open rounds less than their window");
        require(_world.theHeadIsTheLastThatCounts(), "the head is not the last step that counts");
        require(!_world.rewardFell(), "a member's total fell");
        require(_world.everyPauseEnds(), "a pause outlasts seven days");
        require(!_world.pausesChained(), "pauses were chained");
    }

    function _claimsKeepWithinWhatIsFinalAndThatWithinWhatIsFunded() private view {
        require(_world.totalClaimed() <= _world.finalised(), "claimed more than finalised");
        require(_world.totalClaimed() <= _world.totalGranted(), "claimed more than granted");
        require(_world.totalGranted() <= _world.funded(), "granted more than funded");
        require(_world.claimedSum() == _world.totalClaimed(), "the run's total differs from its members'");
        require(_world.noneClaimedMoreThanEarned(), "a member claimed more than it earned");
        require(!_world.paidBeforeFinal(), "a claim was paid from a round that is not final");
    }

    function _theVaultHoldsAllThatIsNotPaid() private view {
        uint256 rest = _world.funded() - _world.totalClaimed() + _world.lockedSum();
        require(_world.vaultBalance() == rest, "the vault's balance is off");
        require(_world.vaultBalance() >= _world.totalGranted() - _world.totalClaimed(), "what is final is not there");
        uint256 paid = _world.claimedSum() - _world.lockedSum() - _world.slashed();
        require(_world.paidSum() == paid, "paid differs from claimed, locked and slashed");
        require(_world.unvestedIsLocked(), "more is unvested than locked");
    }
}
