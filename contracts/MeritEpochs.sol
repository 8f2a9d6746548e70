// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
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

contract MeritEpochs is IMeritEpochs, EvaluatorQuorum, EIP712, AccessControl {
    using Checkpoints for Checkpoints.Trace208;

    /// @notice May set the bounds. Held by the timelock; DEFAULT_ADMIN_ROLE (the timelock) can take it away.
    bytes32 public constant GOVERNANCE_ROLE = keccak256("GOVERNANCE_ROLE");

    uint256 private constant BPS = 10_000;
    uint256 private constant MAX_GROWTH_BPS = 100_000;

    bytes32 private constant EPOCH_COMMIT_TYPEHASH = keccak256(
        "EpochCommit(uint256 epoch,uint256 runId,uint32 uptoRound,bytes32 root,uint128 totalWeight,"
        "uint128 maxWeight,uint32 count,bytes treeCid)"
    );

    ITrainingRuns private immutable _trainingRuns;
    uint32 private immutable _finalityDelaySeconds;
    uint256 private _numEpochs;
    mapping(uint256 number => Epoch) private _epochs;
    Checkpoints.Trace208 private _finalEpochs;
    Bounds private _bounds;

    /// @param admin First holder of DEFAULT_ADMIN_ROLE; hands it to the timelock after deployment and renounces it.
    constructor(
        IMemberRegistry members_,
        ITrainingRuns trainingRuns_,
        uint32 finalityDelaySeconds_,
        Bounds memory bounds_,
        address admin
    ) EIP712("TenWings MeritEpochs", "1") EvaluatorQuorum(members_) {
        _trainingRuns = trainingRuns_;
        _finalityDelaySeconds = finalityDelaySeconds_;
        _setBounds(bounds_);
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    /// @inheritdoc IMeritEpochs
    function setBounds(Bounds calldata newBounds) external onlyRole(GOVERNANCE_ROLE) {
        _setBounds(newBounds);
    }

    /// @inheritdoc IMeritEpochs
    function bounds() external view returns (Bounds memory) {
        return _bounds;
    }

    /// @inheritdoc IMeritEpochs
    function commitEpoch(EpochCommit calldata commit, bytes[] calldata evaluatorSignatures) external {
        _requireNext(commit);
        _requireQuorum(_hashTypedDataV4(_hash(commit)), evaluatorSignatures, _quorumFor(commit));
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

    /// @dev That of its run, and no less than that of the run by which the epoch before was signed: who may open runs
    /// could else open one where a single evaluator writes everybody's weight.
    function _quorumFor(EpochCommit calldata commit) private view returns (uint8 needed) {
        needed = _trainingRuns.quorumOf(commit.runId);
        if (_numEpochs == 0) return needed;
        uint256 before = _epochs[_numEpochs].runId;
        if (before == commit.runId) return needed;
        uint8 floor = _trainingRuns.quorumOf(before);
        return floor > needed ? floor : needed;
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
        _requireBounded(commit);
        if (!_trainingRuns.isFinal(commit.runId, commit.uptoRound)) {
            revert RoundNotFinal(commit.runId, commit.uptoRound);
        }
    }

    /// @dev A member may hold twice an equal share where the cap would ask for more members than there are.
    function _requireBounded(EpochCommit calldata commit) private view {
        uint256 most = commit.maxWeight;
        uint256 total = commit.totalWeight;
        if (total == 0 || most > total || total > type(uint56).max) revert InvalidWeights(commit.maxWeight, commit.totalWeight);
        if (most * BPS > total * _bounds.maxShareBps && most * commit.count > total * 2) {
            revert ShareAboveCap(commit.maxWeight, commit.totalWeight, commit.count);
        }
        uint256 numMembers = members().numMembers();
        if (commit.count > numMembers) revert MoreLeavesThanMembers(commit.count, numMembers);
        if (commit.epoch > 1) {
            uint256 limit = _epochs[commit.epoch - 1].totalWeight * uint256(_bounds.maxGrowthBps) / BPS;
            if (total > limit) revert GrowthAboveCap(commit.totalWeight, limit);
        }
    }

    function _setBounds(Bounds memory b) private {
        if (b.maxShareBps == 0 || b.maxShareBps > BPS || b.maxGrowthBps < BPS || b.maxGrowthBps > MAX_GROWTH_BPS) {
            revert InvalidBounds(b.maxShareBps, b.maxGrowthBps);
        }
        _bounds = b;
        emit MeritBoundsSet(b);
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
