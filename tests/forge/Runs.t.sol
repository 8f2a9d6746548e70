// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

import {World} from "./World.sol";
import {ICids} from "contracts/interfaces/ICids.sol";
import {IEvaluatorQuorum} from "contracts/interfaces/IEvaluatorQuorum.sol";
import {IRunGovernance} from "contracts/interfaces/IRunGovernance.sol";
import {ITrainingRuns} from "contracts/interfaces/ITrainingRuns.sol";

contract RunsTest is World {
    bytes32 private constant ROOT = keccak256("contributions");

    function commit(ITrainingRuns.RoundCommit memory c) private {
        commitSigned(c);
    }

    function test_a_new_run_stands_at_its_genesis_with_spec_version_one() public view {
        (uint32 round, bytes32 checkpoint) = runs.head(RUN);
        (uint32 version, bytes32 spec) = runs.specOf(RUN);
        same(round, 0);
        same(checkpoint, keccak256("genesis"));
        same(version, 1);
        same(spec, keccak256("spec 1"));
        same(runs.numRuns(), 1);
        holds(!runs.isFinal(RUN, 0), "the genesis grants nothing, so it is never final");
    }

    function test_only_a_curator_opens_a_run() public {
        bytes32 role = runs.CURATOR_ROLE();
        vm.expectRevert(
            abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, RELAYER, role)
        );
        vm.prank(RELAYER);
        runs.createRun(runParams());
    }

    function test_a_run_without_a_quorum_is_refused() public {
        ITrainingRuns.RunParams memory params = runParams();
        params.quorum = 0;
        vm.expectRevert(abi.encodeWithSelector(IRunGovernance.InvalidQuorum.selector, 0));
        vm.prank(COORDINATOR);
        runs.createRun(params);
    }

    function test_a_run_needs_a_registered_dataset() public {
        ITrainingRuns.RunParams memory params = runParams();
        params.datasetDigest = keccak256("unknown");
        vm.expectRevert(abi.encodeWithSelector(IRunGovernance.NotADataset.selector, params.datasetDigest));
        vm.prank(COORDINATOR);
        runs.createRun(params);
    }

    function test_a_committed_round_becomes_the_head_and_is_final_after_the_window(uint96 reward, uint32 clients)
        public
    {
        ITrainingRuns.RoundCommit memory c = nextCommit(ROOT, clients, uint96(between(reward, 0, REWARD_CAP)));
        commit(c);

        (uint32 round, bytes32 checkpoint) = runs.head(RUN);
        same(round, 1);
        same(checkpoint, keccak256(abi.encode("checkpoint", 1)));
        same(runs.run(RUN).cumulativeReward, c.reward);
        same(runs.round(RUN, 1).finalAt, START + DISPUTE_WINDOW);
        same(uint256(runs.statusOf(RUN, 1)), uint256(ITrainingRuns.RoundStatus.Committed));
        vm.warp(START + DISPUTE_WINDOW - 1);
        holds(!runs.isFinal(RUN, 1), "final too early");
        vm.warp(START + DISPUTE_WINDOW);
        holds(runs.isFinal(RUN, 1), "not final after the window");
    }

    function test_rewards_add_up_over_rounds(uint96 first, uint96 second) public {
        uint96 a = uint96(between(first, 0, REWARD_CAP));
        uint96 b = uint96(between(second, 0, REWARD_CAP));
        commitRound(ROOT, a);
        commitRound(ROOT, b);
        same(runs.run(RUN).cumulativeReward, uint256(a) + b);
    }

    function test_a_wrong_round_number_is_refused(uint32 round) public {
        vm.assume(round != 1);
        ITrainingRuns.RoundCommit memory c = nextCommit(ROOT, 3, 0);
        c.round = round;
        bytes[] memory signatures = cosign(roundDigest(c), K);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.WrongRound.selector, RUN, round, 1));
        runs.commitRound(c, signatures);
    }

    function test_a_wrong_parent_is_refused(bytes32 parent) public {
        vm.assume(parent != keccak256("genesis"));
        ITrainingRuns.RoundCommit memory c = nextCommit(ROOT, 3, 0);
        c.parentDigest = parent;
        bytes[] memory signatures = cosign(roundDigest(c), K);
        vm.expectRevert(
            abi.encodeWithSelector(ITrainingRuns.WrongParent.selector, RUN, parent, keccak256("genesis"))
        );
        runs.commitRound(c, signatures);
    }

    function test_a_round_trained_by_another_spec_is_refused(bytes32 spec) public {
        vm.assume(spec != keccak256("spec 1"));
        ITrainingRuns.RoundCommit memory c = nextCommit(ROOT, 3, 0);
        c.specDigest = spec;
        bytes[] memory signatures = cosign(roundDigest(c), K);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.WrongSpec.selector, RUN, spec, keccak256("spec 1")));
        runs.commitRound(c, signatures);
    }

    function test_a_reward_above_the_cap_is_refused(uint96 reward) public {
        reward = uint96(between(reward, REWARD_CAP + 1, type(uint96).max));
        ITrainingRuns.RoundCommit memory c = nextCommit(ROOT, 3, reward);
        bytes[] memory signatures = cosign(roundDigest(c), K);
        vm.expectRevert(
            abi.encodeWithSelector(ITrainingRuns.RewardAboveCap.selector, RUN, reward, REWARD_CAP)
        );
        runs.commitRound(c, signatures);
    }

    function test_a_round_of_an_unknown_run_is_refused() public {
        ITrainingRuns.RoundCommit memory c = nextCommit(ROOT, 3, 0);
        c.runId = 2;
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.UnknownRun.selector, 2));
        runs.commitRound(c, new bytes[](0));
    }

    function test_a_replayed_commit_is_refused() public {
        ITrainingRuns.RoundCommit memory c = nextCommit(ROOT, 3, 0);
        bytes[] memory signatures = cosign(roundDigest(c), K);
        runs.commitRound(c, signatures);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.WrongRound.selector, RUN, 1, 2));
        runs.commitRound(c, signatures);
    }

    function test_signatures_of_another_chain_are_refused() public {
        ITrainingRuns.RoundCommit memory c = nextCommit(ROOT, 3, 0);
        bytes[] memory signatures = cosign(roundDigest(c), K);
        vm.chainId(block.chainid + 1);
        vm.expectPartialRevert(IEvaluatorQuorum.NotAnActiveEvaluator.selector);
        runs.commitRound(c, signatures);
    }

    function test_signatures_over_other_values_are_refused(uint64 loss) public {
        ITrainingRuns.RoundCommit memory c = nextCommit(ROOT, 3, 0);
        vm.assume(loss != c.heldoutLossMicro);
        bytes[] memory signatures = cosign(roundDigest(c), 1);
        c.heldoutLossMicro = loss;
        bytes[] memory padded = cosign(roundDigest(c), K);
        padded[0] = signatures[0];
        vm.expectRevert(); // a random address: either out of order or no evaluator
        runs.commitRound(c, padded);
    }

    function test_too_few_signatures_are_refused() public {
        ITrainingRuns.RoundCommit memory c = nextCommit(ROOT, 3, 0);
        bytes[] memory signatures = cosign(roundDigest(c), K - 1);
        vm.expectRevert(abi.encodeWithSelector(IEvaluatorQuorum.QuorumNotReached.selector, K - 1, K));
        runs.commitRound(c, signatures);
    }

    function test_one_evaluator_cannot_count_twice() public {
        ITrainingRuns.RoundCommit memory c = nextCommit(ROOT, 3, 0);
        bytes[] memory signatures = cosign(roundDigest(c), K);
        signatures[2] = signatures[1];
        address twice = vm.addr(evaluatorKeys[1]);
        vm.expectRevert(abi.encodeWithSelector(IEvaluatorQuorum.SignersNotAscending.selector, twice, twice));
        runs.commitRound(c, signatures);
    }

    function test_signers_out_of_order_are_refused() public {
        ITrainingRuns.RoundCommit memory c = nextCommit(ROOT, 3, 0);
        bytes[] memory signatures = cosign(roundDigest(c), K);
        (signatures[0], signatures[1]) = (signatures[1], signatures[0]);
        vm.expectPartialRevert(IEvaluatorQuorum.SignersNotAscending.selector);
        runs.commitRound(c, signatures);
    }

    function test_a_malleated_signature_is_refused() public {
        ITrainingRuns.RoundCommit memory c = nextCommit(ROOT, 3, 0);
        bytes[] memory signatures = cosign(roundDigest(c), K);
        signatures[0] = malleated(signatures[0]);
        vm.expectPartialRevert(ECDSA.ECDSAInvalidSignatureS.selector);
        runs.commitRound(c, signatures);
    }

    function test_a_trainer_cannot_sign_as_evaluator() public {
        _expectRefusedSigner(trainerKeys[0]);
    }

    function test_an_outsider_cannot_sign_as_evaluator() public {
        _expectRefusedSigner(OUTSIDER_KEY);
    }

    function test_a_suspended_evaluator_cannot_sign() public {
        (uint256 memberId,,,,) = members.memberOf(vm.addr(evaluatorKeys[0]));
        vm.prank(address(timelock));
        members.setActive(memberId, false);
        _expectRefusedSigner(evaluatorKeys[0]);
    }

    function _expectRefusedSigner(uint256 key) private {
        ITrainingRuns.RunParams memory params = runParams();
        params.quorum = 1;
        vm.prank(COORDINATOR);
        uint256 single = runs.createRun(params);
        ITrainingRuns.RoundCommit memory c = nextCommit(ROOT, 3, 0);
        c.runId = single;
        bytes[] memory signatures = new bytes[](1);
        signatures[0] = sign(key, roundDigest(c));
        vm.expectRevert(abi.encodeWithSelector(IEvaluatorQuorum.NotAnActiveEvaluator.selector, vm.addr(key)));
        runs.commitRound(c, signatures);
    }

    function test_a_codec_that_is_neither_raw_nor_dag_pb_is_refused(uint8 codecs) public {
        ITrainingRuns.RoundCommit memory c = nextCommit(ROOT, 3, 0);
        c.codecs = uint8(between(codecs, 4, 255));
        bytes[] memory signatures = cosign(roundDigest(c), K);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.InvalidCodecs.selector, c.codecs));
        runs.commitRound(c, signatures);
    }

    function test_a_failed_rounds_record_must_be_a_cid(bytes4 prefix) public {
        vm.assume(prefix != 0x01551220 && prefix != 0x01701220);
        bytes memory junk = abi.encodePacked(prefix, keccak256("record"));
        vm.expectRevert(abi.encodeWithSelector(ICids.InvalidCid.selector, junk));
        vm.prank(COORDINATOR);
        runs.closeFailed(RUN, 1, junk, "no quorum");
    }

    function test_a_failed_round_leaves_the_head_and_its_number_is_tried_again() public {
        vm.prank(COORDINATOR);
        runs.closeFailed(RUN, 1, cid(keccak256("failed")), "no quorum");
        (uint32 round,) = runs.head(RUN);
        same(round, 0);
        same(commitRound(ROOT, 0), 1);
    }

    function test_only_the_next_round_can_be_closed_as_failed() public {
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.WrongRound.selector, RUN, 2, 1));
        vm.prank(COORDINATOR);
        runs.closeFailed(RUN, 2, cid(keccak256("failed")), "no quorum");
    }

    function test_only_a_curator_closes_a_round_as_failed() public {
        bytes32 role = runs.CURATOR_ROLE();
        vm.expectRevert(
            abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, RELAYER, role)
        );
        vm.prank(RELAYER);
        runs.closeFailed(RUN, 1, cid(keccak256("failed")), "no quorum");
    }

    function test_a_new_spec_binds_the_next_round() public {
        commitRound(ROOT, 0);
        ITrainingRuns.RoundCommit memory inFlight = nextCommit(ROOT, 3, 0);
        bytes[] memory signatures = cosign(roundDigest(inFlight), K);
        vm.prank(address(timelock));
        runs.setSpec(RUN, cid(keccak256("spec 2")), specParams());

        (uint32 version,) = runs.specOf(RUN);
        same(version, 2);
        vm.expectRevert(
            abi.encodeWithSelector(
                ITrainingRuns.WrongSpec.selector, RUN, keccak256("spec 1"), keccak256("spec 2")
            )
        );
        runs.commitRound(inFlight, signatures);
        same(commitRound(ROOT, 0), 2);
    }

    function test_only_governance_changes_the_spec() public {
        bytes32 role = runs.GOVERNANCE_ROLE();
        vm.expectRevert(
            abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, COORDINATOR, role)
        );
        vm.prank(COORDINATOR);
        runs.setSpec(RUN, cid(keccak256("spec 2")), specParams());
    }

    function test_a_round_that_is_not_final_lets_nothing_be_claimed() public {
        commitRound(ROOT, 0);
        vm.expectRevert(abi.encodeWithSelector(ITrainingRuns.RoundNotFinal.selector, RUN, 1));
        runs.requireFinal(RUN, 1, dataOf(RUN, 1));
    }

    // What pages are built from.

    function test_a_new_run_is_told_whole_with_its_first_spec() public {
        ITrainingRuns.RunParams memory p = runParams();
        vm.expectEmit(address(runs));
        emit ITrainingRuns.RunCreated(
            2, COORDINATOR, "first flight", p.specCid, p.genesisCid, dataset, REWARD_CAP, K, DISPUTE_WINDOW, 0, 0
        );
        vm.expectEmit(address(runs));
        emit IRunGovernance.SpecChanged(2, 1, keccak256("spec 1"), p.specCid, 1, p.specParams);
        vm.prank(COORDINATOR);
        same(runs.createRun(p), 2);
    }

    function test_a_round_is_told_whole() public {
        commitRound(ROOT, 0);
        ITrainingRuns.RoundCommit memory c = nextCommit(ROOT, 3, 5);
        c.codecs = 3;
        bytes[] memory signatures = cosign(roundDigest(c), K);
        vm.expectEmit(address(runs));
        emit ITrainingRuns.RoundCommitted(
            RUN,
            2,
            keccak256("spec 1"),
            dataset,
            keccak256(abi.encode("checkpoint", 1)),
            keccak256(abi.encode("checkpoint", 2)),
            ROOT,
            keccak256(abi.encode("record", 2)),
            3,
            3,
            5,
            123_456,
            1
        );
        runs.commitRound(c, signatures);
    }

    function test_a_failed_round_is_told_with_its_record_and_reason() public {
        bytes memory kept = cid(keccak256("failed"));
        vm.expectEmit(address(runs));
        emit ITrainingRuns.RoundFailed(RUN, 1, kept, "no quorum");
        vm.prank(COORDINATOR);
        runs.closeFailed(RUN, 1, kept, "no quorum");
    }
}
