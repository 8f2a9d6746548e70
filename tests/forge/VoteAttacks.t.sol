// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";
import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

import {Trees} from "./Trees.sol";
import {Votes} from "./Votes.sol";
import {IGuardian} from "contracts/interfaces/IGuardian.sol";
import {IGovernorRules} from "contracts/interfaces/IGovernorRules.sol";
import {IMemberRegistry} from "contracts/interfaces/IMemberRegistry.sol";
import {IMeritEpochs} from "contracts/interfaces/IMeritEpochs.sol";
import {ISignedRequests} from "contracts/interfaces/ISignedRequests.sol";
import {ITenWingsGovernor} from "contracts/interfaces/ITenWingsGovernor.sol";
import {TenWingsGovernor} from "contracts/TenWingsGovernor.sol";

/// @title A wallet that signs for its owner's key, and for every digest alike: it relies on digests that name all.
contract Wallet is IERC1271 {
    address private immutable _owner;

    constructor(address owner) {
        _owner = owner;
    }

    function isValidSignature(bytes32 hash, bytes memory signature) external view returns (bytes4) {
        (address signer,,) = ECDSA.tryRecover(hash, signature);
        return signer == _owner ? IERC1271.isValidSignature.selector : bytes4(0);
    }
}

/// @title What a proposal is about to call.
contract Harmless {
    function act() external {}
}

/// @title What comes in its place.
contract Harmful {
    error Harmed();

    function act() external pure {
        revert Harmed();
    }
}

