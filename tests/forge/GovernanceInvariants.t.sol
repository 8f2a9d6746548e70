// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";

import {Driven} from "./Driven.sol";
import {Votes} from "./Votes.sol";
import {IMeritEpochs} from "contracts/interfaces/IMeritEpochs.sol";
import {ITenWingsGovernor} from "contracts/interfaces/ITenWingsGovernor.sol";

/// @title A community driven at random: proposals of every kind, ballots, stages out of order, the guardian, epochs, time.
contract GovernanceHandler is Votes {
    uint256 private constant NUM_KINDS = 3;
    uint256 private constant MAX_PROPOSALS = 3;

    Proposal[] private _proposals;
    uint256 private _numProposals;
    mapping(uint256 proposalId => uint256) private _queuedAt;
    mapping(uint256 proposalId => uint256) private _executions;
    uint256 public guardianActs;
    bytes32 private _lastRoot;
    // A revert inside a handler fails nothing, so what must never happen is noted here and checked by the invariant.
    bool public executedWithoutItsStages;
    bool public executedTwice;
    bool public rootMoved;
    bool public ballotAboveCap;
    bool public pausedTooLong;

    function setUp() public override {
        super.setUp();
        earnMerit();
        _lastRoot = epochs.epoch(1).root;
    }

    function suggest(uint256 seed) external {
        bool full = _proposals.length == MAX_PROPOSALS; // few, so that random stages meet the same one
        uint256 slot = seed % MAX_PROPOSALS;
        if (full && !_isOver(idOf(_proposals[slot]))) return;
        Proposal memory p = (seed / MAX_PROPOSALS) % NUM_KINDS == 0
            ? routine()
            : (seed / MAX_PROPOSALS) % NUM_KINDS == 1 ? standard() : constitutional();
        p.description = describe(Strings.toString(_numProposals++), trainer(0));
        propose(p);
        if (full) _proposals[slot] = p;
        else _proposals.push(p);
    }

    function ballotFor(uint256 seed, uint256 i, uint8 support) external {
        uint256 proposalId = idOf(_at(seed));
        uint256 epoch = _vote(proposalId, i % 3, support % 3);
        if (weights[i % 3] > epochs.epoch(epoch).maxWeight) ballotAboveCap = true;
    }

    function wait(uint256 time) external {
        vm.warp(block.timestamp + between(time, 1, 2 days));
    }

    /// @dev Without it hardly a random vote would end well: all who have not voted yet vote for it, and it ends.
    function carry(uint256 seed) external {
        uint256 proposalId = idOf(_at(seed));
        uint256 opens = governor.proposalSnapshot(proposalId) + 1;
        if (block.timestamp < opens) vm.warp(opens);
        for (uint256 i = 0; i < 3; ++i) {
            if (!governor.hasVoted(proposalId, trainer(i))) _vote(proposalId, i, 1);
        }
        vm.warp(governor.proposalDeadline(proposalId) + 1);
    }

    /// @dev The last two stages, in order, as far as the proposal stands for them.
    function finish(uint256 seed) external {
        uint256 proposalId = idOf(_at(seed));
        if (governor.state(proposalId) == IGovernor.ProposalState.Succeeded) queueOne(seed);
        vm.warp(block.timestamp + TIMELOCK_DELAY);
        executeOne(seed);
    }

    function queueOne(uint256 seed) public {
        Proposal memory p = _at(seed);
        bool stood = governor.state(idOf(p)) == IGovernor.ProposalState.Succeeded;
        queue(p);
        if (!stood) executedWithoutItsStages = true;
        _queuedAt[idOf(p)] = block.timestamp;
    }

    function executeOne(uint256 seed) public {
        Proposal memory p = _at(seed);
        execute(p);
        uint256 proposalId = idOf(p);
        uint256 queuedAt = _queuedAt[proposalId];
        bool staged = queuedAt != 0 && block.timestamp >= queuedAt + TIMELOCK_DELAY;
        if (!staged) executedWithoutItsStages = true;
        if (++_executions[proposalId] > 1) executedTwice = true;
    }

    /// @dev Attack: what waits in the timelock is executed there, past the governor.
    function attack_timelock(uint256 seed) external {
        Proposal memory p = _at(seed);
        bytes32 salt = bytes20(address(governor)) ^ keccak256(bytes(p.description));
        timelock.executeBatch(p.targets, p.values, p.calldatas, 0, salt);
        executedWithoutItsStages = true;
    }

    function guard(uint256 seed) external {
        if (seed % 2 == 0) {
            stopAsGuardian(_at(seed / 2));
        } else {
            vm.prank(GUARDIAN);
            guardian.pause(RUN, uint48(block.timestamp + between(seed, 1, 8 days)));
            if (runs.run(RUN).pausedUntil > block.timestamp + 7 days) pausedTooLong = true;
        }
        ++guardianActs;
    }

    /// @dev Attack: the guardian gives itself a role.
    function attack_roles(uint256 seed) external {
        bytes32 role = seed % 2 == 0 ? bytes32(0) : members.ADMITTER_ROLE();
        vm.prank(GUARDIAN);
        members.grantRole(role, GUARDIAN);
    }

    /// @dev The next epoch, sometimes signed by too few or before its round is final: merit moves by a finalised root alone.
    function earn(uint256 seed) external {
        if (seed % 2 == 0) commitRound(keccak256("contributions"), 0);
        IMeritEpochs.EpochCommit memory c = nextEpoch();
        epochs.commitEpoch(c, cosign(epochDigest(c), seed % 3 == 0 ? K - 1 : K));
        if (seed % 3 == 0 || !runs.isFinal(RUN, c.uptoRound)) rootMoved = true;
    }

    function guardianHoldsNothing() external view returns (bool) {
        return !members.hasRole(bytes32(0), GUARDIAN) && !members.hasRole(members.ADMITTER_ROLE(), GUARDIAN)
            && !timelock.hasRole(timelock.CANCELLER_ROLE(), GUARDIAN) && !runs.hasRole(runs.INCIDENT_ROLE(), GUARDIAN)
            && token.balanceOf(GUARDIAN) == 0 && token.balanceOf(address(guardian)) == 0;
    }

    function firstRootStands() external view returns (bool) {
        return epochs.epoch(1).root == _lastRoot;
    }

    function talliesKeepToTheEpoch() external view returns (bool) {
        for (uint256 i = 0; i < _proposals.length; ++i) {
            uint256 proposalId = idOf(_proposals[i]);
            (uint256 against, uint256 inFavour, uint256 abstain) = governor.proposalVotes(proposalId);
            if (against + inFavour + abstain > 100) return false;
            (against, inFavour, abstain) = governor.proposalHeads(proposalId);
            if (against + inFavour + abstain > 3) return false;
        }
        return true;
    }

    /// @dev Votes with the leaf of the epoch that the proposal goes by, which it returns.
    function _vote(uint256 proposalId, uint256 i, uint8 support) private returns (uint256 epoch) {
        epoch = epochs.finalEpochAt(governor.proposalSnapshot(proposalId));
        bytes memory params = ballot(epoch, i);
        vm.prank(trainer(i));
        governor.castVoteWithReasonAndParams(proposalId, support, "", params);
    }

    function _isOver(uint256 proposalId) private view returns (bool) {
        IGovernor.ProposalState state = governor.state(proposalId);
        return state == IGovernor.ProposalState.Executed || state == IGovernor.ProposalState.Defeated
            || state == IGovernor.ProposalState.Canceled;
    }

    function _at(uint256 seed) private view returns (Proposal memory) {
        return _proposals[seed % _proposals.length];
    }
}

