// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Trees} from "./Trees.sol";
import {Votes} from "./Votes.sol";
import {World} from "./World.sol";
import {IRewardVault} from "contracts/interfaces/IRewardVault.sol";
import {IRunGovernance} from "contracts/interfaces/IRunGovernance.sol";
import {ITrainingRuns} from "contracts/interfaces/ITrainingRuns.sol";

/// @title A world driven at random: rounds that grant, claims new and old, vesting, slashes, more funds, disputes, voids,
/// rollbacks, pauses, time.
contract RewardsHandler is World {
    uint256 private constant MAX_PAUSE = 7 days;

    mapping(uint32 round => uint128[3]) private _totals; // what each trainer had earned by then
    mapping(uint32 round => bytes23) private _finalSeals; // of rounds once seen final
    // A revert inside a handler fails nothing, so what must never happen is noted here and checked by the invariant.
    bool public paidBeforeFinal;
    bool public rewardFell;
    bool public finalRoundChanged;
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
        vm.prank(INCIDENTS);
        runs.dispute(RUN, uint32(between(roundSeed, 1, runs.run(RUN).lastRound)));
    }

    function settle(bool voided) external noted {
        uint32 round = runs.run(RUN).disputedRound;
        vm.prank(INCIDENTS);
        runs.settleDispute(RUN, round, voided);
        if (voided) runs.restoreHead(RUN, dataOf(RUN, round));
    }

    function rollBack(uint256 roundSeed) external noted {
        uint32 round = uint32(between(roundSeed, 1, runs.run(RUN).lastRound));
        ITrainingRuns.RoundData memory data = dataOf(RUN, round);
        vm.prank(address(timelock));
        runs.rollBack(RUN, round, data);
    }

    function pause(uint256 time) external noted {
        vm.prank(INCIDENTS);
        runs.pause(RUN, uint48(block.timestamp + between(time, 1, 8 days)));
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

/// @title A world with one open vote, and ballots at random: true, repeated, forged, of every kind of support.
contract VotesHandler is Votes {
    uint256 public proposalId;
    mapping(uint256 trainerIndex => uint256) public ballots;

    function setUp() public override {
        super.setUp();
        earnMerit();
        proposalId = proposeAndOpen(standard());
    }

    function castOne(uint256 i, uint8 support) external {
        i %= 3;
        bytes memory params = ballot(1, i);
        vm.prank(trainer(i));
        governor.castVoteWithReasonAndParams(proposalId, support % 4, "", params);
        ++ballots[i];
    }

    function forge(uint256 i, uint256 weight) external {
        i %= 3;
        (uint256 memberId, uint256 merit,, bytes32[] memory proof) =
            abi.decode(ballot(1, i), (uint256, uint256, uint256, bytes32[]));
        vm.prank(trainer(i));
        governor.castVoteWithReasonAndParams(proposalId, 1, "", abi.encode(memberId, merit, weight, proof));
        ++ballots[i];
    }

    function tally() external view returns (uint256) {
        (uint256 against, uint256 inFavour, uint256 abstain) = governor.proposalVotes(proposalId);
        return against + inFavour + abstain;
    }

    function heads() external view returns (uint256) {
        (uint256 against, uint256 inFavour, uint256 abstain) = governor.proposalHeads(proposalId);
        return against + inFavour + abstain;
    }

    function weightOfVoters() external view returns (uint256 sum) {
        for (uint256 i = 0; i < 3; ++i) {
            if (governor.hasVoted(proposalId, trainer(i))) sum += weights[i];
        }
    }
}

contract RewardsInvariants {
    RewardsHandler private _world;

    function setUp() public {
        _world = new RewardsHandler();
        _world.setUp();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_world);
    }

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    function targetSelectors() public view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        bytes4[] memory selectors = new bytes4[](13);
        selectors[0] = _world.commit.selector;
        selectors[1] = _world.commit.selector; // twice as often: all else needs rounds
        selectors[2] = _world.claim.selector;
        selectors[3] = _world.claim.selector;
        selectors[4] = _world.wait.selector;
        selectors[5] = _world.wait.selector;
        selectors[6] = _world.release.selector;
        selectors[7] = _world.slash.selector;
        selectors[8] = _world.dispute.selector;
        selectors[9] = _world.settle.selector;
        selectors[10] = _world.rollBack.selector;
        selectors[11] = _world.pause.selector;
        selectors[12] = _world.fund.selector;
        targets[0] = FuzzSelector(address(_world), selectors);
    }

    function invariant_rewards_are_claimed_once_within_what_is_final_and_that_within_what_is_funded() public view {
        require(_world.totalClaimed() <= _world.finalised(), "claimed more than finalised");
        require(_world.totalClaimed() <= _world.totalGranted(), "claimed more than granted");
        require(_world.totalGranted() <= _world.funded(), "granted more than funded");
        require(_world.claimedSum() == _world.totalClaimed(), "the run's total differs from its members'");
        require(_world.noneClaimedMoreThanEarned(), "a member claimed more than it earned");
        require(!_world.paidBeforeFinal(), "a claim was paid from a round that is not final");
    }

    function invariant_the_vault_holds_all_that_is_not_paid() public view {
        uint256 rest = _world.funded() - _world.totalClaimed() + _world.lockedSum();
        require(_world.vaultBalance() == rest, "the vault's balance is off");
        require(_world.vaultBalance() >= _world.totalGranted() - _world.totalClaimed(), "what is final is not there");
        uint256 paid = _world.claimedSum() - _world.lockedSum() - _world.slashed();
        require(_world.paidSum() == paid, "paid differs from claimed, locked and slashed");
        require(_world.unvestedIsLocked(), "more is unvested than locked");
    }

    function invariant_final_rounds_never_change_stay_in_order_and_totals_never_fall() public view {
        require(!_world.finalRoundChanged(), "a final round changed");
        require(_world.finalRoundsAreInOrder(), "a final round was overtaken, or a total fell");
        require(!_world.rewardFell(), "a member's total fell");
    }

    function invariant_every_pause_ends() public view {
        require(_world.everyPauseEnds(), "a pause outlasts seven days");
    }
}

contract VotesInvariants {
    VotesHandler private _world;

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    function setUp() public {
        _world = new VotesHandler();
        _world.setUp();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_world);
    }

    function targetSelectors() public view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        bytes4[] memory selectors = new bytes4[](2);
        selectors[0] = _world.castOne.selector;
        selectors[1] = _world.forge.selector;
        targets[0] = FuzzSelector(address(_world), selectors);
    }

    function invariant_each_member_votes_once_with_its_own_weight() public view {
        uint256 ballots = 0;
        for (uint256 i = 0; i < 3; ++i) {
            require(_world.ballots(i) <= 1, "a member voted twice");
            ballots += _world.ballots(i);
        }
        require(_world.heads() == ballots, "the heads differ from the ballots");
        require(_world.tally() == _world.weightOfVoters(), "the tally differs from the voters' weights");
        require(_world.tally() <= 100, "the tally exceeds the epoch's weight");
    }
}
