// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";

import {Driven} from "./Driven.sol";
import {Votes} from "./Votes.sol";

/// @title A world with one open vote at a time, and ballots at random: true, repeated, forged, of every kind of support.
contract VotesHandler is Votes {
    uint256 public proposalId;
    mapping(uint256 id => mapping(uint256 trainerIndex => uint256)) private _ballots;
    uint256 private _numProposals;

    function setUp() public override {
        super.setUp();
        earnMerit();
        open();
    }

    /// @dev The next vote, once all have voted.
    function open() public {
        for (uint256 i = 0; i < 3; ++i) {
            if (proposalId != 0 && _ballots[proposalId][i] == 0) return;
        }
        Proposal memory p = standard();
        p.description = describe(Strings.toString(_numProposals++), trainer(0));
        proposalId = proposeAndOpen(p);
    }

    function castOne(uint256 i, uint8 support) external {
        i %= 3;
        _cast(i, support % 4, ballot(1, i));
    }

    /// @dev Attack: one's own leaf with another weight.
    function attack_weight(uint256 i, uint256 weight) external {
        i %= 3;
        if (weight == weights[i]) ++weight;
        (uint256 memberId, uint256 merit,, bytes32[] memory proof) =
            abi.decode(ballot(1, i), (uint256, uint256, uint256, bytes32[]));
        _cast(i, 1, abi.encode(memberId, merit, weight, proof));
    }

    /// @dev Attack: the leaf of another member.
    function attack_anothersLeaf(uint256 i, uint256 other) external {
        i %= 3;
        _cast(i, 1, ballot(1, (i + between(other, 1, 2)) % 3));
    }

    function ballots(uint256 i) external view returns (uint256) {
        return _ballots[proposalId][i];
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

    function _cast(uint256 i, uint8 support, bytes memory params) private {
        vm.prank(trainer(i));
        governor.castVoteWithReasonAndParams(proposalId, support, "", params);
        ++_ballots[proposalId][i];
    }
}

contract VotesInvariants is Driven {
    VotesHandler private _world;

    function setUp() public {
        _world = new VotesHandler();
        _world.setUp();
        drive(address(_world));
        often(_world.castOne.selector, 4);
        often(_world.open.selector, 2);
        often(_world.attack_weight.selector, 1);
        often(_world.attack_anothersLeaf.selector, 1);
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
