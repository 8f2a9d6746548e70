// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Trees} from "./Trees.sol";
import {Votes} from "./Votes.sol";
import {World} from "./World.sol";
import {IRewardVault} from "contracts/interfaces/IRewardVault.sol";
import {IRunGovernance} from "contracts/interfaces/IRunGovernance.sol";
import {ITrainingRuns} from "contracts/interfaces/ITrainingRuns.sol";

/// @title A world driven at random: rounds that grant, claims new and old, more funds, time.
contract RewardsHandler is World {
    uint128[3] private _earned;
    uint128[3][] private _granted; // by round - 1: what each trainer had earned by then
    // A revert inside a handler fails nothing, so what must never happen is noted here and checked by the invariant.
    bool public paidBeforeFinal;
    bool public rewardFell;

    function commit(uint96 a, uint96 b, uint96 c) external {
        uint96[3] memory earns =
            [a % (REWARD_CAP / 3 + 1), b % (REWARD_CAP / 3 + 1), c % (REWARD_CAP / 3 + 1)];
        for (uint256 i = 0; i < 3; ++i) _earned[i] += earns[i];
        _granted.push(_earned);
        uint32 round = commitRound(Trees.root(_hashes(uint32(_granted.length))), earns[0] + earns[1] + earns[2]);
        if (dataOf(RUN, round).cumulativeReward < dataOf(RUN, round - 1).cumulativeReward) rewardFell = true;
    }

    /// @dev Reverts often, as it should: rounds in their window, claims paid before, a budget used up.
    function claim(uint256 roundSeed, uint256 trainerSeed) external {
        uint32 round = uint32(between(roundSeed, 1, _granted.length));
        uint256 i = trainerSeed % 3;
        bytes32[] memory hashes = _hashes(round);
        vault.claim(_leaf(round, i), dataOf(RUN, round), Trees.proof(hashes, hashes[i]));
        if (!runs.isFinal(RUN, round)) paidBeforeFinal = true;
    }

    function fund(uint256 amount) external {
        amount = between(amount, 1, 1000e18);
        vm.prank(ADMIN);
        token.approve(address(vault), amount);
        vm.prank(ADMIN);
        vault.fund(RUN, amount);
    }

    function wait(uint256 time) external {
        vm.warp(block.timestamp + between(time, 1, DISPUTE_WINDOW));
    }

    function claimedSum() external view returns (uint256 sum) {
        for (uint256 i = 0; i < 3; ++i) sum += vault.claimed(RUN, trainerId(i));
    }

    function paidSum() external view returns (uint256 sum) {
        for (uint256 i = 0; i < 3; ++i) sum += token.balanceOf(trainer(i));
    }

    function noneIsPaidMoreThanEarned() external view returns (bool) {
        for (uint256 i = 0; i < 3; ++i) {
            if (token.balanceOf(trainer(i)) > _earned[i]) return false;
        }
        return true;
    }

    /// @dev What the newest final round grants to all.
    function finalised() external view returns (uint256) {
        for (uint32 round = uint32(_granted.length); round > 0; --round) {
            if (runs.isFinal(RUN, round)) return dataOf(RUN, round).cumulativeReward;
        }
        return 0;
    }

    function funded() external view returns (uint256) {
        return vault.funded(RUN);
    }

    function totalClaimed() external view returns (uint256) {
        return vault.totalClaimed(RUN);
    }

    function vaultBalance() external view returns (uint256) {
        return token.balanceOf(address(vault));
    }

    function _leaf(uint32 round, uint256 i) private view returns (IRewardVault.Leaf memory) {
        return leafOf(round, i, _granted[round - 1][i]);
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
        bytes4[] memory selectors = new bytes4[](4);
        selectors[0] = _world.commit.selector;
        selectors[1] = _world.claim.selector;
        selectors[2] = _world.fund.selector;
        selectors[3] = _world.wait.selector;
        targets[0] = FuzzSelector(address(_world), selectors);
    }

    function invariant_rewards_are_paid_once_and_within_what_is_final_and_funded() public view {
        require(_world.totalClaimed() <= _world.funded(), "claimed more than funded");
        require(_world.totalClaimed() <= _world.finalised(), "claimed more than finalised");
        require(_world.vaultBalance() == _world.funded() - _world.totalClaimed(), "the vault's balance is off");
        require(_world.paidSum() == _world.claimedSum(), "paid differs from claimed");
        require(_world.claimedSum() == _world.totalClaimed(), "the run's total differs from its members'");
        require(_world.noneIsPaidMoreThanEarned(), "a member got more than it earned");
        require(!_world.paidBeforeFinal(), "a claim was paid from a round that is not final");
        require(!_world.rewardFell(), "a cumulative reward fell");
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