/// @title Each test makes an attack that would succeed without its defence.
contract VoteAttacksTest is Votes {
    function setUp() public override {
        super.setUp();
        earnMerit();
    }

    // Weight that was not earned.

    function test_borrowed_tokens_vote_for_nothing() public {
        uint256 proposalId = proposeAndOpen(standard());
        vm.prank(ADMIN);
        token.transfer(trainer(2), 900_000e18); // nine tenths of all tokens, for one vote
        vote(proposalId, 2, 1);
        (, uint256 inFavour,) = governor.proposalVotes(proposalId);
        same(inFavour, 20);
    }

    function test_merit_that_is_final_after_the_snapshot_does_not_count() public {
        uint256 proposalId = propose(standard());
        weights[2] = 50; // the second epoch grants more
        commitEpoch();
        vm.warp(block.timestamp + FINALITY_DELAY); // final, and the vote is open
        bytes memory params = ballot(2, 2);
        vm.expectPartialRevert(ITenWingsGovernor.InvalidMeritProof.selector);
        vm.prank(trainer(2));
        governor.castVoteWithReasonAndParams(proposalId, 1, "", params);
    }

    function test_a_forged_weight_is_refused(uint256 weight) public {
        vm.assume(weight != weights[2]);
        uint256 proposalId = proposeAndOpen(standard());
        (uint256 memberId, uint256 merit,, bytes32[] memory proof) =
            abi.decode(ballot(1, 2), (uint256, uint256, uint256, bytes32[]));
        vm.expectRevert(
            abi.encodeWithSelector(
                ITenWingsGovernor.InvalidMeritProof.selector, trainer(2), 1, memberId, merit, weight
            )
        );
        vm.prank(trainer(2));
        governor.castVoteWithReasonAndParams(proposalId, 1, "", abi.encode(memberId, merit, weight, proof));
    }

    function test_nobody_votes_with_anothers_proof() public {
        uint256 proposalId = proposeAndOpen(standard());
        bytes memory stolen = ballot(1, 0);
        vm.expectPartialRevert(ITenWingsGovernor.InvalidMeritProof.selector);
        vm.prank(trainer(1));
        governor.castVoteWithReasonAndParams(proposalId, 1, "", stolen);
    }

    /// @dev A governor that took the root again would flatten what is flat already: 7, 5 and 4 in place of 50, 30 and 20.
    function test_the_square_root_is_taken_once() public {
        uint256 proposalId = proposeAndOpen(standard());
        for (uint256 i = 0; i < 3; ++i) vote(proposalId, i, 1);
        (, uint256 inFavour,) = governor.proposalVotes(proposalId);
        same(inFavour, 100);
    }

    function test_a_member_votes_once() public {
        uint256 proposalId = proposeAndOpen(standard());
        vote(proposalId, 0, 1);
        bytes memory params = ballot(1, 0);
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorAlreadyCastVote.selector, trainer(0)));
        vm.prank(trainer(0));
        governor.castVoteWithReasonAndParams(proposalId, 1, "", params);
    }

    // False identities.

    function test_new_accounts_without_merit_have_no_voice_in_either_house() public {
        uint256 proposalId = propose(constitutional());
        ITenWingsGovernor.Hurdles memory before = governor.hurdles(proposalId);
        for (uint256 i = 0; i < 50; ++i) join(uint256(keccak256(abi.encode("sybil", i))), TRAINER);
        vm.warp(block.timestamp + VOTING_DELAY + 1);
        same(governor.hurdles(proposalId).forHeads, before.forHeads);
        address sybil = vm.addr(uint256(keccak256(abi.encode("sybil", uint256(0)))));
        bytes32[] memory proof = new bytes32[](0);
        vm.expectPartialRevert(ITenWingsGovernor.InvalidMeritProof.selector);
        vm.prank(sybil);
        governor.castVoteWithReasonAndParams(proposalId, 1, "", abi.encode(8, 1, 1, proof));
    }

    function test_an_epoch_cannot_count_members_who_never_joined() public {
        commitRound(keccak256("contributions"), 0);
        vm.warp(block.timestamp + DISPUTE_WINDOW);
        IMeritEpochs.EpochCommit memory c = nextEpoch();
        c.count = 8; // seven joined
        bytes[] memory signatures = cosign(epochDigest(c), K);
        vm.expectRevert(abi.encodeWithSelector(IMeritEpochs.MoreLeavesThanMembers.selector, 8, 7));
        epochs.commitEpoch(c, signatures);
    }

    // Taking over a proposal.

    function test_a_proposal_is_not_front_run_and_cancelled() public {
        Proposal memory p = standard(); // names trainer 0; trainer 1 saw it on its way
        ITenWingsGovernor.Sponsor[] memory thief = new ITenWingsGovernor.Sponsor[](1);
        thief[0] =
            ITenWingsGovernor.Sponsor(trainer(1), sign(trainerKeys[1], statement(idOf(p), trainer(1), LATER)));
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorRestrictedProposer.selector, trainer(1)));
        send(p, trainer(1), thief);
        propose(p);
        vm.expectPartialRevert(IGovernor.GovernorUnableToCancel.selector);
        vm.prank(trainer(1));
        cancel(p);
    }

    // Signatures.

    function test_a_signed_ballot_cannot_be_turned_around() public {
        uint256 proposalId = proposeAndOpen(standard());
        bytes memory signature = signBallot(proposalId, 1, 1);
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorInvalidSignature.selector, trainer(1)));
        this.castFor(proposalId, 1, 0, signature);
    }

    function test_a_malleated_ballot_is_refused() public {
        uint256 proposalId = proposeAndOpen(standard());
        bytes memory signature = malleated(signBallot(proposalId, 1, 1));
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorInvalidSignature.selector, trainer(1)));
        this.castFor(proposalId, 1, 1, signature);
    }

    function test_a_malleated_sponsor_is_refused() public {
        Proposal memory p = standard();
        ITenWingsGovernor.Sponsor[] memory sponsors = sponsored(idOf(p), 1);
        sponsors[0].signature = malleated(sponsors[0].signature);
        vm.expectPartialRevert(ISignedRequests.InvalidSignature.selector);
        send(p, trainer(0), sponsors);
    }

    function test_a_ballot_is_not_replayed_on_another_proposal() public {
        uint256 first = proposeAndOpen(standard());
        uint256 second = proposeAndOpen(routine());
        bytes memory signature = signBallot(first, 1, 1);
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorInvalidSignature.selector, trainer(1)));
        this.castFor(second, 1, 1, signature);
    }

    function test_a_ballot_is_not_replayed_on_the_same_proposal() public {
        uint256 proposalId = proposeAndOpen(standard());
        bytes memory signature = signBallot(proposalId, 1, 1);
        this.castFor(proposalId, 1, 1, signature);
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorAlreadyCastVote.selector, trainer(1)));
        this.castFor(proposalId, 1, 1, signature);
    }

    function test_a_ballot_is_not_cast_in_anothers_name() public {
        uint256 proposalId = proposeAndOpen(standard());
        bytes memory signature = signBallot(proposalId, 1, 1);
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorInvalidSignature.selector, trainer(2)));
        this.castFor(proposalId, 2, 1, signature);
    }

    function test_a_ballot_is_not_replayed_on_another_chain() public {
        uint256 proposalId = proposeAndOpen(standard());
        bytes memory signature = signBallot(proposalId, 1, 1);
        bytes memory params = ballot(1, 1);
        vm.chainId(1);
        vm.expectRevert(abi.encodeWithSelector(IGovernor.GovernorInvalidSignature.selector, trainer(1)));
        governor.castVoteWithReasonAndParamsBySig(proposalId, 1, trainer(1), "because", params, signature);
    }

    function test_a_proposal_is_not_replayed_on_another_governor() public {
        Proposal memory p = standard();
        ITenWingsGovernor.Sponsor[] memory sponsors = sponsored(idOf(p), 1);
        TenWingsGovernor other = new TenWingsGovernor(members, epochs, charter, timelock, rules(), kinds());
        vm.expectPartialRevert(ISignedRequests.InvalidSignature.selector);
        other.proposeBySig(trainer(0), p.targets, p.values, p.calldatas, p.description, LATER, sponsors);
    }

    /// @dev Two wallets of one owner: what it signed for one is no word of the other, for the digest names the account.
    function test_a_signature_for_one_wallet_is_not_replayed_for_another() public {
        address first = address(new Wallet(vm.addr(OUTSIDER_KEY)));
        address second = address(new Wallet(vm.addr(OUTSIDER_KEY)));
        _joinWallet(first);
        _joinWallet(second);
        Proposal memory p = standard();
        p.description = describe("Change it", first);
        ITenWingsGovernor.Sponsor[] memory sponsors = new ITenWingsGovernor.Sponsor[](1);
        bytes memory signature = sign(OUTSIDER_KEY, statement(idOf(p), first, LATER));
        sponsors[0] = ITenWingsGovernor.Sponsor(first, signature);
        send(p, first, sponsors); // its own word counts

        p.description = describe("Change it", second);
        sponsors[0].account = second;
        vm.expectRevert(abi.encodeWithSelector(ISignedRequests.InvalidSignature.selector, second, signature));
        send(p, second, sponsors);
    }

    function _joinWallet(address wallet) private {
        IMemberRegistry.JoinRequest memory request = joinRequest(OUTSIDER_KEY, TRAINER);
        request.account = wallet;
        request.nodeKeyDigest = keccak256(abi.encode(wallet));
        members.join(request, signJoin(OUTSIDER_KEY, request), signVoucher(ADMITTER_KEY, request));
    }

    function castFor(uint256 proposalId, uint256 i, uint8 support, bytes memory signature) external {
        cast(proposalId, i, support, signature);
    }

    // Winning by arithmetic.

    function test_abstentions_make_no_quorum() public {
        IGovernorRules.Rules memory r = rules();
        r.quorumBps = 3000;
        pass(ruling(r));
        uint256 proposalId = proposeAndOpen(standard());
        vote(proposalId, 2, 1); // 20 for
        vote(proposalId, 0, 2); // 50 abstain: taken together they would be enough
        close();
        expectState(proposalId, IGovernor.ProposalState.Defeated);
    }

    function test_a_late_swing_gives_the_others_time_to_answer() public {
        uint256 proposalId = proposeAndOpen(standard());
        vote(proposalId, 2, 1); // 20 for: it would pass
        vm.warp(governor.proposalDeadline(proposalId)); // the last second
        vote(proposalId, 1, 0); // 30 against: it would fail, and nobody could answer
        vm.warp(block.timestamp + 1);
        expectState(proposalId, IGovernor.ProposalState.Active);
        vote(proposalId, 0, 1);
        vm.warp(governor.proposalDeadline(proposalId) + 1);
        expectState(proposalId, IGovernor.ProposalState.Succeeded);
    }

    // What is executed.

    function test_code_that_was_swapped_after_the_vote_is_not_called() public {
        address target = address(0xC0DE);
        vm.etch(target, type(Harmless).runtimeCode);
        Proposal memory p = proposal(target, abi.encodeCall(Harmless.act, ()));
        passUpToExecution(p);
        vm.etch(target, type(Harmful).runtimeCode);
        expectUnknown(idOf(p));
        execute(p);
        vm.etch(target, type(Harmless).runtimeCode);
        execute(p);
    }

    function test_code_that_appears_after_the_vote_is_not_called() public {
        Proposal memory p = proposal(address(0xC0DE), abi.encodeCall(Harmless.act, ()));
        passUpToExecution(p);
        vm.etch(address(0xC0DE), type(Harmful).runtimeCode);
        expectUnknown(idOf(p));
        execute(p);
    }

    function test_rules_out_of_range_are_refused() public {
        IGovernorRules.Rules memory r = rules();
        r.votingDelaySeconds = 30 days + 1;
        _refuse(r, 0, 30 days + 1, 0, 30 days);
        r = rules();
        r.votingPeriodSeconds = 0;
        _refuse(r, 1, 0, 1, 60 days);
        r.votingPeriodSeconds = 60 days + 1;
        _refuse(r, 1, 60 days + 1, 1, 60 days);
        r = rules();
        r.quorumBps = 0;
        _refuse(r, 2, 0, 1, 6667);
        r.quorumBps = 6668;
        _refuse(r, 2, 6668, 1, 6667);
        r = rules();
        r.constitutionalQuorumBps = 1999;
        _refuse(r, 3, 1999, 2000, 8000);
        r.constitutionalQuorumBps = 8001;
        _refuse(r, 3, 8001, 2000, 8000);
        r = rules();
        r.majorityBps = 5000;
        _refuse(r, 4, 5000, 5001, 9000);
        r.majorityBps = 9001;
        _refuse(r, 4, 9001, 5001, 9000);
        r = rules();
        r.headsQuorumBps = 0;
        _refuse(r, 5, 0, 1, 8000);
        r.headsQuorumBps = 8001;
        _refuse(r, 5, 8001, 1, 8000);
        r = rules();
        r.vetoBps = 0;
        _refuse(r, 6, 0, 1, 5000);
        r.vetoBps = 5001;
        _refuse(r, 6, 5001, 1, 5000);
    }

    function test_sponsors_out_of_range_are_refused() public {
        IGovernorRules.Rules memory r = rules();
        r.routineSponsors = 0;
        _refuse(r, 7, 0, 1, 20);
        r.routineSponsors = 21;
        _refuse(r, 7, 21, 1, 20);
        r = rules();
        r.routineSponsors = 2;
        _refuse(r, 8, 1, 2, 20);
        r.standardSponsors = 21;
        _refuse(r, 8, 21, 2, 20);
        r.standardSponsors = 3;
        _refuse(r, 9, 2, 3, 20);
        r.constitutionalSponsors = 21;
        _refuse(r, 9, 21, 3, 20);
    }

    function _refuse(IGovernorRules.Rules memory r, uint256 rule, uint256 value, uint256 lowest, uint256 highest)
        private
    {
        Proposal memory p = ruling(r);
        passUpToExecution(p);
        vm.expectRevert(
            abi.encodeWithSelector(IGovernorRules.RuleOutOfRange.selector, rule, value, lowest, highest)
        );
        execute(p);
    }

    // The guardian.

    function test_the_guardian_takes_no_role_and_changes_nothing() public {
        bytes32 admitter = members.ADMITTER_ROLE();
        vm.prank(GUARDIAN);
        vm.expectPartialRevert(IAccessControl.AccessControlUnauthorizedAccount.selector);
        members.grantRole(admitter, GUARDIAN);
        vm.prank(GUARDIAN);
        vm.expectPartialRevert(IAccessControl.AccessControlUnauthorizedAccount.selector);
        guardian.appoint(GUARDIAN, uint48(block.timestamp + 1 days));
        vm.prank(GUARDIAN);
        vm.expectPartialRevert(IAccessControl.AccessControlUnauthorizedAccount.selector);
        timelock.cancel(bytes32(0));
        vm.prank(GUARDIAN);
        vm.expectPartialRevert(IAccessControl.AccessControlUnauthorizedAccount.selector);
        runs.unpause(RUN);
    }

    function test_the_guardian_cancels_once() public {
        uint256 proposalId = proposeAndOpen(standard());
        stopAsGuardian(standard());
        expectState(proposalId, IGovernor.ProposalState.Canceled);
        Proposal memory p = routine();
        propose(p);
        vm.expectRevert(abi.encodeWithSelector(IGuardian.NotTheGuardian.selector, GUARDIAN));
        stopAsGuardian(p);
    }

    /// @dev Attack: the table of kinds is lowered first, and a plain majority then names the guardian.
    function test_no_table_makes_the_guardians_appointment_less_than_constitutional() public {
        Proposal memory p =
            proposal(address(guardian), abi.encodeCall(IGuardian.appoint, (trainer(0), uint48(block.timestamp + 1))));
        pass(
            proposal(
                address(governor),
                abi.encodeCall(
                    ITenWingsGovernor.setKind,
                    (ITenWingsGovernor.KindSetting(
                            address(guardian), IGuardian.appoint.selector, ITenWingsGovernor.Kind.Routine
                        ))
                )
            )
        );
        same(uint8(governor.kindOf(p.targets, p.calldatas)), uint8(ITenWingsGovernor.Kind.Constitutional));
    }
}