contract GovernanceInvariants is Driven {
    GovernanceHandler private _world;

    function setUp() public {
        _world = new GovernanceHandler();
        _world.setUp();
        drive(address(_world));
        often(_world.suggest.selector, 2);
        often(_world.ballotFor.selector, 2);
        often(_world.wait.selector, 1);
        often(_world.queueOne.selector, 1);
        often(_world.executeOne.selector, 1);
        often(_world.guard.selector, 1);
        often(_world.earn.selector, 1);
        often(_world.carry.selector, 1);
        often(_world.finish.selector, 2);
        often(_world.attack_timelock.selector, 1);
        often(_world.attack_roles.selector, 1);
    }

    function invariant_stages_are_kept_merit_is_final_and_the_guardian_gains_nothing() public view {
        require(!_world.executedWithoutItsStages(), "executed without its stages");
        require(!_world.executedTwice(), "executed twice");
        require(_world.talliesKeepToTheEpoch(), "a tally exceeds its epoch");
        require(!_world.ballotAboveCap(), "a ballot exceeds the largest weight");
        require(!_world.rootMoved(), "an epoch came without a final round or its quorum");
        require(_world.firstRootStands(), "a root changed");
        require(_world.guardianHoldsNothing(), "the guardian holds something");
        require(_world.guardianActs() <= 1, "the guardian acted twice");
        require(!_world.pausedTooLong(), "the guardian paused for more than a week");
    }
}
