// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";

import {Cids} from "./Cids.sol";
import {EvaluatorQuorum} from "./EvaluatorQuorum.sol";
import {IMemberRegistry} from "./interfaces/IMemberRegistry.sol";
import {IMeritEpochs} from "./interfaces/IMeritEpochs.sol";
import {ITrainingRuns} from "./interfaces/ITrainingRuns.sol";
import {Leaves} from "./Leaves.sol";

contract MeritEpochs is IMeritEpochs, EvaluatorQuorum, EIP712 {
    using Checkpoints for Checkpoints.Trace208;

    bytes32 private constant EPOCH_COMMIT_TYPEHASH = keccak256(
        "EpochCommit(uint256 epoch,uint256 runId,uint32 uptoRound,bytes32 root,uint128 totalWeight,"
        "uint128 maxWeight,uint32 count,bytes treeCid)"
    );

    ITrainingRuns private immutable _trainingRuns;
    uint32 private immutable _finalityDelaySeconds;
    uint256 private _numEpochs;
    mapping(uint256 number => Epoch) private _epochs;
    Checkpoints.Trace208 private _finalEpochs;

    constructor(IMemberRegistry members_, ITrainingRuns trainingRuns_, uint32 finalityDelaySeconds_)
        EIP712("TenWings MeritEpochs", "1")
        EvaluatorQuorum(members_)
    {
        _trainingRuns = trainingRuns_;
        _finalityDelaySeconds = finalityDelaySeconds_;
    }

    /// @inheritdoc IMeritEpochs
    function commitEpoch(EpochCommit calldata commit, bytes[] calldata evaluatorSignatures) external {
        _requireNext(commit);
        uint8 needed = _trainingRuns.quorumOf(commit.runId);
        _requireQuorum(_hashTypedDataV4(_hash(commit)), evaluatorSignatures, needed);
        Cids.digest(commit.treeCid);

        uint48 finalAt = uint48(block.timestamp) + _finalityDelaySeconds;
        _numEpochs = commit.epoch;
        _epochs[commit.epoch] = Epoch({
            root: commit.root,
            totalWeight: commit.totalWeight,
            maxWeight: commit.maxWeight,
            runId: SafeCast.toUint64(commit.runId),
            uptoRound: commit.uptoRound,
            count: commit.count,
            finalAt: finalAt
        });
        _finalEpochs.push(finalAt, SafeCast.toUint208(commit.epoch));
        _emitCommitted(commit, finalAt);
    }

    /// @inheritdoc IMeritEpochs
    function epoch(uint256 number) external view returns (Epoch memory) {
        return _epochs[number];
    }

    /// @inheritdoc IMeritEpochs
    function finalEpochAt(uint256 timepoint) external view returns (uint256) {
        return _finalEpochs.upperLookupRecent(SafeCast.toUint48(timepoint));
    }

    /// @inheritdoc IMeritEpochs
    function numEpochs() external view returns (uint256) {
        return _numEpochs;
    }

    /// @inheritdoc IMeritEpochs
    function finalityDelaySeconds() external view returns (uint32) {
        return _finalityDelaySeconds;
    }

    /// @inheritdoc IMeritEpochs
    function trainingRuns() external view returns (ITrainingRuns) {
        return _trainingRuns;
    }

    /// @inheritdoc IMeritEpochs
    function verify(
        uint256 number,
        uint256 memberId,
        address account,
        uint256 merit,
        uint256 weight,
        bytes32[] calldata proof
    ) external view returns (bool) {
        Epoch storage found = _epochs[number];
        return weight <= found.maxWeight
            && MerkleProof.verifyCalldata(proof, found.root, leafHash(number, memberId, account, merit, weight));
    }

    /// @inheritdoc IMeritEpochs
    function leafHash(uint256 number, uint256 memberId, address account, uint256 merit, uint256 weight)
        public
        view
        returns (bytes32)
    {
        return Leaves.merit(block.chainid, address(this), number, memberId, account, merit, weight);
    }

    function _requireNext(EpochCommit calldata commit) private view {
        if (commit.epoch != _numEpochs + 1) revert WrongEpoch(commit.epoch, _numEpochs + 1);
        if (commit.count == 0) revert EmptyEpoch(commit.epoch);
        if (commit.maxWeight > commit.totalWeight) revert InvalidWeights(commit.maxWeight, commit.totalWeight);
        if (!_trainingRuns.isFinal(commit.runId, commit.uptoRound)) {
            revert RoundNotFinal(commit.runId, commit.uptoRound);
        }
    }

    function _emitCommitted(EpochCommit calldata commit, uint48 finalAt) private {
        emit EpochCommitted(
            commit.epoch,
            commit.runId,
            commit.uptoRound,
            commit.root,
            commit.totalWeight,
            commit.maxWeight,
            commit.count,
            commit.treeCid,
            finalAt
        );
    }

    function _hash(EpochCommit calldata commit) private pure returns (bytes32) {
        return keccak256(
            abi.encode(
                EPOCH_COMMIT_TYPEHASH,
                commit.epoch,
                commit.runId,
                commit.uptoRound,
                commit.root,
                commit.totalWeight,
                commit.maxWeight,
                commit.count,
                keccak256(commit.treeCid)
            )
        );
    }
}
