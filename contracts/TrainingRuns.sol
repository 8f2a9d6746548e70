// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {Cids} from "./Cids.sol";
import {EvaluatorQuorum} from "./EvaluatorQuorum.sol";
import {IArtifactRegistry} from "./interfaces/IArtifactRegistry.sol";
import {IMemberRegistry} from "./interfaces/IMemberRegistry.sol";
import {ITrainingRuns} from "./interfaces/ITrainingRuns.sol";
import {RunDisputes} from "./runs/RunDisputes.sol";
import {RunGovernance} from "./runs/RunGovernance.sol";

contract TrainingRuns is EvaluatorQuorum, EIP712, RunDisputes, RunGovernance {
    /// @notice May open runs and note failed rounds. Held by the coordinator's account; DEFAULT_ADMIN_ROLE (the timelock)
    /// grants and revokes it.
    bytes32 public constant CURATOR_ROLE = keccak256("CURATOR_ROLE");

    uint16 private constant BPS = 10_000;
    uint8 private constant MAX_CODECS = 3;
    bytes32 private constant ROUND_COMMIT_TYPEHASH = keccak256(
        "RoundCommit(uint256 runId,uint32 round,bytes32 specDigest,bytes32 datasetDigest,bytes32 parentDigest,"
        "bytes32 checkpointDigest,bytes32 contributionsRoot,bytes32 recordDigest,uint8 codecs,uint32 numClients,"
        "uint96 reward,uint64 heldoutLossMicro)"
    );

    uint256 private _numRuns;

    /// @param admin First holder of DEFAULT_ADMIN_ROLE; hands it to the timelock after deployment and renounces it.
    constructor(IMemberRegistry members_, IArtifactRegistry artifacts_, ParamBounds memory bounds_, address admin)
        EIP712("TenWings TrainingRuns", "1")
        EvaluatorQuorum(members_)
        RunGovernance(artifacts_, bounds_)
    {
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    /// @inheritdoc ITrainingRuns
    function createRun(RunParams calldata params) external onlyRole(CURATOR_ROLE) returns (uint256 runId) {
        if (params.quorum == 0) revert InvalidQuorum(params.quorum);
        if (params.vestedBps > BPS || (params.vestedBps > 0) != (params.vestingSeconds > 0)) {
            revert InvalidVesting(params.vestedBps, params.vestingSeconds);
        }
        _requireDataset(params.datasetDigest);

        runId = ++_numRuns;
        Stored storage created = _runs[runId];
        created.stand.quorum = params.quorum;
        created.stand.disputeWindowSeconds = params.disputeWindowSeconds;
        created.terms.rewardCap = params.rewardCap;
        created.vestedBps = params.vestedBps;
        created.vestingSeconds = params.vestingSeconds;
        created.datasetDigest = params.datasetDigest;
        created.headDigest = Cids.digest(params.genesisCid);
        _emitCreated(runId, params);
        _setSpec(created, runId, params.specCid, params.specParams);
    }

    /// @inheritdoc ITrainingRuns
    function commitRound(RoundCommit calldata commit, bytes[] calldata evaluatorSignatures) external {
        Stored storage stored = _existing(commit.runId);
        Stand memory stand = stored.stand;
        _requireNext(commit, stored, stand);
        _requireQuorum(_hashTypedDataV4(_hash(commit)), evaluatorSignatures, stand.quorum);

        uint96 cumulativeReward = stand.cumulativeReward + commit.reward;
        uint40 finalAt = uint40(block.timestamp) + stand.disputeWindowSeconds;
        uint32 number = commit.round;
        uint32 parentRound = stand.headRound;
        bytes23 seal = _seal(
            commit.contributionsRoot,
            commit.checkpointDigest,
            commit.parentDigest,
            cumulativeReward,
            commit.reward
        );
        // Fields of one slot are written one after the other, so that the compiler makes one write of them.
        Round storage made = stored.rounds[number];
        made.seal = seal;
        made.finalAt = finalAt;
        made.parentRound = parentRound;
        Stand storage after_ = stored.stand;
        after_.headRound = number;
        after_.lastRound = number;
        after_.cumulativeReward = cumulativeReward;
        stored.headDigest = commit.checkpointDigest;
        _emitCommitted(commit, parentRound);
    }

    /// @inheritdoc ITrainingRuns
    function closeFailed(uint256 runId, uint32 number, bytes calldata recordCid, bytes32 reason)
        external
        onlyRole(CURATOR_ROLE)
    {
        _requireRound(runId, number, _existing(runId).stand.lastRound + 1);
        Cids.digest(recordCid);
        emit RoundFailed(runId, number, recordCid, reason);
    }

    /// @inheritdoc ITrainingRuns
    function run(uint256 runId) external view returns (Run memory) {
        Stored storage stored = _existing(runId);
        Stand memory stand = stored.stand;
        return Run({
            headRound: stand.headRound,
            lastRound: stand.lastRound,
            headDigest: stored.headDigest,
            cumulativeReward: stand.cumulativeReward,
            pausedUntil: stand.pausedUntil,
            disputedRound: stored.troubles.round,
            rewardCap: stored.terms.rewardCap,
            quorum: stand.quorum,
            disputeWindowSeconds: stand.disputeWindowSeconds,
            vestedBps: stored.vestedBps,
            vestingSeconds: stored.vestingSeconds,
            specVersion: stored.specVersion,
            specDigest: stored.specDigest,
            datasetDigest: stored.datasetDigest
        });
    }

    /// @inheritdoc ITrainingRuns
    function head(uint256 runId) external view returns (uint32 number, bytes32 checkpointDigest) {
        Stored storage stored = _existing(runId);
        return (stored.stand.headRound, stored.headDigest);
    }

    /// @inheritdoc ITrainingRuns
    function round(uint256 runId, uint32 number) external view returns (Round memory) {
        return _runs[runId].rounds[number];
    }

    /// @inheritdoc ITrainingRuns
    function specOf(uint256 runId) external view returns (uint32 version, bytes32 digest) {
        Stored storage found = _existing(runId);
        return (found.specVersion, found.specDigest);
    }

    /// @inheritdoc ITrainingRuns
    function quorumOf(uint256 runId) external view returns (uint8) {
        return _existing(runId).stand.quorum;
    }

    /// @inheritdoc ITrainingRuns
    function statusOf(uint256 runId, uint32 number) external view returns (RoundStatus) {
        return _status(_runs[runId], number);
    }

    /// @inheritdoc ITrainingRuns
    function isFinal(uint256 runId, uint32 number) external view returns (bool) {
        return _status(_runs[runId], number) == RoundStatus.Final;
    }

    /// @inheritdoc ITrainingRuns
    function requireFinal(uint256 runId, uint32 number, RoundData calldata data) external view {
        _requireFinal(runId, number, data);
    }

    /// @inheritdoc ITrainingRuns
    function numRuns() external view returns (uint256) {
        return _numRuns;
    }

    function _requireNext(RoundCommit calldata commit, Stored storage stored, Stand memory stand)
        private
        view
    {
        uint256 runId = commit.runId;
        if (block.timestamp < stand.pausedUntil) revert RunIsPaused(runId, stand.pausedUntil);
        if (stand.lost) revert HeadUnknown(runId, stored.troubles.lostAt);
        _requireRound(runId, commit.round, stand.lastRound + 1);
        bytes32 headDigest = stored.headDigest;
        if (commit.parentDigest != headDigest) revert WrongParent(runId, commit.parentDigest, headDigest);
        if (commit.codecs > MAX_CODECS) revert InvalidCodecs(commit.codecs);
        Terms storage terms = stored.terms;
        if (_terms(commit.specDigest, commit.datasetDigest) != terms.hash) _revertTerms(commit, stored);
        if (commit.reward > terms.rewardCap) revert RewardAboveCap(runId, commit.reward, terms.rewardCap);
    }

    /// @dev Names which of the two differs.
    function _revertTerms(RoundCommit calldata commit, Stored storage stored) private view {
        if (commit.specDigest != stored.specDigest) {
            revert WrongSpec(commit.runId, commit.specDigest, stored.specDigest);
        }
        revert WrongDataset(commit.runId, commit.datasetDigest, stored.datasetDigest);
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
            params.disputeWindowSeconds,
            params.vestedBps,
            params.vestingSeconds
        );
    }

    function _emitCommitted(RoundCommit calldata commit, uint32 parentRound) private {
        emit RoundCommitted(
            commit.runId,
            commit.round,
            commit.specDigest,
            commit.datasetDigest,
            commit.parentDigest,
            commit.checkpointDigest,
            commit.contributionsRoot,
            commit.recordDigest,
            commit.codecs,
            commit.numClients,
            commit.reward,
            commit.heldoutLossMicro,
            parentRound
        );
    }

    /// @dev All fields are static: the struct encodes in place, as if its fields were listed here.
    function _hash(RoundCommit calldata commit) private pure returns (bytes32) {
        return keccak256(abi.encode(ROUND_COMMIT_TYPEHASH, commit));
    }
}
