// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {Cids} from "./Cids.sol";
import {EvaluatorQuorum} from "./EvaluatorQuorum.sol";
import {IArtifactRegistry} from "./interfaces/IArtifactRegistry.sol";
import {IMemberRegistry} from "./interfaces/IMemberRegistry.sol";
import {ITrainingRuns} from "./interfaces/ITrainingRuns.sol";

contract TrainingRuns is ITrainingRuns, EvaluatorQuorum, EIP712, AccessControl {
    /// @notice May open runs and note failed rounds. Held by the coordinator's account; DEFAULT_ADMIN_ROLE (the timelock)
    /// grants and revokes it.
    bytes32 public constant CURATOR_ROLE = keccak256("CURATOR_ROLE");
    /// @notice May change a run's spec. Held by the timelock; DEFAULT_ADMIN_ROLE (the timelock) can take it away.
    bytes32 public constant GOVERNANCE_ROLE = keccak256("GOVERNANCE_ROLE");

    bytes32 private constant ROUND_COMMIT_TYPEHASH = keccak256(
        "RoundCommit(uint256 runId,uint32 round,bytes32 specDigest,bytes32 parentDigest,bytes checkpointCid,"
        "bytes32 contributionsRoot,bytes recordCid,uint32 numClients,uint96 reward,uint64 heldoutLossMicro)"
    );

    IArtifactRegistry private immutable _artifacts;
    uint256 private _numRuns;
    mapping(uint256 runId => Run) private _runs;
    mapping(uint256 runId => mapping(uint32 number => Round)) private _rounds;

    /// @param admin First holder of DEFAULT_ADMIN_ROLE; hands it to the timelock after deployment and renounces it.
    constructor(IMemberRegistry members_, IArtifactRegistry artifacts_, address admin)
        EIP712("TenWings TrainingRuns", "1")
        EvaluatorQuorum(members_)
    {
        _artifacts = artifacts_;
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    /// @inheritdoc ITrainingRuns
    function createRun(RunParams calldata params) external onlyRole(CURATOR_ROLE) returns (uint256 runId) {
        if (params.quorum == 0) revert InvalidQuorum(params.quorum);
        (IArtifactRegistry.Kind kind,,,) = _artifacts.artifact(params.datasetDigest);
        if (kind != IArtifactRegistry.Kind.Dataset) revert NotADataset(params.datasetDigest);

        runId = ++_numRuns;
        Run storage created = _runs[runId];
        created.rewardCap = params.rewardCap;
        created.disputeWindowSeconds = params.disputeWindowSeconds;
        created.quorum = params.quorum;
        created.datasetDigest = params.datasetDigest;
        _rounds[runId][0].checkpointDigest = Cids.digest(params.genesisCid);
        _emitCreated(runId, params);
        _setSpec(runId, params.specCid);
    }

    /// @inheritdoc ITrainingRuns
    function setSpec(uint256 runId, bytes calldata specCid) external onlyRole(GOVERNANCE_ROLE) {
        _existing(runId);
        _setSpec(runId, specCid);
    }

    /// @inheritdoc ITrainingRuns
    function commitRound(RoundCommit calldata commit, bytes[] calldata evaluatorSignatures) external {
        Run storage current = _existing(commit.runId);
        Round storage parent = _rounds[commit.runId][current.headRound];
        _requireNext(commit, current, parent.checkpointDigest);
        _requireQuorum(_hashTypedDataV4(_hash(commit)), evaluatorSignatures, current.quorum);
        Cids.digest(commit.recordCid);

        uint48 committedAt = uint48(block.timestamp);
        current.headRound = commit.round;
        _rounds[commit.runId][commit.round] = Round({
            contributionsRoot: commit.contributionsRoot,
            checkpointDigest: Cids.digest(commit.checkpointCid),
            committedAt: committedAt,
            // Derivable from the run; kept here so that a claim reads one slot less.
            finalAt: committedAt + current.disputeWindowSeconds,
            numClients: commit.numClients,
            cumulativeReward: parent.cumulativeReward + commit.reward,
            status: RoundStatus.Committed
        });
        _emitCommitted(commit, committedAt);
    }

    /// @inheritdoc ITrainingRuns
    function closeFailed(uint256 runId, uint32 number, bytes calldata recordCid, bytes32 reason)
        external
        onlyRole(CURATOR_ROLE)
    {
        _requireRound(runId, number, _existing(runId).headRound + 1);
        Cids.digest(recordCid);
        emit RoundFailed(runId, number, recordCid, reason);
    }

    /// @inheritdoc ITrainingRuns
    function run(uint256 runId) external view returns (Run memory) {
        return _existing(runId);
    }

    /// @inheritdoc ITrainingRuns
    function head(uint256 runId) external view returns (uint32 number, bytes32 checkpointDigest) {
        number = _existing(runId).headRound;
        checkpointDigest = _rounds[runId][number].checkpointDigest;
    }

    /// @inheritdoc ITrainingRuns
    function round(uint256 runId, uint32 number) external view returns (Round memory) {
        return _rounds[runId][number];
    }

    /// @inheritdoc ITrainingRuns
    function specOf(uint256 runId) external view returns (uint32 version, bytes32 digest) {
        Run storage found = _existing(runId);
        return (found.specVersion, found.specDigest);
    }

    /// @inheritdoc ITrainingRuns
    function quorumOf(uint256 runId) external view returns (uint8) {
        return _existing(runId).quorum;
    }

    /// @inheritdoc ITrainingRuns
    function isFinal(uint256 runId, uint32 number) public view returns (bool) {
        Round storage found = _rounds[runId][number];
        return found.status == RoundStatus.Committed && block.timestamp >= found.finalAt;
    }

    /// @inheritdoc ITrainingRuns
    function finalRound(uint256 runId, uint32 number)
        external
        view
        returns (bytes32 contributionsRoot, uint112 cumulativeReward)
    {
        if (!isFinal(runId, number)) revert RoundNotFinal(runId, number);
        Round storage found = _rounds[runId][number];
        return (found.contributionsRoot, found.cumulativeReward);
    }

    /// @inheritdoc ITrainingRuns
    function numRuns() external view returns (uint256) {
        return _numRuns;
    }

    /// @inheritdoc ITrainingRuns
    function artifacts() external view returns (IArtifactRegistry) {
        return _artifacts;
    }

    function _existing(uint256 runId) private view returns (Run storage found) {
        found = _runs[runId];
        if (found.quorum == 0) revert UnknownRun(runId);
    }

    function _setSpec(uint256 runId, bytes calldata specCid) private {
        Run storage changed = _runs[runId];
        changed.specDigest = Cids.digest(specCid);
        uint32 version = ++changed.specVersion;
        emit SpecChanged(runId, version, changed.specDigest, specCid, changed.headRound + 1);
    }

    function _requireNext(RoundCommit calldata commit, Run storage current, bytes32 headDigest) private view {
        _requireRound(commit.runId, commit.round, current.headRound + 1);
        if (commit.parentDigest != headDigest) revert WrongParent(commit.runId, commit.parentDigest, headDigest);
        if (commit.specDigest != current.specDigest) {
            revert WrongSpec(commit.runId, commit.specDigest, current.specDigest);
        }
        if (commit.reward > current.rewardCap) {
            revert RewardAboveCap(commit.runId, commit.reward, current.rewardCap);
        }
    }

    function _requireRound(uint256 runId, uint32 number, uint32 expected) private pure {
        if (number != expected) revert WrongRound(runId, number, expected);
    }

    /// @dev Parameters come in memory: there a dynamic field takes one place on the stack, in calldata two.
    function _emitCreated(uint256 runId, RunParams memory params) private {
        emit RunCreated(
            runId,
            msg.sender,
            params.name,
            params.specCid,
            params.genesisCid,
            params.datasetDigest,
            params.rewardCap,
            params.quorum,
            params.disputeWindowSeconds
        );
    }

    function _emitCommitted(RoundCommit memory commit, uint48 committedAt) private {
        emit RoundCommitted(
            commit.runId,
            commit.round,
            commit.specDigest,
            commit.parentDigest,
            commit.checkpointCid,
            commit.contributionsRoot,
            commit.recordCid,
            commit.numClients,
            commit.reward,
            commit.heldoutLossMicro,
            committedAt
        );
    }

    function _hash(RoundCommit calldata commit) private pure returns (bytes32) {
        return keccak256(
            abi.encode(
                ROUND_COMMIT_TYPEHASH,
                commit.runId,
                commit.round,
                commit.specDigest,
                commit.parentDigest,
                keccak256(commit.checkpointCid),
                commit.contributionsRoot,
                keccak256(commit.recordCid),
                commit.numClients,
                commit.reward,
                commit.heldoutLossMicro
            )
        );
    }
}
